from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.errors import StoreError
from otel_llmcost.store import Store, connect, derive
from otel_llmcost.store.rows import DAY_NS
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, NOW_NS, PICO, SAID, a_call, many_calls, said_by, truth_of

if TYPE_CHECKING:
    from otel_llmcost.store.engine import Engine

ONE_OF_EACH = {period: rollup for rollup, period in derive.PERIODS.items()}.values()
IN_TURN = pytest.mark.parametrize(
    "rollup",
    [pytest.param(each, marks=[] if each in ONE_OF_EACH else pytest.mark.long) for each in derive.ROLLUPS],
)
"""Every rollup; a short run asks one that is derived by the hour and one by the day."""
PERIOD_NS = {"hour": HOUR_NS, "day": DAY_NS}


def test_rollups_equal_the_calls_to_the_last_digit(store: Store) -> None:
    calls = many_calls(2_000, seed=11)
    store.write(calls)
    store.derive(*SAID)
    assert said_by(store) == truth_of(calls)


def test_a_rollup_has_every_count_and_both_costs_of_the_calls(store: Store) -> None:
    counts = [str(name) for (name,) in store.query("SELECT name FROM system.columns WHERE table = 'spend_hourly'")]
    summed = [name for name in counts if name.endswith(("_tokens", "_cost")) or name in ("image", "page", "request")]
    assert len(summed) >= 20
    store.write(many_calls(50, seed=12))
    store.derive("spend_hourly")
    for name in summed:
        raw = store.query(f"SELECT sum({name}) FROM llm_calls").rows
        assert store.query(f"SELECT sum({name}) FROM spend_hourly").rows == raw, name


def test_deriving_again_changes_nothing(store: Store) -> None:
    calls = many_calls(100, seed=13)
    store.write(calls)
    for _ in range(3):
        store.derive(*SAID)
    assert said_by(store) == truth_of(calls)


def test_deriving_an_empty_store_is_no_error(store: Store) -> None:
    store.derive()
    assert said_by(store) == truth_of([])


def test_a_late_call_is_added_to_its_hour(store: Store) -> None:
    calls = many_calls(100, seed=14)
    store.write(calls[:90])
    store.derive(*SAID)
    store.write(calls[90:])
    store.derive(*SAID)
    assert said_by(store) == truth_of(calls)


def test_a_key_that_vanished_leaves_no_ghost(store: Store) -> None:
    """An earlier receipt takes the place of a row under another feature, tenant and session."""
    wrong = [a_call(n, received_at_ns=NOW_NS, feature="old", tenant="old", session_id="old") for n in range(1, 20)]
    right = [a_call(n, received_at_ns=NOW_NS - 1, feature="new", tenant="new", session_id="new") for n in range(1, 20)]
    store.write(wrong)
    store.derive(*SAID)
    assert said_by(store) == truth_of(wrong)
    store.write(right)
    store.derive(*SAID)
    assert said_by(store) == truth_of(right)


def test_an_hour_from_which_every_call_was_erased_is_empty(store: Store) -> None:
    calls = [a_call(n, session_id="s", tenant="leaving") for n in range(1, 5)]
    stay = a_call(9, session_id="s", tenant="staying", started_at_ns=MIDNIGHT_NS + HOUR_NS)
    store.write([*calls, stay])
    store.derive(*SAID)
    store._engine.command("DELETE FROM llm_calls_log WHERE tenant = 'leaving'")
    store._engine.command(
        "INSERT INTO touched_hours SELECT hour, now('UTC') FROM spend_hourly WHERE tenant = 'leaving'"
    )
    store.derive(*SAID)
    assert said_by(store) == truth_of([stay])


@IN_TURN
def test_only_what_was_touched_of_late_is_due(store: Store, rollup: str) -> None:
    """Touched hours stay due for a minute, since a slow insert may become visible after its hour was derived."""
    earlier_ns = MIDNIGHT_NS - PERIOD_NS[derive.PERIODS[rollup]]
    store.write([a_call(1, started_at_ns=MIDNIGHT_NS), a_call(2, started_at_ns=earlier_ns)])
    due = f"SELECT count() FROM {rollup}_due"
    assert store.query(due).rows == ((2,),)
    store.derive(rollup)
    assert store.query(due).rows == ((2,),)
    store._engine.command("TRUNCATE TABLE touched_hours")  # as if minutes had passed
    store._engine.command("INSERT INTO touched_hours SELECT hour, now('UTC') - INTERVAL 5 MINUTE FROM spend_hourly")
    assert store.query(due).rows == ((0,),)
    store.write([a_call(3, started_at_ns=earlier_ns)])
    assert store.query(due).rows == ((1,),)


@IN_TURN
def test_an_hour_without_a_row_of_its_own_is_derived_once_and_not_for_ever(store: Store, rollup: str) -> None:
    """Calls without a session leave no session behind, and their hour must not stay due for that."""
    store.write([a_call(1)])
    store.derive(rollup)
    marks = f"SELECT count() FROM {rollup}_log WHERE is_mark AND derived_at > toDateTime('2020-01-01', 'UTC')"
    assert store.query(marks).rows[0][0] != 0
    assert store.query("SELECT count() FROM session_spend").rows == ((0,),)


@IN_TURN
def test_an_hour_becomes_visible_whole(store: Store, rollup: str) -> None:
    """A derivation is one part a month, however small the engine's blocks are; a plain insert would be many."""
    store._engine.insert("reported_tags_log", {"tag_key": ["n"], "is_reported": [True]}, {})
    calls = [
        a_call(
            n,
            session_id=f"s{n}",
            request_id=f"r{n}",
            feature=f"f{n}",
            tenant=f"t{n}",
            tags=(("n", f"{n}"),),
            started_at_ns=MIDNIGHT_NS + n % 5 * HOUR_NS,
        )
        for n in range(1, 2_000)
    ]
    store.write(calls)
    small = {"max_block_size": 100, "max_threads": 1, "min_insert_block_size_rows": 1, "min_insert_block_size_bytes": 1}
    parts = f"SELECT uniqExact(_part) FROM {rollup}_log GROUP BY derived_at, toYYYYMM({derive.PERIODS[rollup]})"
    store._engine.command(f"SYSTEM STOP MERGES {rollup}_log")
    store._engine.command(f"INSERT INTO {rollup}_log SELECT * FROM {rollup}_derivation", small)
    assert max(store.query(parts).rows) > (1,)
    store._engine.command(f"TRUNCATE TABLE {rollup}_log")
    store._engine.command(f"INSERT INTO {rollup}_log SELECT * FROM {rollup}_derivation", small | derive._ONE_BLOCK)
    assert set(store.query(parts).rows) == {(1,)}
    assert said_by(store).whole == truth_of(calls).whole


def test_more_hours_than_one_run_takes_are_all_derived(store: Store) -> None:
    calls = [a_call(n, started_at_ns=NOW_NS - n * HOUR_NS, session_id="long") for n in range(1, 601)]
    store.write(calls)
    store.derive(*SAID)
    assert said_by(store) == truth_of(calls)


def test_a_rollup_that_never_comes_up_to_date_is_an_error_and_no_endless_loop(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a step back of the server's clock; here the number of runs is too small for the hours."""
    store.write([a_call(n, started_at_ns=NOW_NS - n * HOUR_NS) for n in range(1, 301)])
    monkeypatch.setattr(derive, "MAX_RUNS", 1)
    with pytest.raises(StoreError, match="spend_hourly is behind after 1 derivations; look at the server's clock"):
        store.derive()


def test_hours_older_than_the_retention_are_not_derived_again(dsn: str) -> None:
    """What is left of their calls would falsify what was derived when all were there."""
    old = a_call(1, started_at_ns=NOW_NS - 9 * DAY_NS, feature="old", cost=5)
    with connect(dsn, retention_days=8, clock_ns=lambda: NOW_NS - 5 * DAY_NS) as store:  # when it was young
        store.migrate()
        store._engine.command("SYSTEM STOP TTL MERGES llm_calls_log")
        assert store.write([replace(old, received_at_ns=NOW_NS - 5 * DAY_NS)]) == 1
        store._engine.command(
            """
            INSERT INTO spend_hourly_log (is_mark, hour, feature, calls, list_cost, derived_at)
            SELECT mark, hour, if(mark, '', 'old'), if(mark, 0, 3), toDecimal128('0.000000000012', 12), hour
            FROM (SELECT toStartOfHour(started_at) AS hour, arrayJoin([true, false]) AS mark FROM llm_calls_log)
            """
        )
    with connect(dsn, retention_days=8, clock_ns=lambda: NOW_NS) as store:
        assert store.write([old, a_call(2, feature="new", cost=7)]) == 1
        assert store.refused == {"beyond_retention": 1}
        store.derive("spend_hourly")
        assert store.query("SELECT feature, calls, list_cost FROM spend_hourly ORDER BY feature").rows == (
            ("new", 1, 7 * PICO),
            ("old", 3, 12 * PICO),
        )


class TestSessions:
    def test_a_session_over_midnight_is_one_row(self, store: Store) -> None:
        calls = [
            a_call(1, started_at_ns=MIDNIGHT_NS - 5, session_id="night", feature="chat", cost=3, duration_ns=10),
            a_call(2, started_at_ns=MIDNIGHT_NS + 7, session_id="night", feature="chat", cost=4, duration_ns=20),
            a_call(3, started_at_ns=MIDNIGHT_NS + 5 * HOUR_NS, session_id="night", feature="chat", cost=None),
        ]
        store.write(calls)
        store.derive("session_spend")
        assert store.query(
            """
            SELECT session_id, feature, calls, unpriced_calls, list_cost, duration_ns,
                   toUnixTimestamp64Nano(first_started_at), toUnixTimestamp64Nano(last_started_at)
            FROM session_spend
            """
        ).rows == (("night", "chat", 3, 1, 7 * PICO, 30, MIDNIGHT_NS - 5, MIDNIGHT_NS + 5 * HOUR_NS),)

    def test_a_session_over_two_features_is_a_row_for_each(self, store: Store) -> None:
        store.write(
            [
                a_call(1, session_id="s", feature="search", cost=3),
                a_call(2, session_id="s", feature="answer", cost=40),
                a_call(3, session_id="s", feature="search", cost=500, started_at_ns=MIDNIGHT_NS + HOUR_NS),
            ]
        )
        store.derive("session_spend")
        assert store.query("SELECT feature, calls, list_cost FROM session_spend ORDER BY feature").rows == (
            ("answer", 1, 40 * PICO),
            ("search", 2, 503 * PICO),
        )
        assert store.query("SELECT sum(list_cost) FROM session_spend WHERE session_id = 's'").rows == ((543 * PICO,),)

    def test_the_same_name_in_two_tenants_or_environments_is_not_the_same_session(self, store: Store) -> None:
        store.write(
            [
                a_call(1, session_id="1", tenant="acme", environment="production"),
                a_call(2, session_id="1", tenant="globex", environment="production"),
                a_call(3, session_id="1", tenant="acme", environment="staging"),
            ]
        )
        store.derive("session_spend")
        assert len(store.query("SELECT * FROM session_spend")) == 3

    def test_who_is_asked_for_last_is_who_stands_in_the_row(self, store: Store) -> None:
        store.write(
            [
                a_call(1, session_id="s", team="old", user="u", started_at_ns=MIDNIGHT_NS),
                a_call(2, session_id="s", team="new", user="u", started_at_ns=MIDNIGHT_NS + 2 * HOUR_NS),
                a_call(3, session_id="s", team="mid", user="u", started_at_ns=MIDNIGHT_NS + HOUR_NS),
            ]
        )
        store.derive("session_spend")
        assert store.query("SELECT team, user_id, calls FROM session_spend").rows == (("new", "u", 3),)

    def test_a_late_call_of_one_hour_leaves_the_other_hours_as_they_were(self, store: Store) -> None:
        calls = [a_call(n, session_id="s", started_at_ns=MIDNIGHT_NS + n * HOUR_NS, cost=10**n) for n in range(1, 6)]
        store.write(calls[:3] + calls[4:])
        store.derive(*SAID)
        store.write([calls[3]])
        store.derive(*SAID)
        assert said_by(store) == truth_of(calls)

    def test_calls_without_a_session_are_no_session(self, store: Store) -> None:
        store.write([a_call(1), a_call(2, session_id="s")])
        store.derive("session_spend")
        assert store.query("SELECT session_id, calls FROM session_spend").rows == (("s", 1),)


def test_a_server_rests_160_times_as_long_as_its_last_derivation_took(store: Store) -> None:
    """However many calls an hour has, deriving it again and again takes a twentieth of the time for all rollups."""
    if store.is_embedded:
        pytest.skip("an embedded engine derives by its owner's call")
    engine = store._engine
    engine.command("TRUNCATE TABLE derivations")
    store.write([a_call(1)])
    began = "INSERT INTO spend_hourly_log (is_mark, hour, derived_at) SELECT true, now('UTC'), now64(6, 'UTC') - {} "
    engine.command(began.format("INTERVAL 10 SECOND"))
    ((rollup, rests_us, took_us),) = store.query(
        """
        SELECT name, dateDiff('microsecond', d.derived_at, r.rests_until),
            dateDiff('microsecond', d.derived_at, d.derived_until)
        FROM resting AS r INNER JOIN derivations AS d USING (name)
        """
    )
    assert (rollup, rests_us) == ("spend_hourly", 160 * took_us)
    assert took_us >= 10_000_000
    refreshed(engine, "spend_hourly_log_mv")
    assert store.query("SELECT calls FROM spend_hourly").rows == ()
    engine.command("TRUNCATE TABLE derivations")
    refreshed(engine, "spend_hourly_log_mv")
    assert store.query("SELECT calls FROM spend_hourly").rows == ((1,),)


def refreshed(engine: Engine, view: str) -> None:
    for command in ("START", "REFRESH", "WAIT", "STOP"):
        engine.command(f"SYSTEM {command} VIEW {view}")
