"""The `cerebras-cloud-sdk`."""

from __future__ import annotations

from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._stainless import SDK, Patch


class CerebrasInstrumentor(Instrumentor):
    """Instruments every client of `cerebras.cloud.sdk`, sync and async."""

    name = "cerebras"
    requires = "cerebras-cloud-sdk >= 1.15"
    tested = "1.91.0"
    patch = Patch(
        SDK(
            name="cerebras",
            package="cerebras.cloud.sdk",
            provider="cerebras",
        )
    )
