"""Proof that the ledger is whole: what is derived equals the calls, every call is one row, no hour was left out.

Writing goes on meanwhile, so a difference may be a call that has come in since the last derivation. It is therefore
derived and compared again, and only what still differs then is a fault. A repair has corrections count where their
calls do, and touches the hours: they are derived anew from the calls, which are the truth.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

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
_ROLLUPS: Final = {
    "spend_hourly": ("hour", "spend_hourly", "true", ""),
    "session_spend": ("hour", "session_spend_hourly", "c.session_id != ''", ""),
    "request_attempts": ("hour", "request_attempts_hourly", "c.request_id != ''", ""),
    "spend_daily": ("day", "spend_daily", "true", ""),
    "tenant_spend_daily": ("day", "tenant_spend_daily", "true", ""),
    "prompt_shape_daily": ("day", "prompt_shape_daily", "true", ""),
    "spend_by_tag_daily": ("day", "spend_by_tag_daily", "true", _TAGS),
}
"""Of each rollup: its grain, the table to compare, which calls are in it, and how often."""

_NOTHING: Final = PicoUSD(0)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it must be.

    Attributes:
        kind: `derived_differs`, `told_twice`, `correction_alone` or `hour_not_noted`.
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
    grain, table, condition, join = _ROLLUPS[rollup]
    parts = {"period": _HOUR if grain == "hour" else _DAY, "grain": grain, "table": table, "join": join}
    counts_unpriced = rollup != "prompt_shape_daily"
    parts |= {"has_unpriced": str(int(counts_unpriced)), "unpriced": "r.unpriced_calls" if counts_unpriced else "0"}
    for row in rows_of(store, "derived_differs", day.parameters(), condition=condition, parts=parts):
        yield _difference(rollup, row)


def _difference(rollup: str, row: Mapping[str, Any]) -> Fault:
    return Fault(
        "derived_differs",
        f"{rollup} of {row['feature'] or '(unattributed)'}",
        row["period"] * 10**9,
        row["missing_calls"],
        cost_of(row["missing_list_cost"]) or PicoUSD(0),
    )
