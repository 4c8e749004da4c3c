from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from otel_llmcost.errors import RateTableError

pytest.importorskip("yaml", reason="PyYAML, which the command line brings, is not installed")

from otel_llmcost.pricing.importer.agree import Merge
from otel_llmcost.pricing.importer.decisions import SHIPPED, Ruling, read_decisions
from otel_llmcost.pricing.importer.litellm import PriceList
from tests.unit.pricing.tables import card, model

ENTRY = """
- model: acme/m
  source: https://acme.example/prices
  date: 2026-11-22
  why: "because"
  rates:
    - {meter: input, genai: "1", litellm: "2", right: "2"}
"""
INPUT = ("standard", "", "input", None)
DAY = date(2026, 11, 20)


def told(name: str = "m", provider: str = "acme", **prices: str) -> PriceList:
    by_spot = {("standard", "", meter, None): Decimal(price) for meter, price in prices.items()}
    return PriceList(f"{provider}/{name}", provider, name, "https://acme.example", "chat", by_spot)


def decided(tmp_path, text=ENTRY):
    path = tmp_path / "decisions.yaml"
    path.write_text(text)
    return read_decisions(path)


def merged(lists, decisions=None, *lines):
    merge = Merge(lines or [model("acme", "m", card({"input": "1"}))], decisions or {}, DAY)
    return {line["model"]: line for line in merge.take(lists)}


def test_an_entry_names_one_model_its_prices_a_page_and_a_day(tmp_path):
    (decision,) = decided(tmp_path).values()
    assert (decision.model, decision.source, decision.line) == ("acme/m", "https://acme.example/prices", 2)
    assert decision.rulings == {INPUT: Ruling(Decimal(1), Decimal(2), Decimal(2))}


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("acme/m", "acme/*", "is not the name of one model"),
        ("acme/m", "acme", "is not the name of one model"),
        ("acme/m", "[acme/m, acme/n]", "is not the name of one model"),
        ("https://acme.example/prices", "a colleague", "is no page of the provider"),
        ("2026-11-22", "soon", "'soon' is no date"),
        ("why", "reason", "reason: an entry says"),
        ('  why: "because"\n', "", "why: an entry says"),
        ("meter: input", "meter: inptu", "inptu above None is no meter"),
        ('right: "2"', "right: 2", "the price 2 is not written as text"),
        ('right: "2"', 'right: "two"', "decimal"),
        ("rates:\n", 'rates:\n    - {meter: input, right: "1"}\n', "decides"),
        (ENTRY, ENTRY + ENTRY, "acme/m was decided at line 2"),
    ],
)
def test_what_is_no_decision_is_refused_by_line(tmp_path, was, becomes, fault):
    with pytest.raises(RateTableError, match=r"decisions\.yaml:\d+: ") as refused:
        decided(tmp_path, ENTRY.replace(was, becomes))
    assert fault.lower() in str(refused.value).lower()


def test_every_shipped_decision_names_a_page_of_a_provider():
    decisions = read_decisions(SHIPPED)
    assert len(decisions) > 50
    assert not [name for name, one in decisions.items() if "litellm" in one.source or "genai-prices" in one.source]


def test_sources_that_agree_are_both_named():
    assert merged([told(input="1")])["m"]["cards"][0]["by"] == "genai-prices+litellm"


def test_sources_that_disagree_stop_the_build():
    with pytest.raises(RateTableError, match="acme/m standard input: genai-prices 1, litellm 2"):
        merged([told(input="2")])


def test_a_decision_says_what_is_right(tmp_path):
    (line,) = merged([told(input="2")], decided(tmp_path)).values()
    assert line["cards"] == [
        {"rates": {"input": ["2", 1_000_000]}, "by": "decision", "source": "https://acme.example/prices"}
    ]


def test_a_decision_is_void_once_a_source_says_something_else(tmp_path):
    with pytest.raises(RateTableError, match="acme/m standard input: genai-prices 1, litellm 3"):
        merged([told(input="3")], decided(tmp_path))


def test_a_decision_that_decides_nothing_stops_the_build(tmp_path):
    with pytest.raises(RateTableError, match=r"decisions\.yaml:2: acme/m decides .* which is not disputed"):
        merged([told(input="1")], decided(tmp_path))


def test_a_decision_may_begin_on_a_day_and_leaves_the_past_as_it_was(tmp_path):
    text = ENTRY.replace("  rates:", "  from: 2026-02-01\n  rates:")
    (line,) = merged([told(input="2")], decided(tmp_path, text)).values()
    past, present = line["cards"]
    assert (past["rates"]["input"], past["to"]) == (["1", 1_000_000], "2026-02-01T00:00:00Z")
    assert (present["rates"]["input"], present["from"]) == (["2", 1_000_000], "2026-02-01T00:00:00Z")


def test_another_name_with_a_price_of_its_own_becomes_a_model(tmp_path):
    line = model("acme", "m", card({"input": "1"}), names=("n",))
    text = ENTRY.replace("acme/m", "acme/n")
    lines = merged([told("n", input="2"), told("m", input="1")], decided(tmp_path, text), line)
    assert lines["m"]["names"] == []
    assert lines["n"]["cards"][0]["rates"]["input"] == ["2", 1_000_000]


def test_what_only_one_source_tells_is_added_and_marked():
    lines = merged([told("m", input="1", cache_read="0.1"), told("new", input="3")])
    assert lines["m"]["cards"][0]["rates"]["cache_read"] == ["0.1", 1_000_000]
    assert lines["new"]["cards"][0]["by"] == "litellm"


def test_a_tier_that_is_silent_of_a_meter_does_not_guess_it():
    base = card({"input": "1", "output": "4", "input_audio": "8", "reasoning": "4", "cache_read": "0.1"})
    flex = told("m", input="1")
    flex.prices.update({("flex", "", "input", None): Decimal("0.5"), ("flex", "", "output", None): Decimal(2)})
    (line,) = merged([flex], {}, model("acme", "m", base)).values()
    assert line["cards"][1] == {
        "tier": "flex",
        "by": "litellm",
        "rates": {"input": ["0.5", 1_000_000], "output": ["2", 1_000_000], "input_audio": None, "cache_read": None},
    } | {"source": "https://acme.example"}


def test_a_model_that_one_source_gives_away_is_not_free():
    """The file says 0 where nobody knows a price."""
    assert "gratis" not in merged([told("gratis", input="0", output="0")])
