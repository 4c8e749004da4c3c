"""The price of one call, exact: disjoint counts times whole pico-USD, nothing divided, nothing rounded.

Whatever computes prices faster must give what this gives on every input.

What decides the rate: the model that answered (the one asked for where the answer names none that we know), the
moment the call began, the tier that *served* it, and the length of its whole input. A tier without a card, and a
region that may cost more than the standard rate says, are priced at the standard rate with the status `fallback`.

A meter without a rate is billed at the rate of the meter that its provider would count it under (`FALLBACKS`), since
a price list that says nothing of cached input means that cached input is input. Where that would be a guess the call
is `partial`: what could be priced is its cost, and the detail names the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import InvalidUsageError, NoRateInEffectError, UnknownModelError
from otel_llmcost.money import ROW_LIMIT, PicoUSD, to_text
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.pricing.rates import STANDARD
from otel_llmcost.pricing.result import Line, PriceStatus, Pricing
from otel_llmcost.usage import UsageMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from otel_llmcost.call import LLMCall
    from otel_llmcost.pricing.rates import ModelRates, Rate, RateCard, Rates
    from otel_llmcost.pricing.table import RateTable
    from otel_llmcost.usage import Usage

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

BATCH: Final = "batch"
FAST: Final = "fast"

_TIER_WORDS: Final = {
    "": STANDARD,
    "default": STANDARD,
    "auto": STANDARD,
    "standard": STANDARD,
    "standard_only": STANDARD,
    "on_demand": STANDARD,
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
}
"""What providers call a tier that served, where it is not our word for it."""

_ORDINARY_REGIONS: Final = frozenset({"", "global", "default", "not_available", "unspecified"})
_REGION_IN_MODEL: Final = frozenset({"aws.bedrock"})
"""Providers that sell a region under a model name of its own; elsewhere a region may carry a surcharge."""

FALLBACKS: Final[Mapping[UsageMeter, tuple[UsageMeter, ...]]] = {
    UsageMeter.CACHE_READ: (UsageMeter.INPUT,),
    UsageMeter.CACHE_WRITE_5M: (UsageMeter.INPUT,),
    UsageMeter.INPUT_AUDIO: (UsageMeter.INPUT,),
    UsageMeter.INPUT_IMAGE: (UsageMeter.INPUT,),
    UsageMeter.INPUT_VIDEO: (UsageMeter.INPUT,),
    UsageMeter.CACHE_READ_AUDIO: (UsageMeter.CACHE_READ, UsageMeter.INPUT_AUDIO, UsageMeter.INPUT),
    UsageMeter.CACHE_READ_IMAGE: (UsageMeter.CACHE_READ, UsageMeter.INPUT_IMAGE, UsageMeter.INPUT),
    UsageMeter.CACHE_READ_VIDEO: (UsageMeter.CACHE_READ, UsageMeter.INPUT_VIDEO, UsageMeter.INPUT),
    UsageMeter.REASONING: (UsageMeter.OUTPUT,),
    UsageMeter.OUTPUT_AUDIO: (UsageMeter.OUTPUT,),
    UsageMeter.OUTPUT_IMAGE: (UsageMeter.OUTPUT,),
    UsageMeter.OUTPUT_VIDEO: (UsageMeter.OUTPUT,),
}
"""The meters whose rate stands in, the first that has one. An hour's cache write is not here: see `rate_of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How a call was served, in the provider's own words; empty where it does not say.

    Attributes:
        service_tier: The tier that served, not the one that was asked for.
        speed: A faster mode that served, such as Anthropic's `fast`.
        region: Where it was processed.
        is_batch: Whether it was answered by a batch job.
    """

    service_tier: str = ""
    speed: str = ""
    region: str = ""
    is_batch: bool = False

    @property
    def tier(self) -> str:
        """Our word for the tier: a batch job first, then a faster mode, then the service tier."""
        tier = self.service_tier.strip().lower()
        if self.is_batch or tier == BATCH:
            return BATCH
        if self.speed.strip().lower() == FAST:
            return FAST
        return _TIER_WORDS.get(tier, tier)


def price(call: LLMCall, table: RateTable) -> Pricing:
    """Return the price of a call at the rates of `table`. Never raises for what a call may hold."""
    return price_usage(
        call.usage,
        table,
        provider=call.provider,
        models=models_in_order(call.provider, response_model=call.response_model, request_model=call.request_model),
        at_ns=call.started_at_ns,
        served=Served(service_tier=call.service_tier, speed=call.speed, region=call.region, is_batch=call.is_batch),
    )


def price_usage(
    usage: Usage | None, table: RateTable, *, provider: str, models: Sequence[str], at_ns: int, served: Served
) -> Pricing:
    """Return the price of what one call consumed.

    Args:
        usage: What was consumed; None where nobody told.
        table: The rates.
        provider: Who sells it, in any spelling that `canonical_provider` knows.
        models: The names it may be priced by, the best first; empty ones are passed over.
        at_ns: Unix nanoseconds UTC at the call's start.
        served: How it was served.
    """
    answer = partial(Pricing, rate_table_version=table.version)
    if usage is None:
        return answer(status=PriceStatus.NO_USAGE, detail="nobody told any counts")
    try:
        counts = usage.disjoint()
    except InvalidUsageError as exc:
        return answer(status=PriceStatus.INVALID_USAGE, detail=str(exc))
    found = next((hit for model in models if model and (hit := table.find(provider, model))), None)
    if found is None:
        return answer(status=PriceStatus.UNPRICED_MODEL, detail=_unknown(table, provider, models))
    rates, match_kind = found
    card, doubts = _card_for(rates, served, at_ns)
    if card is None:
        detail = str(NoRateInEffectError(rates.provider, rates.model, _time_of(at_ns)))
        return answer(status=PriceStatus.UNPRICED_MODEL, match_kind=match_kind, detail=detail)
    lines, missing = _lines(counts, card.rates_for(usage.input_tokens))
    return _billed(card, lines, missing, doubts, partial(answer, match_kind=match_kind, rate_id=card.id))


def models_in_order(provider: str, *, response_model: str, request_model: str) -> tuple[str, str]:
    """Return the names by which a call may be priced, the best first.

    The model that answered names the price, then the model asked for. On Bedrock it is the other way round: the
    inference profile asked for decides the price, and the answer does not repeat it.
    """
    if canonical_provider(provider) in _REGION_IN_MODEL:
        return request_model, response_model
    return response_model, request_model


def rate_of(meter: UsageMeter, rates: Rates) -> Rate | None:
    """Return the rate that bills `meter`: its own, or that of the meter its provider counts it under; None for none.

    Tokens cached for an hour are billed as input where the card has no price for cache writes at all. Where it has
    one for the short-lived cache only, the price of the other is unknown: taking the first would bill too little.
    """
    if meter in rates:
        return rates[meter]
    if meter is UsageMeter.CACHE_WRITE_1H:
        return None if UsageMeter.CACHE_WRITE_5M in rates else rates.get(UsageMeter.INPUT)
    for other in FALLBACKS.get(meter, ()):
        if other in rates:
            return rates[other]
    return None


def _card_for(rates: ModelRates, served: Served, at_ns: int) -> tuple[RateCard | None, list[str]]:
    """Return the card that bills the call, and what makes it a fallback."""
    doubts: list[str] = []
    tier = served.tier
    card = rates.card(tier, at_ns)
    if card is None and tier != STANDARD:
        doubts.append(f"no {tier} rate of {rates.provider}/{rates.model} at {_time_of(at_ns).isoformat()}")
        card = rates.card(STANDARD, at_ns)
    if served.region.strip().lower() not in _ORDINARY_REGIONS and rates.provider not in _REGION_IN_MODEL:
        doubts.append(f"no rate of {rates.provider}/{rates.model} for the region {served.region}")
    return card, doubts


def _lines(counts: Mapping[UsageMeter, int], rates: Rates) -> tuple[tuple[Line, ...], list[str]]:
    """Return a line for every meter that has a rate, and the names of those that have none."""
    lines: list[Line] = []
    missing: list[str] = []
    for meter, count in counts.items():
        if rate := rate_of(meter, rates):
            cost = PicoUSD(count * rate.unit_price)
            lines.append(Line(meter=meter, quantity=count, unit_price=rate.unit_price, per=rate.per, cost=cost))
        else:
            missing.append(meter.value)
    return tuple(lines), missing


def _billed(
    card: RateCard,
    lines: tuple[Line, ...],
    missing: Sequence[str],
    doubts: Sequence[str],
    answer: Callable[..., Pricing],
) -> Pricing:
    """Return the sum of the lines, and what is to be said of it."""
    cost = PicoUSD(sum(line.cost for line in lines))
    if cost >= ROW_LIMIT:
        detail = f"a cost of {to_text(cost)} USD is not below the {to_text(ROW_LIMIT)} USD that one call can hold"
        return answer(status=PriceStatus.INVALID_USAGE, detail=detail)
    status = PriceStatus.FREE if not cost and card.is_free() else PriceStatus.PRICED
    reasons: list[str] = []
    if doubts:
        status, reasons = PriceStatus.FALLBACK, [*doubts, "billed at the standard rate"]
    if missing:
        status, reasons = PriceStatus.PARTIAL, [*reasons, f"no rate of {card.id} for {', '.join(missing)}"]
    known = cost if lines or not missing else None
    return answer(status=status, list_cost=known, effective_cost=known, lines=lines, detail="; ".join(reasons))


def _unknown(table: RateTable, provider: str, models: Sequence[str]) -> str:
    asked = next(filter(None, models), "")
    return str(UnknownModelError(canonical_provider(provider), asked, table.nearest(provider, asked)))


def _time_of(at_ns: int) -> datetime:
    """Return Unix nanoseconds as a time to show, to the second; what the calendar cannot hold is shown as its edge."""
    try:
        return _EPOCH + timedelta(seconds=at_ns // 10**9)
    except OverflowError:
        return datetime(9999 if at_ns > 0 else 1, 1, 1, tzinfo=UTC)
