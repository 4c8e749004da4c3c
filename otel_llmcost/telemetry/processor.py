"""Stamps every span that starts under an attribution, whoever starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import SpanProcessor

from otel_llmcost import semconv
from otel_llmcost.attribution import NOBODY, current

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from otel_llmcost.telemetry.origin import Served
    from otel_llmcost.telemetry.pipeline import Pipeline


class LLMCostSpanProcessor(SpanProcessor):
    """Stamps spans with who pays, and passes `force_flush` and `shutdown` on to the pipeline.

    Args:
        pipeline: What a flush of the provider flushes too.
        served: Where requests being served are noted.
    """

    def __init__(self, pipeline: Pipeline, served: Served) -> None:
        self._pipeline, self._served = pipeline, served

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp a span. Our own are stamped with everything else when their call is finished."""
        scope = span.instrumentation_scope
        if scope is not None and scope.name.startswith(semconv.SCOPE_PREFIX):
            return
        self._served.started(span)
        if (attribution := current(parent_context)) is not NOBODY:
            span.set_attributes(attribution.entries())

    def on_end(self, span: ReadableSpan) -> None:
        """Forget a request that has been served."""
        self._served.ended(span)

    def shutdown(self) -> None:
        """Deliver what is queued."""
        self._pipeline.flush()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver what is queued, as serverless runtimes ask before they freeze the process."""
        return self._pipeline.flush(timeout_millis / 1000)
