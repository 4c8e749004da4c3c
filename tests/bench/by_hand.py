"""A call with OpenTelemetry alone: the span and the metrics that we make of it, and nothing else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics
from opentelemetry.trace import SpanKind

from otel_llmcost import semconv

if TYPE_CHECKING:
    from collections.abc import Callable

_TOLD: Final = {
    semconv.PROVIDER_SOURCE: "host",
    semconv.GEN_AI_RESPONSE_MODEL: "gpt-5-mini-2025-08-07",
    semconv.CALL_SITE: "tests.bench.worker:Worker._chat.<locals>.do:142",
    semconv.SERVER_ADDRESS: "api.openai.com",
    semconv.INPUT_BYTES: 533,
    semconv.TOOL_CALL_COUNT: 0,
    semconv.SERVICE_TIER: "default",
    semconv.CREDENTIAL_ID: "0123456789abcdef",
    semconv.PROVIDER_REQUEST_ID: "req_0123456789abcdef",
    semconv.PROMPT_HASH: "0123456789abcdef",
    semconv.PROMPT_BYTES: 390,
    semconv.REQUEST_HASH: "0123456789abcdef",
    semconv.USAGE_QUALITY: "reported",
}
"""What a span of ours tells besides what is read here, worked out beforehand."""


def traced(create: Callable[..., Any], provider: Any) -> Callable[..., Any]:
    """Return a function that asks as `create` does, within a span."""
    tracer, meter = provider.get_tracer("by hand"), metrics.get_meter("by hand")
    duration = meter.create_histogram(semconv.METRIC_OPERATION_DURATION, unit="s")
    names = ("input", "output", "cache_read.input", "cache_write.input", "reasoning.output")
    counters = [meter.create_counter(f"{semconv.METRIC_USAGE_PREFIX}{name}_tokens") for name in names]

    def ask(self: Any, **kwargs: Any) -> Any:
        began_ns = time.perf_counter_ns()
        known = {
            semconv.GEN_AI_OPERATION_NAME: "chat",
            semconv.GEN_AI_PROVIDER_NAME: "openai",
            semconv.GEN_AI_REQUEST_MODEL: kwargs["model"],
        }
        with tracer.start_as_current_span(f"chat {kwargs['model']}", kind=SpanKind.CLIENT, attributes=known) as span:
            answer = create(self, **kwargs)
            usage = answer.usage
            counts = (
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.prompt_tokens_details.cached_tokens,
                0,
                usage.completion_tokens_details.reasoning_tokens,
            )
            said = {
                **_TOLD,
                semconv.GEN_AI_RESPONSE_ID: answer.id,
                semconv.GEN_AI_RESPONSE_FINISH_REASONS: [choice.finish_reason for choice in answer.choices],
            }
            span.set_attributes(said | dict(zip(_USAGE, counts, strict=True)))
        duration.record((time.perf_counter_ns() - began_ns) / 1e9, known)
        for counter, count in zip(counters, counts, strict=True):
            counter.add(count, known)
        return answer

    return ask


_USAGE: Final = (
    semconv.USAGE_ATTRIBUTES["input_tokens"],
    semconv.USAGE_ATTRIBUTES["output_tokens"],
    semconv.USAGE_ATTRIBUTES["cache_read_tokens"],
    semconv.GEN_AI_USAGE_CACHE_WRITE,
    semconv.USAGE_ATTRIBUTES["reasoning_tokens"],
)
