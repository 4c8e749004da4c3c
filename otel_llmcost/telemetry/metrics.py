"""Metrics of calls, as GenAI semconv has them, recorded by the worker so that the application does not wait.

Source: semantic-conventions-genai, token metrics (#374) and `gen_ai.client.operation.duration`.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics

from otel_llmcost import semconv
from otel_llmcost.attribution import losses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.util.types import AttributeValue

    from otel_llmcost.call import LLMCall
    from otel_llmcost.usage import Usage

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
        groups: dict[tuple[str, ...], list[LLMCall]] = {}
        for call, _ in batch:
            groups.setdefault(_group(call), []).append(call)
        for (error, *values), calls in groups.items():
            attributes = dict(zip(_GROUPED_BY.values(), values, strict=True))
            timed = {**attributes, semconv.ERROR_TYPE: error} if error else attributes
            for call in calls:
                self._duration.record(call.duration_ns / 1e9, timed)
            self._count([used for call in calls if (used := call.billable) is not None], attributes)

    def _count(self, usages: list[Usage], attributes: Mapping[str, str]) -> None:
        if not usages:
            return
        said = {**attributes, semconv.GEN_AI_TOKEN_MODALITY: "unknown"}
        self._written.add(sum(usage.cache_write_5m_tokens + usage.cache_write_1h_tokens for usage in usages), said)
        for name, counter in self._usage.items():
            counter.add(sum(map(attrgetter(name), usages)), said)


_GROUPED_BY: Final = {
    "operation": semconv.GEN_AI_OPERATION_NAME,
    "provider": semconv.GEN_AI_PROVIDER_NAME,
    "request_model": semconv.GEN_AI_REQUEST_MODEL,
    "response_model": semconv.GEN_AI_RESPONSE_MODEL,
    "server_address": semconv.SERVER_ADDRESS,
    "attribution.feature": semconv.ATTRIBUTION_ATTRIBUTES["feature"],
}
_group: Final = attrgetter("error_type", *_GROUPED_BY)


def _observed(counts: Mapping[str, int]) -> list[metrics.Observation]:
    return [metrics.Observation(count, {"reason": reason}) for reason, count in list(counts.items())]
