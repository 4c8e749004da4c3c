"""One process in the environment of the others: every exchange through the real SDKs, instrumented by one library.

    python -m tests.dialects_live.worker openinference alone out/

It leaves `spans` (an ExportTraceServiceRequest) and `exchanges.json` (trace id → recording) in the directory. With
`beside` we are there too: our own spans are among the others, and our records in the spool of `LLMCOST_DATA_DIR`.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.dialects_live.libraries import LIBRARIES
from tests.support.exchanges import PATHS, run
from tests.support.replay import ReplayServer, recordings


def main(library: str, mode: str, out: Path) -> None:
    """Run every exchange, each in a trace of its own."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    finished = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=1_000))
    provider.add_span_processor(SimpleSpanProcessor(finished))
    trace.set_tracer_provider(provider)
    if mode == "beside":
        import otel_llmcost

        otel_llmcost.instrument(provider)
    for module, name in LIBRARIES[library].instrumentors:
        instrumentor: Any = getattr(import_module(module), name)()
        instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    exchanges = _run_all(provider.get_tracer("the application"))
    if mode == "beside":
        otel_llmcost.uninstrument()
    out.mkdir(parents=True, exist_ok=True)
    (out / "spans").write_bytes(encode_spans(finished.get_finished_spans()).SerializeToString())
    (out / "exchanges.json").write_text(json.dumps(exchanges))


def _run_all(tracer: trace.Tracer) -> dict[str, str]:
    found, _ = recordings("openai", "anthropic")
    exchanges = {}
    with ReplayServer() as server:
        for recording in found:
            if recording.path not in PATHS or recording.request.get("background"):
                continue
            server.replay(recording)
            with tracer.start_as_current_span("request") as span:
                try:
                    run(recording, server.url)
                except Exception:  # noqa: BLE001 - recorded errors are exchanges as well
                    pass
            exchanges[f"{span.get_span_context().trace_id:032x}"] = recording.id
    return exchanges


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
