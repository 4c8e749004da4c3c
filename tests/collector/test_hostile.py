"""Whatever is sent: the right status, bounded memory, and everybody else is served as before."""

from __future__ import annotations

import contextlib
import random
import resource
import socket
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from llmcost_collector import bounded, service
from llmcost_collector.http_receiver import read_body
from llmcost_collector.requests import SlowClientError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost import semconv
from tests.collector.conftest import running
from tests.collector.fuzz import Fuzz
from tests.collector.telling import a_call, call, get, post, request_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from otel_llmcost.store import Store
    from tests.collector.conftest import Running

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def afterwards(up: Running) -> Iterator[None]:
    """After every one of these tests the collector is well, and takes a call as always."""
    yield
    mine = a_call()
    assert call(up.grpc, request_of([mine])).code is grpc.StatusCode.OK
    assert up.stored([mine])
    assert get(up.http, "/healthz").status == get(up.http, "/readyz").status == 200


def spoiled(change: Any) -> tuple[bytes, Any]:
    """Return a request with one call whose span was changed, and the call."""
    mine = a_call()
    request = ExportTraceServiceRequest.FromString(request_of([mine]))
    change(request.resource_spans[0].scope_spans[0].spans[0])
    return request.SerializeToString(), mine


def test_ten_thousand_damaged_requests_are_refused_or_stored(store: Store) -> None:
    fuzz = Fuzz(random.Random(5), store)
    fuzz.run(10_000)
    assert fuzz.refused > 1_000
    assert fuzz.written > 5_000


def test_damaged_requests_over_the_wire_get_a_verdict_each(up: Running) -> None:
    fuzz = Fuzz(random.Random(6), up.store)
    for _ in range(300):
        body = fuzz._case("traces", is_json=False)
        assert post(up.http, body).status in (200, 400)
        assert call(up.grpc, body).code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)


def test_a_span_of_ten_megabytes_is_taken(up: Running) -> None:
    def grow(span: Span) -> None:
        span.attributes.add(key="gen_ai.input.messages").value.string_value = "x" * (10 * MIB)

    body, mine = spoiled(grow)
    assert call(up.grpc, body).code is grpc.StatusCode.OK
    assert up.stored([mine])


def test_a_span_of_a_hundred_thousand_attributes_is_taken(up: Running) -> None:
    def grow(span: Span) -> None:
        for number in range(100_000):
            span.attributes.add(key=f"{semconv.TAG_PREFIX}{number}").value.int_value = number

    body, mine = spoiled(grow)
    assert post(up.http, body).status == 200
    assert up.stored([mine])
    tags = up.store.query("SELECT length(tags) FROM llm_calls WHERE trace_id = {id:String}", {"id": mine.trace_id})
    assert tags.rows[0][0] == 10


def test_values_nested_without_end_are_refused(up: Running) -> None:
    def nest(span: Span) -> None:
        value = span.attributes.add(key="llm").value
        for _ in range(90):
            value = value.array_value.values.add()

    body, mine = spoiled(nest)
    assert post(up.http, body).status in (200, 400)
    assert post(up.http, b'{"resourceSpans":' + b"[" * 100_000, content_type="application/json").status == 400
    assert up.stored([mine]) if post(up.http, body).status == 200 else True


def test_counts_nested_without_end_do_not_stop_what_comes_after_them(up: Running) -> None:
    def nest(span: Span) -> None:
        span.attributes.add(key="langfuse.observation.type").value.string_value = "generation"
        span.attributes.add(key="langfuse.observation.usage_details").value.string_value = '{"a":' * 200_000

    body = spoiled(nest)[0].replace(b"otel_llmcost.openai", b"langfuse-sdk\0\0\0\0\0\0\0")
    assert post(up.http, body).status == 200


def test_text_that_is_no_utf_8_is_refused(up: Running) -> None:
    body = request_of([a_call(request_model="modelmodel")]).replace(b"modelmodel", b"\xff\xfe\xfd\xfc" + b"modelx")
    assert post(up.http, body).status == 400
    assert call(up.grpc, body).code is grpc.StatusCode.INVALID_ARGUMENT


def test_bombs_are_not_unpacked(up: Running) -> None:
    import gzip

    bomb = gzip.compress(bytes(256 * MIB), 6)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        assert post(up.http, bomb, content_encoding="gzip").status == 413
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 200 * 1024


def test_gzip_of_very_many_members_is_refused(up: Running) -> None:
    import gzip

    body = request_of([a_call()])
    few, many = gzip.compress(b"") * 900, gzip.compress(b"") * 200_000
    assert post(up.http, few + gzip.compress(body), content_encoding="gzip").status == 200
    assert post(up.http, many + gzip.compress(body), content_encoding="gzip").status == 400


def test_bodies_under_way_share_one_budget_of_bytes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "IN_FLIGHT_BYTES", 4_000)
    with (
        running(tmp_path, store, LLMCOST_MAX_REQUEST_BYTES="1000") as small,
        contextlib.ExitStack() as open_ones,
    ):
        body = request_of([a_call()])
        assert 400 < len(body) < 1_000
        head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
        for _ in range(4):  # 3,960 of 4,000 bytes
            slow = open_ones.enter_context(socket.create_connection(("127.0.0.1", small.http)))
            slow.sendall(head + b"content-length: 1000\r\n\r\n" + b"a" * 990)
        small.until(lambda: post(small.http, body).status == 429)
        assert post(small.http, body).headers["retry-after"] == "5"
        answer = call(small.grpc, body)
        assert (answer.code, answer.retry_after_s) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 5)
        open_ones.close()
        small.until(lambda: post(small.http, body).status == 200)
        assert call(small.grpc, body).code is grpc.StatusCode.OK


def test_those_who_dawdle_do_not_hold_up_the_others(up: Running) -> None:
    with contextlib.ExitStack() as open_ones:
        for number in range(200):
            slow = open_ones.enter_context(socket.create_connection(("127.0.0.1", up.http)))
            head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
            slow.sendall((head, head + b"content-length: 1000\r\n\r\nab")[number % 2])
        mine = a_call()
        assert post(up.http, request_of([mine])).status == 200
        assert up.stored([mine])


async def test_a_body_that_does_not_come_in_time_ends_the_request() -> None:
    async def receive() -> Mapping[str, Any]:
        import asyncio

        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(SlowClientError):
        await read_body("", receive, max_bytes=10, within_s=0.01)


def test_a_head_without_end_loses_its_connection(up: Running) -> None:
    head = b"POST /v1/traces HTTP/1.1\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"a" * 4_000) for n in range(10_000))
    with (
        socket.create_connection(("127.0.0.1", up.http)) as client,
        pytest.raises((ConnectionResetError, BrokenPipeError)),
    ):
        client.sendall(head)


NO_HTTP = [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9\r\n\r\n", b"\0" * 1000, b"PRI * HTTP/2.0\r\n\r\n"]


@pytest.mark.parametrize("data", NO_HTTP)
def test_what_is_no_http_is_turned_away(up: Running, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "HEAD_WITHIN_S", 0.3)  # HTTP/2 is taken for a head that does not end
    with socket.create_connection(("127.0.0.1", up.http), timeout=20) as client:
        client.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100)[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 404")
