"""Proof that the ledger is whole: what is derived equals the calls, every call is one row, no hour was left out.

Writing goes on meanwhile, so a difference may be a call that has come in since the last derivation. It is therefore
derived and compared again, and only what still differs then is a fault. A repair has corrections count where their
calls do, and touches the hours: they are derived anew from the calls, which are the truth.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import usage
from otel_llmcost.money import PicoUSD
from otel_llmcost.reports.queries import cost_of, rows_of
from otel_llmcost.reports.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from otel_llmcost.store import Store

HOUR_NS: Final = 3_600_000_000_000
DAY_NS: Final = 24 * HOUR_NS
TRIES: Final = 3
OWNER_DERIVES_WITHIN_S: Final = 3
NAMED: Final = 100
"""So many calls that stand in the wrong number of rows are named for each day."""

_HOUR: Final = "toUnixTimestamp(toStartOfHour(c.started_at))"
_DAY: Final = "toUnixTimestamp(toDateTime(toDate(c.started_at), 'UTC'))"
_TAGS: Final = (
    "ARRAY JOIN arrayIntersect(mapKeys(c.tags), (SELECT groupArray(toString(tag_key)) FROM reported_tags)) AS tag"
)
_RAW: Final = {
    "calls": "toInt64(countIf(c.correction_id = ''))",
    "errors": "toInt64(countIf(c.correction_id = '' AND c.error_type != ''))",
    "unpriced_calls": "toInt64(countIf(c.correction_id = '' AND c.list_cost IS NULL)) - sum(c.newly_priced)",
    "retries": "toInt64(countIf(c.correction_id = '' AND c.attempt_kind != 'first'))",
    "duration_ns": "sumIf(c.duration_ns, c.correction_id = '')",
    "list_cost": "sum(ifNull(toDecimal128(c.list_cost, 12), 0))",
    "effective_cost": "sum(ifNull(toDecimal128(c.effective_cost, 12), 0))",
    "response_model": "if(c.response_model = '', c.request_model, c.response_model)",
    "tag_key": "tag",
    "tag_value": "c.tags[tag]",
}
"""What a name or sum of a rollup is in terms of the calls, where it is not the column of that name, or its sum."""

_ALWAYS: Final = ("calls", "input_tokens", "output_tokens", "list_cost", "effective_cost")
_USUAL: Final = (*_ALWAYS, "errors", "unpriced_calls", "cache_read_tokens")
_EVERY_COUNT: Final = (*dict.fromkeys((*_USUAL, "retries", *usage.FIELDS)),)


@dataclass(frozen=True, slots=True)
class _Rollup:
    """A rollup as it is compared.

    Attributes:
        grain: `hour` or `day`.
        names: What its rows are told apart by, besides that and the feature.
        sums: What is compared of each row. What a migration has added later is not: older rows do not know it.
        table: What is read, where it has another name.
        condition: Which calls are in it; join: how often.
    """

    grain: str
    names: tuple[str, ...]
    sums: tuple[str, ...]
    table: str = ""
    condition: str = "true"
    join: str = ""


_WHAT: Final = ("team", "environment", "provider", "response_model")
_WHO: Final = ("workload", "agent", "service_name", "operation")
_PROMPT: Final = ("operation", "prompt_name", "prompt_version", "prompt_hash")
_ROLLUPS: Final = {
    "spend_hourly": _Rollup("hour", (*_WHAT, *_WHO, "tenant"), _EVERY_COUNT),
    "session_spend": _Rollup(
        "hour",
        ("environment", "tenant", "session_id"),
        (*_USUAL, "retries", "duration_ns"),
        table="session_spend_hourly",
        condition="c.session_id != ''",
    ),
    "request_attempts": _Rollup(
        "hour",
        ("environment", "tenant", "request_id"),
        (*_ALWAYS, "errors", "unpriced_calls", "retries", "duration_ns"),
        table="request_attempts_hourly",
        condition="c.request_id != ''",
    ),
    "spend_daily": _Rollup("day", (*_WHAT, *_WHO), (*_EVERY_COUNT, "duration_ns")),
    "tenant_spend_daily": _Rollup("day", (*_WHAT, "tenant"), (*_USUAL, "retries")),
    "prompt_shape_daily": _Rollup("day", (*_WHAT, *_PROMPT), (*_ALWAYS, "cache_read_tokens")),
    "spend_by_tag_daily": _Rollup("day", ("team", "environment", "tag_key", "tag_value"), _USUAL, join=_TAGS),
}

_NOTHING: Final = PicoUSD(0)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it must be.

    Attributes:
        kind: `derived_differs`, `called_whole`, `told_twice`, `correction_alone` or `hour_not_noted`.
        subject: The rollup and feature, or the call.
        period_ns: Unix nanoseconds at which the hour or day begins.
        missing_calls: How many calls the rollup lacks, negative where it has too many.
        missing_cost: Pico-USD likewise, at published prices.
        can_be_repaired: Whether a repair may put it right.
    """

    kind: str
    subject: str
    period_ns: int
    missing_calls: int = 0
    missing_cost: PicoUSD = _NOTHING
    can_be_repaired: bool = True


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and what was found.

    Attributes:
        calls: Calls of the window.
        faults: What was wrong; repaired is what of it no longer is.
    """

    calls: int
    faults: tuple[Fault, ...]
    repaired: tuple[Fault, ...] = ()


def verify(
    store: Store,
    window: Window,
    *,
    repairs: bool = False,
    on_progress: Callable[[int], None] = lambda _days: None,
) -> Verification:
    """Compare all that is derived with the calls of a window, day by day.

    Args:
        store: The ledger.
        window: Widened to whole days (UTC), and narrowed to what can be derived still.
        repairs: Whether to derive anew what differs.
        on_progress: Told how many days are done.
    """
    _derive(store)
    calls, faults, repaired = 0, list[Fault](), list[Fault]()
    for number, day in enumerate(_days(store, window), 1):
        calls += sum(row["calls"] for row in rows_of(store, "busy_hours", day.parameters()))
        found = _settled_faults(store, day)
        if repairs and any(fault.can_be_repaired for fault in found):
            store.follow(_alone(found))
            store.touch(range(day.since_ns, day.until_ns, HOUR_NS))
            store.derive()
            left = _settled_faults(store, day)
            repaired += [fault for fault in found if fault not in left]
            found = left
        faults += found
        on_progress(number)
    return Verification(calls, tuple(faults), tuple(repaired))


def _days(store: Store, window: Window) -> Iterator[Window]:
    since = store.query("SELECT toUnixTimestamp(since) FROM derivable_since").rows[0][0]
    # A day that has begun before all calls are there any more is derived by the hour, but not by the day.
    first_whole_ns = -(-int(str(since)) * 10**9 // DAY_NS) * DAY_NS
    begin_ns = max(window.since_ns // DAY_NS * DAY_NS, first_whole_ns)
    for since_ns in range(begin_ns, window.until_ns, DAY_NS):
        yield Window(since_ns=since_ns, until_ns=since_ns + DAY_NS)


def _settled_faults(store: Store, day: Window) -> list[Fault]:
    """Return what is wrong with a day, without what a derivation puts right by itself."""
    found = _faults(store, day)
    for _ in range(TRIES - 1):
        if not found:
            break
        _derive(store)
        found = _faults(store, day)
    return found


def _derive(store: Store) -> None:
    """Have what was written be derived: by its owner, where we only ask a process that has the embedded store."""
    if store.is_read_only:
        time.sleep(OWNER_DERIVES_WITHIN_S)
    else:
        store.derive()


def _faults(store: Store, day: Window) -> list[Fault]:
    faults = [fault for rollup in _ROLLUPS for fault in _differences(store, day, rollup)]
    faults += [
        Fault(
            "called_whole",
            f"{row['sessions']} session{'s' * (row['sessions'] != 1)} of {row['feature'] or '(unattributed)'}",
            row["period"] * 10**9,
        )
        for row in rows_of(store, "called_whole", day.parameters())
    ]
    faults += [_difference("dearest_calls", row) for row in rows_of(store, "dearest_differ", day.parameters())]
    for row in rows_of(store, "calls_told_twice", day.parameters() | {"limit": NAMED}):
        kind = "told_twice" if row["calls"] else "correction_alone"
        call = f"{row['trace_id']}/{row['span_id']}"
        faults.append(Fault(kind, call, row["hour_ns"], row["calls"] - 1, can_be_repaired=not row["calls"]))
    faults += [
        Fault("hour_not_noted", "touched_hours", row["hour_ns"])
        for row in rows_of(store, "unnoted_hours", day.parameters())
    ]
    return faults


def _alone(faults: Sequence[Fault]) -> list[tuple[str, str, int]]:
    """Return trace id, span id and hour of the calls that do not count, though corrections of them do."""
    return [(*_key(fault.subject), fault.period_ns) for fault in faults if fault.kind == "correction_alone"]


def _key(subject: str) -> tuple[str, str]:
    trace_id, _, span_id = subject.partition("/")
    return trace_id, span_id


def _differences(store: Store, day: Window, rollup: str) -> Iterator[Fault]:
    kind = _ROLLUPS[rollup]
    parts = _parts_of(kind) | {"grain": kind.grain, "table": kind.table or rollup, "join": kind.join}
    for row in rows_of(store, "derived_differs", day.parameters(), condition=kind.condition, parts=parts):
        yield _difference(rollup, row)


def _parts_of(kind: _Rollup) -> dict[str, str]:
    """Return the SQL of what is compared: of the calls, of the rollup, and of both together."""
    names = [(_RAW.get(name, f"c.{name}"), f"r.{name}") for name in kind.names]
    sums = [(name, _RAW.get(name, f"sum(c.{name})")) for name in kind.sums]
    nothing = {name: "toDecimal128(0, 12)" if name.endswith("_cost") else "0" for name in kind.sums}
    return {
        "period": _HOUR if kind.grain == "hour" else _DAY,
        "names": f"({', '.join(f'toString({raw})' for raw, _ in names)}) AS names",
        "derived_names": f"({', '.join(f'toString({derived})' for _, derived in names)}) AS names",
        "sums": ", ".join(f"{raw} AS {name}" for name, raw in sums),
        "derived_sums": ", ".join(f"-sum(ifNull(r.{name}, {nothing[name]})) AS {name}" for name in kind.sums),
        "missing": ", ".join(f"sum(b.{name}) AS {name}" for name in kind.sums),
        "differs": " OR ".join(f"{name} != 0" for name in kind.sums),
    }


def _difference(rollup: str, row: Mapping[str, Any]) -> Fault:
    return Fault(
        "derived_differs",
        f"{rollup} of {row['feature'] or '(unattributed)'}",
        row["period"] * 10**9,
        row["missing_calls"],
        cost_of(row["missing_list_cost"]) or PicoUSD(0),
    )
