"""What a call without a feature is done for: the background task or the HTTP route that is being served."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from otel_llmcost import semconv

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

MAX_SERVED: Final = 10_000


class Served:
    """The requests that this process is serving, by trace: the spans of kind SERVER and CONSUMER under way."""

    def __init__(self) -> None:
        self._spans: dict[int, ReadableSpan] = {}

    def started(self, span: ReadableSpan) -> None:
        """Note a span that has started."""
        if span.kind in (SpanKind.SERVER, SpanKind.CONSUMER) and span.context and len(self._spans) < MAX_SERVED:
            self._spans[span.context.trace_id] = span

    def ended(self, span: ReadableSpan) -> None:
        """Forget a span that has ended. The SDK hands over a copy of what had started."""
        held = self._spans.get(span.context.trace_id) if span.context else None
        if held is not None and held.context == span.context:
            self._spans.pop(span.context.trace_id, None)

    def route(self, trace_id: int) -> str:
        """Return the HTTP route, or else the name, of the request that a trace serves here; empty if there is none."""
        span = self._spans.get(trace_id)
        if span is None:
            return ""
        route = (span.attributes or {}).get(semconv.HTTP_ROUTE)
        return str(route) if route else span.name


def running_task() -> str:
    """Return the name of the Celery task or RQ job that runs in this thread; empty if there is none."""
    try:
        return _celery_task(sys.modules.get("celery")) or _rq_job(sys.modules.get("rq"))
    except Exception:  # noqa: BLE001 - other people's state, read on the way
        return ""


def _celery_task(celery: Any) -> str:
    task = celery.current_task if celery else None
    return str(task.name) if task else ""


def _rq_job(rq: Any) -> str:
    job = rq.get_current_job() if rq else None
    return str(job.func_name) if job else ""
