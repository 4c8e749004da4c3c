"""What bills each kind of call, laid out as arrays: the price sheets from which the kernel computes.

Terms are numbered. A kind of call leads to the number of its terms at a moment, and terms lead to a few rows of unit
prices, one for each length of prompt that has prices of its own. Both are made when a batch first needs them, out of
what `Pricer` says, and remembered. All that a batch needs is written into the arrays at once, and one by one only what
is out of the ordinary: writing to an array takes as long for one number as for a hundred.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_llmcost.pricing.engine import rate_of, status_of
from otel_llmcost.pricing.overlay import ALWAYS
from otel_llmcost.pricing.pricer import agreed_rates
from otel_llmcost.usage import Usage, UsageMeter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from otel_llmcost.pricing.overlay import Period
    from otel_llmcost.pricing.pricer import Pricer, Terms
    from otel_llmcost.pricing.rates import Rate, RateCard, Rates

    Ints = npt.NDArray[np.int64]

LEAST: Final = -(2**63)
MOST: Final = 2**63 - 1
SUM: Final = 2**62
"""What a sum may come to, so that nothing on the way to it overflows."""

LONGER: Final = 3
"""The lengths of prompt with prices of their own that a card may have here."""

_MAX_KINDS: Final = 32_768
_FIRST: Final = 1024
_METERS: Final = tuple(UsageMeter)
_NOTHING: Final = Usage()
_ALWAYS: Final = LEAST, MOST
_LACKING: Final = -1
"""Stands in a row for a price that is unknown, or that is no whole number of pico-USD an int64 can hold."""


class Sheets:
    """The price sheets of a pricer.

    Attributes:
        dates: From and to of each number of terms, in Unix nanoseconds, the second exclusive.
        about: Status, rate id, match kind and detail of each.
        unlisted: Which terms have no list cost; unpaid: no effective cost; odd: have to be billed one by one.
        included: Which terms are paid for elsewhere; agreed: have negotiated unit prices.
        paid: Numerator and denominator of the part that is paid.
        longer: Above how many input tokens the next row holds, for each step.
        first_row: The row of the shortest prompts.
        prices: Pico-USD of one unit, by meter and row; fixed: negotiated ones, rest: list prices of all others.
        lacking: Which meters have no whole price of one unit, by meter and row.
        most_units: How many units a row can price, whatever they are.
    """

    def __init__(self, pricer: Pricer) -> None:
        self._pricer = pricer
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.codes = _Codes()
        self.current = np.full(_FIRST, -1, np.int64)
        self._dated: defaultdict[int, list[int]] = defaultdict(list)
        self._rows: dict[tuple[int, int], int] = {}
        self._kept: list[Any] = []  # rows are told apart by ids: what the pricer itself does not keep is kept here
        self._terms = 0
        self._row_count = 1  # row 0 stays empty, for calls without a card
        self.dates = np.zeros((2, _FIRST), np.int64)
        self.about = np.full((4, _FIRST), None, object)
        self.unlisted, self.unpaid, self.odd, self.included, self.agreed = (np.zeros(_FIRST, np.bool_) for _ in "12345")
        self.paid = np.ones((2, _FIRST), np.int64)
        self.longer = np.full((LONGER, _FIRST), MOST, np.int64)
        self.first_row = np.zeros(_FIRST, np.int64)
        self.prices, self.fixed, self.rest = (np.zeros((len(_METERS), _FIRST), np.int64) for _ in "123")
        self.lacking = np.zeros((len(_METERS), _FIRST), np.bool_)
        self.most_units = np.full(_FIRST, SUM, np.int64)

    def terms_of(self, kinds: list[tuple[Any, ...]], at_ns: Ints) -> Ints:
        """Return the number of the terms of every call.

        Args:
            kinds: What decides besides the moment.
            at_ns: The moments.
        """
        if len(self.codes) > _MAX_KINDS or self._terms > _MAX_KINDS:
            self.forget()
        codes = np.fromiter(map(self.codes.__getitem__, kinds), np.int64, len(kinds))
        while self.current.size < len(self.codes):
            self.current = np.concatenate([self.current, np.full(self.current.size, -1, np.int64)])
        terms = self.current[codes]
        waiting = np.flatnonzero(self._is_over(terms, at_ns))
        while waiting.size:
            one_of = np.full(len(self.codes), -1, np.int64)
            one_of[codes[waiting]] = np.arange(waiting.size)
            asked = np.flatnonzero(one_of >= 0)
            chosen = one_of[asked]
            places = waiting[chosen]
            told = [kinds[place] for place in places.tolist()]
            try:
                numbers = self._terms_at(asked.tolist(), told, at_ns[places].tolist())
            except BaseException:
                self.forget()  # what is half laid out would be taken for the price of something else
                raise
            terms[places] = self.current[asked] = numbers
            waiting = np.delete(waiting, chosen)
            terms[waiting] = self.current[codes[waiting]]
            waiting = waiting[self._is_over(terms[waiting], at_ns[waiting])]
        return terms

    def rows_of(self, terms: Ints, tokens: Ints | None) -> Ints:
        """Return the row of prices of every call, by its terms and its input tokens."""
        rows = self.first_row[terms]
        if tokens is not None:
            for threshold in self.longer:
                if (threshold[: self._terms] != MOST).any():
                    rows += tokens > threshold[terms]
        return rows

    def _is_over(self, terms: Ints, at_ns: Ints) -> npt.NDArray[np.bool_]:
        begin, end = self.dates
        return (terms < 0) | (at_ns < begin[terms]) | (at_ns >= end[terms])

    def _terms_at(self, codes: list[int], kinds: list[tuple[Any, ...]], at_ns: list[int]) -> list[int]:
        """Return the numbers of the terms of kinds, each at its moment; no code comes twice."""
        numbers: list[int] = []
        new: list[Terms] = []
        for code, kind, moment in zip(codes, kinds, at_ns, strict=True):
            dated = self._dated[code]
            for number in dated:
                if self.dates[0, number] <= moment < self.dates[1, number]:
                    break
            else:
                number = self._terms + len(new)
                new.append(self._pricer.terms(kind, moment))
                dated.append(number)
            numbers.append(number)
        if new:
            self._add(new)
        return numbers

    def _add(self, new: list[Terms]) -> None:
        """Lay out terms, under the next numbers."""
        begin = self._terms
        self._terms = end = begin + len(new)
        while end > self.first_row.size:
            for name, empty in _OF_TERMS.items():
                setattr(self, name, _grown(getattr(self, name), empty))
        dates: list[tuple[int, int]] = []
        about: list[tuple[str, ...]] = []
        rows: list[tuple[Rates, Mapping[UsageMeter, Rate]]] = []
        first_rows: list[int] = []
        has_overlay = self._pricer.overlay is not None
        for number, terms in enumerate(new, start=begin):
            dates.append(_ALWAYS if terms.period is ALWAYS else _dates_of(terms.period))
            card = terms.listed.card
            if card is None or has_overlay:
                about.append(self._about(number, terms))
            else:
                status, detail = status_of(card, 0, terms.listed.doubts)
                about.append((status, card.id, terms.listed.match_kind, detail))
            first_rows.append(self._first_row(number, card, terms, rows) if card else 0)
        self.dates[:, begin:end] = np.array(dates, np.int64).T
        self.about[:, begin:end] = np.array(about, object).T
        self.first_row[begin:end] = first_rows
        if rows:
            self._add_rows(rows)

    def _about(self, number: int, terms: Terms) -> tuple[str, ...]:
        """Return status, rate id, match kind and detail of terms that are out of the ordinary, and lay out the rest."""
        plain = self._pricer.bill(_NOTHING, terms)
        self.unlisted[number], self.unpaid[number] = plain.list_cost is None, plain.effective_cost is None
        self.included[number], self.agreed[number] = bool(terms.included), bool(terms.fixed)
        self.paid[:, number] = terms.paid.numerator, terms.paid.denominator
        return plain.status, plain.rate_id, plain.match_kind, plain.detail

    def _first_row(self, number: int, card: RateCard, terms: Terms, rows: list[Any]) -> int:
        """Return the first row of the prices of terms; the others follow it. New rows are appended to `rows`."""
        if terms.own is not None or len(card.context_tiers) > LONGER:
            self.odd[number] = True
            return 0
        known = id(card), id(terms.fixed) if terms.fixed else 0
        first = self._rows.get(known)
        if first is None:
            first = self._rows[known] = self._row_count + len(rows)
            rows.append((card.rates, terms.fixed))
            if card.context_tiers:
                rows += [(above.rates, terms.fixed) for above in card.context_tiers]
            if terms.fixed:
                self._kept.append(terms.fixed)
        if card.context_tiers:
            self.longer[: len(card.context_tiers), number] = [
                min(above.tokens - (above.op == "ge"), MOST) for above in card.context_tiers
            ]
        return first

    def _add_rows(self, new: list[tuple[Rates, Mapping[UsageMeter, Rate]]]) -> None:
        """Lay out rates and the negotiated ones beside them, in the next rows."""
        begin = self._row_count
        self._row_count = end = begin + len(new)
        while end > self.most_units.size:
            for name, empty in _OF_ROWS.items():
                setattr(self, name, _grown(getattr(self, name), empty))
        listed = _prices_of(rates for rates, _ in new)
        self.lacking[:, begin:end] = listed < 0
        self.prices[:, begin:end] = self.rest[:, begin:end] = np.maximum(listed, 0)
        dearest = listed.max(axis=0, initial=1)
        for row, (rates, fixed) in enumerate(new, start=begin):
            for meter, rate in agreed_rates(rates, fixed).items() if fixed else ():
                place, price = _METERS.index(meter), _whole(rate)
                self.lacking[place, row] |= price < 0
                self.fixed[place, row], self.rest[place, row] = max(price, 0), 0
                dearest[row - begin] = max(dearest[row - begin], price)
        self.most_units[begin:end] = SUM // dearest


def _prices_of(several: Iterable[Rates]) -> Ints:
    """Return the price of one unit at published rates, by meter and place in `several`."""
    prices: list[int] = []
    starts: list[int] = []
    priced = _Codes()
    codes: list[int] = []
    for rates in several:
        starts.append(len(prices))
        codes.append(priced[tuple(rates)])
        prices += map(_whole, rates.values())
        prices.append(_LACKING)
    places = np.array([_billed_by(meters) for meters in priced], np.int64).T[:, codes]
    found: Ints = np.array(prices, np.int64)[places + np.array(starts, np.int64)]
    return found


def _whole(rate: Rate | None) -> int:
    return _LACKING if rate is None or rate.rest or rate.unit_price >= SUM else rate.unit_price


@lru_cache(maxsize=1024)
def _billed_by(priced: tuple[UsageMeter, ...]) -> tuple[int, ...]:
    """Return for every meter the place in `priced` of the one whose price bills it, for none the place behind them."""
    places = {meter: place for place, meter in enumerate(priced)}
    found = (rate_of(meter, places) for meter in _METERS)
    return tuple(len(priced) if place is None else place for place in found)


def _dates_of(period: Period) -> tuple[int, int]:
    """Return from and to of a period as int64 holds them."""
    begin, end = period.from_ns, period.to_ns
    return LEAST if begin is None else max(begin, LEAST), MOST if end is None else min(end, MOST)


class _Codes(dict[Any, int]):
    """Numbers keys in the order in which they are first asked for."""

    def __missing__(self, key: object) -> int:
        code = self[key] = len(self)
        return code


_OF_TERMS: Final = {
    "dates": 0,
    "about": None,
    "unlisted": False,
    "unpaid": False,
    "odd": False,
    "included": False,
    "agreed": False,
    "paid": 1,
    "longer": MOST,
    "first_row": 0,
}
_OF_ROWS: Final = {"prices": 0, "fixed": 0, "rest": 0, "lacking": False, "most_units": SUM}


def _grown(array: npt.NDArray[Any], empty: object) -> npt.NDArray[Any]:
    """Return an array twice as long, its new places filled with `empty`."""
    return np.concatenate([array, np.full(array.shape, empty, array.dtype)], axis=-1)
