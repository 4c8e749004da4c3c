"""What was changed by hand is named, with the statements that make it as the migrations do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_llmcost.store import connect
from tests.store.ledger import a_call, said_by, truth_of

if TYPE_CHECKING:
    from otel_llmcost.store import Store

BY_HAND = {
    "llm_calls_log.team": "ALTER TABLE llm_calls_log COMMENT COLUMN team 'mine'",
    "llm_calls_log.list_cost": "ALTER TABLE llm_calls_log MODIFY COLUMN list_cost CODEC(ZSTD(3))",
    "llm_calls_log.resend_count": "ALTER TABLE llm_calls_log MODIFY COLUMN resend_count Int32",
    "llm_calls_log.prompt_name": "ALTER TABLE llm_calls_log DROP COLUMN prompt_name",
    "llm_calls_log.mine": "ALTER TABLE llm_calls_log ADD COLUMN mine String DEFAULT 'a, COMMENT b' AFTER feature",
    "llm_calls_log.input_tokens": "ALTER TABLE llm_calls_log MODIFY COLUMN input_tokens Int64 DEFAULT 7",
    "llm_calls_log.web_search": "ALTER TABLE llm_calls_log MODIFY COLUMN web_search Int64 AFTER page",
    "llm_calls_log INDEX by_trace": "ALTER TABLE llm_calls_log DROP INDEX by_trace",
    "llm_calls_log TTL": "ALTER TABLE llm_calls_log MODIFY TTL toDateTime(started_at) + INTERVAL 3 DAY",
    "llm_calls_log SETTING string_serialization_version": (
        "ALTER TABLE llm_calls_log RESET SETTING string_serialization_version"
    ),
    "spend_daily_log TTL": "ALTER TABLE spend_daily_log MODIFY TTL toDateTime(day) + INTERVAL 30 DAY",
    "spend_daily_log COMMENT": "ALTER TABLE spend_daily_log MODIFY COMMENT 'mine'",
    "session_spend_log ENGINE, ORDER BY": (
        "CREATE OR REPLACE TABLE session_spend_log AS session_spend_log ENGINE = MergeTree ORDER BY hour"
    ),
    "spend_hourly": "DROP VIEW spend_hourly",
    "touched_hours_mv": "DROP VIEW touched_hours_mv",
    "unpriced": "CREATE OR REPLACE VIEW unpriced AS SELECT 1 AS x",
}


@pytest.mark.long
def test_each_change_is_named_with_what_mends_it(store: Store) -> None:
    calls = [a_call(n, feature="search", session_id="s") for n in range(1, 6)]
    store.write(calls)
    store.retain({"": 300, "staging": 30})  # a TTL that we changed ourselves is no change by hand
    assert store.changed_by_hand() == ()
    for statement in BY_HAND.values():
        store._engine.command(statement.replace("AS limits_log", "AS session_spend_log"))
    changed = store.changed_by_hand()
    moved = {"llm_calls_log.grounded_prompt"} & {difference.subject for difference in changed}
    assert {difference.subject for difference in changed} - moved == set(BY_HAND)
    assert {difference.subject for difference in changed if difference.is_gone} == {"spend_hourly", "touched_hours_mv"}
    for difference in changed:
        for statement in difference.mend:
            store._engine.command(statement)
    assert store.changed_by_hand() == ()
    store.derive()
    assert said_by(store) == truth_of(calls)


def test_nothing_is_left_of_the_comparison_also_where_one_was_killed(migrated_dsn: str) -> None:
    with connect(migrated_dsn) as store:
        beside = f"{store._engine.database}_as_migrated"
        store._engine.command(f"CREATE DATABASE {beside} ENGINE = Atomic")
        store._engine.command(f"CREATE TABLE {beside}.llm_calls_log (x UInt8) ENGINE = MergeTree ORDER BY x")
        assert store.changed_by_hand() == ()
        assert store.query(f"SELECT count() FROM system.databases WHERE name = '{beside}'").rows == ((0,),)


@pytest.mark.parametrize("engine", ["chdb"])
def test_who_keeps_calls_for_other_days_than_it_was_made_for_sees_no_change(dsn: str) -> None:
    """A collector is told its days by a variable, the command is not."""
    with connect(dsn, retention_days=90) as store:
        store.migrate()
    with connect(dsn) as store:
        assert store.changed_by_hand() == ()
        store._engine.command("ALTER TABLE llm_calls_log MODIFY TTL toDateTime(started_at) + INTERVAL 400 DAY")
        (change,) = store.changed_by_hand()
    assert (change.found, change.wanted) == tuple(f"toDateTime(started_at) + toIntervalDay({n})" for n in (400, 90))
