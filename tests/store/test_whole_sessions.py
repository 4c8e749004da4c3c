"""A part of a session says whether it is all of the session, whatever order its calls come in."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, PICO, a_call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_llmcost.store import PricedCall, Store

PARTS = "SELECT session_id, hour, feature, is_whole FROM session_spend_hourly ORDER BY hour, feature, session_id"
BY_SESSION = """
    SELECT session_id, toString(sum(list_cost)) AS cost, count() AS shown FROM
    (
        SELECT session_id, list_cost FROM session_spend_hourly WHERE is_whole
        UNION ALL
        SELECT any(session_id), sum(list_cost) FROM session_spend_hourly WHERE NOT is_whole GROUP BY session_hash
    )
    GROUP BY session_id
"""
"""What each session cost, the fast way, and as how many it was counted."""


def call(number: int, session_id: str, hour: int, feature: str = "search") -> PricedCall:
    return a_call(number, session_id=session_id, feature=feature, started_at_ns=MIDNIGHT_NS + hour * HOUR_NS + number)


def derived(store: Store, *calls: PricedCall) -> list[tuple[str, bool]]:
    """Write calls, derive their hours and no others, and return each part's session and whether it is whole."""
    store.write(list(calls))
    store.derive("session_spend")
    store._engine.command("TRUNCATE TABLE touched_hours")  # else an hour stays due for a minute
    return [(str(session_id), bool(is_whole)) for session_id, _, _, is_whole in store.query(PARTS)]


def test_a_session_within_an_hour_and_a_feature_is_whole(store: Store) -> None:
    assert derived(store, call(1, "a", 0), call(2, "a", 0), call(3, "b", 0), call(4, "c", 1)) == [
        ("a", True),
        ("b", True),
        ("c", True),
    ]


def test_a_session_of_two_features_is_not(store: Store) -> None:
    assert derived(store, call(1, "a", 0), call(2, "a", 0, "answer")) == [("a", False), ("a", False)]


@pytest.mark.parametrize(("first", "then"), [(3, 4), (4, 3), (-47, 0), (0, -47)])
def test_a_part_that_comes_later_takes_it_from_the_one_before(store: Store, first: int, then: int) -> None:
    assert derived(store, call(1, "a", first), call(2, "b", first)) == [("a", True), ("b", True)]
    assert sorted(derived(store, call(3, "a", then))) == [("a", False), ("a", False), ("b", True)]
    assert sorted(derived(store)) == [("a", False), ("a", False), ("b", True)]


def test_a_part_of_another_month_is_found(store: Store) -> None:
    """Its first call is of the last hour of a month, the second of the next one: they lie in two partitions."""
    first = dt.datetime.fromtimestamp(MIDNIGHT_NS // 10**9, dt.UTC).replace(day=1)
    hour = (int(first.timestamp()) - MIDNIGHT_NS // 10**9) // 3600
    assert derived(store, call(1, "a", hour - 1)) == [("a", True)]
    assert derived(store, call(2, "a", hour)) == [("a", False), ("a", False)]


def test_deriving_an_hour_anew_leaves_it_as_it_is(store: Store) -> None:
    calls = [call(1, "a", 0), call(2, "a", 1), call(3, "b", 0)]
    said = derived(store, *calls)
    store.touch([MIDNIGHT_NS])
    assert derived(store) == said
    store.touch([MIDNIGHT_NS, MIDNIGHT_NS + HOUR_NS])
    assert derived(store) == said


def test_parts_that_are_more_than_16_days_apart_do_not_know_of_each_other(store: Store) -> None:
    derived(store, call(1, "a", 0), call(2, "b", 0))
    derived(store, call(3, "a", -16 * 24))
    assert derived(store, call(4, "b", -16 * 24 - 1)) == [("b", True), ("a", False), ("a", False), ("b", True)]


@pytest.mark.parametrize("seed", [5, *(pytest.param(seed, marks=pytest.mark.long) for seed in (6, 7, 8))])
def test_whatever_order_calls_come_in_each_session_counts_once(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    calls = [
        call(number, f"s{rng.randrange(40)}", rng.choice((-30, -2, -1, 0, 1, 2, 20)), rng.choice(("search", "answer")))
        if rng.random() < 0.6
        else call(number, f"alone{number}", rng.randrange(-48, 20))
        for number in range(1, 161)
    ]
    rng.shuffle(calls)
    for start in range(0, len(calls), 20):
        derived(store, *calls[start : start + 20])
    cost, rows = truth(calls)
    assert {str(name): (Decimal(str(usd)), shown) for name, usd, shown in store.query(BY_SESSION)} == {
        name: (usd, 1) for name, usd in cost.items()
    }
    whole = {str(name) for (name,) in store.query("SELECT session_id FROM session_spend_hourly WHERE is_whole")}
    assert whole == {name for name, parts in rows.items() if len(parts) == 1}


def truth(calls: Iterable[PricedCall]) -> tuple[dict[str, Decimal], dict[str, set[tuple[int, str]]]]:
    """Return what each session cost, and its hours and features."""
    cost: defaultdict[str, Decimal] = defaultdict(Decimal)
    rows: defaultdict[str, set[tuple[int, str]]] = defaultdict(set)
    for row in calls:
        said = row.call.attribution
        cost[said.session_id] += Decimal(row.pricing.list_cost or 0) * PICO
        rows[said.session_id].add((row.call.started_at_ns // HOUR_NS, said.feature))
    return cost, rows
