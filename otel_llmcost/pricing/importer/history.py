"""When each price of a model is in force: closed spans of time that never overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, time
from typing import TYPE_CHECKING, Any, Final

from genai_prices.types import ConditionalPrice, ModelPrice, StartDateConstraint, TimeOfDateConstraint

from otel_llmcost.pricing.rates import MINUTES_A_WEEK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from genai_prices.types import ModelInfo

Prices = dict[str, Any]
"""Prices by the package's keys: a Decimal, or TieredPrices."""

_MINUTES_A_DAY: Final = 24 * 60
_WORKDAYS: Final = frozenset(range(5))
_EVERY_DAY: Final = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Span:
    """Prices in force from `begin` up to `end` (None: unbounded), in minutes of the week (empty: always)."""

    begin: date | None
    end: date | None
    minutes: frozenset[int]
    prices: Prices


@dataclass(frozen=True, slots=True)
class Peak:
    """What the package's time-of-day constraints cannot say, since each holds a date or a time and never both.

    Attributes:
        begins: The first day on which there are peak hours at all; None for ever since.
        priced_from: The first day for which the package holds the peak price; before it the price is unknown.
        workdays_from: The first day from which weekends have no peak hours; None for never.
    """

    begins: date | None = None
    priced_from: date | None = None
    workdays_from: date | None = None

    def days(self) -> set[date]:
        """Return the days on which something changes."""
        return {day for day in (self.begins, self.priced_from, self.workdays_from) if day}


PEAKS: Final[Mapping[tuple[str, str], Peak]] = {
    # https://api-docs.deepseek.com/quick_start/pricing and /updates, as the package's own comments report them:
    # peak hours since 2026-08-17, not at weekends since 2026-08-23. The peak price of deepseek-v4-flash is known
    # only since it is answered by V4.1 Flash. Chinese public holidays, off-peak too, are in no calendar of ours.
    ("deepseek", "deepseek-flash"): Peak(workdays_from=date.min),
    ("deepseek", "deepseek-v4-flash"): Peak(
        begins=date(2026, 8, 17), priced_from=date(2026, 9, 10), workdays_from=date(2026, 8, 23)
    ),
    ("deepseek", "deepseek-v4-pro"): Peak(begins=date(2026, 8, 17), workdays_from=date(2026, 8, 23)),
}


def history_of(model: ModelInfo, context: Mapping[str, str], peak: Peak) -> list[Span]:
    """Return the spans in which `model` has prices for a request of `context`, oldest first.

    An empty context gives the standard prices. A tier has spans only where the package has prices of its own for
    it; before that its price is unknown, which is not the same as the standard one.
    """
    entries = [ConditionalPrice(prices=model.prices)] if isinstance(model.prices, ModelPrice) else model.prices
    variants = [variant for variant in model.price_variants or () if variant.when == dict(context)]
    starts = [entry.constraint for entry in entries] + [variant.constraint for variant in variants]
    if any(isinstance(variant.constraint, TimeOfDateConstraint) for variant in variants):
        msg = f"{model.id}: a tier with hours of the day is new to this importer"
        raise ValueError(msg)
    days = {start.start_date for start in starts if isinstance(start, StartDateConstraint)} | peak.days()
    begins = [None, *sorted(days - {date.min})]
    spans: list[Span] = []
    for begin, end in zip(begins, [*begins[1:], None], strict=True):
        overlay = _overlay(variants, begin or date.min)
        if context and overlay is None:
            continue
        for minutes, prices in _week(entries, begin or date.min, peak):
            spans.append(Span(begin, end, minutes, prices | (overlay or {})))
    return _joined(spans)


def _overlay(variants: Iterable[Any], day: date) -> Prices | None:
    """Return what the variants in force on `day` say, the first of a key before the others; None if none is."""
    active = [variant for variant in variants if variant.constraint is None or variant.constraint.start_date <= day]
    if not active:
        return None
    overlay: Prices = {}
    for variant in active:
        overlay = _prices(variant.prices) | overlay
    return overlay


def _week(entries: list[ConditionalPrice], day: date, peak: Peak) -> Iterator[tuple[frozenset[int], Prices]]:
    """Yield the prices in force in a week from `day` on, each with its minutes (empty: all)."""
    taken: frozenset[int] = frozenset()
    windows: list[tuple[frozenset[int], Prices]] = []
    rest = _prices(entries[0].prices)
    for entry in reversed(entries):
        constraint = entry.constraint
        if isinstance(constraint, TimeOfDateConstraint):
            minutes = _minutes(constraint, day, peak) - taken
            taken |= minutes
            if minutes and (peak.priced_from is None or day >= peak.priced_from):
                windows.append((minutes, _prices(entry.prices)))
        elif constraint is None or constraint.start_date <= day:
            rest = _prices(entry.prices)
            break
    yield (frozenset(range(MINUTES_A_WEEK)) - taken if taken else frozenset(), rest)
    while windows:
        minutes, prices = windows.pop()
        for same in [window for window in windows if window[1] == prices]:
            windows.remove(same)
            minutes |= same[0]
        yield (minutes, prices)


def _minutes(constraint: TimeOfDateConstraint, day: date, peak: Peak) -> frozenset[int]:
    """Return the minutes of the week that a time of day covers in a week from `day` on."""
    if peak.begins is not None and day < peak.begins:
        return frozenset()
    weekdays = _WORKDAYS if peak.workdays_from is not None and day >= peak.workdays_from else _EVERY_DAY
    start, end = _minute(constraint.start_time), _minute(constraint.end_time)
    length = (end - start) % _MINUTES_A_DAY
    return frozenset(
        (weekday * _MINUTES_A_DAY + start + offset) % MINUTES_A_WEEK for weekday in weekdays for offset in range(length)
    )


def _minute(moment: time) -> int:
    offset = moment.utcoffset()
    if offset or moment.second or moment.microsecond:
        msg = f"{moment} is no whole minute in UTC"
        raise ValueError(msg)
    return moment.hour * 60 + moment.minute


def _prices(price: ModelPrice) -> Prices:
    return {key: value for key, value in vars(price).items() if value is not None}


def _joined(spans: list[Span]) -> list[Span]:
    """Return the spans with neighbours of the same prices and minutes made one."""
    joined: list[Span] = []
    for span in spans:
        same = [one for one in joined if (one.end, one.minutes, one.prices) == (span.begin, span.minutes, span.prices)]
        if same and span.begin is not None:
            joined[joined.index(same[0])] = replace(same[0], end=span.end)
        else:
            joined.append(span)
    return joined
