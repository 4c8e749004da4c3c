"""Every span that starts under an attribution is stamped, and a flush of the provider is a flush of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, set_span_in_context

from otel_llmcost import feature, session
from otel_llmcost.call import LLMCall
from otel_llmcost.dialects.otlp import calls_in_traces
from otel_llmcost.spool import Spool
from otel_llmcost.telemetry.origin import MAX_SERVED, Served
from otel_llmcost.telemetry.pipeline import Pipeline
from otel_llmcost.telemetry.processor import MAX_INSIDE, LLMCostSpanProcessor
from otel_llmcost.telemetry.settings import Settings
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(Settings(data_dir=tmp_path), dict)
    yield pipeline
    pipeline.close()


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
def finished() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(pipeline: Pipeline, served: Served, finished: InMemorySpanExporter) -> Iterator[TracerProvider]:
    provider = TracerProvider()
    provider.add_span_processor(LLMCostSpanProcessor(pipeline, served))
    provider.add_span_processor(SimpleSpanProcessor(finished))
    yield provider
    provider.shutdown()


def test_a_span_of_anybody_is_stamped_with_who_pays(provider: TracerProvider, finished: InMemorySpanExporter) -> None:
    tracer = provider.get_tracer("somebody's")
    with feature("search", tenant="acme", tags={"plan": "pro"}), session("conv_17"):
        tracer.start_span("query").end()
    tracer.start_span("idle").end()

    query, idle = finished.get_finished_spans()
    assert query.attributes == {
        "llmcost.feature": "search",
        "llmcost.tenant": "acme",
        "llmcost.session_id": "conv_17",
        "llmcost.tag.plan": "pro",
    }
    assert idle.attributes == {}


def test_our_own_spans_are_left_to_their_call(provider: TracerProvider, finished: InMemorySpanExporter) -> None:
    with feature("search"):
        provider.get_tracer("otel_llmcost.openai").start_span("chat").end()

    assert finished.get_finished_spans()[0].attributes == {}


@pytest.mark.parametrize("ending", ["force_flush", "shutdown"])
def test_a_flush_of_the_provider_delivers(
    provider: TracerProvider, pipeline: Pipeline, tmp_path: Path, ending: str
) -> None:
    """Serverless runtimes flush before they freeze a process, and know only the provider."""
    call = LLMCall(trace_id="1" * 32, span_id="2" * 16, started_at_ns=1, provider="openai", scope_name="otel_llmcost.x")
    pipeline.put(call, {})

    assert getattr(provider, ending)() in (True, None)
    assert sum(path.stat().st_size for path in (tmp_path / "spool").iterdir()) > 0


def test_a_request_that_is_served_is_known_by_its_route_until_it_ends(provider: TracerProvider, served: Served) -> None:
    span = provider.get_tracer("asgi").start_span("GET", kind=SpanKind.SERVER)
    trace_id = span.get_span_context().trace_id
    assert served.route(trace_id) == "GET"
    span.set_attribute("http.route", "/items/{id}")
    assert served.route(trace_id) == "/items/{id}"

    span.end()
    assert served.route(trace_id) == ""


def test_a_client_span_is_no_request_that_is_served(provider: TracerProvider, served: Served) -> None:
    span = provider.get_tracer("httpx").start_span("GET", kind=SpanKind.CLIENT)

    assert served.route(span.get_span_context().trace_id) == ""


def test_requests_that_never_end_do_not_pile_up(provider: TracerProvider, served: Served) -> None:
    tracer = provider.get_tracer("asgi")
    spans = [tracer.start_span("GET", kind=SpanKind.SERVER) for _ in range(MAX_SERVED + 5)]

    assert sum(bool(served.route(span.get_span_context().trace_id)) for span in spans) == MAX_SERVED


def test_a_request_inside_another_of_the_same_trace_does_not_outlive_it(
    provider: TracerProvider, served: Served
) -> None:
    """Two services of one process serve one trace: the newer one is known, and each leaves with its own end."""
    tracer = provider.get_tracer("asgi")
    outer = tracer.start_span("outer", kind=SpanKind.SERVER)
    inner = tracer.start_span("inner", kind=SpanKind.SERVER, context=set_span_in_context(outer))
    trace_id = outer.get_span_context().trace_id

    outer.end()
    assert served.route(trace_id) == "inner"
    inner.end()
    assert served.route(trace_id) == ""


COUNTED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}


def heard(pipeline: Pipeline, data_dir: Path) -> list[LLMCall]:
    """Return what is in the spool."""
    assert pipeline.flush()
    with Spool(data_dir / "spool") as spool:
        frames = [frame for segment in spool.segments() for frame in segment.frames]
    return [call for frame in frames for call in calls_in_traces(frame.payload)]


def test_a_call_that_another_library_tells_of_is_heard(
    provider: TracerProvider, pipeline: Pipeline, tmp_path: Path
) -> None:
    tracer = provider.get_tracer("opentelemetry.instrumentation.genai.anthropic", "1.3b0")
    with feature("search"):
        span = tracer.start_span("chat", attributes=COUNTED)
    span.end()
    provider.get_tracer("opentelemetry.instrumentation.httpx").start_span("POST", attributes=COUNTED).end()
    provider.get_tracer("my.app").start_span("query", attributes={"http.route": "/"}).end()

    (call,) = heard(pipeline, tmp_path)

    assert (call.dialect, call.scope_version, call.attribution.feature) == ("opentelemetry", "1.3b0", "search")
    assert call.usage == Usage(input_tokens=10, output_tokens=5)
    assert f"{span.get_span_context().span_id:016x}" == call.span_id
    assert pipeline.taken == 0, "it is no call of ours, and is neither counted nor measured"


def test_what_is_told_inside_a_call_of_ours_is_not_heard(
    provider: TracerProvider, pipeline: Pipeline, tmp_path: Path
) -> None:
    ours = provider.get_tracer("otel_llmcost.anthropic").start_span("chat")
    inner = provider.get_tracer("com.anthropic.sdk.python").start_span(
        "anthropic.messages.create", context=set_span_in_context(ours), attributes=COUNTED
    )
    inner.end()
    ours.end()

    assert heard(pipeline, tmp_path) == []


def test_a_span_that_was_sampled_out_is_not_heard(pipeline: Pipeline, served: Served, tmp_path: Path) -> None:
    provider = TracerProvider(sampler=RecordOnly())
    provider.add_span_processor(LLMCostSpanProcessor(pipeline, served))
    provider.get_tracer("com.anthropic.sdk.python").start_span("chat", attributes=COUNTED).end()

    assert heard(pipeline, tmp_path) == []
    provider.shutdown()


class RecordOnly(Sampler):
    """Has spans recorded, and not exported."""

    def should_sample(self, *_: object, **__: object) -> SamplingResult:  # type: ignore[override]
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self) -> str:
        return "record only"


def test_inner_spans_of_http_clients_are_forgotten_when_they_end(provider: TracerProvider, pipeline: Pipeline) -> None:
    processor = LLMCostSpanProcessor(pipeline, Served())
    provider.add_span_processor(processor)
    ours = provider.get_tracer("otel_llmcost.openai").start_span("chat")
    provider.get_tracer("opentelemetry.instrumentation.httpx").start_span("POST", set_span_in_context(ours)).end()
    assert not processor._inside


def test_an_inner_span_that_never_ends_does_not_pile_up(provider: TracerProvider, pipeline: Pipeline) -> None:
    processor = LLMCostSpanProcessor(pipeline, Served())
    provider.add_span_processor(processor)
    ours = provider.get_tracer("otel_llmcost.openai").start_span("chat")
    tracer = provider.get_tracer("openinference.instrumentation.openai")
    held = [tracer.start_span("chat", context=set_span_in_context(ours)) for _ in range(MAX_INSIDE + 5)]

    assert len(processor._inside) == MAX_INSIDE
    for span in held:
        span.end()
    assert not processor._inside
