"""The price of a call at published prices and at those of the user: a rate table and an overlay, put together.

What bills a call depends on its kind (who served which model, in which tier, where) and on its moment, and not on what
it consumed. It is found once for a kind and remembered for as long as it holds: up to the next date or hour at which
anything that bills the model changes.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otel_llmcost.money import ROW_LIMIT, PicoUSD, half_even, to_text
from otel_llmcost.pricing.engine import (
    Kind,
    Resolved,
    bill,
    kind_of,
    models_in_order,
    rate_of,
    resolve_kind,
)
from otel_llmcost.pricing.matching import ALIAS
from otel_llmcost.pricing.overlay import ALWAYS, FULL_PRICE, Period, names_said, provider_at
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.pricing.rates import EPOCH_MINUTE, MINUTES_A_WEEK, NS_A_MINUTE
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.pricing.table import RateTable
from otel_llmcost.usage import UsageMeter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from fractions import Fraction

    from otel_llmcost.call import LLMCall
    from otel_llmcost.pricing.kernel import Kernel
    from otel_llmcost.pricing.overlay import Overlay
    from otel_llmcost.pricing.rates import ModelRates, Rate, Rates
    from otel_llmcost.usage import Usage

KIND: Final = Kind._fields
"""The fields of a call that decide with its moment what bills it; an overlay may ask for more."""

MANY: Final = 4096
"""So many calls at once are priced by the kernel; to import numpy for fewer takes longer than it saves."""

_MAX_REMEMBERED: Final = 8192
_NO_COUNTS: Final = frozenset({PriceStatus.NO_USAGE, PriceStatus.INVALID_USAGE})
_WITHOUT_RATE: Final = frozenset({PriceStatus.UNPRICED_MODEL, PriceStatus.PARTIAL})
_NO_FIXED: Final[Mapping[UsageMeter, Rate]] = MappingProxyType({})


class Terms(NamedTuple):
    """What bills calls of one kind.

    Attributes:
        listed: The published price, or that of a card of the user's own for a model that is not published.
        own: A card of the user's own for a published model; None without one.
        fixed: Negotiated unit prices.
        paid: The part that is paid of whatever has no negotiated unit price.
        included: What covers the calls: the name of a subscription; empty without any.
        period: As long as all this holds.
    """

    listed: Resolved
    own: Resolved | None = None
    fixed: Mapping[UsageMeter, Rate] = _NO_FIXED
    paid: Fraction = FULL_PRICE
    included: str = ""
    period: Period = ALWAYS


class Pricer:
    """Prices calls.

    Args:
        table: The published prices.
        overlay: What the user knows besides; None for nothing.

    Attributes:
        kind: The names of the fields of a call that decide what bills it; `kind_of` returns them of a call.
    """

    __slots__ = ("_kernel", "_own", "_terms", "kind", "kind_of", "overlay", "table")

    def __init__(self, table: RateTable, overlay: Overlay | None = None) -> None:
        self.table, self.overlay = table, overlay
        own = overlay.models if overlay else ()
        self._own = RateTable(own, version=table.version) if own else None
        asked = sorted({name for each in (overlay.subscriptions if overlay else ()) for name in each.where})
        self.kind = tuple(dict.fromkeys((*KIND, *asked)))
        self.kind_of = attrgetter(*self.kind)
        self._terms: dict[tuple[Any, ...], Terms] = {}
        self._kernel: Kernel | None = None

    @property
    def overlay_version(self) -> str:
        """The version of the overlay; empty without one."""
        return self.overlay.version if self.overlay else ""

    def price(self, call: LLMCall) -> Pricing:
        """Return the price of a call. Never raises for what a call may hold."""
        kind = self.kind_of(call)
        terms = self._terms.get(kind)
        if terms is None or call.started_at_ns not in terms.period:
            if len(self._terms) >= _MAX_REMEMBERED:
                self._terms.clear()
            terms = self._terms[kind] = self.terms(kind, call.started_at_ns)
        pricing = self.bill(call.billable, terms)
        return pricing if call.reported_cost is None else _as_reported(pricing, call.reported_cost)

    def price_all(self, calls: Sequence[LLMCall]) -> Iterable[Pricing]:
        """Return the price of each call.

        Of many calls at once the prices come without their lines, and several times as fast where numpy is installed.
        """
        if len(calls) < MANY:
            return map(self.price, calls)
        try:
            kernel = self.kernel
        except ModuleNotFoundError:
            return map(self.price, calls)
        prices = kernel.price(calls).each()
        reported = [call.reported_cost for call in calls]
        if reported.count(None) == len(calls):
            return prices
        return (
            price if cost is None else _as_reported(price, cost) for price, cost in zip(prices, reported, strict=True)
        )

    @property
    def kernel(self) -> Kernel:
        """What prices many calls at once.

        Raises:
            ModuleNotFoundError: It needs numpy.
        """
        if self._kernel is None:
            from otel_llmcost.pricing.kernel import Kernel

            self._kernel = Kernel(self)
        return self._kernel

    def bill(self, usage: Usage | None, terms: Terms) -> Pricing:
        """Return the price of what is billed of a call, on terms that hold for it."""
        listed = bill(usage, terms.listed, self.table)
        if self.overlay is None:
            return listed
        if listed.status in _NO_COUNTS or usage is None:
            return listed._replace(overlay_version=self.overlay.version)
        status, detail = listed.status, listed.detail
        effective: PicoUSD | None
        if terms.included:
            status, effective = PriceStatus.INCLUDED, PicoUSD(0)
            detail = "; ".join(filter(None, (f"included in {terms.included}", detail)))
        elif terms.own is not None:
            effective = bill(usage, terms.own, self.table).list_cost
        else:
            effective = _effective(listed, usage, terms)
        if effective is not None and effective >= ROW_LIMIT:
            detail = f"an effective cost of {to_text(effective)} USD is more than one call can hold"
            listed = listed._replace(list_cost=None, lines=())
            status, effective = PriceStatus.INVALID_USAGE, None
        return listed._replace(
            status=status, effective_cost=effective, overlay_version=self.overlay.version, detail=detail
        )

    def terms(self, told: tuple[Any, ...], at_ns: int) -> Terms:
        """Return what bills calls of the kind that `kind_of` told, and that began at `at_ns` (Unix nanoseconds)."""
        overlay = self.overlay
        kind = Kind._make(told[: len(KIND)])
        if overlay is None:
            listed = resolve_kind(kind, at_ns, self.table)
            return Terms(listed, period=_period_of(listed, at_ns))
        asked = self._named(kind, at_ns, overlay)
        listed, own = self._cards(asked, at_ns)
        rates = self._rates_of(asked)
        names = names_said((kind.request_model, kind.response_model, asked.request_model, asked.response_model), rates)
        seller = rates.provider if rates else canonical_provider(asked.provider)
        is_listed = listed.card is not None and self._own_rates_of(asked) is None
        covering = overlay.subscription(seller, names, dict(zip(self.kind, told, strict=True)), at_ns)
        return Terms(
            listed=listed._replace(match_kind=ALIAS) if asked is not kind and listed.match_kind else listed,
            own=own,
            fixed=overlay.fixed_rates(seller, names, listed.card.tier, at_ns)
            if listed.card and is_listed
            else _NO_FIXED,
            paid=overlay.paid(seller, names, at_ns) if is_listed else FULL_PRICE,
            included=covering.name if covering else "",
            period=_period(listed, at_ns, self._edges(asked, at_ns, overlay)),
        )

    def find(self, provider: str, model: str) -> ModelRates | None:
        """Return the published price history of a model, or else that of the user's own; None for neither."""
        tables = (self.table, self._own) if self._own else (self.table,)
        return next((hit[0] for table in tables if (hit := table.find(provider, model))), None)

    def rates_of(self, call: LLMCall) -> ModelRates | None:
        """Return the price history that bills a call, published or of the user's own; None for neither."""
        kind = Kind._make(kind_of(call))
        return self._rates_of(self._named(kind, call.started_at_ns, self.overlay) if self.overlay else kind)

    def located(self, call: LLMCall) -> LLMCall:
        """Return the call under the provider that the user says is behind its host."""
        hosts = self.overlay.hosts if self.overlay else {}
        provider = provider_at(call.server_address, hosts) if hosts else None
        return replace(call, provider=provider, provider_source="config") if provider else call

    def _named(self, kind: Kind, at_ns: int, overlay: Overlay) -> Kind:
        """Return the kind under the names by which prices are published; the kind itself if it says them already.

        The first of its names that anybody knows decides, so that an alias of a deployment stands back where the
        answer names the model that served.
        """
        seller = canonical_provider(kind.provider)
        names = models_in_order(seller, response_model=kind.response_model, request_model=kind.request_model)
        for model in filter(None, names if overlay.aliases else ()):
            if alias := overlay.alias(seller, model, at_ns):
                return kind._replace(provider=alias.rates_of, request_model=alias.model, response_model="")
            if self.find(seller, model):
                break
        return kind

    def _cards(self, kind: Kind, at_ns: int) -> tuple[Resolved, Resolved | None]:
        """Return what bills a call at published prices, and the user's own card beside it.

        A card of the user's own takes the place of the published one where that is not known.
        """
        own = resolve_kind(kind, at_ns, self._own) if self._own and self._own_rates_of(kind) else None
        if own is None or own.card is None:
            return resolve_kind(kind, at_ns, self.table), None
        if _first(self.table, kind) is None:
            return own, None
        listed = resolve_kind(kind, at_ns, self.table)
        return (listed, own) if listed.card or listed.prepaid else (own, None)

    def _rates_of(self, kind: Kind) -> ModelRates | None:
        return _first(self.table, kind) or self._own_rates_of(kind)

    def _own_rates_of(self, kind: Kind) -> ModelRates | None:
        return _first(self._own, kind) if self._own else None

    def _edges(self, asked: Kind, at_ns: int, overlay: Overlay) -> list[int | None]:
        found = [rates for rates in (_first(self.table, asked), self._own_rates_of(asked)) if rates]
        return [*overlay.edges(), *(edge for rates in found for edge in _edges(rates, at_ns))]


def _as_reported(pricing: Pricing, cost: PicoUSD) -> Pricing:
    """Return the price of a call of which the provider told the cost: that cost, where we have no rate of our own.

    A published rate wins, since it can be explained and repriced; the reported cost stands beside it in the ledger.
    """
    if pricing.status not in _WITHOUT_RATE:
        return pricing
    return pricing._replace(
        status=PriceStatus.PROVIDER_REPORTED, list_cost=cost, effective_cost=cost, lines=(), detail=""
    )


def _effective(listed: Pricing, usage: Usage, terms: Terms) -> PicoUSD | None:
    """Return what is really paid: fixed rates first, a discount off the rest, rounded once."""
    card = terms.listed.card
    if card is None or not terms.fixed:
        return listed.effective_cost if listed.list_cost is None else part_of(listed.list_cost, terms.paid)
    agreed = agreed_rates(card.rates_for(usage.input_tokens), terms.fixed)
    costs = {line.meter: line.cost for line in listed.lines}
    at_fixed, at_list = list[int](), list[int]()
    for meter, quantity in usage.disjoint().items():
        if rate := agreed.get(meter):
            at_fixed.append(rate.cost_of(quantity))
        elif meter in costs:
            at_list.append(costs[meter])
    if listed.list_cost is None and not at_fixed:
        return None
    return PicoUSD(sum(at_fixed) + part_of(PicoUSD(sum(at_list)), terms.paid))


def agreed_rates(rates: Rates, fixed: Mapping[UsageMeter, Rate]) -> dict[UsageMeter, Rate]:
    """Return every meter that a negotiated rate bills: its own, or that of the meter it is counted under."""
    copies = {meter: replace(rate) for meter, rate in fixed.items()}  # equal rates of a table are one object
    ours = {id(rate) for rate in copies.values()}
    merged = {**rates, **copies}
    billed = {meter: rate_of(meter, merged) for meter in UsageMeter}
    return {meter: rate for meter, rate in billed.items() if rate is not None and id(rate) in ours}


def part_of(cost: PicoUSD, paid: Fraction) -> PicoUSD:
    """Return the part of a cost that is paid, rounded half to even to a whole pico-USD."""
    return cost if paid == 1 else half_even(cost * paid.numerator, paid.denominator)


def _first(table: RateTable, kind: Kind) -> ModelRates | None:
    names = models_in_order(kind.provider, response_model=kind.response_model, request_model=kind.request_model)
    hits = (table.find(kind.provider, name) for name in names if name)
    return next((hit[0] for hit in hits if hit), None)


def _period_of(listed: Resolved, at_ns: int) -> Period:
    """Return how long what bills a call holds where there are published prices alone."""
    card = listed.card
    if card is None or listed.doubts or card.schedule:
        return _period(listed, at_ns, _edges(listed.rates, at_ns) if listed.rates else ())
    # Of a tier no other card is in force as long as this one is.
    begin, end = card.effective_from_ns, card.effective_to_ns
    return ALWAYS if begin is None and end is None else Period(begin, end)


def _period(listed: Resolved, at_ns: int, edges: Collection[int | None]) -> Period:
    """Return how long what bills a call holds; where the reason itself tells the moment, for that moment.

    Args:
        listed: What bills it at published prices.
        at_ns: When it began, in Unix nanoseconds.
        edges: Every moment at which that may change; None for none.
    """
    if listed.card is None and listed.match_kind:
        return Period(at_ns, at_ns + 1)
    told = [edge for edge in edges if edge is not None]
    if not told:
        return ALWAYS
    return Period(
        max((edge for edge in told if edge <= at_ns), default=None),
        min((edge for edge in told if edge > at_ns), default=None),
    )


def _edges(rates: ModelRates, at_ns: int) -> list[int | None]:
    """Return every moment at which another card may come into force, of schedules those around a moment."""
    edges: list[int | None] = []
    minutes: set[int] = set()
    for by_tier in (rates.cards, *rates.regional.values()):
        for cards in by_tier.values():
            for card in cards:
                edges += (card.effective_from_ns, card.effective_to_ns)
                for window in card.schedule:
                    minutes.update(window)
    if minutes:
        minute = at_ns // NS_A_MINUTE
        week = minute - (minute + EPOCH_MINUTE) % MINUTES_A_WEEK
        edges += ((week + each) * NS_A_MINUTE for each in (*minutes, 0, MINUTES_A_WEEK))
    return edges
