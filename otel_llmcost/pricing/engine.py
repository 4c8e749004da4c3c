"""The price of one call, exact: disjoint counts times whole pico-USD.

Nothing is divided and nothing rounded but what is sold by the hour: see `Rate.rest`. Whatever computes prices faster
must give what this gives on every input; all that does not depend on counts is in `resolve`.

What decides the rate: the model that answered (the one asked for where the answer names none that we know), the
moment the call began, the tier that *served* it, the place that did, and the length of its whole input. A tier
without a card, and a place that may cost more than the standard rate says, are priced at the standard rate with the
status `fallback`. Capacity that was paid for beforehand (`PREPAID`) adds nothing to the bill: the call is `included`.

A meter without a rate is billed at the rate of the meter that its provider would count it under (`FALLBACKS`), since
a price list that says nothing of cached input means that cached input is input. Where that would be a guess the call
is `partial`: what could be priced is its cost, and the detail names the rest.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from otel_llmcost.errors import InvalidUsageError, NoRateInEffectError, UnknownModelError
from otel_llmcost.money import ROW_LIMIT, PicoUSD, to_text
from otel_llmcost.pricing.places import BEDROCK, may_cost_more, place_of, region_at
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.pricing.rates import STANDARD
from otel_llmcost.pricing.result import Line, PriceStatus, Pricing
from otel_llmcost.usage import UsageMeter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.call import LLMCall
    from otel_llmcost.pricing.rates import ModelRates, RateCard, Rates
    from otel_llmcost.pricing.table import RateTable
    from otel_llmcost.usage import Usage

_Price = TypeVar("_Price")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

BATCH: Final = "batch"

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

PREPAID: Final = frozenset({"provisioned", "provisioned_throughput", "reserved", "scale"})
"""Tiers of capacity that is paid for whether it is used or not."""

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


class Kind(NamedTuple):
    """What decides, with its moment, what bills a call: fields of `LLMCall`."""

    provider: str
    request_model: str
    response_model: str
    service_tier: str
    speed: str
    region: str
    server_address: str
    is_batch: bool


kind_of: Final = attrgetter(*Kind._fields)


class Served(NamedTuple):
    """How a call was served, in the provider's own words; empty where it does not say.

    Attributes:
        service_tier: The tier that served, not the one that was asked for.
        speed: A faster mode that served, such as Anthropic's `fast`.
        region: Where it was processed; for Azure, the type of the deployment.
        is_batch: Whether it was answered by a batch job.
    """

    service_tier: str = ""
    speed: str = ""
    region: str = ""
    is_batch: bool = False

    @property
    def tier(self) -> str:
        """Our word for the tier: a batch job first, then a faster mode, then the service tier."""
        return _tier(self.service_tier, self.speed, self.is_batch)


@lru_cache(maxsize=1024)
def _tier(service_tier: str, speed: str, is_batch: bool) -> str:  # noqa: FBT001 - lru_cache is fastest by position
    tier = service_tier.strip().lower()
    if is_batch or tier == BATCH:
        return BATCH
    mode = speed.strip().lower()
    if mode not in _TIER_WORDS:  # such as Anthropic's `fast`; one without rates is told as a doubt
        return mode
    return _TIER_WORDS.get(tier, tier)


class Resolved(NamedTuple):
    """What bills a call, whatever it consumed: the same for all calls of one kind at one moment.

    Attributes:
        card: The rates; None without any.
        match_kind: How the model was found; empty if it was not.
        doubts: What makes the price a fallback.
        rates: The price history that the card is from, or should have been; None where it did not matter.
        refusal: Why there is no card; empty if there is one.
        prepaid: The tier that served, where its capacity was paid for beforehand; empty otherwise.
    """

    card: RateCard | None = None
    match_kind: str = ""
    doubts: tuple[str, ...] = ()
    rates: ModelRates | None = None
    refusal: str = ""
    prepaid: str = ""


def price(call: LLMCall, table: RateTable) -> Pricing:
    """Return the price of a call at the rates of `table`. Never raises for what a call may hold."""
    return bill(call.billable, resolve_kind(Kind._make(kind_of(call)), call.started_at_ns, table), table)


def resolve_kind(kind: Kind, at_ns: int, table: RateTable) -> Resolved:
    """Return what bills calls of a kind at a moment (Unix nanoseconds), whatever they consumed."""
    provider, request_model, response_model, service_tier, speed, region, server_address, is_batch = kind
    models = models_in_order(provider, response_model=response_model, request_model=request_model)
    tier = _tier(service_tier, speed, is_batch)
    return _resolve(table, provider, models, at_ns, tier, region or region_at(server_address))


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
    return bill(usage, resolve(table, provider=provider, models=models, at_ns=at_ns, served=served), table)


def bill(usage: Usage | None, resolved: Resolved, table: RateTable) -> Pricing:
    """Return the price of what one call consumed, where it is known what bills it."""
    if usage is None:
        return _unpriced(PriceStatus.NO_USAGE, table, "nobody told any counts")
    try:
        counts = usage.disjoint()
    except InvalidUsageError as exc:
        return _unpriced(PriceStatus.INVALID_USAGE, table, str(exc))
    if resolved.prepaid:
        return Pricing(
            status=PriceStatus.INCLUDED,
            list_cost=PicoUSD(0),
            effective_cost=PicoUSD(0),
            rate_table_version=table.version,
            detail=f"served by capacity paid for beforehand ({resolved.prepaid})",
        )
    if resolved.card is None:
        return _unpriced(PriceStatus.UNPRICED_MODEL, table, resolved.refusal, resolved.match_kind)
    lines, missing = _lines(counts, resolved.card.rates_for(usage.input_tokens))
    return _billed(resolved.card, lines, missing, resolved, table)


def resolve(table: RateTable, *, provider: str, models: Sequence[str], at_ns: int, served: Served) -> Resolved:
    """Return what bills a call of that kind at that moment; the arguments are those of `price_usage`."""
    return _resolve(table, provider, models, at_ns, served.tier, served.region)


def _resolve(table: RateTable, provider: str, models: Sequence[str], at_ns: int, tier: str, region: str) -> Resolved:
    if tier in PREPAID:
        return Resolved(prepaid=tier)
    for model in models:
        if model and (found := table.locate(provider, model)):
            break
    else:
        return Resolved(refusal=_unknown(table, provider, models))
    rates = found.rates
    card, doubts = _card_for(rates, tier, place_of(rates.provider, region or found.region), at_ns)
    if card is None:
        refusal = str(NoRateInEffectError(rates.provider, rates.model, _time_of(at_ns)))
        return Resolved(None, found.kind, doubts, rates, refusal)
    return Resolved(card, found.kind, doubts, rates)


def models_in_order(provider: str, *, response_model: str, request_model: str) -> tuple[str, str]:
    """Return the names by which a call may be priced, the best first.

    The model that answered names the price, then the model asked for. On Bedrock it is the other way round: the
    inference profile asked for decides the price, and the answer does not repeat it.
    """
    if canonical_provider(provider) == BEDROCK:
        return request_model, response_model
    return response_model, request_model


def rate_of(meter: UsageMeter, rates: Mapping[UsageMeter, _Price | None]) -> _Price | None:
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


def _card_for(rates: ModelRates, tier: str, place: str, at_ns: int) -> tuple[RateCard | None, tuple[str, ...]]:
    """Return the card that bills the call, and what makes it a fallback."""
    doubts: list[str] = []
    if place and rates.cards_in(place) is None:
        if may_cost_more(rates.provider, place):
            doubts.append(f"no rate of {rates.provider}/{rates.model} for the region {place}")
        place = ""
    card = rates.card(tier, at_ns, place)
    if card is None and tier != STANDARD:
        where = f" in {place}" if place else ""
        doubts.append(f"no {tier} rate of {rates.provider}/{rates.model}{where} at that time")
        card = rates.card(STANDARD, at_ns, place)
    return card, tuple(doubts)


def _lines(counts: Mapping[UsageMeter, int], rates: Rates) -> tuple[list[Line], list[str]]:
    """Return a line for every meter that has a rate, and the names of those that have none."""
    lines: list[Line] = []
    missing: list[str] = []
    for meter, count in counts.items():
        rate = rates[meter] if meter in rates else rate_of(meter, rates)
        if rate is None:
            missing.append(meter.value)
        else:
            cost = rate.cost_of(count) if rate.rest else PicoUSD(count * rate.unit_price)
            lines.append(Line(meter, count, rate, cost))
    return lines, missing


def _billed(
    card: RateCard, lines: Sequence[Line], missing: Sequence[str], resolved: Resolved, table: RateTable
) -> Pricing:
    """Return the sum of the lines, and what is to be said of it."""
    cost = PicoUSD(sum([line.cost for line in lines]))
    if cost >= ROW_LIMIT:
        detail = f"a cost of {to_text(cost)} USD is not below the {to_text(ROW_LIMIT)} USD that one call can hold"
        return _unpriced(PriceStatus.INVALID_USAGE, table, detail, resolved.match_kind, card.id)
    status, detail = status_of(card, cost, resolved.doubts, missing)
    known = cost if lines or not missing else None
    return Pricing(
        status=status,
        list_cost=known,
        effective_cost=known,
        rate_id=card.id,
        rate_table_version=table.version,
        match_kind=resolved.match_kind,
        lines=tuple(lines),
        detail=detail,
    )


def status_of(card: RateCard, cost: int, doubts: Sequence[str], missing: Sequence[str] = ()) -> tuple[PriceStatus, str]:
    """Return how the cost of a call came about, and what is to be said of that.

    Args:
        card: What billed it.
        cost: What it came to.
        doubts: What makes the price a fallback.
        missing: The meters that have no rate.
    """
    if missing or doubts:
        return PriceStatus.PARTIAL if missing else PriceStatus.FALLBACK, _reasons(card, missing, doubts)
    return PriceStatus.PRICED if cost or not card.is_free() else PriceStatus.FREE, ""


def _reasons(card: RateCard, missing: Sequence[str], doubts: Sequence[str]) -> str:
    reasons = [*doubts, "billed at the standard rate"] if doubts else []
    if missing:
        reasons.append(f"no rate of {card.id} for {', '.join(missing)}")
    return "; ".join(reasons)


def _unpriced(status: PriceStatus, table: RateTable, detail: str, match_kind: str = "", rate_id: str = "") -> Pricing:
    return Pricing(
        status=status, rate_id=rate_id, rate_table_version=table.version, match_kind=match_kind, detail=detail
    )


def _unknown(table: RateTable, provider: str, models: Sequence[str]) -> str:
    asked = next(filter(None, models), "")
    return str(UnknownModelError(canonical_provider(provider), asked, table.nearest(provider, asked)))


def _time_of(at_ns: int) -> datetime:
    """Return Unix nanoseconds as a time to show, to the second; what the calendar cannot hold is shown as its edge."""
    try:
        return _EPOCH + timedelta(seconds=at_ns // 10**9)
    except OverflowError:
        return datetime(9999 if at_ns > 0 else 1, 1, 1, tzinfo=UTC)
