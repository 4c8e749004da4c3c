"""Our own spans, read from the requests that we and OpenTelemetry's exporters write."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_llmcost import semconv
from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.dialects.own import calls_in
from otel_llmcost.telemetry.otlp import encoded
from otel_llmcost.usage import Usage, UsageQuality

CALL = LLMCall(
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="00f067aa0ba902b7",
    started_at_ns=1_790_000_000_000_000_001,
    duration_ns=1_500_000_000,
    provider="anthropic",
    operation="chat",
    request_model="claude-sonnet-4-5",
    usage=Usage(input_tokens=1000, output_tokens=5, cache_write_5m_tokens=300, cache_write_1h_tokens=200),
    usage_quality=UsageQuality.REPORTED,
    attribution=Attribution(feature="search", tags=(("plan", "pro"), ("region", "eu"))),
    finish_reason="stop,length",
    scope_name="otel_llmcost.anthropic",
    scope_version="0.1.0",
)


def request_of(*calls: LLMCall, resource: dict[str, object] | None = None) -> ExportTraceServiceRequest:
    payload = encoded([(call, to_attributes(call)) for call in calls], resource or {})
    return ExportTraceServiceRequest.FromString(payload)


def test_cache_writes_of_both_kinds_are_told_apart() -> None:
    (read,) = calls_in(request_of(CALL).SerializeToString())

    assert read == CALL
    assert read.usage is not None
    assert (read.usage.cache_write_5m_tokens, read.usage.cache_write_1h_tokens) == (300, 200)


def test_the_span_of_a_call_is_what_any_otlp_reader_expects() -> None:
    request = request_of(CALL, resource={"service.name": "shop"})

    (of_resource,) = request.resource_spans
    (of_scope,) = of_resource.scope_spans
    (span,) = of_scope.spans
    assert of_resource.resource.attributes[0].value.string_value == "shop"
    assert (of_scope.scope.name, of_scope.scope.version) == ("otel_llmcost.anthropic", "0.1.0")
    assert (span.name, span.trace_id.hex(), span.kind) == (
        "chat claude-sonnet-4-5",
        CALL.trace_id,
        span.SPAN_KIND_CLIENT,
    )
    assert span.end_time_unix_nano - span.start_time_unix_nano == 1_500_000_000
    assert span.status.code == span.status.STATUS_CODE_UNSET


def test_a_failed_call_is_a_span_with_an_error_status() -> None:
    failed = LLMCall(trace_id="1" * 32, span_id="2" * 16, started_at_ns=1, provider="openai", error_type="Timeout")

    (span,) = request_of(failed).resource_spans[0].scope_spans[0].spans
    assert span.status.code == span.status.STATUS_CODE_ERROR


def test_spans_of_other_scopes_are_passed_over() -> None:
    request = request_of(CALL)
    request.resource_spans[0].scope_spans[0].scope.name = "opentelemetry.instrumentation.httpx"

    assert list(calls_in(request.SerializeToString())) == []


def test_the_resource_says_the_environment_where_the_call_does_not() -> None:
    named = LLMCall(
        trace_id="1" * 32,
        span_id="2" * 16,
        started_at_ns=1,
        provider="openai",
        attribution=Attribution(environment="staging"),
        scope_name="otel_llmcost.openai",
    )
    resource = {"deployment.environment.name": "production", "service.name": "shop", "service.version": "7"}

    of_resource, of_call = sorted(
        calls_in(request_of(CALL, named, resource=resource).SerializeToString()), key=lambda call: call.provider
    )

    assert of_resource.attribution.environment == "production"
    assert of_call.attribution.environment == "staging"
    assert (of_call.service_name, of_call.service_version) == ("shop", "7")


def test_a_call_without_counts_has_no_usage_and_one_with_zeros_has() -> None:
    silent = LLMCall(trace_id="1" * 32, span_id="2" * 16, started_at_ns=1, provider="p", scope_name="otel_llmcost.x")
    zeros = LLMCall(
        trace_id="1" * 32, span_id="3" * 16, started_at_ns=1, provider="p", usage=Usage(), scope_name="otel_llmcost.x"
    )

    read = list(calls_in(request_of(silent, zeros).SerializeToString()))

    assert [call.usage for call in read] == [None, Usage()]


def test_a_span_that_the_sdk_exported_is_the_same_call() -> None:
    """As a collector receives it: the visible copy of a call, through OpenTelemetry's own encoder."""
    finished = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({}))
    provider.add_span_processor(SimpleSpanProcessor(finished))
    tracer = provider.get_tracer(CALL.scope_name, CALL.scope_version)
    span = tracer.start_span("chat claude-sonnet-4-5", start_time=CALL.started_at_ns, attributes=to_attributes(CALL))
    span.end(CALL.started_at_ns + CALL.duration_ns)

    (read,) = calls_in(encode_spans(finished.get_finished_spans()).SerializeToString())
    ids = span.get_span_context()
    read.trace_id, read.span_id = CALL.trace_id, CALL.span_id

    assert read == CALL
    assert f"{ids.span_id:016x}" != CALL.span_id
    provider.shutdown()


def test_bytes_that_are_no_request_are_refused() -> None:
    with pytest.raises(DecodeError):
        list(calls_in(b"\xff\xff rubbish"))


def test_counts_that_come_without_a_word_on_their_quality_were_reported() -> None:
    request = request_of(CALL)
    (span,) = request.resource_spans[0].scope_spans[0].spans
    kept = [said for said in span.attributes if said.key != semconv.USAGE_QUALITY]
    assert len(kept) == len(span.attributes) - 1
    del span.attributes[:]
    span.attributes.extend(kept)

    (read,) = calls_in(request.SerializeToString())

    assert read == CALL
