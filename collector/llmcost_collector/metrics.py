"""The collector's own metrics, by OpenTelemetry.

Prometheus reads them at /metrics, and they are pushed over OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` or
`OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` says where to.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from otel_llmcost import semconv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from opentelemetry.sdk.metrics.export import MetricReader

    from llmcost_collector.requests import Request
    from otel_llmcost.store import Refused
    from otel_llmcost.store.calls import Summary

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_PREFIX: Final = semconv.METRIC_COLLECTOR_PREFIX
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_PUSHED: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
_EXPORTER: Final = "OTEL_METRICS_EXPORTER"


@dataclass(frozen=True, slots=True)
class Held:
    """What is on the disk.

    Attributes:
        bytes: Of the segments that wait for the store.
        oldest_age_s: Seconds since the oldest of them was opened; 0 without any.
    """

    bytes: int = 0
    oldest_age_s: float = 0.0


class Meters:
    """Counts what the collector does.

    Args:
        held: Tells what is on the disk.
        environ: The variables, of which OpenTelemetry's own say where metrics are pushed to.
    """

    def __init__(self, held: Callable[[], Held], environ: Mapping[str, str]) -> None:
        self.registry = CollectorRegistry()
        readers: list[MetricReader] = [PrometheusMetricReader(registry=self.registry)]
        if any(environ.get(name) for name in _PUSHED) and environ.get(_EXPORTER, "otlp") != "none":
            readers.append(_pushing())
        resource = Resource.create({semconv.SERVICE_NAME: environ.get("OTEL_SERVICE_NAME", "llmcost-collector")})
        self._provider = MeterProvider(readers, resource, shutdown_on_exit=False)
        meter = self._provider.get_meter("llmcost_collector")
        self._requests = meter.create_counter(f"{_PREFIX}requests", "1", "OTLP requests by transport and outcome")
        self._received = meter.create_counter(f"{_PREFIX}received", "1", "Spans and log records received")
        self._telling = meter.create_counter(f"{_PREFIX}telling", "1", "Those of them that may tell of LLM calls")
        self._rejected = meter.create_counter(f"{_PREFIX}rejected", "1", "Spans and calls set aside, by reason")
        self._calls = meter.create_counter(f"{_PREFIX}calls", "1", "LLM calls written, by price status")
        self._unpriced = meter.create_counter(f"{_PREFIX}calls.unpriced", "1", "Calls written whose cost is unknown")
        self._unattributed = meter.create_counter(
            f"{_PREFIX}calls.unattributed", "1", "Calls written without a feature"
        )
        self._duplicates = meter.create_counter(
            f"{_PREFIX}calls.duplicate", "1", "Calls that were written shortly before"
        )
        self._overflow = meter.create_counter(
            f"{_PREFIX}calls.overflow", "1", "Calls whose feature or tenant was one too many for its day"
        )
        self._faults = meter.create_counter(
            f"{_PREFIX}store.faults", "1", "Writes that failed, by kind; they are repeated"
        )
        self._reloads = meter.create_counter(f"{_PREFIX}reloads", "1", "Reloads of rates and rules, by outcome")
        self._insert = meter.create_histogram(
            f"{_PREFIX}insert.duration", "s", "Time of a write", explicit_bucket_boundaries_advisory=_SECONDS
        )
        self._lag = meter.create_histogram(
            f"{_PREFIX}lag",
            "s",
            "From the receipt of a call until it is stored",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.derivation_lag_s = 0.0
        self._held = held
        meter.create_observable_gauge(f"{_PREFIX}segments.size", [self._segment_bytes], "By", "Waiting for the store")
        meter.create_observable_gauge(
            f"{_PREFIX}segments.age", [self._segment_age], "s", "Age of the oldest that waits"
        )
        meter.create_observable_gauge(
            f"{_PREFIX}derivation.lag", [self._derivation_lag], "s", "How far the rollups are behind the calls"
        )

    def page(self) -> tuple[int, str, bytes]:
        """Return what Prometheus reads."""
        return 200, CONTENT_TYPE, generate_latest(self.registry)

    def close(self) -> None:
        """Push what was not pushed yet."""
        self._provider.shutdown()

    def taken(self, transport: str, request: Request) -> None:
        """Count a request that was taken."""
        self._requests.add(1, {"transport": transport, "outcome": "taken"})
        self._received.add(request.seen, {"signal": request.signal})
        self._telling.add(request.kept, {"signal": request.signal})
        for reason, count in request.rejected.items():
            self._rejected.add(count, {"reason": reason})

    def refused(self, transport: str, outcome: str) -> None:
        """Count a request that was not taken."""
        self._requests.add(1, {"transport": transport, "outcome": outcome})

    def stored(self, written: Summary, *, took_s: float, now_ns: int, duplicates: int) -> None:
        """Count calls that are in the store now, last of all as calls: who reads of them reads what is odd of them."""
        self._insert.record(took_s)
        self._lag.record(max(now_ns - written.oldest_ns, 0) / 1e9)
        self._unpriced.add(written.unpriced)
        self._unattributed.add(written.unattributed)
        self._duplicates.add(duplicates)
        for status, count in written.statuses.items():
            self._calls.add(count, {"status": status.value})

    def set_aside(self, rows: Sequence[Refused]) -> None:
        """Count calls that the store refused."""
        for kind, count in Counter(row.kind for row in rows).items():
            self._rejected.add(count, {"reason": kind})

    def spoiled(self, reason: str, count: int = 1) -> None:
        """Count what could not be read when it was drained."""
        self._rejected.add(count, {"reason": reason})

    def overflowed(self) -> None:
        """Count a call whose feature or tenant was one too many for its day."""
        self._overflow.add(1)

    def failed(self, kind: str) -> None:
        """Count a write that failed and is repeated."""
        self._faults.add(1, {"kind": kind})

    def reloaded(self, outcome: str) -> None:
        """Count a reload."""
        self._reloads.add(1, {"outcome": outcome})

    def _segment_bytes(self, _: CallbackOptions) -> Iterable[Observation]:
        yield Observation(self._held().bytes)

    def _segment_age(self, _: CallbackOptions) -> Iterable[Observation]:
        yield Observation(self._held().oldest_age_s)

    def _derivation_lag(self, _: CallbackOptions) -> Iterable[Observation]:
        yield Observation(self.derivation_lag_s)


def _pushing() -> MetricReader:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    return PeriodicExportingMetricReader(OTLPMetricExporter())
