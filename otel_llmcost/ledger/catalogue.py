"""The catalogue: a first one from what was seen, and loading one, each entry with the day from which it holds.

A first limit follows the age of the feature. A new one may spend 5 USD a day before somebody is told and 25 at most.
After a week it is the week's average day that counts, after a month the month's dearest day, times two factors that
depend on how much traffic there is: the more, the less it varies.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.config.catalogue import TEXTS, Feature, Limit
from otel_llmcost.errors import ConfigError
from otel_llmcost.money import PICO_PER_USD, PicoUSD, pico_usd
from otel_llmcost.reports.queries import cost_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from otel_llmcost.config.catalogue import Catalogue
    from otel_llmcost.store import Store

WEEK_DAYS: Final = 7
MONTH_DAYS: Final = 30
NEW: Final = (pico_usd("5"), pico_usd("25"))
BUFFER: Final = Decimal("1.2")
"""A first monthly budget is what the last month cost, and a fifth more."""

SMALL_CALLS, LARGE_CALLS = 1_000, 100_000
_CENT: Final = Decimal("0.01")
_OF_WEEK: Final = (Decimal("1.5"), Decimal(3))
_OF_MONTH: Final = (Decimal("1.5"), Decimal(4))
_LARGE: Final = (Decimal("1.2"), Decimal(2))
_SMALL: Final = (Decimal(2), Decimal(5))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a feature has cost on whole days.

    Attributes:
        feature: Its name; team is the one that called most.
        age_days: Whole days since the first call.
        calls_a_day: Of the last seven days, on average.
        week_cost: Pico-USD of the last seven days.
        month_peak: Pico-USD of the dearest of the last thirty days; month_cost of all of them.
    """

    feature: str
    team: str
    age_days: int
    calls_a_day: int
    week_cost: PicoUSD
    month_peak: PicoUSD
    month_cost: PicoUSD


def seen(store: Store, today: date) -> list[Seen]:
    """Return what was seen of every feature before a day (UTC)."""
    return [
        Seen(**row | {name: cost_of(row[name]) or PicoUSD(0) for name in ("week_cost", "month_peak", "month_cost")})
        for row in rows_of(store, "features_seen", {"today": today})
    ]


def first_limit(feature: Seen) -> Limit:
    """Return the daily limit that fits a feature of this age and size."""
    warn, cap = NEW
    reason = "new: no week of data yet"
    if feature.age_days >= MONTH_DAYS and feature.month_peak:
        factors = _factors(feature, _OF_MONTH)
        warn, cap = (_times(feature.month_peak, factor) for factor in factors)
        reason = f"{factors[0]} and {factors[1]} times the dearest day of the last month"
    elif feature.age_days >= WEEK_DAYS and feature.week_cost:
        factors = _factors(feature, _OF_WEEK)
        warn, cap = (_times(feature.week_cost, factor / WEEK_DAYS) for factor in factors)
        reason = f"{factors[0]} and {factors[1]} times the average day of the last week"
    return Limit(
        scope=(("feature", feature.feature),), per="", window="day", since=None, warn=warn, cap=cap, reason=reason
    )


def first_budget(features: Sequence[Seen]) -> Limit | None:
    """Return a monthly budget for everything; None before a month has been seen."""
    if max((each.age_days for each in features), default=0) < MONTH_DAYS:
        return None
    cap = _times(PicoUSD(sum(each.month_cost for each in features)), BUFFER)
    return Limit(
        scope=(), per="", window="month", since=None, warn=None, cap=cap, reason="the last thirty days and a fifth more"
    )


def _factors(feature: Seen, usual: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    if feature.calls_a_day > LARGE_CALLS:
        return _LARGE
    return _SMALL if feature.calls_a_day < SMALL_CALLS else usual


def _times(cost: PicoUSD, factor: Decimal) -> PicoUSD:
    """Return a cost times a factor, rounded up to the cent."""
    usd = (Decimal(cost) / PICO_PER_USD * factor).quantize(_CENT, ROUND_CEILING)
    return pico_usd(usd)


def load(store: Store, catalogue: Catalogue, *, today: date, actor: str) -> dict[str, int]:
    """Write what differs from what holds on the day an entry begins, and return how many entries of each kind changed.

    Args:
        store: The ledger.
        catalogue: What the file says; a section that it does not have stays as it is.
        today: The day from which an entry without a day of its own holds.
        actor: Who loads it.

    Raises:
        ConfigError: An entry was changed and its day was not, so that the days since then would say something else.
            Nothing was written.
    """
    changes: dict[str, list[dict[str, Any]]] = {}
    if catalogue.features is not None:
        rows = list(map(_feature_row, catalogue.features))
        changes["features"] = _all_changes(store, "features", ("feature",), rows, today)
    if catalogue.limits is not None:
        rows = [_limit_row(limit, actor) for limit in catalogue.limits]
        changes["limits"] = _all_changes(store, "limits", ("scope", "per", "window"), rows, today)
    for section, written in changes.items():
        store.record(f"{section}_log", written)
    changed = {section: len(written) for section, written in changes.items()}
    if catalogue.tags is not None:
        changed["tags"] = _load_tags(store, catalogue.tags)
    if catalogue.retention is not None:
        changed["retention"] = int(store.retain(dict(catalogue.retention)))
    return changed


def _feature_row(feature: Feature) -> dict[str, Any]:
    return {
        "feature": feature.name,
        "effective_from": feature.since,
        **dict.fromkeys(TEXTS, ""),
        **dict(feature.texts),
        "expected_calls_per_request": feature.expected_calls_per_request,
    }


def _limit_row(limit: Limit, actor: str) -> dict[str, Any]:
    names = ("feature", "team", "environment", "tenant", "workload", "agent")
    usd = {"warn": limit.warn, "cap": limit.cap}
    return {
        "scope": limit.scope_text,
        "per": limit.per,
        "window": limit.window,
        "effective_from": limit.since,
        **dict.fromkeys(names, ""),
        **dict(limit.scope),
        **{name: None if cost is None else Decimal(cost) / PICO_PER_USD for name, cost in usd.items()},
        "reason": limit.reason,
        "actor": actor,
    }


def _all_changes(
    store: Store, table: str, key: tuple[str, ...], rows: list[dict[str, Any]], today: date
) -> list[dict[str, Any]]:
    """Return what makes the store say what the file says: of an entry from its day, of one that is gone from today."""
    held: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for old in sorted(store.recorded(f"{table}_log"), key=itemgetter("effective_from")):
        held.setdefault(tuple(old[name] for name in key), []).append(old)
    said = {tuple(row[name] for name in key): row for row in rows}
    changes = list[dict[str, Any]]()
    for identity in dict.fromkeys((*said, *held)):
        changes += _changes(held.get(identity, []), said.get(identity), today, f"{table} {_name_of(key, identity)}")
    return changes


def _changes(
    held: Sequence[Mapping[str, Any]], said: Mapping[str, Any] | None, today: date, entry: str
) -> Iterator[dict[str, Any]]:
    """Yield the rows that are to be written of one entry, which the file may say no more."""
    since = said["effective_from"] if said else None
    begin: date = since or today
    before = [old for old in held if old["effective_from"] <= begin]
    if since and since < today and before and before[-1]["effective_from"] == since and _differs(before[-1], said):
        msg = (
            f"{entry} says something else than when it was loaded, and still `from: {since}`: write the day from which "
            f"the change holds, or leave `from` out for today. To correct the past, leave it out and load with "
            f"`--from {since}`"
        )
        raise ConfigError(msg)
    if _differs(before[-1] if before else None, said):
        yield _row(said or before[-1], begin, is_removed=said is None)
    # What was said of days to come, or of days for which the file now says something else, must not come back.
    for old in held[len(before) :]:
        if _differs(old, said):
            yield _row(said or old, old["effective_from"], is_removed=said is None)


def _differs(old: Mapping[str, Any] | None, said: Mapping[str, Any] | None) -> bool:
    """Tell whether a row of the store means something else than the file."""
    old = None if old is None or old["is_removed"] else old
    if old is None or said is None:
        return old is not said
    return any(old[name] != value for name, value in said.items() if name not in ("effective_from", "actor"))


def _row(said: Mapping[str, Any], begin: date, *, is_removed: bool) -> dict[str, Any]:
    row = {name: value for name, value in said.items() if name != "loaded_at"}
    return row | {"effective_from": begin, "is_removed": is_removed}


def _name_of(key: Sequence[str], identity: Sequence[str]) -> str:
    if len(key) == 1:
        return identity[0]
    return ", ".join(f"{name} {value}" for name, value in zip(key, identity, strict=True) if value) or "of everything"


def _load_tags(store: Store, tags: Sequence[str]) -> int:
    """Write which tags are reported; what was derived without them is derived anew.

    That is asked for first: a run that is cut short in between has changed nothing, and the next one does both. Hours
    stay due for long enough not to be derived before the tags are there.
    """
    held = {str(key) for (key,) in store.query("SELECT tag_key FROM reported_tags")}
    changes = [{"tag_key": key, "is_reported": key in tags} for key in sorted(held ^ set(tags))]
    if changes:
        hours = store.query("SELECT DISTINCT toUnixTimestamp(hour) FROM touched_hours")
        store.touch(int(str(hour)) * 10**9 for (hour,) in hours)
        store.record("reported_tags_log", changes)
    return len(changes)
