"""Questions to the ledger and their answers: one SQL file a question, beside it what the answer looks like."""

from __future__ import annotations

from otel_llmcost.reports.calls import CallLine, newest_calls
from otel_llmcost.reports.dimensions import DIMENSIONS, Dimension, dimension_of
from otel_llmcost.reports.incidents import Incident, incidents
from otel_llmcost.reports.spend import Coverage, Measures, SpendReport, SpendRow, UnnamedSite, UnpricedReason, spend
from otel_llmcost.reports.window import Window

__all__ = [
    "DIMENSIONS",
    "CallLine",
    "Coverage",
    "Dimension",
    "Incident",
    "Measures",
    "SpendReport",
    "SpendRow",
    "UnnamedSite",
    "UnpricedReason",
    "Window",
    "dimension_of",
    "incidents",
    "newest_calls",
    "spend",
]
