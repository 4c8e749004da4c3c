"""Erasing a tenant or a user: their calls are removed, and what was derived from them is derived anew without them.

Step by step, and each step can be done again: have calls refused that come in from here on (`tombstones`), note which
hours are concerned, remove the calls, have the hours derived, remove what older derivations still say. The note stays
until the last step is done, so that a run that was cut short after the calls were gone still knows whose sums to
correct. The note holds a hash and no name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from otel_llmcost.store import derive as _derive
from otel_llmcost.store import preflight, tombstones
from otel_llmcost.store.engine import shard_database
from otel_llmcost.store.settle import MAX_LISTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.store.engine import Engine

COLUMNS: Final = {"tenant": "tenant", "user": "user_id"}
"""What can be erased, and the column that names it."""

_AT_ONCE: Final = "SETTINGS mutations_sync = 2"
_BESIDE: Final = """
(
    dialect != ''
    AND tenant = ''
    AND user_id = ''
    AND trace_id IN (SELECT theirs.trace_id FROM llm_calls_log AS theirs WHERE theirs.{column} = {{value:String}})
)
"""
"""What other libraries tell in the traces of their calls, and say of nobody."""

_HOURS: Final = """
SELECT DISTINCT toUnixTimestamp(toStartOfHour(started_at))
FROM llm_calls_log
WHERE {column} = {{value:String}} OR {beside}
"""
_NOTED: Final = """
SELECT DISTINCT arrayJoin(splitByChar(',', details['hours']))
FROM cost_events
WHERE kind = 'erasure_begun' AND subject = {subject:String} AND event_id NOT IN
(
    SELECT details['begun']
    FROM cost_events
    WHERE kind = 'erasure' AND subject = {subject:String}
)
"""
_CALLS: Final = "SELECT count() FROM llm_calls WHERE {column} = {{value:String}} AND correction_id = ''"
_TOLD_OTHERWISE: Final = """
SELECT DISTINCT concat(trace_id, span_id)
FROM llm_calls_log
WHERE {beside} OR {column} != {{value:String}}
    AND (toStartOfHour(started_at), trace_id, span_id) IN
    (
        SELECT
            toStartOfHour(theirs.started_at),
            theirs.trace_id,
            theirs.span_id
        FROM llm_calls_log AS theirs
        WHERE theirs.{column} = {{value:String}}
    )
LIMIT {{limit:UInt32}}
"""
"""Calls of theirs of which another row names somebody else, since it was received under other rules, or nobody, since
another library told it: these would come to count."""

_SUPERSEDED: Final = """
toUnixTimestamp({start}) IN {{starts:Array(UInt32)}}
    AND derived_at < {{cut:DateTime64(6, 'UTC')}}
    AND {start} >= {{since:DateTime('UTC')}}
"""
_OPEN: Final = """
SELECT event_id
FROM cost_events
WHERE kind = 'erasure_begun' AND subject = {subject:String}
    AND event_id NOT IN (SELECT details['begun'] FROM cost_events WHERE kind = 'erasure')
"""
_TOUCH: Final = "INSERT INTO touched_hours SELECT toDateTime(arrayJoin({hours:Array(UInt32)}), 'UTC'), now('UTC')"


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed.

    Attributes:
        calls: Calls that were there when the run began; a run that finishes an earlier one may find none.
        hours: Hours that were derived anew.
    """

    calls: int
    hours: int


def erase(engine: Engine, kind: str, value: str, *, actor: str, reason: str) -> Erased:
    """Remove all calls of a tenant or user and correct what was derived from them.

    Args:
        engine: The store.
        kind: One of `COLUMNS`.
        value: Whose calls; never empty, since nobody's calls are nobody's to erase.
        actor: Who erases, for the record.
        reason: Why, likewise.

    Raises:
        ValueError: It is nobody.
        StoreRefusedError: This user may not remove rows. Nothing was changed.
    """
    if not value:
        msg = f"an empty {kind} stands for all calls without one, and they are nobody's to erase"
        raise ValueError(msg)
    preflight.require(engine, _home(engine), ("SELECT", "INSERT", "ALTER DELETE"), "erase")
    column = COLUMNS[kind]
    subject = tombstones.subject_of(tombstones.salt_of(engine), kind, value)
    tombstones.remember(engine, kind, value, column)
    hours = _hours_of(engine, column, value)
    calls = engine.query(_CALLS.format(column=column), {"value": value}).result_rows[0][0]
    said: dict[str, object] = {"subject": subject, "calls": calls, "actor": actor, "reason": reason}
    if hours:
        _note(engine, "erasure_begun", said, {"hours": ",".join(map(str, sorted(hours)))})
    hours = sorted(int(row[0]) for row in engine.query(_NOTED, {"subject": subject}).result_rows)
    _remove_calls(engine, column, value)
    if late := set(_hours_of(engine, column, value)):  # of a batch that was under way when we began
        _note(engine, "erasure_begun", said, {"hours": ",".join(map(str, sorted(late)))})
        _remove_calls(engine, column, value)
        hours = sorted(late | set(hours))
    if hours:
        engine.change_everywhere(_TOUCH, {"hours": hours})
    cut = engine.query("SELECT toString(now64(6, 'UTC'))").result_rows[0][0]
    _derive.derive(engine)
    for rollup, period in _derive.PERIODS.items():
        _forget(engine, f"{rollup}_log", period, hours, cut)
    for table in _tables_with(engine, column):
        _remove(engine, table, f"{column} = {{value:String}}", {"value": value})
    if since := _hours_of(engine, column, value):  # who calls again meanwhile is let in, and lost these sums as well
        engine.change_everywhere(_TOUCH, {"hours": since})
        _derive.derive(engine)
    for (begun,) in engine.query(_OPEN, {"subject": subject}).result_rows:
        _note(engine, "erasure", said, {"begun": begun, "hours": str(len(hours))})
    return Erased(calls, len(hours))


def _hours_of(engine: Engine, column: str, value: str) -> list[int]:
    sql = _HOURS.format(column=column, beside=_BESIDE.format(column=column))
    return [row[0] for row in engine.query(sql, {"value": value}).result_rows]


def _remove_calls(engine: Engine, column: str, value: str) -> None:
    """Remove every row of their calls: first what names somebody else, which is known by the rows that name them."""
    asked = {"value": value, "limit": MAX_LISTED}
    told_otherwise = _TOLD_OTHERWISE.format(column=column, beside=_BESIDE.format(column=column))
    while rows := engine.query(told_otherwise, asked).result_rows:
        _remove(
            engine,
            "llm_calls_log",
            "concat(trace_id, span_id) IN {ids:Array(String)}",
            {"ids": [row[0] for row in rows]},
        )
    _remove(engine, "llm_calls_log", f"{column} = {{value:String}}", {"value": value})


def _forget(engine: Engine, log: str, period: str, hours: Sequence[int], cut: str) -> None:
    """Remove the derivations of the hours that a newer one stands for; rows of hours that are derived no more stay."""
    if not hours:
        return
    since = engine.query("SELECT since FROM derivable_since").result_rows[0][0]
    start = "hour" if period == "hour" else "toDateTime(day, 'UTC')"
    starts = sorted({hour if period == "hour" else hour // 86_400 * 86_400 for hour in hours})
    _remove(engine, log, _SUPERSEDED.format(start=start), {"starts": starts, "cut": cut, "since": since})


def _tables_with(engine: Engine, column: str) -> list[str]:
    """Return the tables, other than that of the calls, in which a column of this name says whose rows they are."""
    sql = """
        SELECT c.table
        FROM system.columns AS c
        INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
        WHERE c.database = {database:String} AND c.name = {column:String} AND t.engine LIKE '%MergeTree'
            AND c.table != 'llm_calls_log'
        ORDER BY c.table
    """
    return [row[0] for row in engine.query(sql, {"database": _home(engine), "column": column}).result_rows]


def _remove(engine: Engine, table: str, condition: str, parameters: dict[str, object]) -> None:
    """Remove rows for good, and return when they are gone from the disk's newest parts."""
    on_cluster = f" ON CLUSTER '{engine.cluster}'" if engine.cluster else ""
    engine.change(f"ALTER TABLE {_home(engine)}.{table}{on_cluster} DELETE WHERE {condition}\n{_AT_ONCE}", parameters)


def _home(engine: Engine) -> str:
    """Return the database that holds the rows."""
    return shard_database(engine.database) if engine.cluster else engine.database


def _note(engine: Engine, kind: str, said: dict[str, object], details: dict[str, str]) -> None:
    now = datetime.now(UTC)
    event = said | {
        "kind": kind,
        "event_id": f"{str(said['subject'])[:16]}@{now.isoformat()}",
        "occurred_at": now,
        "severity": "info",
        "details": details,
    }
    engine.insert("cost_events_log", {name: [value] for name, value in event.items()}, {"async_insert": 0})
