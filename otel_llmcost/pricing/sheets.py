"""What bills each kind of call, laid out as arrays: the price sheets from which the kernel computes.

Terms are numbered. A kind of call leads to the number of its terms at a moment, and terms lead to a few rows of unit
prices, one for each length of prompt that has prices of its own. Both are made when a call first needs them, out of
what `Pricer` says, and remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_llmcost.pricing.engine import rate_of
from otel_llmcost.pricing.pricer import agreed_rates
from otel_llmcost.usage import Usage, UsageMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from otel_llmcost.call import LLMCall
    from otel_llmcost.pricing.pricer import Pricer, Terms
    from otel_llmcost.pricing.rates import Rate, RateCard

    Ints = npt.NDArray[np.int64]

LEAST: Final = -(2**63)
MOST: Final = 2**63 - 1
SUM: Final = 2**62
"""What a sum may come to, so that nothing on the way to it overflows."""

LONGER: Final = 3
"""The lengths of prompt with prices of their own that a card may have here."""

_MAX_KINDS: Final = 32_768
_FIRST: Final = 256
_METERS: Final = tuple(UsageMeter)
_NOTHING: Final = Usage()


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
        self._dated: dict[int, list[int]] = {}
        self._rows: dict[tuple[int, int], int] = {}
        self._kept: list[Any] = []  # what is told apart by its id must not be freed
        self._terms = self._row_count = 0
        self.dates = np.zeros((2, _FIRST), np.int64)
        self.about = np.full((4, _FIRST), None, object)
        self.unlisted, self.unpaid, self.odd, self.included, self.agreed = (np.zeros(_FIRST, np.bool_) for _ in "12345")
        self.paid = np.ones((2, _FIRST), np.int64)
        self.longer = np.full((LONGER, _FIRST), MOST, np.int64)
        self.first_row = np.zeros(_FIRST, np.int64)
        self.prices, self.fixed, self.rest = (np.zeros((len(_METERS), _FIRST), np.int64) for _ in "123")
        self.lacking = np.zeros((len(_METERS), _FIRST), np.bool_)
        self.most_units = np.full(_FIRST, SUM, np.int64)

    def terms_of(self, kinds: list[tuple[Any, ...]], at_ns: Ints, call_at: Callable[[int], LLMCall]) -> Ints:
        """Return the number of the terms of every call.

        Args:
            kinds: What decides besides the moment.
            at_ns: The moments.
            call_at: Returns a call by its place.
        """
        if len(self.codes) > _MAX_KINDS or self._terms > _MAX_KINDS:
            self.forget()
        codes = np.fromiter(map(self.codes.__getitem__, kinds), np.int64, len(kinds))
        while self.current.size < len(self.codes):
            self.current = np.concatenate([self.current, np.full(self.current.size, -1, np.int64)])
        terms = self.current[codes]
        waiting = np.flatnonzero(self._is_over(terms, at_ns))
        while waiting.size:
            asked, first = np.unique(codes[waiting], return_index=True)
            for code, place in zip(asked.tolist(), waiting[first].tolist(), strict=True):
                terms[place] = self.current[code] = self._terms_at(code, int(at_ns[place]), place, call_at)
            waiting = np.delete(waiting, first)
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

    def _terms_at(self, code: int, at_ns: int, place: int, call_at: Callable[[int], LLMCall]) -> int:
        dated = self._dated.setdefault(code, [])
        for number in dated:
            if self.dates[0, number] <= at_ns < self.dates[1, number]:
                return number
        dated.append(self._add(self._pricer.terms(call_at(place))))
        return dated[-1]

    def _add(self, terms: Terms) -> int:
        """Lay out terms, and return their number."""
        number = self._terms
        self._terms += 1
        if number == self.first_row.size:
            self._grow_terms()
        begin, end = terms.period.from_ns, terms.period.to_ns
        self.dates[0, number] = LEAST if begin is None else max(begin, LEAST)
        self.dates[1, number] = MOST if end is None else max(min(end, MOST), LEAST)
        plain = self._pricer.bill(_NOTHING, terms)
        self.about[:, number] = (plain.status, plain.rate_id, plain.match_kind, plain.detail)
        self.unlisted[number], self.unpaid[number] = plain.list_cost is None, plain.effective_cost is None
        self.included[number], self.agreed[number] = bool(terms.included), bool(terms.fixed)
        self.paid[:, number] = terms.paid.numerator, terms.paid.denominator
        card = terms.listed.card
        steps = card.context_tiers if card else ()
        self.odd[number] = terms.own is not None or len(steps) > LONGER
        if card is not None and not self.odd[number]:
            for step, above in enumerate(steps):
                self.longer[step, number] = min(above.tokens - (above.op == "ge"), MOST)
            self.first_row[number] = self._rows_of_card(card, terms.fixed)
        return number

    def _rows_of_card(self, card: RateCard, fixed: Mapping[UsageMeter, Rate]) -> int:
        """Return the first row of a card's prices; the others follow it."""
        known = id(card), id(fixed) if fixed else 0
        if known not in self._rows:
            self._kept += (card, fixed)
            first = self._row_count + 1  # row 0 stays empty, for calls without a card
            self._row_count += 1 + len(card.context_tiers)
            while self._row_count >= self.most_units.size:
                self._grow_rows()
            for row, rates in enumerate((card.rates, *(above.rates for above in card.context_tiers)), start=first):
                listed = [rates[meter] if meter in rates else rate_of(meter, rates) for meter in _METERS]
                agreed = agreed_rates(rates, fixed) if fixed else {}
                self._fill(row, listed, [agreed.get(meter) for meter in _METERS] if fixed else [])
            self._rows[known] = first
        return self._rows[known]

    def _fill(self, row: int, listed: list[Rate | None], agreed: list[Rate | None]) -> None:
        prices = [rate.unit_price if rate else 0 for rate in listed]
        fixed = [rate.unit_price if rate else 0 for rate in agreed]
        dearest = max(1, *prices, *fixed)
        is_too_dear = dearest >= SUM
        self.lacking[:, row] = [is_too_dear or rate is None or bool(rate.rest) for rate in listed]
        self.most_units[row] = SUM // dearest
        if not is_too_dear:
            self.prices[:, row] = self.rest[:, row] = prices
        if agreed and not is_too_dear:
            self.fixed[:, row] = fixed
            self.rest[:, row] = [0 if own else price for own, price in zip(agreed, prices, strict=True)]

    def _grow_terms(self) -> None:
        for name, empty in _OF_TERMS.items():
            setattr(self, name, _grown(getattr(self, name), empty))

    def _grow_rows(self) -> None:
        for name, empty in _OF_ROWS.items():
            setattr(self, name, _grown(getattr(self, name), empty))


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
