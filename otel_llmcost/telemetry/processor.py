"""Stamps every span that starts under an attribution, whoever starts it, and hears what others tell of calls.

A span that starts inside of a call of ours tells of that call and is not heard. One around a call of ours is: the
store finds out that it tells of the same (`dialects.once`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import get_current_span

from otel_llmcost import semconv
from otel_llmcost.attribution import NOBODY, current
from otel_llmcost.dialects.scopes import is_silent, may_tell
from otel_llmcost.telemetry.log import warn

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from otel_llmcost.call import LLMCall
    from otel_llmcost.telemetry.origin import Served
    from otel_llmcost.telemetry.pipeline import Pipeline


MAX_INSIDE: Final = 10_000


class LLMCostSpanProcessor(SpanProcessor):
    """Stamps spans with who pays, and passes `force_flush` and `shutdown` on to the pipeline.

    Args:
        pipeline: What a flush of the provider flushes too.
        served: Where requests being served are noted.
    """

    def __init__(self, pipeline: Pipeline, served: Served) -> None:
        self._pipeline, self._served = pipeline, served
        self._inside: set[int] = set()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp a span. Our own are stamped with everything else when their call is finished."""
        try:
            scope = span.instrumentation_scope
            if scope is not None and scope.name.startswith(semconv.SCOPE_PREFIX):
                return
            self._served.started(span)
            if _is_ours(get_current_span(parent_context)) and len(self._inside) < MAX_INSIDE:
                self._inside.add(span.context.span_id)
            if (attribution := current(parent_context)) is not NOBODY:
                span.set_attributes(attribution.entries())
        except Exception as error:  # noqa: BLE001 - the SDK passes on what a processor raises, and it is not our span
            warn("a span is not stamped: %s: %s", type(error).__name__, error)

    def on_end(self, span: ReadableSpan) -> None:
        """Forget a request that has been served; hear a span that may tell of a call."""
        try:
            self._served.ended(span)
            scope, context = span.instrumentation_scope, span.context
            if scope is None or context is None:
                return
            if context.span_id in self._inside:
                self._inside.discard(context.span_id)
            elif not is_silent(scope.name) and context.trace_flags.sampled and may_tell(span.attributes or ()):
                self._pipeline.hear(partial(_told_by, span))
        except Exception as error:  # noqa: BLE001 - the SDK passes on what a processor raises, and it is not our span
            warn("a span is not heard: %s: %s", type(error).__name__, error)

    def shutdown(self) -> None:
        """Deliver what is queued or held back."""
        self._pipeline.release()
        self._pipeline.flush()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver what is queued or held back, as serverless runtimes ask before they freeze the process."""
        self._pipeline.release()
        return self._pipeline.flush(timeout_millis / 1000)


def _is_ours(parent: object) -> bool:
    scope = parent.instrumentation_scope if isinstance(parent, ReadableSpan) else None
    return scope is not None and scope.name.startswith(semconv.SCOPE_PREFIX)


def _told_by(span: ReadableSpan) -> LLMCall | None:
    """Return the call that a span of others tells of, None where it tells of none. Runs in the worker."""
    from opentelemetry.trace import StatusCode

    from otel_llmcost.dialects.registry import reader_of
    from otel_llmcost.dialects.telling import Telling

    scope, context = span.instrumentation_scope, span.context
    if scope is None or context is None or (read := reader_of(scope.name)) is None:
        return None
    return read(
        Telling(
            scope_name=scope.name,
            scope_version=scope.version or "",
            name=span.name,
            trace_id=f"{context.trace_id:032x}",
            span_id=f"{context.span_id:016x}",
            parent_span_id=f"{span.parent.span_id:016x}" if span.parent else "",
            started_at_ns=span.start_time or 0,
            ended_at_ns=span.end_time or 0,
            attributes=span.attributes or {},
            resource=span.resource.attributes,
            is_error=span.status.status_code is StatusCode.ERROR,
        )
    )
