from __future__ import annotations

from otel_llmcost.pricing import Coverage, coverage, load_rate_table
from tests.unit.pricing.tables import AT, card, model, table_of

INPUT = card({"input": "1"})


def test_cards_in_force_are_counted_by_how_many_sources_tell_of_them():
    table = table_of(
        model("acme", "m", INPUT | {"to": "2026-01-01"}, INPUT | {"from": "2026-01-01", "by": "a+b"}, names=("n",)),
        model("acme", "o", INPUT | {"by": "decision"}, INPUT | {"tier": "batch"}, INPUT | {"in": ["eu", "us"]}),
        model("zeta", "m", INPUT | {"from": "2027-01-01"}),
    )
    acme, zeta = coverage(table, AT)
    assert acme == Coverage(
        "acme",
        models=2,
        names=3,
        cards=5,
        placed=1,
        agreed=1,
        decided=1,
        single=2,
        tiers={"standard": 4, "batch": 1},
    )
    assert (zeta.provider, zeta.cards, zeta.agreed, zeta.decided, zeta.single) == ("zeta", 1, 0, 0, 0)


def test_the_first_parties_are_told_by_two_sources_for_the_most_part():
    entries = {entry.provider: entry for entry in coverage(load_rate_table(), AT)}
    for provider in ("openai", "anthropic"):
        assert entries[provider].agreed > entries[provider].single
