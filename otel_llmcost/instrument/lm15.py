"""The `lm15` package: every provider that it asks, over sockets of its own."""

from __future__ import annotations

from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._lm15 import LM15Patch


class LM15Instrumentor(Instrumentor):
    """Instruments every transport of `lm15`, sync and async."""

    name = "lm15"
    requires = "lm15 >= 1.0"
    tested = "1.5.0"
    patch = LM15Patch("lm15", "lm15")
