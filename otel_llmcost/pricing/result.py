"""What pricing a call gives: a status, exact costs, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from otel_llmcost.money import PicoUSD
    from otel_llmcost.pricing.rates import Rate
    from otel_llmcost.usage import UsageMeter


class PriceStatus(StrEnum):
    """How the cost of a call came about. Without a price the cost is None, never 0."""

    PRICED = "priced"
    FREE = "free"
    INCLUDED = "included"
    """Paid for elsewhere: a subscription or provisioned capacity."""
    PARTIAL = "partial"
    """A meter had no rate; the cost is the sum of the others."""
    FALLBACK = "fallback"
    """The standard rate, for a tier or region that the table does not know."""
    PROVIDER_REPORTED = "provider_reported"
    UNPRICED_MODEL = "unpriced_model"
    INVALID_USAGE = "invalid_usage"
    NO_USAGE = "no_usage"


class Line(NamedTuple):
    """One meter of a priced call.

    Attributes:
        meter: What was counted.
        quantity: How many units of it, above 0.
        rate: What it costs.
        cost: `rate.cost_of(quantity)`, in pico-USD.
    """

    meter: UsageMeter
    quantity: int
    rate: Rate
    cost: PicoUSD

    @property
    def unit_price(self) -> PicoUSD:
        """Pico-USD for one unit."""
        return self.rate.unit_price

    @property
    def per(self) -> int:
        """The number of units that the provider publishes its price for, such as 1,000,000 tokens; for display."""
        return self.rate.per


class Pricing(NamedTuple):
    """The price of one call.

    Attributes:
        status: How the cost came about.
        list_cost: At published prices, in pico-USD; None where it is unknown.
        effective_cost: After negotiated prices, in pico-USD; None where it is unknown.
        rate_id: The rate card used; empty without one.
        rate_table_version: The first 12 hex digits of the table's sha256.
        overlay_version: The same of the user's own rates; empty without any.
        match_kind: How the model was found: exact, alias, dated_suffix, geo_profile, arn, path, gateway or provider;
            empty if it was not.
        lines: One line a meter, in the order of `UsageMeter`.
        detail: What is wrong, for a status that is not `priced` or `free`; empty otherwise.
    """

    status: PriceStatus
    list_cost: PicoUSD | None = None
    effective_cost: PicoUSD | None = None
    rate_id: str = ""
    rate_table_version: str = ""
    overlay_version: str = ""
    match_kind: str = ""
    lines: tuple[Line, ...] = ()
    detail: str = ""
