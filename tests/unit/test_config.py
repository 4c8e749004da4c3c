"""`llmcost.yaml` is read whole or refused whole, every fault with its line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from otel_llmcost.config import find_config, load_config, parse_config
from otel_llmcost.config.pricer import load_table
from otel_llmcost.errors import ConfigError, ConfigFileError
from otel_llmcost.pricing import Overlay, load_rate_table
from otel_llmcost.pricing.table import SHIPPED
from tests.unit.pricing.tables import card, content_of, model

HERE = Path("llmcost.yaml")


def overlay(text: str) -> Overlay:
    found = parse_config(text.encode(), HERE).overlay
    assert found is not None
    return found


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigFileError) as raised:
        parse_config(text.encode(), HERE)
    return list(raised.value.faults)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "rates:\n", "rates: {}\n", "---\n"])
def test_a_file_that_says_nothing_changes_nothing(text):
    assert parse_config(text.encode(), HERE).overlay is None


def test_every_fault_is_said_at_once_with_its_line_and_the_fix():
    assert faults("""\
ratez: {}
rates:
  model: []
  discounts:
    - {provider: openai, percent: 105}
    - {provider: openai, percent: 1.1234567}
    - {percent: 5}
    - {provider: openai, percent: 5, models: [gpt-*]}
    - {provider: openai, percent: 5, from: 2026-13-01}
    - {provider: openai, percent: 5, from: 2026-02-01, to: 2026-02-01}
  fixed: {provider: openai}
""") == [
        "llmcost.yaml:1: ratez: is no key; did you mean rates?",
        "llmcost.yaml:3: rates.model: is no key; did you mean models?",
        (
            "llmcost.yaml:5: rates.discounts[0].percent: '105' is not a percentage from 0 to 100 with at most 6 "
            "decimals; write it like 12.5"
        ),
        (
            "llmcost.yaml:6: rates.discounts[1].percent: '1.1234567' is not a percentage from 0 to 100 with at most 6 "
            "decimals; write it like 12.5"
        ),
        "llmcost.yaml:7: rates.discounts[2]: provider is missing",
        (
            "llmcost.yaml:8: rates.discounts[3].models[0]: 'gpt-*' is a pattern; name each model, or leave models out "
            "for all of the provider"
        ),
        (
            "llmcost.yaml:9: rates.discounts[4].from: '2026-13-01' is not a date; write it like 2026-11-01 or "
            "2026-11-01T12:00:00+00:00"
        ),
        (
            "llmcost.yaml:10: rates.discounts[5].to: 2026-02-01 is not after from, 2026-02-01; to is the first moment "
            "behind"
        ),
        "llmcost.yaml:11: rates.fixed: an object stands where a list should be; begin each entry with a dash",
    ]


@pytest.mark.parametrize(
    ("prices", "fault"),
    [
        ("{inptu: 1}", "there is no meter inptu; did you mean input?"),
        ("{input: x}", "'x' is not a price"),
        ("{input: -1}", "'-1' is not a price"),
        ("{input: .nan}", "'.nan' is not a price"),
        ("{input: NaN}", "'NaN' is not a price"),
        ("{input: 0.0000001}", "'0.0000001' is not a price"),
        ("{input: [1]}", "a list stands where a text should be"),
        ("{input: 1, input: 2}", "comes twice; keep one"),
        ("{}", "no price is given"),
        ("3", "'3' stands where an object should be"),
    ],
)
def test_a_price_that_is_none_is_named_with_its_line(prices, fault):
    [told] = faults(f"rates:\n  models:\n    - provider: a\n      model: m\n      usd_per_mtok: {prices}\n")[:1]
    assert told.startswith(("llmcost.yaml:5: rates.models[0].usd_per_mtok", "llmcost.yaml:3: rates.models[0]"))
    assert fault in told


def test_prices_are_the_digits_of_the_file_and_never_floats():
    [own] = overlay("rates: {models: [{provider: a, model: m, usd_per_mtok: {input: 0.1000000, output: 1e-6}}]}").models
    [only] = own.cards["standard"]
    assert {meter.value: rate.unit_price for meter, rate in only.rates.items() if rate} == {
        "input": 100_000,
        "output": 1,
    }


CARDS = """\
rates:
  models:
    - provider: a
      model: m
      cards:
        - {{to: 2026-02-01, usd_per_mtok: {{input: 1}}}}
        - {{from: {begin}, usd_per_mtok: {{input: 2}}}}
"""


def test_two_cards_in_force_at_once_are_a_fault_that_names_both_lines():
    [told] = faults(CARDS.format(begin="2026-01-31"))
    assert told == (
        "llmcost.yaml:7: rates.models[0].cards[1]: is in force at the same time as rates.models[0].cards[0] in line 6; "
        "end one before the other"
    )


def test_two_cards_that_always_hold_are_a_fault():
    [told] = faults(CARDS.format(begin="x").replace("from: x, ", "").replace("to: 2026-02-01, ", ""))
    assert "is in force at the same time" in told


def test_a_time_without_a_card_between_two_is_a_fault():
    [told] = faults(CARDS.format(begin="2026-02-02"))
    assert told == (
        "llmcost.yaml:7: rates.models[0].cards[1]: begins after rates.models[0].cards[0] in line 6 has ended: no price "
        "is in force in between"
    )


def test_cards_that_follow_each_other_are_a_history():
    [own] = overlay(CARDS.format(begin="2026-02-01")).models
    assert [one.id for one in own.cards["standard"]] == ["a/m@first", "a/m@2026-02-01"]


def test_long_prompts_may_have_prices_of_their_own():
    text = "rates: {models: [{provider: a, model: m, usd_per_mtok: {input: 1}, above: [{ge: 1_000, usd_per_mtok: "
    [own] = overlay(text + "{input: 2}}]}]}").models
    [tier] = own.cards["standard"][0].context_tiers
    assert (tier.op, tier.tokens) == ("ge", 1000)
    assert "needs one of gt" in faults(text.replace("ge: 1_000, ", "") + "{input: 2}}]}]}")[0]


@pytest.mark.parametrize(
    ("section", "first", "second"),
    [
        ("discounts", "{provider: openai, percent: 5}", "{provider: openai, percent: 6, from: 2026-01-01}"),
        ("discounts", "{provider: a, models: [x, y], percent: 5}", "{provider: a, models: [Y], percent: 6}"),
        (
            "fixed",
            "{provider: a, models: x, usd_per_mtok: {input: 1}}",
            "{provider: a, models: x, usd_per_mtok: {input: 2}}",
        ),
        ("aliases", "{provider: azure, name: P, model: x}", "{provider: azure.ai.openai, name: p, model: y}"),
        (
            "models",
            "{provider: a, model: m, usd_per_mtok: {input: 1}}",
            "{provider: a, model: n, names: [M], usd_per_mtok: {input: 1}}",
        ),
    ],
)
def test_two_entries_that_would_bill_the_same_call_are_refused(section, first, second):
    [told] = faults(f"rates:\n  {section}:\n    - {first}\n    - {second}\n")
    assert told.startswith(f"llmcost.yaml:4: rates.{section}[1]: ")
    assert f"rates.{section}[0] in line 3" in told


def test_entries_of_other_times_models_tiers_or_meters_live_side_by_side():
    found = overlay("""
rates:
  discounts:
    - {provider: openai, percent: 5}
    - {provider: openai, models: gpt-5, percent: 6, to: 2026-01-01}
    - {provider: openai, models: gpt-5, percent: 7, from: 2026-01-01}
    - {provider: anthropic, percent: 12.345678}
  fixed:
    - {provider: a, models: x, usd_per_mtok: {input: 1}}
    - {provider: a, models: x, usd_per_mtok: {output: 1}}
    - {provider: a, models: x, tier: batch, usd_per_mtok: {input: 1}}
""")
    assert [each.paid for each in found.discounts] == [
        Fraction(95, 100),
        Fraction(94, 100),
        Fraction(93, 100),
        Fraction(87_654_322, 100_000_000),
    ]
    assert len(found.fixed) == 3


def test_the_version_follows_what_is_said_and_not_how_it_is_written():
    plain = overlay("rates: {discounts: [{provider: openai, percent: 5}]}")
    assert (
        overlay('rates:\n  # agreed in May\n  discounts:\n  - percent: "5"\n    provider: openai').version
        == plain.version
    )
    assert overlay("rates: {discounts: [{provider: openai, percent: 6}]}").version != plain.version
    assert len(plain.version) == 12


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rates: [", "llmcost.yaml:1: no YAML"),
        ("a: b\n c: d", "llmcost.yaml:2: no YAML"),
        ("- 1", "a list stands where an object should be"),
        ("rates: 7", "rates: '7' stands where an object should be"),
        ("rates: {a: 1}\nrates: {}", "llmcost.yaml:2: rates: comes twice"),
        ("rates: {discounts: &a [*a]}", "stands where an object should be"),
        ("!!python/object:os.system {}", "no key"),
    ],
)
def test_what_is_no_settings_file_is_said(text, told):
    try:
        assert any(told in each for each in faults(text))
    except pytest.fail.Exception:
        assert told == "no key"


def test_anchors_that_blow_up_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    told = faults(
        "rates:\n  subscriptions:\n    - name: s\n      provider: p\n      extra:\n        " + "\n        ".join(lines)
    )
    assert any("holds more than 100000 values" in each for each in told)


def test_text_that_is_no_utf_8_and_a_file_that_is_too_large_are_said():
    with pytest.raises(ConfigFileError, match=r"llmcost\.yaml:1: no YAML"):
        parse_config(b"\xff\xfe\x00", HERE)
    with pytest.raises(ConfigFileError, match="1000000 are allowed"):
        parse_config(b"#" * 1_000_001, HERE)


def test_the_file_is_the_one_named_else_that_of_the_working_else_of_the_data_directory(tmp_path):
    here, data = tmp_path / "here", tmp_path / "data"
    for place in (here, data):
        place.mkdir()
    assert find_config({}, data_dir=data, here=here) is None
    (data / "llmcost.yaml").touch()
    assert find_config({}, data_dir=data, here=here) == data / "llmcost.yaml"
    (here / "llmcost.yaml").touch()
    assert find_config({}, data_dir=data, here=here) == here / "llmcost.yaml"
    assert find_config({"LLMCOST_CONFIG": "/x.yaml"}, data_dir=data, here=here) == Path("/x.yaml")


def test_a_file_that_was_named_and_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot read the configuration: No such file"):
        load_config({"LLMCOST_CONFIG": str(tmp_path / "gone.yaml")}, tmp_path)


def written(data: Path, built_from: dict[str, str]) -> str:
    """Write a table built from some packages, and return its version."""
    header, line = content_of(model("a", "m", card({"input": "1"}))).split(b"\n")
    assert header == b'{"schema": 1}'
    content = f'{{"schema": 1, "built_from": {str(built_from).replace(chr(39), chr(34))}}}\n'.encode() + line
    version = load_table_of(content, data)
    (data / "rates" / f"{version}.jsonl").write_bytes(content)
    return version


def load_table_of(content: bytes, data: Path) -> str:
    (data / "rates").mkdir(exist_ok=True)
    draft = data / "draft.jsonl"
    draft.write_bytes(content)
    return load_rate_table(draft).version


def test_the_table_is_that_of_the_release_unless_one_of_newer_packages_is_kept(tmp_path):
    shipped = load_rate_table()
    assert load_table({}, tmp_path) is shipped
    written(tmp_path, {"genai-prices": "0.0.1"})
    assert load_table({}, tmp_path) is shipped
    newer = written(tmp_path, {"genai-prices": "99.0.10"})
    written(tmp_path, {"genai-prices": "99.0.9"})
    assert load_table({}, tmp_path).version == newer


def test_a_table_can_be_chosen_by_version_by_file_or_as_that_of_the_release(tmp_path):
    older = written(tmp_path, {"genai-prices": "0.0.1"})
    assert load_table({"LLMCOST_RATES": older}, tmp_path).version == older
    assert load_table({"LLMCOST_RATES": str(tmp_path / "rates" / f"{older}.jsonl")}, tmp_path).version == older
    assert load_table({"LLMCOST_RATES": "shipped"}, tmp_path) is load_rate_table()
    assert load_table({"LLMCOST_RATES": load_rate_table().version}, tmp_path) is load_rate_table()
    with pytest.raises(ConfigError, match="there is no rate table 'abc'"):
        load_table({"LLMCOST_RATES": "abc"}, tmp_path)


def test_a_broken_table_that_nobody_chose_is_passed_over(tmp_path):
    (tmp_path / "rates").mkdir()
    (tmp_path / "rates" / "0123456789ab.jsonl").write_text("{")
    assert load_table({}, tmp_path) is load_rate_table()
    assert SHIPPED.exists()


def test_every_example_of_the_docs_is_read():
    text = (Path(__file__).parents[2] / "docs" / "overlays.md").read_text()
    example = text.partition("```yaml\n")[2].partition("```")[0]
    found = overlay(example)
    assert [len(each) for each in (found.models, found.fixed, found.discounts, found.aliases, found.subscriptions)] == [
        1,
        1,
        2,
        2,
        1,
    ]
    assert list(found.unknown_names(load_rate_table())) == []
