"""Answers that come by another request than the one that asked are billed once, whoever reads them and how often."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_llmcost
from otel_llmcost import feature, semconv
from otel_llmcost.call import LLMCall
from otel_llmcost.instrument import _deferred
from otel_llmcost.providers.reading import Reading
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire
from tests.instrument.test_surfaces import ASKED_RESPONSE, MESSAGE, RESPONSE
from tests.support.replay import Answer, ReplayServer, json_answer, stream_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrument.conftest import Telemetry

CREATED_NS = 1_763_800_000 * 10**9
IN_BACKGROUND = {"background": True}  # the oldest releases have no parameter for it
QUEUED = wire.response(status="queued", background=True, usage=None, output=[])
DONE = wire.response(background=True)


def identity(provider: str, response_id: str) -> tuple[str, str]:
    digest = hashlib.sha256(f"{provider}\0{response_id}".encode()).hexdigest()
    return digest[:32], digest[32:48]


def _openai(server: ReplayServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="test", max_retries=0)


def _async_openai(server: ReplayServer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="test", max_retries=0)


def _anthropic(server: ReplayServer) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=server.url, api_key="test", max_retries=0)


def _another_process() -> None:
    """Forget all that this process knows; the spool stays."""
    otel_llmcost.uninstrument()
    otel_llmcost.instrument(TracerProvider())


def _key(call: LLMCall) -> tuple[str, str, int]:
    return call.trace_id, call.span_id, call.started_at_ns


# --- background responses ---


@pytest.mark.cell(provider="openai", surface="responses (background)", mode="sync", shape="plain")
def test_a_background_response_is_billed_by_the_first_poll_that_shows_its_usage(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer(QUEUED), method="POST", path="/v1/responses")
    server.answer_with(json_answer(QUEUED), json_answer(DONE), method="GET", path="/v1/responses/resp_1")
    with _openai(server) as client:
        with feature("report", team="finance"):
            client.responses.create(**ASKED_RESPONSE, extra_body=IN_BACKGROUND)
        assert telemetry.calls() == []
        for status in ("queued", "completed", "completed"):
            assert client.responses.retrieve("resp_1").status == status
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.service_tier) == (RESPONSE, UsageQuality.REPORTED, "flex")
    assert _key(call) == (*identity("openai", "resp_1"), CREATED_NS)
    assert (call.attribution.feature, call.attribution.team, call.request_model) == ("report", "finance", "gpt-5")
    (span,) = telemetry.spans()
    assert semconv.USAGE_ATTRIBUTES["input_tokens"] not in (span.attributes or {})


@pytest.mark.cell(provider="openai", surface="responses (background)", mode="async", shape="plain")
async def test_an_async_client_polls_likewise(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(QUEUED), method="POST", path="/v1/responses")
    server.answer_with(json_answer(DONE), method="GET", path="/v1/responses/resp_1")
    async with _async_openai(server) as client:
        await client.responses.create(**ASKED_RESPONSE, extra_body=IN_BACKGROUND)
        for _ in range(2):
            await client.responses.retrieve("resp_1")
    assert telemetry.call().usage == RESPONSE


def test_two_processes_that_poll_tell_the_same_call(telemetry: Telemetry, server: ReplayServer) -> None:
    """One row of the store: its key is the start's hour, the trace id and the span id."""
    server.answer_with(json_answer(QUEUED), method="POST", path="/v1/responses")
    server.answer_with(json_answer(DONE), method="GET", path="/v1/responses/resp_1")
    with _openai(server) as client:
        client.responses.create(**ASKED_RESPONSE, extra_body=IN_BACKGROUND)
        client.responses.retrieve("resp_1")
        _another_process()
        client.responses.with_raw_response.retrieve("resp_1")
    one, other = telemetry.calls()
    assert _key(one) == _key(other) == (*identity("openai", "resp_1"), CREATED_NS)
    assert one.usage == other.usage == RESPONSE
    assert (one.request_model, other.request_model) == ("gpt-5", "gpt-5-2025-08-07")


def test_a_response_that_is_no_background_one_is_not_billed_again_when_it_is_retrieved(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer(wire.response()))
    with _openai(server) as client:
        client.responses.create(**ASKED_RESPONSE)
        client.responses.retrieve("resp_1")
        client.responses.input_items.list("resp_1")
    assert telemetry.call().trace_id == f"{telemetry.spans()[0].context.trace_id:032x}"


@pytest.mark.cell(provider="openai", surface="responses (background)", mode="sync", shape="stream")
def test_a_streamed_background_response_is_billed_once_with_its_retrieval(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    streamed = stream_answer(
        wire.response_stream().replace('"object": "response"', '"object":"response","background":true')
    )
    server.answer_with(streamed, method="POST", path="/v1/responses")
    server.answer_with(json_answer(DONE), method="GET", path="/v1/responses/resp_1")
    with _openai(server) as client:
        list(client.responses.create(**ASKED_RESPONSE, extra_body=IN_BACKGROUND, stream=True))
        client.responses.retrieve("resp_1")
    call = telemetry.call()
    assert (call.usage, _key(call)) == (RESPONSE, (*identity("openai", "resp_1"), CREATED_NS))


def test_a_background_response_whose_stream_broke_off_is_billed_by_the_stream_that_resumes_it(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    body = wire.response_stream().replace('"object": "response"', '"object":"response","background":true')
    server.answer_with(stream_answer(body, pause_s=0.001), method="POST", path="/v1/responses")
    server.answer_with(stream_answer(body, chunk_size=29), method="GET", path="/v1/responses/resp_1")
    with _openai(server) as client:
        with client.responses.create(**ASKED_RESPONSE, extra_body=IN_BACKGROUND, stream=True) as stream:
            next(iter(stream))
        assert telemetry.calls() == []
        client.get("/responses/resp_1?stream=true", cast_to=object, stream=True, stream_cls=openai.Stream[object])
        events = client.get(
            "/responses/resp_1?stream=true", cast_to=object, stream=True, stream_cls=openai.Stream[object]
        )
        assert len(list(events)) == 3
    assert telemetry.call().usage == RESPONSE


def test_a_background_response_that_failed_is_told_without_a_usage(telemetry: Telemetry, server: ReplayServer) -> None:
    error = {"code": "server_error", "message": "no"}
    failed = wire.response(status="failed", background=True, usage=None, output=[], error=error)
    server.answer_with(json_answer(QUEUED), method="POST", path="/v1/responses")
    server.answer_with(json_answer(failed), method="GET", path="/v1/responses/resp_1")
    with _openai(server) as client:
        client.responses.create(**ASKED_RESPONSE, extra_body=IN_BACKGROUND)
        client.responses.retrieve("resp_1")
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.error_type) == (None, UsageQuality.MISSING, "server_error")


# --- OpenAI's batches ---

LINES = [
    {
        "id": "batch_req_1",
        "custom_id": "a",
        "response": {"status_code": 200, "request_id": "req_a", "body": wire.chat()},
        "error": None,
    },
    {
        "id": "batch_req_6920f4c0aaaaaaaaaaaaaaaaaaaaaaaa",
        "custom_id": "b",
        "response": {"status_code": 200, "request_id": "req_b", "body": wire.embeddings()},
        "error": None,
    },
    {
        "id": "batch_req_3",
        "custom_id": "c",
        "response": {"status_code": 200, "request_id": "req_c", "body": wire.response()},
        "error": None,
    },
    {"id": "batch_req_4", "custom_id": "d", "response": None, "error": {"code": "batch_expired", "message": "late"}},
]
RESULTS = "\n".join(json.dumps(line) for line in LINES) + "\n"
FROM_ID_NS = 0x6920F4C0 * 10**9


def _read_content(client: openai.OpenAI) -> None:
    assert client.files.content("file-1").text == RESULTS


def _stream_content(client: openai.OpenAI) -> None:
    with client.files.with_streaming_response.content("file-1") as response:
        assert "".join(response.iter_text(29)) == RESULTS


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(_read_content, id="content", marks=pytest.mark.cell(shape="plain")),
        pytest.param(_stream_content, id="streamed", marks=pytest.mark.cell(shape="raw")),
    ],
)
@pytest.mark.cell(provider="openai", surface="batches", mode="sync")
def test_every_line_of_a_batch_is_billed_as_a_batch(
    read: Callable[[openai.OpenAI], None], telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(Answer(body=RESULTS.encode(), content_type="application/octet-stream"))
    with _openai(server) as client, feature("nightly"):
        read(client)
        read(client)
    calls = {call.provider_request_id or call.response_id: call for call in telemetry.calls()}
    assert len(telemetry.calls()) == 4
    chat, embedded, responded = (calls[f"req_{name}"] for name in "abc")
    assert chat.usage == Usage(input_tokens=1200, cache_read_tokens=1024, output_tokens=340, reasoning_tokens=256)
    assert (embedded.usage, embedded.operation) == (Usage(input_tokens=9), "embeddings")
    assert (responded.usage, responded.service_tier) == (RESPONSE, "flex")
    assert (calls["batch_req_4"].usage, calls["batch_req_4"].error_type) == (None, "batch_expired")
    assert {call.is_batch for call in telemetry.calls()} == {True}
    assert {(c.attribution.feature, c.attribution.workload) for c in telemetry.calls()} == {("nightly", "batch")}
    assert _key(chat) == (*identity("openai", "chatcmpl-1"), CREATED_NS)
    assert _key(embedded)[2] == FROM_ID_NS  # the answer does not say when, its id does
    assert telemetry.spans() == ()


@pytest.mark.cell(provider="openai", surface="batches", mode="async", shape="plain")
async def test_an_async_client_reads_a_batch_likewise(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(Answer(body=RESULTS.encode(), content_type="application/octet-stream"))
    async with _async_openai(server) as client:
        await client.files.content("file-1")
    assert sum(call.usage.input_tokens for call in telemetry.calls() if call.usage) == 1200 + 9 + 900


def test_a_batch_that_is_read_in_two_processes_has_the_same_keys(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(Answer(body=RESULTS.encode()))
    with _openai(server) as client:
        client.files.content("file-1")
        _another_process()
        client.files.content("file-1")
    keys = [_key(call) for call in telemetry.calls() if call.usage]
    assert len(keys) == 6
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    "body",
    [
        b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-5"}}\n',
        b"%PDF-1.7\n" + b"\0" * 1000,
        b"",
        b"no newline at all",
    ],
)
def test_a_file_that_is_no_result_of_a_batch_passes_untouched(
    body: bytes, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(Answer(body=body, content_type="application/octet-stream"))
    with _openai(server) as client:
        assert client.files.content("file-1").read() == body
        with client.files.with_streaming_response.content("file-1") as response:
            assert response.read() == body
    assert telemetry.calls() == []


# --- Anthropic's batches ---

BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "ended",
    "request_counts": {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 0, "expired": 0},
    "created_at": "2025-11-22T08:26:40.123456+00:00",
    "expires_at": "2025-11-23T08:26:40+00:00",
    "ended_at": "2025-11-22T09:00:00+00:00",
    "archived_at": None,
    "cancel_initiated_at": None,
}
BATCH_CREATED_NS = 1_763_800_000 * 10**9  # 2025-11-22T08:26:40Z
MESSAGES = [
    {"custom_id": "a", "result": {"type": "succeeded", "message": wire.message(id="msg_a")}},
    {"custom_id": "b", "result": {"type": "succeeded", "message": wire.message(id="msg_b")}},
    {
        "custom_id": "c",
        "result": {
            "type": "errored",
            "error": {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}},
        },
    },
]


def _serve_batch(server: ReplayServer) -> None:
    path = "/v1/messages/batches/msgbatch_1"
    lines = "\n".join(json.dumps(line) for line in MESSAGES) + "\n"
    server.answer_with(json_answer({**BATCH, "results_url": f"{server.url}{path}/results"}), path=path)
    server.answer_with(stream_answer(lines, content_type="application/x-jsonl"), path=f"{path}/results")


@pytest.mark.cell(provider="anthropic", surface="batches", mode="sync", shape="stream")
def test_the_results_of_a_message_batch_are_billed_once(telemetry: Telemetry, server: ReplayServer) -> None:
    _serve_batch(server)
    with _anthropic(server) as client:
        for _ in range(2):
            assert len(list(client.messages.batches.results("msgbatch_1"))) == 3
        _another_process()
        list(client.beta.messages.batches.results("msgbatch_1"))
    calls = [call for call in telemetry.calls() if call.usage]
    assert [call.usage for call in calls] == [MESSAGE] * 4
    assert {call.is_batch for call in calls} == {True}
    assert {_key(call) for call in calls} == {
        (*identity("anthropic", "msg_a"), BATCH_CREATED_NS),
        (*identity("anthropic", "msg_b"), BATCH_CREATED_NS),
    }
    assert {call.error_type for call in telemetry.calls() if not call.usage} == {"invalid_request_error"}


@pytest.mark.cell(provider="anthropic", surface="batches", mode="async", shape="stream")
def test_an_async_client_reads_a_message_batch_likewise(telemetry: Telemetry, server: ReplayServer) -> None:
    _serve_batch(server)

    async def read() -> None:
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="test") as client:
            assert len([result async for result in await client.messages.batches.results("msgbatch_1")]) == 3

    asyncio.run(read())
    assert [call.usage for call in telemetry.calls() if call.usage] == [MESSAGE] * 2


@pytest.mark.cell(provider="anthropic", surface="batches", mode="sync", shape="abort")
def test_results_that_are_left_early_tell_what_had_arrived(telemetry: Telemetry, server: ReplayServer) -> None:
    _serve_batch(server)
    with _anthropic(server) as client:
        results = client.messages.batches.results("msgbatch_1")
        next(iter(results))
        results.http_response.close()
    told: Any = [call.response_id for call in telemetry.calls() if call.usage]
    assert told[:1] == ["msg_a"]
    assert {call.usage for call in telemetry.calls() if call.usage} == {MESSAGE}


def test_what_is_remembered_of_told_calls_is_bounded(
    telemetry: Telemetry, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_deferred, "MAX_REMEMBERED", 3)
    deferred = _deferred.Deferred(("otel_llmcost.openai", "1"))
    for number in range(20):
        deferred._tell(
            LLMCall(trace_id="", span_id="", started_at_ns=1, provider="openai", scope_name="otel_llmcost.openai"),
            Reading(response_id=f"resp_{number}", finish_reason="completed"),
            {},
        )
    assert len(deferred._told) == 3
    assert len(telemetry.calls()) == 20
