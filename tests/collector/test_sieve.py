"""What is sifted out of a request is what decoding all of it would find."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmcost_collector.sieve import NotProtobufError, sift
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost import semconv
from otel_llmcost.dialects import coding_agents, scopes
from otel_llmcost.semconv import TELLING_WORDS, TELLING_WORDS_OF_LOGS

texts = st.text(max_size=8) | st.sampled_from(["gen_ai.system", "llm", "ai.operationId", "gen_ai", "x" * 200])
groups = st.tuples(texts, st.lists(texts, max_size=6))
requests = st.lists(st.tuples(texts, st.lists(groups, max_size=4)), max_size=4)


def encoded(told: list[tuple[str, list[tuple[str, list[str]]]]]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for service, of_scopes in told:
        resource = request.resource_spans.add(schema_url="https://example.com")
        resource.resource.attributes.add(key="service.name").value.string_value = service
        for scope_name, spans in of_scopes:
            scope = resource.scope_spans.add(schema_url="https://example.com")
            scope.scope.name = scope_name
            for number, name in enumerate(spans):
                scope.spans.add(name=name, span_id=bytes([number] * 8))
    return request


def delimited(number: int, content: bytes) -> bytes:
    size, groups = len(content), bytearray()
    while size > 127:
        groups.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes(groups) + bytes([size]) + content


EMPTY = b"\x0a\x00" * 200_000


@pytest.mark.parametrize(
    "data",
    [
        EMPTY,
        delimited(1, EMPTY),
        delimited(1, delimited(2, EMPTY)),
        delimited(1, delimited(2, delimited(1, TELLING_WORDS[0]) + b"\x12\x00" * 600_000)),
    ],
    ids=["resources", "of a resource", "of a scope", "spans"],
)
def test_empty_fields_are_counted_before_they_take_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(NotProtobufError, match="too many"):
            sift(data, TELLING_WORDS)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def tells(text: str) -> bool:
    return any(word in text.encode() for word in TELLING_WORDS)


@given(requests)
def test_a_span_is_kept_if_it_or_its_scope_holds_a_word(told: list[tuple[str, list[tuple[str, list[str]]]]]) -> None:
    payload, seen = sift(encoded(told).SerializeToString(), TELLING_WORDS)
    kept = [
        (service, [(scope, spans if tells(scope) else [name for name in spans if tells(name)]) for scope, spans in of])
        for service, of in told
    ]
    found = [
        (
            resource.resource.attributes[0].value.string_value,
            [(scope.scope.name, [span.name for span in scope.spans]) for scope in resource.scope_spans],
        )
        for resource in ExportTraceServiceRequest.FromString(payload).resource_spans
    ]
    without_empty = [(service, [each for each in of if each[1]]) for service, of in kept]
    assert found == [each for each in without_empty if each[1]]
    assert seen == sum(len(spans) for _, of in told for _, spans in of)


@given(requests)
def test_nothing_is_lost_where_every_span_holds_a_word(told: list[tuple[str, list[tuple[str, list[str]]]]]) -> None:
    full = [
        (service, [(scope, [f"llm {name}" for name in spans]) for scope, spans in of if spans]) for service, of in told
    ]
    request = encoded([each for each in full if each[1]])
    payload, _ = sift(request.SerializeToString(), TELLING_WORDS)
    assert ExportTraceServiceRequest.FromString(payload) == request


def test_log_records_are_sifted_alike() -> None:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for key in ("input_tokens", "http.method"):
        scope.log_records.add().attributes.add(key=key).value.int_value = 7
    payload, seen = sift(request.SerializeToString(), TELLING_WORDS_OF_LOGS)
    [record] = ExportLogsServiceRequest.FromString(payload).resource_logs[0].scope_logs[0].log_records
    assert (record.attributes[0].key, seen) == ("input_tokens", 2)


def test_fields_of_other_types_are_stepped_over() -> None:
    """Number 9 as varint, fixed64 and fixed32, before a span with a word."""
    span = b"\x0a\x03llm"
    scope = b"\x48\x96\x01" + b"\x49" + bytes(8) + b"\x4d" + bytes(4) + b"\x12" + bytes([len(span)]) + span
    resource = b"\x12" + bytes([len(scope)]) + scope
    payload, seen = sift(b"\x0a" + bytes([len(resource)]) + resource, TELLING_WORDS)
    assert (seen, payload) == (1, b"\x0a\x09\x12\x07\x12\x05" + span)


@given(st.binary(max_size=60))
def test_any_bytes_are_sifted_or_refused_and_nothing_else_is_raised(data: bytes) -> None:
    with suppress(NotProtobufError):
        assert sift(data, TELLING_WORDS)[1] >= 0


@given(requests, st.integers(1, 30))
def test_a_torn_request_is_refused(told: list[tuple[str, list[tuple[str, list[str]]]]], cut: int) -> None:
    """The last resource is torn: its length says more than there is."""
    data = encoded([*told, ("shop", [("llm", ["a span that is cut short"])])]).SerializeToString()
    with pytest.raises(NotProtobufError):
        sift(data[:-cut], TELLING_WORDS)


def test_every_name_by_which_a_dialect_knows_a_call_holds_a_word() -> None:
    names = (*scopes._WORDS, *coding_agents.SCOPES, semconv.SCOPE_PREFIX)
    assert [name for name in names if not any(word in name.encode() for word in TELLING_WORDS)] == []
