"""Writes spans that are calls straight into ClickHouse, priced.

An instrumented application may name the exporter and never use it, so the store and the rates are imported when the
first call is to be written.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_llmcost import semconv
from otel_llmcost.dialects.scopes import is_silent, may_tell
from otel_llmcost.errors import LLMCostError
from otel_llmcost.spool import default_data_dir

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from otel_llmcost.pricing import Pricer
    from otel_llmcost.store import Store

_log: Final = logging.getLogger("otel_llmcost")


class LLMCostExporter(SpanExporter):
    """Writes spans that tell of calls into the ClickHouse of `LLMCOST_DSN`, priced, ours and those of others.

    For processes that hold spans and nothing else: a test, a tool, a service that relays spans. In an instrumented
    application (`OTEL_TRACES_EXPORTER=llmcost`) every call is recorded and spooled whatever becomes of its span, so
    there the exporter does nothing.

    Args:
        store: Where to write; None opens `LLMCOST_DSN`, or the embedded store of the data directory, when first needed.
        pricer: The rates; None takes those of this set-up when first needed.
    """

    def __init__(self, store: Store | None = None, pricer: Pricer | None = None) -> None:
        self._store, self._pricer = store, pricer
        self._is_explicit = store is not None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Price and write the spans that are calls."""
        telling = [span for span in spans if _may_tell(span)]
        if not telling or (not self._is_explicit and _pipeline_runs()):
            return SpanExportResult.SUCCESS
        try:
            self._write(telling)
        except LLMCostError as error:
            _log.warning("%d calls are not stored: %s", len(telling), error)
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

    def _write(self, spans: Sequence[ReadableSpan]) -> None:
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        from otel_llmcost.config.pricer import load_pricer
        from otel_llmcost.dialects.otlp import calls_in_traces
        from otel_llmcost.drain import priced

        if self._pricer is None:
            self._pricer = load_pricer(os.environ, default_data_dir(os.environ))
        calls = calls_in_traces(encode_spans(spans).SerializeToString())
        self._opened().write(priced(calls, self._pricer, received_at_ns=time.time_ns()))

    def _opened(self) -> Store:
        from otel_llmcost.store import connect

        if self._store is None:
            dsn = os.environ.get("LLMCOST_DSN") or default_dsn(default_data_dir(os.environ))
            self._store = connect(dsn, cluster=os.environ.get("LLMCOST_CLUSTER", ""))
            self._store.migrate()
        return self._store


def default_dsn(data_dir: Path) -> str:
    """Return the DSN of the embedded store in a data directory."""
    return f"chdb://{data_dir.absolute() / 'store'}"


def _may_tell(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    if scope is None:
        return False
    is_ours = scope.name.startswith(semconv.SCOPE_PREFIX)
    return is_ours or (not is_silent(scope.name) and may_tell(span.attributes or ()))


def _pipeline_runs() -> bool:
    from otel_llmcost.telemetry import runtime

    return runtime.current() is not None
