"""One price for people: every multiplication on a line of its own, and where the rate comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_llmcost.cli.amounts import count, money
from otel_llmcost.cli.rates_view import span_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_llmcost.call import LLMCall
    from otel_llmcost.pricing import Pricer, Pricing


def lines_of(call: LLMCall, pricing: Pricing, pricer: Pricer) -> Iterator[str]:
    """Yield what a call costs and why, line by line."""
    asked = call.response_model or call.request_model
    found = f"found as {pricing.match_kind.replace('_', ' ')}" if pricing.match_kind else "not found"
    yield f"{call.provider}/{asked}: {pricing.status.value}, {found}"
    if pricing.detail:
        yield f"  {pricing.detail}"
    quantities = [count(line.quantity) for line in pricing.lines]
    prices = [money(line.rate.published) for line in pricing.lines]
    costs = [money(line.cost) for line in pricing.lines]
    names = [line.meter.value for line in pricing.lines]
    for line, *cells in zip(pricing.lines, quantities, names, prices, costs, strict=True):
        quantity, name, price, cost = cells
        head = f"{quantity:>{_width(quantities)}} {name:<{_width(names)}} × {price:>{_width(prices)}}"
        yield f"  {head} / {count(line.per):>9} = {cost:>{_width(costs)}}"
    yield f"  list cost {money(pricing.list_cost)}"
    if pricing.effective_cost != pricing.list_cost or pricing.overlay_version:
        yield f"  effective cost {money(pricing.effective_cost)} (llmcost.yaml, overlay {pricing.overlay_version})"
    card = pricer.terms(pricer.kind_of(call), call.started_at_ns).listed.card
    if card is not None:
        yield f"rate {card.id}, in force {span_of(card)}"
        yield f"source {card.source + ', ' if card.source else ''}told by {card.upstream}"
    yield f"rate table {pricing.rate_table_version}"


def _width(cells: list[str]) -> int:
    return max(map(len, cells), default=0)
