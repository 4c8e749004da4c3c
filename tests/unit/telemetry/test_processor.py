"""Every span that starts under an attribution is stamped, and a flush of the provider is a flush of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, set_span_in_context

from otel_llmcost import feature, session
from otel_llmcost.call import LLMCall
from otel_llmcost.telemetry.origin import MAX_SERVED, Served
from otel_llmcost.telemetry.pipeline import Pipeline
from otel_llmcost.telemetry.processor import LLMCostSpanProcessor
from otel_llmcost.telemetry.settings import Settings

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
