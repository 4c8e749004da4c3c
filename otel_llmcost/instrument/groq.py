"""The `groq` SDK."""

from __future__ import annotations

from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._stainless import SDK, Patch


class GroqInstrumentor(Instrumentor):
    """Instruments every client of the `groq` package, sync and async."""

    name = "groq"
    requires = "groq >= 0.13"
    tested = "1.7.0"
    patch = Patch(
        SDK(
            name="groq",
            package="groq",
            provider="groq",
        )
    )
