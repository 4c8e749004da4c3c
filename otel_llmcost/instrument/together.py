"""The `together` SDK, since its second major release; the first was made otherwise."""

from __future__ import annotations

from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._stainless import SDK, Patch


class TogetherInstrumentor(Instrumentor):
    """Instruments every client of the `together` package, sync and async."""

    name = "together"
    requires = "together >= 2.0"
    tested = "3.1.1"
    patch = Patch(
        SDK(
            name="together",
            package="together",
            provider="together",
        )
    )
