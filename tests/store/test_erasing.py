"""Whoever is erased is nowhere any more, and every sum is what it would be without them."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.attribution import Attribution
from otel_llmcost.ledger.verify import verify
from otel_llmcost.reports.window import Window
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, NOW_NS, SAID, a_call, said_by, truth_of
from tests.store.test_once import nested
from tests.support.stores import ENGINES

if TYPE_CHECKING:
    from otel_llmcost.store import PricedCall, Store

WINDOW = Window(since_ns=MIDNIGHT_NS - 24 * HOUR_NS, until_ns=MIDNIGHT_NS + 24 * HOUR_NS)
WHO = {"actor": "dpo", "reason": "asked for it"}


def calls() -> list[PricedCall]:
    """Two tenants that share an hour and a day, and one hour that only the leaving one has."""
    shared: dict[str, Any] = {"feature": "chat", "request_id": "r", "started_at_ns": MIDNIGHT_NS}
    return [
        a_call(1, **shared, tenant="leaving", user="ann", session_id="s-ann", cost=1),
        a_call(2, **shared, tenant="staying", user="bob", session_id="s-bob", cost=20),
        a_call(3, tenant="leaving", user="ann", session_id="s-ann", started_at_ns=MIDNIGHT_NS + HOUR_NS, cost=300),
        a_call(4, tenant="staying", user="ann", session_id="both", started_at_ns=MIDNIGHT_NS + HOUR_NS, cost=4_000),
        a_call(5, tenant="staying", user="bob", session_id="both", started_at_ns=MIDNIGHT_NS + HOUR_NS + 9, cost=5),
    ]


def places_that_name(store: Store, word: str) -> list[str]:
    """Return every table of which some text holds the word."""
    columns = store.query(
        "SELECT c.table, c.name FROM system.columns AS c INNER JOIN system.tables AS t "
        "ON t.database = c.database AND t.name = c.table WHERE c.database = currentDatabase() "
        "AND t.engine LIKE '%MergeTree' AND c.type LIKE '%String%' AND c.default_kind != 'ALIAS'"
    )
    return [
        f"{table}.{name}"
        for table, name in columns
        if store.query(
            f"SELECT count() FROM {table} WHERE position(toString({name}), {{word:String}}) > 0", {"word": word}
        ).rows
        != ((0,),)
    ]


@pytest.mark.parametrize(
    ("kind", "value", "stay"),
    [("tenant", "leaving", [2, 4, 5]), pytest.param("user", "ann", [2, 5], marks=pytest.mark.long)],
)
def test_nothing_of_them_is_left_and_the_rest_adds_up(store: Store, kind: str, value: str, stay: list[int]) -> None:
    all_calls = calls()
    store.write(all_calls)
    limits = {"scope": [f"tenant={name}" for name in ("leaving", "staying")], "tenant": ["leaving", "staying"]}
    store._engine.insert("limits_log", limits, {})
    store.derive(*SAID)
    erased = store.erase(kind, value, **WHO)
    assert (erased.calls, erased.hours) == (5 - len(stay), 2)
    assert said_by(store) == truth_of([all_calls[number - 1] for number in stay])
    assert places_that_name(store, value) == []
    assert places_that_name(store, "s-ann") == []
    assert verify(store, WINDOW).faults == ()


def test_a_call_does_not_come_back_as_what_other_rules_made_of_it(store: Store) -> None:
    """Two collectors had it; to the later one's rules it was nobody's. No part was merged yet."""
    store.write([a_call(1, tenant="leaving"), a_call(2, tenant="staying")])
    store.write([a_call(1, tenant="", received_at_ns=NOW_NS + 1)])
    store.erase("tenant", "leaving", **WHO)
    assert store.query("SELECT tenant FROM llm_calls").rows == (("staying",),)
    assert said_by(store) == truth_of([a_call(2, tenant="staying")])


def test_that_it_happened_is_kept_without_the_name(store: Store) -> None:
    store.write(calls())
    store.erase("tenant", "leaving", **WHO)
    (event,) = store.query("SELECT calls, actor, reason, length(subject) FROM cost_events WHERE kind = 'erasure'").rows
    assert event == (2, "dpo", "asked for it", 32)


def test_what_waited_in_a_segment_or_is_told_later_does_not_come_back(store: Store) -> None:
    """Whoever is let in again, or begins something after the erasure, is let in."""
    trace = {"trace_id": "a" * 32}
    theirs = a_call(1, tenant="leaving", user="ann", **trace)
    store.write([theirs, a_call(2, tenant="staying")])
    store.erase("tenant", "leaving", **WHO)
    told_later = a_call(3, dialect="openinference", **trace)
    assert store.write([theirs, told_later]) == 0
    assert store.refused == {"erased": 2}
    others = [
        a_call(4, dialect="openinference"),  # in another trace
        a_call(5, tenant="staying", dialect="openinference", **trace, response_id="r5"),  # names somebody else
        a_call(6, user="ann"),  # the tenant was erased, and not the user
        a_call(7, tenant="leaving", started_at_ns=time.time_ns() + HOUR_NS),  # a customer once more
    ]
    assert store.write(others) == 4
    counted = store.query("SELECT toUInt8(right(span_id, 1)) FROM llm_calls ORDER BY span_id")
    assert [number for (number,) in counted] == [2, 4, 5, 6, 7]


def test_whoever_calls_again_while_they_are_erased_is_summed_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call came in before the hours were derived, and what was derived of it was removed as theirs."""
    again = a_call(9, tenant="leaving", feature="chat", session_id="new", started_at_ns=time.time_ns() + HOUR_NS)
    store.write(calls())
    real = store._engine.change

    def change(sql: str, *arguments: Any) -> None:
        if sql.startswith("INSERT INTO touched_hours"):
            store.write([again])
        real(sql, *arguments)

    monkeypatch.setattr(store._engine, "change", change)
    store.erase("tenant", "leaving", **WHO)
    assert said_by(store) == truth_of([*(calls()[number - 1] for number in (2, 4, 5)), again])


def test_what_others_told_of_their_calls_goes_with_them(store: Store) -> None:
    """It was not counted, since ours was; now it would be."""
    ours, other = nested(1, ["", "openinference"], MIDNIGHT_NS)
    ours = replace(ours, call=replace(ours.call, attribution=Attribution(tenant="leaving")))
    store.write([other, ours])
    assert store.erase("tenant", "leaving", **WHO).calls == 1
    assert store.query("SELECT count() FROM llm_calls_log").rows == ((0,),)
    assert store.write([other]) == 0


def test_the_hashes_of_two_ledgers_cannot_be_compared(store: Store) -> None:
    store.write(calls())
    store.erase("user", "ann", **WHO)
    (salt,) = (str(s) for (s,) in store.query("SELECT subject FROM erased WHERE kind = 'salt'"))
    expected = hashlib.sha256(f"{salt}user:ann".encode()).hexdigest()[:32]
    assert store.query("SELECT subject FROM erased WHERE kind = 'user'").rows == ((expected,),)
    assert store.query("SELECT count() FROM erased WHERE kind = 'trace'").rows == ((3,),)
    traces = {hashlib.sha256(f"{salt}trace:{number:032x}".encode()).hexdigest()[:32] for number in (1, 3, 4)}
    assert {s for (s,) in store.query("SELECT subject FROM erased WHERE kind = 'trace'")} == traces


def test_to_erase_somebody_who_is_not_there_does_nothing(store: Store) -> None:
    store.write(calls())
    assert store.erase("user", "nobody", **WHO).hours == 0
    store.derive(*SAID)
    assert said_by(store) == truth_of(calls())


def test_nobody_cannot_be_erased(store: Store) -> None:
    with pytest.raises(ValueError, match="an empty tenant stands for all calls without one"):
        store.erase("tenant", "", **WHO)


class _CutShortError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_run_cut_short_anywhere_is_finished_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run is cut some steps later than the one before, on a ledger of its own; then it is run again.

    On a server; test_killed kills the process that holds the embedded engine.
    """
    real = {name: getattr(store._engine, name) for name in ("command", "change", "insert")}
    everything = calls()
    for budget in (0, 2, 3, 5, 9, 18, 60):
        for table in (
            *("llm_calls_log", "touched_hours", "cost_events_log", "erased_log"),
            *("spend_hourly_log", "session_spend_log"),
        ):
            store._engine.command(f"TRUNCATE TABLE {table}")
        store.write(everything)
        store.derive(*SAID)
        left = iter(range(budget))

        def until_cut(name: str, left: Any, *arguments: Any, **named: Any) -> object:
            if next(left, None) is None:
                raise _CutShortError
            return real[name](*arguments, **named)

        for name in real:
            monkeypatch.setattr(store._engine, name, partial(until_cut, name, left))
        try:
            store.erase("tenant", "leaving", **WHO)
            was_cut = False
        except _CutShortError:
            was_cut = True
        for name, function in real.items():
            monkeypatch.setattr(store._engine, name, function)
        store.erase("tenant", "leaving", **WHO)
        assert said_by(store) == truth_of([everything[number - 1] for number in (2, 4, 5)]), budget
        assert places_that_name(store, "leaving") == [], budget
        assert was_cut == (budget != 60)
