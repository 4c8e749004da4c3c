"""Whatever is written as protobuf allows it is read by column as protobuf itself reads it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost import semconv
from otel_llmcost.dialects.bulk import read_in_bulk
from otel_llmcost.dialects.otlp import calls_in_traces
from tests.collector.strange import DELIMITED, damaged, field, strangely, varint
from tests.property.test_bulk import put, requests

if TYPE_CHECKING:
    from collections.abc import Sequence


def bodies_of(seed: int) -> list[bytes]:
    """Requests with calls of a few kinds, written strangely, some of them damaged."""
    rng = random.Random(seed)
    odd = rng.choice((0.0, 0.002, 0.01, 0.05, 0.2))
    made = []
    for body in requests(seed):
        request = ExportTraceServiceRequest.FromString(body)
        for group in (scope for resource in request.resource_spans for scope in resource.scope_spans):
            for span in group.spans:
                if rng.random() < 0.3:
                    span.status.code, span.status.message = rng.choice((0, 1, 2)), rng.choice(("", "no"))
                if rng.random() < 0.1:
                    span.flags, span.kind = rng.choice((1, 257)), rng.randrange(6)
                if rng.random() < 0.1:
                    span.parent_span_id = bytes(8)
                if rng.random() < 0.02:
                    span.start_time_unix_nano = rng.choice((0, 2**63, 2**64 - 1))
        written = strangely(request, rng, odd)
        made.append(damaged(written, rng) if rng.random() < 0.1 else written)
    return made


def told_one_by_one(bodies: Sequence[bytes]) -> tuple[dict[int, list[str]], list[Exception]]:
    """By request what protobuf and the readers of single spans make of it; nothing of one that is no protobuf."""
    told: dict[int, list[str]] = {}
    faults: list[Exception] = []
    for number, body in enumerate(bodies):
        lost: list[Exception] = []
        try:
            told[number] = sorted(repr(call) for call in calls_in_traces(body, lost.append))
        except DecodeError:
            continue
        faults += lost
    return told, faults


def told_in_bulk(bodies: Sequence[bytes], sound: Sequence[int]) -> dict[int, list[str]]:
    found = read_in_bulk(bodies)
    calls = [(frame, call) for frame, call in found.singles]
    if found.calls is not None:
        calls += zip(found.calls.frame.tolist(), map(found.calls.call, range(len(found.calls))), strict=True)
    told: dict[int, list[str]] = {number: [] for number in sound}
    for frame, call in calls:
        if frame in told:
            told[frame].append(repr(call))
    torn = told_one_by_one([bodies[number] for number in found.torn])[0]
    for number, said in torn.items():  # left to whoever reads one by one
        told[found.torn[number]] += said
    return {number: sorted(said) for number, said in told.items()}


@settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_what_protobuf_takes_is_read_as_protobuf_reads_it_and_what_it_does_not_take_does_no_harm(seed: int) -> None:
    bodies = bodies_of(seed)
    told, _ = told_one_by_one(bodies)
    try:
        assert told_in_bulk(bodies, list(told)) == told
    except (ValueError, DecodeError):  # then all are read one by one; that is for bytes that are no protobuf
        assert len(told) < len(bodies)


def delimited(number: int, content: bytes) -> bytes:
    return field(number, DELIMITED, content)


def one_request(*spans: bytes, resource: bytes = b"") -> bytes:
    """A request of a scope of another instrumentation with these spans."""
    scope = delimited(1, b"\x0a\x25opentelemetry.instrumentation.bedrock")
    told = b"".join(delimited(2, span) for span in spans)
    return delimited(1, resource + delimited(2, scope + told))


def span_of(number: int, **said: str | int) -> bytes:
    """A sound span; said by its attributes."""
    span = ExportTraceServiceRequest().resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = bytes([number] * 16), bytes([number] * 8), "chat"
    span.start_time_unix_nano, span.end_time_unix_nano = 10**18, 10**18 + 5
    for name, told in (SAID | said).items():
        put(span.attributes.add(key=name).value, told)
    return span.SerializeToString()


SAID: Final[dict[str, str | int]] = {
    semconv.GEN_AI_OPERATION_NAME: "chat",
    semconv.GEN_AI_PROVIDER_NAME: "aws.bedrock",
    semconv.GEN_AI_REQUEST_MODEL: "m",
    semconv.GEN_AI_RESPONSE_ID: "r",
}


def status(code: int, message: bytes = b"") -> bytes:
    return delimited(15, (delimited(2, message) if message else b"") + (b"\x18" + varint(code) if code else b""))


@pytest.mark.parametrize(
    "tail",
    [
        status(2) + status(0, b"why"),  # one message in two parts: an error
        delimited(9, delimited(1, semconv.GEN_AI_RESPONSE_ID.encode())),  # the id is said again, and is nothing
        b"\x85\x81\x00\xff\xff\xff\xff",  # the flags, with a byte more than their tag needs
        b"\x4a\x03\x08\xff\x01",  # an attribute that begins with what nobody knows, at the very end
    ],
)
def test_a_span_that_is_written_strangely_is_read_like_any_other(tail: bytes) -> None:
    sound = [span_of(number) + said for number, said in enumerate([b"", status(0, b"why")] * 3, 1)]
    body = one_request(*sound, span_of(7) + tail)
    told, faults = told_one_by_one([body])
    assert not faults
    assert len(told[0]) == 7
    assert told_in_bulk([body], [0]) == told


def test_what_describes_a_process_may_come_in_very_many_parts() -> None:
    """Added up one after the other, 50,000 parts of 100 bytes would be copied for 125 gigabytes."""
    part = delimited(1, b"\x0a\x62\x0a\x01k\x12\x5d\x0a\x5b" + b"x" * 91)
    body = one_request(*(span_of(number) for number in range(1, 6)), resource=part * 50_000)
    told, _ = told_one_by_one([body])
    assert len(told[0]) == 5
    assert told_in_bulk([body], [0]) == told
