"""A call of Bedrock is told on every exit, as far as it got; and what goes wrong stays the application's own."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiobotocore.endpoint
import boto3
import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    EventStreamError,
    IncompleteReadError,
    ResponseStreamingError,
)

from otel_llmcost import request
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import bedrock_wire as wire
from tests.support.replay import Answer, json_answer, malformed_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

_CONVERSE = {"provider": "aws.bedrock", "surface": "Converse"}
_INVOKE = {"provider": "aws.bedrock", "surface": "InvokeModel"}

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""An application that leaves a stream leaves a connection open, and Python says so, with and without us."""

BEGUN = Usage(
    input_tokens=1320, cache_read_tokens=1000, cache_write_5m_tokens=100, cache_write_1h_tokens=200, output_tokens=1
)
"""What Claude's first event tells."""


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Have Python say so in the test that did it."""
    yield
    gc.collect()


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have botocore try again at once."""

    async def at_once(_delay: float) -> None:
        pass

    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _delay: None))
    monkeypatch.setattr(aiobotocore.endpoint, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": at_once}))


# --- errors of AWS ---


@pytest.mark.parametrize(
    ("code", "status", "error_type"),
    [
        ("ValidationException", 400, "ValidationException"),
        ("ThrottlingException", 429, "ThrottlingException"),
        ("AccessDeniedException", 403, "AccessDeniedException"),
        ("BrandNewException", 418, "BrandNewException"),
    ],
)
@pytest.mark.parametrize("operation", ["converse", "converse_stream", "invoke_model"])
@pytest.mark.cell(**_CONVERSE, mode="sync", shape="error")
@pytest.mark.cell(**_INVOKE, mode="sync", shape="error")
def test_an_error_of_aws_reaches_the_application_and_is_told_by_its_code(
    operation: str, code: str, status: int, error_type: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.error(code, status))
    client = wire.client(server)
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)(**(wire.ASKED if operation.startswith("converse") else wire.INVOKED))
    assert raised.value.response["Error"]["Code"] == code
    call = telemetry.call()
    assert (call.error_type, call.usage, call.response_model) == (error_type, None, "")
    assert (call.provider_request_id, call.resend_count) == ("req-1", 0)
    (span,) = telemetry.spans()
    assert not span.status.is_ok


@pytest.mark.cell(**_CONVERSE, mode="async", shape="error")
async def test_an_error_of_aws_is_told_of_an_asynchronous_call(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.error("ThrottlingException", 429))
    async with wire.async_client(server) as client:
        with pytest.raises(ClientError):
            await client.converse(**wire.ASKED)
    call = telemetry.call()
    assert (call.error_type, call.usage, call.provider_request_id) == ("ThrottlingException", None, "req-1")


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_retries_inside_botocore_are_one_call_with_a_resend_count(
    mode: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    again = wire.error("ThrottlingException", 429)
    server.answer_with(again, again, json_answer(wire.converse()))
    wire.client(server, retries={"total_max_attempts": 3, "mode": mode}).converse(**wire.ASKED)
    call = telemetry.call()
    assert (call.resend_count, call.usage, call.error_type) == (2, wire.USAGE, "")
    assert len(server.requests) == 3


@pytest.mark.usefixtures("_no_waiting")
async def test_retries_inside_aiobotocore_are_one_call_with_a_resend_count(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.error("ThrottlingException", 429), json_answer(wire.converse()))
    async with wire.async_client(server, retries={"total_max_attempts": 2, "mode": "standard"}) as client:
        await client.converse(**wire.ASKED)
    call = telemetry.call()
    assert (call.resend_count, call.usage) == (1, wire.USAGE)


@pytest.mark.usefixtures("_no_waiting")
def test_retries_that_help_nothing_are_counted_too(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.error("ThrottlingException", 429))
    with pytest.raises(ClientError), request():
        wire.client(server, retries={"total_max_attempts": 3, "mode": "standard"}).converse(**wire.ASKED)
    call = telemetry.call()
    assert (call.resend_count, call.error_type) == (2, "ThrottlingException")


def test_an_endpoint_that_cannot_be_reached_is_told(telemetry: Telemetry) -> None:
    nowhere: Any = SimpleNamespace(url="http://127.0.0.1:9")
    with pytest.raises(EndpointConnectionError):
        wire.client(nowhere).converse(**wire.ASKED)
    call = telemetry.call()
    assert (call.error_type, call.input_bytes is not None) == ("EndpointConnectionError", True)


def test_a_malformed_answer_is_one_warning_and_no_usage(
    telemetry: Telemetry, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The application gets an answer without an output: botocore takes what is no JSON for a message."""
    server.answer_with(malformed_json())
    with caplog.at_level(logging.WARNING, "otel_llmcost"):
        assert "output" not in wire.client(server).converse(**wire.ASKED)
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (None, UsageQuality.MISSING)
    warnings = [record.getMessage() for record in caplog.records if record.name == "otel_llmcost"]
    assert warnings == [
        "the usage of an answer of aws.bedrock cannot be believed: the body of 42 bytes is no JSON object"
    ]


@pytest.mark.parametrize("usage", [[], "many", {"inputTokens": -1}, {"inputTokens": 1.5}])
def test_counts_that_are_no_counts_are_not_believed(usage: Any, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.invoked({"usage": usage, "output": {}}, headers={}))
    assert wire.client(server).invoke_model(**wire.INVOKED)["body"].read()
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (None, UsageQuality.MISSING)


# --- bodies that are not read to their end ---


def _never_read(_body: Any) -> None:
    pass


def _closed(body: Any) -> None:
    assert len(body.read(20)) == 20
    body.close()


def _closed_by_with(body: Any) -> None:
    with body as raw:
        assert len(raw.read(20)) == 20


def _first_piece(body: Any) -> None:
    assert len(next(body.iter_chunks(13))) == 13


@pytest.mark.parametrize("use", [_never_read, _closed, _closed_by_with, _first_piece])
@pytest.mark.cell(**_INVOKE, mode="sync", shape="abort")
def test_a_body_that_nobody_reads_to_its_end_is_told_by_its_headers(
    use: Callable[[Any], None], telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.invoked(wire.claude()))
    use(wire.client(server).invoke_model(**wire.INVOKED)["body"])
    call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality) == (wire.TOLD_BY_HEADERS, UsageQuality.PARTIAL)
    assert (call.error_type, call.provider_request_id) == ("", "req-1")


@pytest.mark.parametrize("use", ["never", "closed", "with"])
@pytest.mark.cell(**_INVOKE, mode="async", shape="abort")
async def test_an_asynchronous_body_that_nobody_reads_is_told_by_its_headers(
    use: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.invoked(wire.claude()))
    async with wire.async_client(server) as client:
        body = (await client.invoke_model(**wire.INVOKED))["body"]
        if use == "closed":
            await body.read(20)
            body.close()
        elif use == "with":
            async with body:
                pass
        del body
    call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality, call.error_type) == (wire.TOLD_BY_HEADERS, UsageQuality.PARTIAL, "")


def test_a_body_that_breaks_off_is_the_applications_error(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.invoked(wire.claude(), cut_after=50))
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        wire.client(server).invoke_model(**wire.INVOKED)["body"].read()
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (wire.TOLD_BY_HEADERS, UsageQuality.PARTIAL)


def test_a_body_that_is_no_json_is_the_applications_to_read(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(Answer(body=b"\x89PNG", headers=wire.HEADERS))
    assert wire.client(server).invoke_model(**wire.INVOKED)["body"].read() == b"\x89PNG"
    assert telemetry.call().usage == wire.TOLD_BY_HEADERS


def test_the_time_between_an_answer_and_its_reading_is_not_the_calls(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.invoked(wire.claude()))
    client = wire.client(server)
    first = client.invoke_model(**wire.INVOKED)["body"]
    client.invoke_model(**wire.INVOKED)["body"].read()
    first.read()
    early, late = telemetry.calls()
    assert early.started_at_ns + early.duration_ns <= late.started_at_ns


# --- streams that end early ---


def test_a_stream_that_is_closed_before_it_counts_has_no_usage_and_says_so(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.stream(wire.converse_frames(), hang_after=400))
    stream = wire.client(server).converse_stream(**wire.ASKED)["stream"]
    assert "messageStart" in next(iter(stream))
    stream.close()
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.error_type) == (None, UsageQuality.MISSING, "")
    assert (call.response_model, call.is_stream) == (wire.MODEL, True)


@pytest.mark.cell(**_INVOKE, mode="sync", shape="abort")
def test_a_stream_that_is_closed_keeps_what_was_told(telemetry: Telemetry, server: ReplayServer) -> None:
    frames = wire.claude_frames()
    server.answer_with(wire.stream(frames, hang_after=len(frames[0]) + 10))
    stream = wire.client(server).invoke_model_with_response_stream(**wire.INVOKED)["body"]
    assert "chunk" in next(iter(stream))
    stream.close()
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.error_type) == (BEGUN, UsageQuality.PARTIAL, "")


@pytest.mark.cell(**_CONVERSE, mode="sync", shape="abort")
def test_a_stream_whose_counts_had_arrived_is_whole_for_the_bill(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.stream(wire.converse_frames(), chunk_size=100_000))
    stream = wire.client(server).converse_stream(**wire.ASKED)["stream"]
    next(iter(stream))
    stream.close()
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (wire.USAGE, UsageQuality.REPORTED)


@pytest.mark.parametrize(
    ("operation", "frames"),
    [
        ("converse_stream", wire.converse_frames()),
        ("invoke_model_with_response_stream", wire.claude_frames()),
    ],
)
def test_a_stream_is_over_at_its_last_event_though_it_is_held(
    operation: str, frames: list[bytes], telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.stream(frames, chunk_size=5, hang_after=sum(map(len, frames))))
    client = wire.client(server)
    said = getattr(client, operation)(**(wire.ASKED if operation.startswith("converse") else wire.INVOKED))
    events = iter(said.get("stream") or said["body"])
    assert len([next(events) for _ in frames]) == len(frames)
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (wire.USAGE, UsageQuality.REPORTED)


def test_what_a_model_says_ends_no_stream(telemetry: Telemetry, server: ReplayServer) -> None:
    """Names of events that matter, in its words, and in the input of a tool."""
    words = 'metadata messageStop "amazon-bedrock-invocationMetrics" :exception-type throttlingException'
    delta = wire.frame("contentBlockDelta", {"delta": {"text": words}, "contentBlockIndex": 0})
    tool = wire.frame("contentBlockDelta", {"delta": {"toolUse": {"input": words}}, "contentBlockIndex": 1})
    begun, *rest = wire.converse_frames()
    server.answer_with(wire.stream([begun, delta, tool, *rest]))
    assert len(list(wire.client(server).converse_stream(**wire.ASKED)["stream"])) == len(rest) + 3
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.error_type) == (wire.USAGE, UsageQuality.REPORTED, "")
    assert (call.finish_reason, call.tool_call_count) == ("tool_use", 1)


def test_what_claude_says_ends_no_stream(telemetry: Telemetry, server: ReplayServer) -> None:
    said = {"type": "text_delta", "text": "amazon-bedrock-invocationMetrics"}
    begun, *rest = wire.claude_frames()
    server.answer_with(wire.stream([begun, wire.chunk({"type": "content_block_delta", "delta": said}), *rest]))
    assert len(list(wire.client(server).invoke_model_with_response_stream(**wire.INVOKED)["body"])) == len(rest) + 2
    assert telemetry.call().usage == wire.USAGE


def test_an_abandoned_stream_is_told_when_it_is_collected(telemetry: Telemetry, server: ReplayServer) -> None:
    frames = wire.claude_frames()
    server.answer_with(wire.stream(frames, hang_after=len(frames[0]) + 10))
    answer = wire.client(server).invoke_model_with_response_stream(**wire.INVOKED)
    for _ in answer["body"]:
        break
    del answer
    call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality) == (BEGUN, UsageQuality.PARTIAL)


def test_a_stream_that_was_never_read_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.stream(wire.converse_frames()))
    wire.client(server).converse_stream(**wire.ASKED)
    assert telemetry.wait_for_call().usage_quality is UsageQuality.MISSING


def test_a_stream_that_breaks_off_is_told_with_its_error(telemetry: Telemetry, server: ReplayServer) -> None:
    frames = wire.claude_frames()
    server.answer_with(wire.stream(frames, cut_after=len(frames[0]) + 10))
    with pytest.raises(Exception) as raised:  # noqa: PT011 - the HTTP client's own
        list(wire.client(server).invoke_model_with_response_stream(**wire.INVOKED)["body"])
    call = telemetry.call()
    assert call.error_type == type(raised.value).__name__
    assert (call.usage, call.usage_quality) == (BEGUN, UsageQuality.PARTIAL)


@pytest.mark.cell(**_INVOKE, mode="sync", shape="error")
def test_an_error_in_the_middle_of_a_stream_is_told_with_what_had_arrived(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    frames = [*wire.claude_frames()[:2], wire.frame("throttlingException", {"message": "no"}, "exception")]
    server.answer_with(wire.stream(frames))
    stream = wire.client(server).invoke_model_with_response_stream(**wire.INVOKED)["body"]
    with pytest.raises(EventStreamError):
        list(stream)
    call = telemetry.call()  # though the stream is still held, and open
    assert (call.error_type, call.usage, call.usage_quality) == ("throttlingException", BEGUN, UsageQuality.PARTIAL)


@pytest.mark.cell(**_INVOKE, mode="async", shape="error")
async def test_an_error_in_the_middle_of_an_asynchronous_stream_is_told(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    frames = [*wire.claude_frames()[:2], wire.frame("modelStreamErrorException", {"message": "no"}, "exception")]
    server.answer_with(wire.stream(frames))
    async with wire.async_client(server) as client:
        said = await client.invoke_model_with_response_stream(**wire.INVOKED)
        with pytest.raises(EventStreamError):
            [_ async for _ in said["body"]]
        said["body"].close()
    call = telemetry.call()
    assert (call.error_type, call.usage) == ("modelStreamErrorException", BEGUN)


@pytest.mark.parametrize("body", [b"\0\0\0\1" * 40, b"not a frame at all", b"\xff" * 64])
def test_bytes_that_are_no_frames_are_botocores_to_refuse(
    body: bytes, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.stream([body]))
    said = wire.client(server).converse_stream(**wire.ASKED)
    try:
        list(said["stream"])
    except Exception:  # noqa: BLE001 - botocore has a class of its own for each kind of broken frame
        pass
    del said
    assert telemetry.wait_for_call().usage is None


# --- asynchronous calls that end early ---


async def test_a_call_that_is_cancelled_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.converse(), hang_after=0))
    async with wire.async_client(server) as client:
        task = asyncio.create_task(client.converse(**wire.ASKED))
        while not server.requests:  # noqa: ASYNC110 - the server is a thread, it has no event to await
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert telemetry.call().error_type == "CancelledError"


@pytest.mark.cell(**_INVOKE, mode="async", shape="abort")
async def test_a_stream_that_is_cancelled_keeps_what_was_told(telemetry: Telemetry, server: ReplayServer) -> None:
    frames = wire.claude_frames()
    server.answer_with(wire.stream(frames, hang_after=len(frames[0]) + 10))
    begun = asyncio.Event()

    async def consume(client: Any) -> None:
        said = await client.invoke_model_with_response_stream(**wire.INVOKED)
        async for _ in said["body"]:
            begun.set()

    async with wire.async_client(server) as client:
        task = asyncio.create_task(consume(client))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    call = telemetry.call()
    assert (call.error_type, call.usage, call.usage_quality) == ("CancelledError", BEGUN, UsageQuality.PARTIAL)


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "abandoned"])
async def test_an_asynchronous_stream_that_is_left_keeps_what_was_told(
    telemetry: Telemetry, server: ReplayServer, *, is_closed: bool
) -> None:
    frames = wire.claude_frames()
    server.answer_with(wire.stream(frames, hang_after=len(frames[0]) + 10))
    async with wire.async_client(server) as client:
        said = await client.invoke_model_with_response_stream(**wire.INVOKED)
        async for _ in said["body"]:
            break
        if is_closed:
            said["body"].close()
        del said, _
        gc.collect()
        await asyncio.sleep(0)  # for the loop to close the generators of an abandoned one
        await asyncio.sleep(0)
    call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality, call.error_type) == (BEGUN, UsageQuality.PARTIAL, "")


async def test_an_asynchronous_body_that_breaks_off_is_the_applications_error(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.invoked(wire.claude(), cut_after=50))
    async with wire.async_client(server) as client:
        body = (await client.invoke_model(**wire.INVOKED))["body"]
        with pytest.raises(Exception, match="payload is not completed"):  # aiohttp's, or botocore's around it
            await body.read()
    call = telemetry.call()
    assert call.error_type == "ClientPayloadError"
    assert (call.usage, call.usage_quality) == (wire.TOLD_BY_HEADERS, UsageQuality.PARTIAL)


# --- who else is in there ---


def test_what_another_service_answers_in_the_middle_of_a_call_is_not_its_answer(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    """Credentials are fetched from another service, if need be, while a request is signed."""
    server.answer_with(json_answer(wire.converse()), path=f"/model/{wire.MODEL.replace(':', '%3A')}/converse")
    server.answer_with(json_answer({"TableNames": []}), path="/")
    client = wire.client(server)
    other = boto3.client("dynamodb", **wire.options(server))
    client.meta.events.register("before-sign.bedrock-runtime.Converse", lambda **_: other.list_tables() and None)
    client.converse(**wire.ASKED)
    assert server.requests[0].path == "/"
    assert telemetry.call().usage == wire.USAGE


class _Raw(io.BytesIO):
    """What a testing library answers in the place of the network."""

    def stream(self, *_: Any, **__: Any) -> Any:
        while piece := self.read(11):
            yield piece


class _Strange:
    """A response such as nobody knows."""

    def __init__(self, body: bytes) -> None:
        self._rest = body

    def read(self, amt: int | None = None) -> bytes:
        piece, self._rest = self._rest[:amt], self._rest[amt:] if amt else b""
        return piece


@pytest.mark.parametrize(
    ("kind", "usage", "quality"),
    [(_Raw, wire.USAGE, UsageQuality.REPORTED), (_Strange, wire.TOLD_BY_HEADERS, UsageQuality.PARTIAL)],
)
def test_an_answer_that_did_not_come_by_http_is_told_as_far_as_it_can_be(
    kind: Any,
    usage: Usage,
    quality: UsageQuality,
    telemetry: Telemetry,
    server: ReplayServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = wire.invoked(wire.claude()).body
    client = wire.client(server)
    client.meta.events.register(
        "before-send.bedrock-runtime.InvokeModel", lambda **_: AWSResponse("", 200, wire.HEADERS, kind(body))
    )
    with caplog.at_level(logging.WARNING, "otel_llmcost"):
        assert client.invoke_model(**wire.INVOKED)["body"].read() == body
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (usage, quality)
    assert len([record for record in caplog.records if record.name == "otel_llmcost"]) == (kind is _Strange)
