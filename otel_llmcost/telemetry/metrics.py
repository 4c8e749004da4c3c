"""Metrics of calls, as GenAI semconv has them, recorded by the worker so that the application does not wait.

Source: semantic-conventions-genai, token metrics (#374) and `gen_ai.client.operation.duration`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry import metrics

from otel_llmcost import semconv
from otel_llmcost.attribution import losses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.util.types import AttributeValue

    from otel_llmcost.call import LLMCall

_COUNTERS: Final = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read.input_tokens",
    "reasoning_tokens": "reasoning.output_tokens",
}
_DURATION_BUCKETS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)


class Metrics:
    """Counts tokens and times calls. Without a MeterProvider each record costs next to nothing."""

    def __init__(self) -> None:
        meter = metrics.get_meter(semconv.SCOPE_PREFIX + "metrics")
        self._duration = meter.create_histogram(
            semconv.METRIC_OPERATION_DURATION,
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_DURATION_BUCKETS,
        )
        self._usage = {
            name: meter.create_counter(semconv.METRIC_USAGE_PREFIX + suffix, unit="{token}")
            for name, suffix in _COUNTERS.items()
        }
        self._written = meter.create_counter(semconv.METRIC_USAGE_PREFIX + "cache_write.input_tokens", unit="{token}")
        meter.create_observable_counter(
            semconv.METRIC_ATTRIBUTION_CUT, [lambda _: _observed(losses)], description="What limits have cut, by kind."
        )
        self._dropped: Mapping[str, int] = {}
        meter.create_observable_counter(
            semconv.METRIC_CALLS_DROPPED, [lambda _: _observed(self._dropped)], description="Calls not kept, by reason."
        )

    def record(self, batch: Iterable[tuple[LLMCall, Mapping[str, AttributeValue]]], dropped: Mapping[str, int]) -> None:
        """Record a batch: each duration, and the tokens of equal attributes at once."""
        self._dropped = dropped
        totals: dict[tuple[tuple[str, str], ...], dict[str, int]] = {}
        for call, _ in batch:
            attributes = _attributes(call)
            failed = {semconv.ERROR_TYPE: call.error_type} if call.error_type else {}
            self._duration.record(call.duration_ns / 1e9, dict(attributes) | failed)
            if call.usage is not None:
                total = totals.setdefault(attributes, dict.fromkeys((*_COUNTERS, "written"), 0))
                for name in _COUNTERS:
                    total[name] += getattr(call.usage, name)
                total["written"] += call.usage.cache_write_5m_tokens + call.usage.cache_write_1h_tokens
        for attributes, total in totals.items():
            said = {**dict(attributes), semconv.GEN_AI_TOKEN_MODALITY: "unknown"}
            self._written.add(total["written"], said)
            for name, counter in self._usage.items():
                counter.add(total[name], said)


def _attributes(call: LLMCall) -> tuple[tuple[str, str], ...]:
    return (
        (semconv.GEN_AI_OPERATION_NAME, call.operation),
        (semconv.GEN_AI_PROVIDER_NAME, call.provider),
        (semconv.GEN_AI_REQUEST_MODEL, call.request_model),
        (semconv.GEN_AI_RESPONSE_MODEL, call.response_model),
        (semconv.SERVER_ADDRESS, call.server_address),
        (semconv.ATTRIBUTION_ATTRIBUTES["feature"], call.attribution.feature),
    )


def _observed(counts: Mapping[str, int]) -> list[metrics.Observation]:
    return [metrics.Observation(count, {"reason": reason}) for reason, count in list(counts.items())]
