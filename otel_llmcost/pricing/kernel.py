"""Prices a batch of calls by column: what bills each kind of call is found once, the arithmetic is numpy's.

Nothing is approximated. A call that int64 cannot price without overflow, and one that is out of the ordinary (counts
that are missing or impossible, a meter without a rate or with one by the hour, a sum beyond what a row can hold), is
left to the scalar engine. So this gives what the engine gives on every input, but for the lines of each price.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_llmcost.call import LLMCall
from otel_llmcost.money import ROW_LIMIT
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.pricing.sheets import MOST, SUM, Sheets
from otel_llmcost.usage import FIELDS, Usage, UsageMeter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from otel_llmcost.money import PicoUSD
    from otel_llmcost.pricing.pricer import Pricer
    from otel_llmcost.pricing.sheets import Ints

    Flags = npt.NDArray[np.bool_]

_COUNT_BITS: Final = 40
"""A count of more bits is left to the engine, so that no sum of counts overflows."""

_METERS: Final = tuple(UsageMeter)
_NOTHING: Final = Usage()
_counts_of: Final = attrgetter(*FIELDS)


def _parts_of_meters() -> dict[UsageMeter, tuple[tuple[str, int], ...]]:
    """Return for each meter the fields of `Usage` that it is the sum of, 1 or -1 times, as `disjoint` has them."""
    wholes = {"input_tokens": 10_000, "output_tokens": 10_000, "cache_read_tokens": 1_000}
    base = {name: wholes.get(name, 200 if name.startswith("input_") else 100) for name in FIELDS}
    before = Usage(**base).disjoint()
    parts: dict[UsageMeter, list[tuple[str, int]]] = {meter: [] for meter in _METERS}
    for name in FIELDS:
        after = Usage(**(base | {name: base[name] + 1})).disjoint()
        for meter in _METERS:
            if change := after[meter] - before[meter]:
                parts[meter].append((name, change))
    return {meter: tuple(each) for meter, each in parts.items()}


_PARTS: Final = _parts_of_meters()


@dataclass(slots=True, kw_only=True)
class CallColumns:
    """Calls by column, as far as their price needs them.

    Attributes:
        kinds: The fields of `Pricer.kind`, a tuple a call.
        started_at_ns: Unix nanoseconds at which each began.
        counts: The usage by the names of its fields; one that is left out is 0 throughout.
        has_usage: Which calls told any counts; None where all did.
        aside: Calls with numbers that int64 cannot hold, by their place, in which the columns hold 0.
    """

    kinds: list[tuple[Any, ...]]
    started_at_ns: Ints
    counts: Mapping[str, Ints]
    has_usage: Flags | None = None
    aside: Mapping[int, LLMCall] = field(default_factory=dict)

    def call(self, place: int, names: Sequence[str]) -> LLMCall:
        """Return a call, as far as its price needs it; `names` are those of its kind."""
        if place in self.aside:
            return self.aside[place]
        is_told = self.has_usage is None or bool(self.has_usage[place])
        counts = {name: int(column[place]) for name, column in self.counts.items()} if is_told else None
        return LLMCall(
            trace_id="",
            span_id="",
            started_at_ns=int(self.started_at_ns[place]),
            usage=None if counts is None else Usage(**counts),
            **dict(zip(names, self.kinds[place], strict=True)),
        )


@dataclass(slots=True, kw_only=True)
class PriceColumns:
    """The prices of a batch by column, in the order of its calls. Costs are pico-USD, None where they are unknown."""

    status: list[PriceStatus]
    list_cost: list[PicoUSD | None]
    effective_cost: list[PicoUSD | None]
    rate_id: list[str]
    match_kind: list[str]
    detail: list[str]
    rate_table_version: str
    overlay_version: str
    by_engine: int = 0
    """How many of them the scalar engine priced."""

    def each(self) -> Iterator[Pricing]:
        """Yield the price of each call, without its lines."""
        return map(
            Pricing,
            self.status,
            self.list_cost,
            self.effective_cost,
            self.rate_id,
            repeat(self.rate_table_version),
            repeat(self.overlay_version),
            self.match_kind,
            repeat(()),
            self.detail,
        )


class Kernel:
    """Prices batches of calls. It remembers what bills each kind of them, so keep it as long as the rates hold.

    Args:
        pricer: The rates.
    """

    __slots__ = ("_pricer", "_sheets")

    def __init__(self, pricer: Pricer) -> None:
        self._pricer, self._sheets = pricer, Sheets(pricer)

    def price(self, calls: Sequence[LLMCall]) -> PriceColumns:
        """Return the prices of calls."""
        return self.price_columns(columns_of(calls, self._pricer))

    def price_columns(self, columns: CallColumns) -> PriceColumns:
        """Return the prices of calls that are told by column."""
        sheets, names = self._sheets, self._pricer.kind
        terms = sheets.terms_of(columns.kinds, columns.started_at_ns)
        quantities, aside = _quantities(columns)
        rows = sheets.rows_of(terms, columns.counts.get("input_tokens"))
        aside |= sheets.odd[terms] | _beyond(quantities, rows, sheets)
        if aside.any():
            quantities = {meter: np.where(aside, 0, quantity) for meter, quantity in quantities.items()}
        cost = _sum_of(quantities, sheets.prices, rows)
        aside |= cost >= ROW_LIMIT
        effective = cost
        if self._pricer.overlay:
            effective, is_too_much = _effective(quantities, cost, terms, rows, sheets)
            aside |= is_too_much | (effective >= ROW_LIMIT)
        answer = self._answer(terms, cost, effective)
        for place in np.flatnonzero(aside).tolist():
            self._price_one(answer, place, columns.call(place, names))
        return answer

    def _answer(self, terms: Ints, cost: Ints, effective: Ints) -> PriceColumns:
        sheets = self._sheets
        listed = cost.astype(object)
        listed[sheets.unlisted[terms]] = None
        paid = listed
        if self._pricer.overlay:
            paid = effective.astype(object)
            paid[sheets.unpaid[terms]] = None
        status, rate_id, match_kind, detail = (column[terms].tolist() for column in sheets.about)
        return PriceColumns(
            status=status,
            list_cost=listed.tolist(),
            effective_cost=paid.tolist(),
            rate_id=rate_id,
            match_kind=match_kind,
            detail=detail,
            rate_table_version=self._pricer.table.version,
            overlay_version=self._pricer.overlay_version,
        )

    def _price_one(self, answer: PriceColumns, place: int, call: LLMCall) -> None:
        priced = self._pricer.price(call)
        answer.status[place] = priced.status
        answer.list_cost[place], answer.effective_cost[place] = priced.list_cost, priced.effective_cost
        answer.rate_id[place], answer.match_kind[place] = priced.rate_id, priced.match_kind
        answer.detail[place] = priced.detail
        answer.by_engine += 1


def columns_of(calls: Sequence[LLMCall], pricer: Pricer) -> CallColumns:
    """Return calls by column."""
    usages = [call.billable for call in calls]
    numbers = [(call.started_at_ns, *_counts_of(usage or _NOTHING)) for call, usage in zip(calls, usages, strict=True)]
    aside: dict[int, LLMCall] = {}
    try:
        table = np.array(numbers, np.int64)
    except OverflowError:
        for place, row in enumerate(numbers):
            if max(map(abs, row)) > MOST:
                aside[place], numbers[place] = calls[place], (0,) * len(row)
        table = np.array(numbers, np.int64)
    started_at_ns, *counts = table.reshape(-1, 1 + len(FIELDS)).T.copy()
    return CallColumns(
        kinds=list(map(pricer.kind_of, calls)),
        started_at_ns=started_at_ns,
        counts={name: column for name, column in zip(FIELDS, counts, strict=True) if column.any()},
        has_usage=np.array([usage is not None for usage in usages]) if None in usages else None,
        aside=aside,
    )


def _quantities(columns: CallColumns) -> tuple[dict[UsageMeter, Ints], Flags]:
    """Return how many units of each meter every call has, and which calls have to be priced elsewhere.

    A meter of which the whole batch has nothing is left out.
    """
    counts = columns.counts
    aside = np.zeros(len(columns.kinds), np.bool_)
    aside[list(columns.aside)] = True
    if columns.has_usage is not None:
        aside |= ~columns.has_usage
    for column in counts.values():
        if column.size and (column.min() < 0 or int(column.max()) >> _COUNT_BITS):
            aside |= (column >> _COUNT_BITS) != 0
    if aside.any():
        counts = {name: np.where(aside, 0, column) for name, column in counts.items()}
    quantities: dict[UsageMeter, Ints] = {}
    for meter, parts in _PARTS.items():
        told = [(counts[name], sign) for name, sign in parts if name in counts]
        if told:
            quantity = told[0][0] if told[0][1] > 0 else -told[0][0]
            for column, sign in told[1:]:
                quantity = quantity + column if sign > 0 else quantity - column
            if len(told) > 1 or told[0][1] < 0:
                aside |= quantity < 0
            quantities[meter] = quantity
    return quantities, aside


def _beyond(quantities: Mapping[UsageMeter, Ints], rows: Ints, sheets: Sheets) -> Flags:
    """Return which calls have units without a price here, or so many units that their cost might overflow."""
    units = np.zeros(rows.size, np.int64)
    beyond = np.zeros(rows.size, np.bool_)
    for meter, quantity in quantities.items():
        units += np.abs(quantity)
        lacking = sheets.lacking[_METERS.index(meter)]
        if lacking.any():
            beyond |= lacking[rows] & (quantity != 0)
    return beyond | (units > sheets.most_units[rows])


def _sum_of(quantities: Mapping[UsageMeter, Ints], prices: Ints, rows: Ints) -> Ints:
    total = np.zeros(rows.size, np.int64)
    for meter, quantity in quantities.items():
        total += quantity * prices[_METERS.index(meter)][rows]
    return total


def _effective(
    quantities: Mapping[UsageMeter, Ints], cost: Ints, terms: Ints, rows: Ints, sheets: Sheets
) -> tuple[Ints, Flags]:
    """Return what is paid for every call, and for which calls int64 cannot tell."""
    numerator, denominator = sheets.paid[:, terms]
    agreed, at_list = np.zeros_like(cost), cost
    if sheets.agreed[terms].any():
        agreed = _sum_of(quantities, sheets.fixed, rows)
        at_list = _sum_of(quantities, sheets.rest, rows)
    is_too_much = np.zeros(cost.size, np.bool_)
    if (numerator != denominator).any():
        is_too_much = at_list > SUM // np.maximum(numerator, 1)
        at_list = _half_even(np.where(is_too_much, 0, at_list) * numerator, denominator)
    paid = agreed + at_list
    paid[sheets.included[terms]] = 0
    return paid, is_too_much


def _half_even(amount: Ints, parts: Ints) -> Ints:
    """Return `money.half_even` of every amount."""
    whole, rest = np.divmod(amount, parts)
    rounded: Ints = whole + ((2 * rest > parts) | ((2 * rest == parts) & (whole % 2 == 1)))
    return rounded
