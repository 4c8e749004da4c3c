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
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.dialects_live.libraries import LIBRARIES
from tests.dialects_live.set_ups import Vercel
from tests.support import clouds
from tests.support.replay import ReplayServer, recordings

if TYPE_CHECKING:
    from tests.dialects_live.libraries import Library
    from tests.dialects_live.set_ups import Ask


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
    ask = LIBRARIES[library].set_up(provider)
    exchanges = _run_all(LIBRARIES[library], ask, provider.get_tracer("the application"))
    if mode == "beside":
        otel_llmcost.uninstrument()
    out.mkdir(parents=True, exist_ok=True)
    provider.force_flush()
    elsewhere = ask.spans() if isinstance(ask, Vercel) else b""
    (out / "spans").write_bytes(encode_spans(finished.get_finished_spans()).SerializeToString() + elsewhere)
    (out / "exchanges.json").write_text(json.dumps(exchanges))


def _run_all(library: Library, ask: Ask, tracer: trace.Tracer) -> dict[str, str]:
    found, _ = recordings(*library.providers)
    exchanges, errors = {}, {}
    with ReplayServer() as server:
        for recording in found:
            is_seen = recording.path.endswith(library.paths) and recording.id not in clouds.UNREADABLE
            if not is_seen or recording.request.get("background"):
                continue
            answer = clouds.answer_of(recording)
            server.answer_with(answer)  # wherever an SDK asks that writes the path in another way
            server.answer_with(answer, method=recording.method, path=recording.target)
            with tracer.start_as_current_span("request") as span:
                try:
                    ask(recording, server.url)
                except Exception as error:  # noqa: BLE001 - recorded errors are exchanges as well
                    errors[recording.id] = f"{type(error).__name__}: {error}"
            exchanges[f"{span.get_span_context().trace_id:032x}"] = recording.id
    if errors:
        print(json.dumps(errors, indent=1))  # noqa: T201 - for whoever looks why
    return exchanges


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
