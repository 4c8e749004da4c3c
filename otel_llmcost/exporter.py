"""From spans to priced rows: one path, for segments that were spooled and for spans that are handed over.

decode → price → write. A call is its key, so every step may be repeated: a segment is acknowledged only after its
calls are in the store, and whatever fails before that is simply done again.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_llmcost import semconv
from otel_llmcost.dialects.own import calls_in
from otel_llmcost.errors import LLMCostError, StoreRefusedError
from otel_llmcost.pricing import load_rate_table, price
from otel_llmcost.spool import Spool, default_data_dir
from otel_llmcost.store import PricedCall, Store, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from otel_llmcost.pricing import RateTable
    from otel_llmcost.spool import Frame, Segment

_log: Final = logging.getLogger("otel_llmcost")

BATCH_CALLS: Final = 50_000


@dataclass(slots=True)
class Drained:
    """What a drain has done.

    Attributes:
        calls: Calls written; one that the store had already counts too.
        segments: Sealed segments that were taken and acknowledged.
        faults: What could not be read or taken, a line each.
    """

    calls: int = 0
    segments: int = 0
    faults: list[str] = field(default_factory=list)


def drain(
    spool_dir: Path,
    store: Store,
    table: RateTable,
    *,
    on_progress: Callable[[Drained], None] | None = None,
) -> Drained:
    """Bring everything that waits in a spool into the store, and return what was done. Rollups are not derived.

    Args:
        spool_dir: The spool; nothing happens where somebody else is draining it.
        store: Migrated.
        table: The rates.
        on_progress: Called after every segment.

    Raises:
        SpoolError: The spool cannot be used.
        StoreUnreachableError: The store went away. What had been written is not written twice by the next drain.
    """
    done = Drained()
    with Spool(spool_dir) as spool:
        for segment in spool.segments():
            if _taken(segment, store, table, done):
                spool.acknowledge(segment, now_s=time.time())
                done.segments += segment.is_sealed
            elif segment.is_sealed:
                done.faults.append(f"set aside as {spool.reject(segment)}")
            if on_progress is not None:
                on_progress(done)
    return done


def _taken(segment: Segment, store: Store, table: RateTable, done: Drained) -> bool:
    """Write the calls of a segment and return whether the store takes such calls at all."""
    if segment.is_sealed:
        done.faults.extend(f"{fault}; the bytes are kept in {segment.path.parent}/corrupt" for fault in segment.faults)
    batch: list[PricedCall] = []
    try:
        for frame in segment.frames:
            batch.extend(_priced_calls(frame, table, segment, done))
            if len(batch) >= BATCH_CALLS:
                done.calls += store.write(batch)
                batch.clear()
        if batch:
            done.calls += store.write(batch)
    except StoreRefusedError as error:
        done.faults.append(f"{segment.path.name}: {error}")
        return False
    return True


def _priced_calls(frame: Frame, table: RateTable, segment: Segment, done: Drained) -> Iterable[PricedCall]:
    try:
        calls = list(calls_in(frame.payload))
    except (DecodeError, ValueError) as error:
        done.faults.append(f"{segment.path.name}: a frame is no OTLP request of ours: {error}")
        return ()
    return [PricedCall(call=call, pricing=price(call, table), received_at_ns=frame.received_at_ns) for call in calls]


class LLMCostExporter(SpanExporter):
    """Writes our own spans into the ClickHouse of `LLMCOST_DSN`, priced; spans that are no LLM calls are passed over.

    For processes that hold spans and nothing else: a test, a tool, a service that relays spans. In an instrumented
    application (`OTEL_TRACES_EXPORTER=llmcost`) every call is recorded and spooled whatever becomes of its span, so
    there the exporter does nothing.

    Args:
        store: Where to write; None opens `LLMCOST_DSN`, or the embedded store of the data directory, when first needed.
        table: The rates; None takes those of this release.
    """

    def __init__(self, store: Store | None = None, table: RateTable | None = None) -> None:
        self._store, self._table = store, table
        self._is_explicit = store is not None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Price and write the spans that are calls."""
        ours = [span for span in spans if _is_ours(span)]
        if not ours or (not self._is_explicit and _pipeline_runs()):
            return SpanExportResult.SUCCESS
        try:
            table = self._table = self._table or load_rate_table()
            now_ns = time.time_ns()
            calls = calls_in(encode_spans(ours).SerializeToString())
            self._opened().write([PricedCall(call=c, pricing=price(c, table), received_at_ns=now_ns) for c in calls])
        except LLMCostError as error:
            _log.warning("%d calls are not stored: %s", len(ours), error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - nothing is held back
        """Return True: `export` holds nothing back."""
        return True

    def shutdown(self) -> None:
        """Close the store, unless it was handed in."""
        if self._store is not None and not self._is_explicit:
            self._store.close()
            self._store = None

    def _opened(self) -> Store:
        if self._store is None:
            self._store = connect(os.environ.get("LLMCOST_DSN") or default_dsn(default_data_dir(os.environ)))
            self._store.migrate()
        return self._store


def default_dsn(data_dir: Path) -> str:
    """Return the DSN of the embedded store in a data directory."""
    return f"chdb://{data_dir.absolute() / 'store'}"


def _is_ours(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name.startswith(semconv.SCOPE_PREFIX)


def _pipeline_runs() -> bool:
    from otel_llmcost.telemetry import runtime

    return runtime.current() is not None
