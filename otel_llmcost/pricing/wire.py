"""Pricing as JSON in, JSON out: what `llmcost price -` does with one line.

    in   {"id", "provider", "model", "at", "context", "usage"}
    out  {"id", "status", "total_usd", "rate_id", "lines": [{"meter", "quantity", "unit_price_usd", "per", "cost_usd"}]}

Where the user has rates of their own, `effective_usd` and `overlay_version` are there too.

`usage` is the provider's own answer, `context` holds what the answer does not repeat. Reading answers is not the
business of this floor, so the caller hands in who can: `price_line(case, pricer, read)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from otel_llmcost.call import LLMCall
from otel_llmcost.money import to_text
from otel_llmcost.pricing.compiled import unix_ns
from otel_llmcost.pricing.engine import BATCH, Served
from otel_llmcost.pricing.places import AZURE_ZONES, azure_tier, region_at
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.pricing.result import PriceStatus, Pricing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from otel_llmcost.pricing.pricer import Pricer
    from otel_llmcost.pricing.result import Line
    from otel_llmcost.usage import Usage


_REGION_KEYS: Final = ("inference_geo", "data_residency", "region", "location", "cloud.region", "azure.zone")
_ZONE_KEYS: Final = ("azure.zone", "zone")
_HOST_KEYS: Final = ("server.address", "server_address")
_DEPLOYMENT_KEYS: Final = ("azure.deployment_type", "deployment_type")


class Reading(Protocol):
    """What an answer tells of itself; `providers.reading.Reading` is one."""

    @property
    def model(self) -> str:
        """The model that answered; empty if the answer does not say."""

    @property
    def usage(self) -> Usage | None:
        """What was consumed; None where the answer does not say."""

    @property
    def billed(self) -> Usage | None:
        """What is billed, where the answer says that this is not what was consumed; None otherwise."""

    @property
    def service_tier(self) -> str:
        """The provider's word for the tier that served."""

    @property
    def speed(self) -> str:
        """The provider's word for a faster mode that served."""

    @property
    def region(self) -> str:
        """Where it was processed, where the provider tells."""

    @property
    def fault(self) -> str:
        """What is wrong with the counts; empty if nothing is."""


def price_line(
    case: Mapping[str, Any],
    pricer: Pricer,
    read: Callable[[str, Mapping[str, Any]], Reading],
) -> dict[str, Any]:
    """Return the price of one answer as JSON types; every amount is exact decimal text, an unknown one is None.

    Args:
        case: One input line. What the answer says of tier, speed and region wins over its `context`, and the
            context's `processing` of `batch` says what no answer does.
        pricer: The rates.
        read: Reads a provider's answer, given the provider in the table's spelling.

    Raises:
        KeyError: `provider`, `at` or `usage` is missing.
        ValueError: `at` is no ISO 8601 time.
    """
    call, fault = call_of(case, read)
    if fault:
        pricing = Pricing(status=PriceStatus.INVALID_USAGE, rate_table_version=pricer.table.version, detail=fault)
    else:
        pricing = pricer.price(call)
    return priced_line(case.get("id"), pricing)


def call_of(case: Mapping[str, Any], read: Callable[[str, Mapping[str, Any]], Reading]) -> tuple[LLMCall, str]:
    """Return the call that a line tells of, and what is wrong with its counts; the arguments are `price_line`'s."""
    provider = canonical_provider(case["provider"])
    told = read(provider, case["usage"])
    served = _served(told, case.get("context") or {})
    call = LLMCall(
        trace_id="",
        span_id="",
        started_at_ns=unix_ns(case["at"]),
        provider=provider,
        request_model=case.get("model") or "",
        response_model=told.model,
        usage=told.usage,
        billed=told.billed,
        service_tier=served.service_tier,
        speed=served.speed,
        region=served.region,
        is_batch=served.is_batch,
    )
    return call, told.fault


def _served(told: Reading, context: Mapping[str, Any]) -> Served:
    deployment = _word(context, _DEPLOYMENT_KEYS)
    tier = azure_tier(deployment)
    region = told.region or _word(context, _REGION_KEYS) or region_at(_word(context, _HOST_KEYS))
    if deployment:
        zone = _word(context, _ZONE_KEYS).lower()
        region = f"{deployment}:{zone}" if zone in AZURE_ZONES else deployment
    return Served(
        service_tier=tier or told.service_tier or _word(context, ("service_tier",)),
        speed=told.speed or _word(context, ("speed",)),
        region=region,
        is_batch=BATCH in {tier, context.get("processing")},
    )


def _word(context: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the first text that stands under one of `keys`, empty where there is none."""
    return next((word for word in map(context.get, keys) if isinstance(word, str) and word), "")


def priced_line(case_id: object, pricing: Pricing) -> dict[str, Any]:
    """Return a price as JSON types, named by `case_id`."""
    line: dict[str, Any] = {
        "id": case_id,
        "status": pricing.status.value,
        "total_usd": None if pricing.list_cost is None else to_text(pricing.list_cost),
        "rate_id": pricing.rate_id or None,
        "lines": [_meter_line(each) for each in pricing.lines],
    }
    if pricing.overlay_version:
        line["effective_usd"] = None if pricing.effective_cost is None else to_text(pricing.effective_cost)
        line["overlay_version"] = pricing.overlay_version
    return line | ({"detail": pricing.detail} if pricing.detail else {})


def _meter_line(line: Line) -> dict[str, Any]:
    return {
        "meter": line.meter.value,
        "quantity": line.quantity,
        "unit_price_usd": to_text(line.rate.published),
        "per": line.per,
        "cost_usd": to_text(line.cost),
    }
