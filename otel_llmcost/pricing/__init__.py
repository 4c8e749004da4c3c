"""What a call costs: usage and a dated rate table in, an exact cost and its reasons out."""

from __future__ import annotations

from otel_llmcost.pricing.changes import ModelChange, RateChange, compare
from otel_llmcost.pricing.coverage import Coverage, coverage
from otel_llmcost.pricing.engine import Resolved, Served, price, price_usage, resolve
from otel_llmcost.pricing.overlay import Overlay
from otel_llmcost.pricing.pricer import Pricer
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.pricing.rates import ContextTier, ModelRates, Rate, RateCard
from otel_llmcost.pricing.result import Line, PriceStatus, Pricing
from otel_llmcost.pricing.table import RateTable, load_rate_table
from otel_llmcost.pricing.wire import price_line

__all__ = [
    "ContextTier",
    "Coverage",
    "Line",
    "ModelChange",
    "ModelRates",
    "Overlay",
    "PriceStatus",
    "Pricer",
    "Pricing",
    "Rate",
    "RateCard",
    "RateChange",
    "RateTable",
    "Resolved",
    "Served",
    "canonical_provider",
    "compare",
    "coverage",
    "load_rate_table",
    "price",
    "price_line",
    "price_usage",
    "resolve",
]
