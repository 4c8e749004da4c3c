"""DSPy, as far as it asks providers through the copy of lm15 that it brings; the rest is seen in litellm."""

from __future__ import annotations

from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._lm15 import LM15Patch


class DSPyInstrumentor(Instrumentor):
    """Instruments every transport of `dspy._vendor.lm15`, sync and async."""

    name = "dspy"
    requires = "dspy >= 3"
    tested = "3.4.1"
    patch = LM15Patch("dspy", "dspy._vendor.lm15")
