from __future__ import annotations

import hashlib

import pytest

from otel_llmcost.errors import RateTableError
from otel_llmcost.pricing import load_rate_table
from otel_llmcost.pricing.rates import Rate
from otel_llmcost.pricing.table import SHIPPED, rate_table_of
from otel_llmcost.usage import UsageMeter
from tests.unit.pricing.tables import AT, HERE, card, content_of, model, table_of

INPUT = card({"input": "1"})


def test_the_version_is_the_hash_of_the_file():
    assert load_rate_table().version == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()[:12]


def test_the_shipped_table_is_read_once():
    assert load_rate_table() is load_rate_table()


def test_a_table_of_ones_own_is_read_from_its_path(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(content_of(model("openai", "m", INPUT)))
    assert [rates.model for rates in load_rate_table(path).models] == ["m"]


def test_the_ids_of_cards_are_unique():
    ids = [card.id for rates in load_rate_table().models for cards in rates.cards.values() for card in cards]
    assert len(ids) == len(set(ids)) > 2900


def test_every_card_names_its_source():
    assert all(
        card.source.startswith("https://")
        for rates in load_rate_table().models
        for cards in rates.cards.values()
        for card in cards
    )


def test_a_card_tells_what_it_is():
    table = table_of(
        model(
            "openai",
            "m",
            card(
                {"input": "2.5", "output": None},
                tier="flex",
                to="2027-01-01T00:00:00Z",
                above=[{"gt": 272_000, "rates": {"input": ["5", 1_000_000]}}],
                **{"from": "2026-10-12T00:00:00Z"},
            ),
        )
    )
    only = table.models[0].card("flex", AT)
    assert only is not None
    assert only.id == "openai/m@2026-10-12#flex"
    assert only.rates == {UsageMeter.INPUT: Rate(2_500_000, 1_000_000), UsageMeter.OUTPUT: None}
    assert only.rates_for(272_001) == {UsageMeter.INPUT: Rate(5_000_000, 1_000_000)}
    assert not only.is_free()
    assert table.models[0].card("standard", AT) is None


def test_unknown_models_do_not_fill_the_memory():
    table = table_of(model("openai", "m", INPUT))
    for number in range(5000):
        assert table.find("openai", f"no-{number}") is None
    assert len(table._found) <= 4096
    assert table.find("openai", "m") is not None


def test_a_very_long_name_is_looked_up_quickly():
    assert load_rate_table().nearest("openrouter", "x" * 10_000_000) == ()


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([model("p", "m", card({"inptu": "1"}))], "rates.jsonl:2: unknown meter inptu"),
        ([model("p", "m", card({"input": "1e-7"}))], "rates.jsonl:2: 1e-7 USD for 1000000 input is not a whole number"),
        ([model("p", "m", card({"input": "dear"}))], "rates.jsonl:2: not an amount of money: 'dear'"),
        ([model("p", "m", card({"input": "-1"}))], "rates.jsonl:2: -1 USD for 1000000 is negative"),
        ([model("p", "m", card({"input": 0.5}))], "rates.jsonl:2: money must be str, int or Decimal, not float"),
        ([model("p", "m", INPUT, INPUT)], "rates.jsonl:2: p/m@first and p/m@first are in force at once"),
        (
            [model("p", "m", INPUT | {"to": "2026-02-01"}, INPUT | {"from": "2026-01-31"})],
            "rates.jsonl:2: p/m@first and p/m@2026-01-31 are in force at once",
        ),
        (
            [model("p", "m", INPUT | {"schedule": [[0, 60]]}, INPUT | {"schedule": [[59, 61]]})],
            "rates.jsonl:2: p/m@first+0 and p/m@first+59 are in force at once",
        ),
        ([model("p", "m", INPUT | {"schedule": [[60, 60]]})], "rates.jsonl:2: [60, 60] is no window"),
        ([model("p", "m", INPUT | {"from": "soon"})], "rates.jsonl:2: Invalid isoformat string: 'soon'"),
        (
            [model("p", "m", INPUT | {"from": "2026-02-01", "to": "2026-01-01"})],
            "rates.jsonl:2: p/m@2026-02-01 ends at 2026-01-01, before it begins",
        ),
        (
            [model("p", "m", INPUT | {"above": [{"gt": 2, "rates": {}}, {"gt": 2, "rates": {}}]})],
            "rates.jsonl:2: p/m@first: context thresholds do not rise",
        ),
        ([model("p", "m", INPUT), {"provider": "p", "cards": []}], "rates.jsonl:3: model is missing"),
        (
            [model("p", "m", INPUT | {"to": "2026-01-01"}, INPUT | {"from": "2026-01-02"})],
            "rates.jsonl:2: no price is in force between p/m@first and p/m@2026-01-02",
        ),
        (
            [model("p", "m", INPUT) | {"places": [{"in": ["eu"], "times": 1.1}]}],
            "rates.jsonl:2: 1.1 is no factor, which is written as decimal text",
        ),
        (
            [model("p", "m", INPUT, INPUT | {"in": ["eu"]}) | {"places": [{"in": ["eu"], "times": "1.1"}]}],
            "rates.jsonl:2: m has two price lists for eu",
        ),
        (
            [model("p", "m", INPUT, INPUT | {"in": ["eu"]}, INPUT | {"in": ["eu"]})],
            "rates.jsonl:2: p/m@first~eu and p/m@first~eu are in force at once",
        ),
        ([model("p", "m", INPUT, names=("n",)), model("p", "n", INPUT)], "rates.jsonl: p: both m and n answer to n"),
    ],
)
def test_a_table_that_breaks_its_rules_is_refused_by_line(lines, fault):
    with pytest.raises(RateTableError) as refused:
        table_of(*lines)
    assert str(refused.value).startswith(fault)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "rates.jsonl:1: not JSON"),
        (b"[]", "rates.jsonl:1: a list where an object should be"),
        (content_of(schema=2), "rates.jsonl:1: schema is 2, this version reads 1"),
        (content_of() + b"\n{oops", "rates.jsonl:2: not JSON"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_line(content, fault):
    with pytest.raises(RateTableError) as refused:
        rate_table_of(content, HERE)
    assert str(refused.value).startswith(fault)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RateTableError, match=r"gone\.jsonl: cannot read the rate table: No such file"):
        load_rate_table(tmp_path / "gone.jsonl")


def test_cards_that_only_touch_do_not_overlap():
    first, second = INPUT | {"to": "2026-02-01"}, INPUT | {"from": "2026-02-01"}
    assert len(table_of(model("p", "m", second, first)).models[0].cards["standard"]) == 2
