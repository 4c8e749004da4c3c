"""Books: a month that is closed never changes.

Closing copies what the month cost by then. What is still found out of it afterwards (a late call, an erasure) is booked
in the next month that is closed, by its own month, and so is a month before it that nobody closed; repricing leaves
closed months alone. So the books of all months together are what all calls up to the last of them cost when it was
closed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import ConfigError
from otel_llmcost.money import PicoUSD
from otel_llmcost.reports.queries import cost_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.store import Store

_CLOSED: Final = "SELECT month FROM closed_months ORDER BY month"
_CLOSED_AT: Final = "SELECT toUnixTimestamp64Micro(changed_at) FROM closed_months WHERE month = {month:Date}"
_LAST_SAID: Final = "SELECT toUnixTimestamp64Micro(max(changed_at)) FROM closed_months_log"
_IN_BOOKS: Final = "SELECT month, calls, list_cost, effective_cost FROM books WHERE booked_in = {month:Date}"
_TOLD: Final = "SELECT count() FROM cost_events WHERE event_id = {event:String}"


@dataclass(frozen=True, slots=True)
class Booked:
    """What was booked in a month, of one month of calls.

    Attributes:
        month: In which the calls started, by its first day.
        calls: How many; of earlier months what was not booked of them, less what was and has gone.
        list_cost: Pico-USD at published prices; effective_cost after negotiated ones.
    """

    month: date
    calls: int
    list_cost: PicoUSD
    effective_cost: PicoUSD


def close(store: Store, month: date, *, actor: str, reason: str, today: date) -> tuple[Booked, ...]:
    """Close the books of a month and return what stands in them, the month itself first.

    A run that was cut short before the month was closed has closed nothing; one that was cut short after that has not
    told so in `cost_events`, and the next one does.

    Args:
        store: The ledger.
        month: Its first day.
        actor: Who closes it, for the record.
        reason: Why, likewise.
        today: The present day (UTC).

    Raises:
        ConfigError: The month is not over, is closed, or a later one is.
    """
    closed = _closed(store)
    if (month + timedelta(days=31)).replace(day=1) > today:
        msg = f"{month:%Y-%m} is not over; it can be closed from the first day of the next month (UTC)"
        raise ConfigError(msg)
    if month in closed:
        return _told_at_last(store, month, actor, reason)
    if closed and closed[-1] > month:
        msg = f"{closed[-1]:%Y-%m} is closed already, and months are closed in their order"
        raise ConfigError(msg)
    store.derive()
    rows = rows_of(store, "to_book", {"month": month})
    moment = _now(store)
    store.record("books_log", [row | {"booked_in": month, "closed_at": moment} for row in rows])
    _say(store, month, moment, is_closed=True, actor=actor, reason=reason)
    return _told(store, month, moment, rows, actor, reason)


def _told_at_last(store: Store, month: date, actor: str, reason: str) -> tuple[Booked, ...]:
    """Tell of a closing after which the run was cut short."""
    ((closed_us,),) = store.query(_CLOSED_AT, {"month": month}).rows
    moment = datetime.fromtimestamp(int(str(closed_us)) / 10**6, UTC)
    if store.query(_TOLD, {"event": _event_id(month, moment)}).rows != ((0,),):
        msg = f"{month:%Y-%m} is closed already"
        raise ConfigError(msg)
    return _told(store, month, moment, store.query(_IN_BOOKS, {"month": month}).dicts(), actor, reason)


def _told(
    store: Store, month: date, moment: datetime, rows: Sequence[dict[str, Any]], actor: str, reason: str
) -> tuple[Booked, ...]:
    found = _by_month(rows)
    store.record("cost_events_log", [_event(month, moment, found, actor, reason)])
    return tuple(sorted(found, key=lambda booked: (booked.month != month, booked.month)))


def reopen(store: Store, month: date, *, actor: str, reason: str) -> None:
    """Take back the closing of the month that was closed last.

    Raises:
        ConfigError: It is not closed, or a later one is.
    """
    closed = _closed(store)
    if month not in closed:
        msg = f"{month:%Y-%m} is not closed"
        raise ConfigError(msg)
    if closed[-1] != month:
        msg = f"{closed[-1]:%Y-%m} is closed, too, and stands on the books of {month:%Y-%m}; open it first"
        raise ConfigError(msg)
    _say(store, month, _now(store), is_closed=False, actor=actor, reason=reason)


def _now(store: Store) -> datetime:
    """Return the present, but never before what was said last: the newest word counts, and clocks differ."""
    ((last_us,),) = store.query(_LAST_SAID).rows
    return datetime.fromtimestamp(max(time.time_ns() // 1_000, int(str(last_us)) + 1) / 10**6, UTC)


def _closed(store: Store) -> list[date]:
    return [month for (month,) in store.query(_CLOSED) if isinstance(month, date)]


def _say(store: Store, month: date, moment: datetime, *, is_closed: bool, actor: str, reason: str) -> None:
    said = {"month": month, "is_closed": is_closed, "actor": actor, "reason": reason, "changed_at": moment}
    store.record("closed_months_log", [said])


def _by_month(rows: Sequence[dict[str, Any]]) -> list[Booked]:
    months = sorted({row["month"] for row in rows})
    sums = []
    for month in months:
        of_month = [row for row in rows if row["month"] == month]
        listed, effective = (
            PicoUSD(sum(cost_of(row[name]) or 0 for row in of_month)) for name in ("list_cost", "effective_cost")
        )
        sums.append(Booked(month, sum(row["calls"] for row in of_month), listed, effective))
    return sums


def _event(month: date, moment: datetime, found: Sequence[Booked], actor: str, reason: str) -> dict[str, Any]:
    return {
        "occurred_at": moment,
        "kind": "month_closed",
        "event_id": _event_id(month, moment),
        "severity": "info",
        "subject": f"{month:%Y-%m}",
        "calls": sum(booked.calls for booked in found),
        "list_cost": f"{sum(booked.list_cost for booked in found)}e-12",
        "actor": actor,
        "reason": reason,
    }


def _event_id(month: date, moment: datetime) -> str:
    return f"{month:%Y-%m}@{moment.isoformat()}"
