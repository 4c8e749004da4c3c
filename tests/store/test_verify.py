"""What is wrong is found, named and repaired, and nothing is found where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.ledger.verify import _ROLLUPS, verify
from otel_llmcost.reports.window import Window
from otel_llmcost.store import derive
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, a_call, many_calls, said_by, truth_of

if TYPE_CHECKING:
    from otel_llmcost.store import Store

NOT_OF_THEM = ("spend_by_tag_daily",)
"""The calls of these tests have no tags."""

WINDOW = Window(since_ns=MIDNIGHT_NS - 24 * HOUR_NS, until_ns=MIDNIGHT_NS + 24 * HOUR_NS)


@pytest.fixture(autouse=True)
def _nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what differs looked at once: only one test writes meanwhile."""
    monkeypatch.setattr("otel_llmcost.ledger.verify.TRIES", 1)


def be_long_ago(store: Store) -> None:
    """Have it be as if the last write lay over a minute back, so that nothing is due by itself."""
    store._engine.command("CREATE TABLE earlier AS touched_hours ENGINE = MergeTree ORDER BY hour")
    store._engine.command("INSERT INTO earlier SELECT hour, touched_at - INTERVAL 1 HOUR FROM touched_hours FINAL")
    store._engine.command("TRUNCATE TABLE touched_hours")
    store._engine.command("INSERT INTO touched_hours SELECT * FROM earlier")


def test_a_ledger_that_is_whole_has_no_faults(store: Store) -> None:
    store._engine.insert("reported_tags_log", {"tag_key": ["project"], "is_reported": [True]}, {})
    tagged = [a_call(900 + n, tags=(("project", "a"), ("other", "b")), request_id="r", cost=n) for n in range(5)]
    store.write([*many_calls(500, seed=31), *tagged])
    found = verify(store, WINDOW)
    assert (found.calls, found.faults, found.repaired) == (505, (), ())


@pytest.mark.long
def test_what_a_rollup_lost_is_named_to_the_digit_and_repaired(store: Store) -> None:
    calls = [
        a_call(1, feature="search", session_id="s", request_id="r", cost=7),
        a_call(2, feature="chat", session_id="s", request_id="r", cost=5, started_at_ns=MIDNIGHT_NS + HOUR_NS),
    ]
    store.write(calls)
    store.derive()
    be_long_ago(store)
    for rollup in derive.ROLLUPS:
        store._engine.command(f"DELETE FROM {rollup}_log WHERE feature = 'search'")
    found = verify(store, WINDOW)
    assert [(fault.subject, fault.missing_calls, fault.missing_cost) for fault in found.faults] == [
        (f"{rollup} of search", 1, 7) for rollup in derive.ROLLUPS if rollup not in NOT_OF_THEM
    ]
    repaired = verify(store, WINDOW, repairs=True)
    assert (repaired.faults, len(repaired.repaired)) == ((), 7)
    assert verify(store, WINDOW).faults == ()
    assert said_by(store) == truth_of(calls)


def test_what_a_rollup_has_too_much_is_found_as_well(store: Store) -> None:
    store.write([a_call(1, feature="search", cost=7)])
    store.derive()
    be_long_ago(store)
    store._engine.command(
        "INSERT INTO spend_daily_log SELECT * REPLACE ('ghost' AS feature) FROM spend_daily_log WHERE NOT is_mark"
    )
    (fault,) = verify(store, WINDOW).faults
    assert (fault.kind, fault.subject, fault.missing_calls, fault.missing_cost) == (
        "derived_differs",
        "spend_daily of ghost",
        -1,
        -7,
    )


def test_rollups_are_compared_by_every_name_that_tells_their_rows_apart(store: Store) -> None:
    sql = "SELECT groupArray(name) FROM system.columns WHERE database = currentDatabase() AND is_in_sorting_key"
    for rollup, compared in _ROLLUPS.items():
        ((names,),) = store.query(sql + " AND table = {log:String}", {"log": f"{rollup}_log"}).rows
        assert {*compared.names, "feature", compared.grain, "is_mark"} == set(names)  # type: ignore[call-overload]


DAMAGES = (
    ("spend_hourly", "team", "'growth'"),
    ("spend_hourly", "errors", "1"),
    ("session_spend", "tenant", "'x'"),
    ("request_attempts", "request_id", "'x'"),
    ("spend_daily", "team", "'growth'"),
    ("spend_daily", "cache_write_1h_tokens", "1"),
    ("tenant_spend_daily", "tenant", "'x'"),
    ("prompt_shape_daily", "prompt_hash", "'x'"),
    ("spend_by_tag_daily", "tag_value", "'x'"),
)


def test_a_sum_that_stands_under_another_name_is_found(store: Store) -> None:
    """Each feature adds up, and yet somebody pays for another one."""
    store._engine.insert("reported_tags_log", {"tag_key": ["project"], "is_reported": [True]}, {})
    who = {"feature": "search", "team": "core", "tenant": "acme", "session_id": "s", "request_id": "r"}
    store.write([a_call(1, **who, tags=(("project", "a"),))])
    store.derive()
    be_long_ago(store)
    assert verify(store, WINDOW).faults == ()
    for rollup, column, wrong in DAMAGES:
        store._engine.command(f"CREATE TABLE sound AS {rollup}_log")
        store._engine.command(f"INSERT INTO sound SELECT * FROM {rollup}_log")
        _fill(store, rollup, f"SELECT * REPLACE (if(is_mark, {column}, {wrong}) AS {column}) FROM sound")
        assert [fault.subject for fault in verify(store, WINDOW).faults] == [f"{rollup} of search"], column
        _fill(store, rollup, "SELECT * FROM sound")
        store._engine.command("DROP TABLE sound SYNC")


def _fill(store: Store, rollup: str, rows: str) -> None:
    """Have a rollup hold nothing but these rows."""
    store._engine.command(f"TRUNCATE TABLE {rollup}_log")
    store._engine.command(f"INSERT INTO {rollup}_log {rows}")


def test_a_part_that_is_called_a_whole_session_and_is_none_is_found_and_repaired(store: Store) -> None:
    """Percentiles would count the session twice."""
    store.write([a_call(n, feature="chat", session_id="s", started_at_ns=MIDNIGHT_NS + n * HOUR_NS) for n in (1, 2)])
    store.derive()
    be_long_ago(store)
    assert verify(store, WINDOW).faults == ()
    store._engine.command("ALTER TABLE session_spend_log UPDATE is_whole = true WHERE true SETTINGS mutations_sync = 2")
    found = verify(store, WINDOW).faults
    assert [(fault.kind, fault.subject) for fault in found] == [("called_whole", "1 session of chat")] * 2
    done = verify(store, WINDOW, repairs=True)
    assert (len(done.repaired), done.faults) == (2, ())


@pytest.mark.long
def test_the_dearest_calls_are_compared_in_every_column_and_only_the_first_fifty(store: Store) -> None:
    calls = [a_call(n, feature="chat", cost=1_000 - n) for n in range(1, 53)]
    unpriced, other_team = a_call(60, feature="chat", cost=None), a_call(61, feature="chat", team="core", cost=3)
    store.write([*calls, unpriced, other_team])
    store.derive()
    be_long_ago(store)
    assert verify(store, WINDOW).faults == ()
    assert store.query("SELECT count() FROM dearest_calls").rows == ((51,),)  # 50 of nobody's, one of the team
    dearest = f"span_id = '{1:016x}'"
    store._engine.command(
        f"ALTER TABLE dearest_calls_log UPDATE tenant = 'x' WHERE {dearest} SETTINGS mutations_sync = 2"
    )
    (fault,) = verify(store, WINDOW).faults
    assert (fault.subject, fault.missing_calls, fault.missing_cost) == ("dearest_calls of chat", 0, 0)
    store._engine.command(f"DELETE FROM dearest_calls_log WHERE {dearest}")
    (fault,) = verify(store, WINDOW, repairs=True).repaired
    assert (fault.subject, fault.missing_calls, fault.missing_cost) == ("dearest_calls of chat", 1, 999)


@pytest.mark.long
def test_an_hour_that_nobody_noted_is_found_and_repaired(store: Store) -> None:
    store.write([a_call(1)])
    store._engine.command("TRUNCATE TABLE touched_hours")
    assert {fault.kind for fault in verify(store, WINDOW).faults} == {"derived_differs", "hour_not_noted"}
    assert verify(store, WINDOW, repairs=True).faults == ()


@pytest.mark.long
def test_a_call_in_two_rows_is_named_and_not_repaired(store: Store) -> None:
    """The same span, told with two starts in two hours."""
    one = a_call(1)
    store.write([one, replace(one, call=replace(one.call, started_at_ns=MIDNIGHT_NS + HOUR_NS))])
    short, twice = verify(store, WINDOW, repairs=True).faults
    assert (twice.kind, twice.subject, twice.missing_calls) == ("told_twice", f"{1:032x}/{1:016x}", 1)
    assert (short.subject, short.missing_calls) == ("dearest_calls of (unattributed)", 1)  # it has one row a call


def test_a_correction_whose_call_is_gone_is_named(store: Store) -> None:
    store._engine.command(
        "INSERT INTO llm_calls_log (started_at, trace_id, span_id, correction_id, list_cost) "
        f"SELECT fromUnixTimestamp64Nano({MIDNIGHT_NS}), '{1:032x}', '{1:016x}', 'reprice', 1"
    )
    assert {fault.kind for fault in verify(store, WINDOW).faults} == {"correction_alone"}


@pytest.mark.long
def test_calls_that_come_in_meanwhile_are_no_fault(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(many_calls(50, seed=32))
    real, later = store.derive, iter(many_calls(53, seed=33)[50:])

    def derive_then_write() -> None:
        real()
        store.write([call for call in [next(later, None)] if call is not None])

    monkeypatch.setattr(store, "derive", derive_then_write)
    monkeypatch.setattr("otel_llmcost.ledger.verify.TRIES", 20)
    assert verify(store, WINDOW).faults == ()


def test_who_may_only_read_compares_what_the_owner_derived(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otel_llmcost.ledger.verify.OWNER_DERIVES_WITHIN_S", 0)
    store.write(many_calls(20, seed=34))
    store.derive()
    store._engine.command("DELETE FROM spend_daily_log WHERE feature = 'chat'")
    store.forbid_writes()
    assert {fault.subject for fault in verify(store, WINDOW).faults} == {"spend_daily of chat"}
