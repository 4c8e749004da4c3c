from __future__ import annotations

from otel_llmcost.pricing import ModelChange, RateChange, compare, load_rate_table
from otel_llmcost.pricing.rates import Rate
from otel_llmcost.usage import UsageMeter
from tests.unit.pricing.tables import MTOK, card, model, table_of

ONE = card({"input": "1", "output": "4"})


def test_a_table_does_not_differ_from_itself():
    assert compare(load_rate_table(), load_rate_table()) == ()


def test_models_come_and_go():
    old, new = (
        table_of(model("p", "gone", ONE), model("p", "same", ONE)),
        table_of(model("p", "same", ONE), model("p", "new", ONE)),
    )
    assert [(change.model, change.kind) for change in compare(old, new)] == [("gone", "removed"), ("new", "added")]


def test_a_price_that_changed_in_place_is_told_by_card_and_meter():
    new = card({"input": "1", "output": "5", "cache_read": "0.5"})
    (change,) = compare(table_of(model("p", "m", ONE)), table_of(model("p", "m", new)))
    assert change.rates == (
        RateChange(
            card_id="p/m@first", meter=UsageMeter.OUTPUT, above=None, old=Rate(4 * MTOK, MTOK), new=Rate(5 * MTOK, MTOK)
        ),
        RateChange(card_id="p/m@first", meter=UsageMeter.CACHE_READ, above=None, old=None, new=Rate(MTOK // 2, MTOK)),
    )


def test_a_new_price_ends_a_card_and_begins_another():
    dearer = card({"input": "2", "output": "4"}, **{"from": "2026-02-01"})
    old, new = table_of(model("p", "m", ONE)), table_of(model("p", "m", ONE | {"to": "2026-02-01"}, dearer))
    assert compare(old, new) == (
        ModelChange(
            provider="p",
            model="m",
            kind="changed",
            cards_added=("p/m@first", "p/m@2026-02-01"),
            cards_removed=("p/m@first",),
        ),
    )


def test_a_new_threshold_is_compared_with_the_price_that_held_there():
    long = ONE | {"above": [{"gt": 100, "rates": {"input": ["2", MTOK], "output": ["4", MTOK]}}]}
    (change,) = compare(table_of(model("p", "m", ONE)), table_of(model("p", "m", long)))
    assert [(one.meter, one.above, one.old, one.new) for one in change.rates] == [
        (UsageMeter.INPUT, 100, Rate(MTOK, MTOK), Rate(2 * MTOK, MTOK))
    ]


def test_names_that_come_and_go_are_told():
    old, new = table_of(model("p", "m", ONE, names=("a", "b"))), table_of(model("p", "m", ONE, names=("b", "c")))
    (change,) = compare(old, new)
    assert (change.names_added, change.names_removed) == (("c",), ("a",))
