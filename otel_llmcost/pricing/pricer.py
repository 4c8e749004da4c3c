"""The price of a call at published prices and at those of the user: a rate table and an overlay, put together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otel_llmcost.money import PicoUSD, half_even
from otel_llmcost.pricing.engine import models_in_order, price, rate_of
from otel_llmcost.pricing.matching import ALIAS
from otel_llmcost.pricing.overlay import names_said, provider_at
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.pricing.table import RateTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from otel_llmcost.call import LLMCall
    from otel_llmcost.pricing.overlay import Overlay
    from otel_llmcost.pricing.rates import ModelRates, Rate, RateCard
    from otel_llmcost.usage import UsageMeter

_NO_COUNTS = frozenset({PriceStatus.NO_USAGE, PriceStatus.INVALID_USAGE})


class Pricer:
    """Prices calls.

    Args:
        table: The published prices.
        overlay: What the user knows besides; None for nothing.
    """

    __slots__ = ("_own", "overlay", "table")

    def __init__(self, table: RateTable, overlay: Overlay | None = None) -> None:
        self.table, self.overlay = table, overlay
        own = overlay.models if overlay else ()
        self._own = RateTable(own, version=table.version) if own else None

    def price(self, call: LLMCall) -> Pricing:
        """Return the price of a call. Never raises for what a call may hold."""
        overlay = self.overlay
        if overlay is None:
            return price(call, self.table)
        asked = _named(call, overlay, self)
        priced = self._at_own_prices(asked) or _negotiated(price(asked, self.table), call, asked, overlay, self)
        match_kind = ALIAS if asked is not call and priced.match_kind else priced.match_kind
        priced = replace(priced, overlay_version=overlay.version, match_kind=match_kind)
        return _included(priced, call, asked, overlay, self)

    def located(self, call: LLMCall) -> LLMCall:
        """Return the call under the provider that the user says is behind its host."""
        hosts = self.overlay.hosts if self.overlay else {}
        provider = provider_at(call.server_address, hosts) if hosts else None
        return replace(call, provider=provider, provider_source="config") if provider else call

    def rates_of(self, call: LLMCall) -> ModelRates | None:
        """Return the published price history of a call's model, or that of the user's own; None for neither."""
        return _first(self.table, call) or (_first(self._own, call) if self._own else None)

    def knows(self, provider: str, model: str) -> bool:
        """Tell whether a model has a price, published or of the user's own."""
        tables = (self.table, self._own) if self._own else (self.table,)
        return any(table.find(provider, model) for table in tables)

    def _at_own_prices(self, call: LLMCall) -> Pricing | None:
        """Return the price of a call at a card of the user's own, beside the published one if there is one."""
        if self._own is None or _first(self._own, call) is None:
            return None
        own = price(call, self._own)
        if not own.rate_id:
            return None
        if _first(self.table, call) is None:
            return own
        listed = price(call, self.table)
        return replace(listed, effective_cost=own.list_cost) if listed.rate_id else own


def _named(call: LLMCall, overlay: Overlay, pricer: Pricer) -> LLMCall:
    """Return the call under the names by which prices are published; the call itself if it says them already.

    The first of its names that anybody knows decides, so that an alias of a deployment stands back where the answer
    names the model that served.
    """
    seller = canonical_provider(call.provider)
    names = models_in_order(seller, response_model=call.response_model, request_model=call.request_model)
    for model in filter(None, names if overlay.aliases else ()):
        if alias := overlay.alias(seller, model, call.started_at_ns):
            return replace(call, provider=alias.rates_of, request_model=alias.model, response_model="")
        if pricer.knows(seller, model):
            break
    return call


def _negotiated(listed: Pricing, call: LLMCall, asked: LLMCall, overlay: Overlay, pricer: Pricer) -> Pricing:
    """Return the price with what is really paid: fixed rates first, a discount off the rest, rounded once."""
    if listed.list_cost is None and not listed.rate_id:
        return listed
    names, seller = _names(call, asked, pricer), _seller(asked, pricer)
    fixed: Mapping[UsageMeter, Rate] = {}
    if overlay.fixed and (card := _card_of(listed, asked, pricer)):
        fixed = overlay.fixed_rates(seller, names, card.tier, call.started_at_ns)
        if fixed:
            return _at_fixed_rates(listed, asked, card, fixed, overlay.paid(seller, names, call.started_at_ns))
    paid = overlay.paid(seller, names, call.started_at_ns)
    if listed.list_cost is None or paid == 1:
        return listed
    return replace(listed, effective_cost=part_of(listed.list_cost, paid))


def _at_fixed_rates(
    listed: Pricing, call: LLMCall, card: RateCard, fixed: Mapping[UsageMeter, Rate], paid: Fraction
) -> Pricing:
    if call.usage is None:
        return listed
    copies = {meter: replace(rate) for meter, rate in fixed.items()}  # equal rates of a table are one object
    agreed = {id(rate) for rate in copies.values()}
    rates = {**card.rates_for(call.usage.input_tokens), **copies}
    costs = {line.meter: line.cost for line in listed.lines}
    at_fixed, at_list = list[int](), list[int]()
    for meter, quantity in call.usage.disjoint().items():
        rate = rate_of(meter, rates)
        if rate is not None and id(rate) in agreed:
            at_fixed.append(rate.cost_of(quantity))
        elif meter in costs:
            at_list.append(costs[meter])
    if listed.list_cost is None and not at_fixed:
        return listed
    return replace(listed, effective_cost=PicoUSD(sum(at_fixed) + part_of(PicoUSD(sum(at_list)), paid)))


def _included(priced: Pricing, call: LLMCall, asked: LLMCall, overlay: Overlay, pricer: Pricer) -> Pricing:
    """Return the price as nothing more to pay, where a subscription covers the call."""
    if not overlay.subscriptions or priced.status in _NO_COUNTS:
        return priced
    covering = overlay.subscription(_seller(asked, pricer), _names(call, asked, pricer), call)
    if covering is None:
        return priced
    detail = "; ".join(filter(None, (f"included in {covering.name}", priced.detail)))
    return replace(priced, status=PriceStatus.INCLUDED, effective_cost=PicoUSD(0), detail=detail)


def part_of(cost: PicoUSD, paid: Fraction) -> PicoUSD:
    """Return the part of a cost that is paid, rounded half to even to a whole pico-USD."""
    return half_even(cost * paid.numerator, paid.denominator)


def _names(call: LLMCall, asked: LLMCall, pricer: Pricer) -> frozenset[str]:
    said = (call.request_model, call.response_model, asked.request_model, asked.response_model)
    return names_said(said, pricer.rates_of(asked))


def _seller(asked: LLMCall, pricer: Pricer) -> str:
    """Return whose prices bill a call: those that its model is found under, else the call's own provider."""
    rates = pricer.rates_of(asked)
    return rates.provider if rates else canonical_provider(asked.provider)


def _card_of(listed: Pricing, asked: LLMCall, pricer: Pricer) -> RateCard | None:
    rates = _first(pricer.table, asked)
    return next((card for card in rates.all_cards() if card.id == listed.rate_id), None) if rates else None


def _first(table: RateTable, call: LLMCall) -> ModelRates | None:
    names = models_in_order(call.provider, response_model=call.response_model, request_model=call.request_model)
    hits = (table.find(call.provider, name) for name in names if name)
    return next((hit[0] for hit in hits if hit), None)
