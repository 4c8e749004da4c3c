"""A call is told on every exit, as far as it got; and what goes wrong stays the application's own."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from otel_llmcost import feature, request
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import UsageQuality
from tests.instrument import wire
from tests.instrument.test_surfaces import ASKED, ASKED_MESSAGE, CHAT, STREAMED_MESSAGE, _chat_answer
from tests.support.replay import (
    Answer,
    ReplayServer,
    json_answer,
    malformed_json,
    openai_error,
    refusing_stream_options,
    stream_answer,
)

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry

pytestmark = pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")


def _openai(server: ReplayServer, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="test", **{"max_retries": 0, **options})


def _async_openai(server: ReplayServer, **options: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="test", **{"max_retries": 0, **options})


def _anthropic(server: ReplayServer) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=server.url, api_key="test", max_retries=0)


# --- errors of the provider ---


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, openai.BadRequestError), (401, openai.AuthenticationError), (429, openai.RateLimitError)],
)
@pytest.mark.cell(provider="openai", surface="chat", mode="sync", shape="error")
def test_an_error_of_the_provider_reaches_the_application_and_is_told(
    status: int, error: type[Exception], telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(openai_error(status, "no", headers={"x-request-id": "req_7"}))
    with _openai(server) as client, pytest.raises(error):
        client.chat.completions.create(**ASKED)
    call = telemetry.call()
    assert (call.error_type, call.usage, call.provider_request_id) == (error.__name__, None, "req_7")
    assert len(server.requests) == 1
    (span,) = telemetry.spans()
    assert not span.status.is_ok


def test_retries_inside_the_sdk_are_one_call_with_a_resend_count(telemetry: Telemetry, server: ReplayServer) -> None:
    again = openai_error(500, "busy", headers={"retry-after-ms": "1"})
    server.answer_with(again, again, json_answer(wire.chat()))
    with _openai(server, max_retries=2) as client:
        client.chat.completions.create(**ASKED)
    call = telemetry.call()
    assert (call.resend_count, call.usage, call.error_type) == (2, CHAT, "")


def test_a_provider_that_cannot_be_reached_is_told(telemetry: Telemetry) -> None:
    with (
        openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="test", max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.chat.completions.create(**ASKED)
    assert telemetry.call().error_type == "APIConnectionError"


@pytest.mark.cell(provider="anthropic", surface="messages", mode="sync", shape="error")
def test_an_error_in_the_middle_of_a_stream_is_told_with_what_had_arrived(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    body = wire.message_stream(until="content_block_delta") + f"event: error\ndata: {json.dumps(error)}\n\n"
    server.answer_with(stream_answer(body))
    with _anthropic(server) as client, pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(**ASKED_MESSAGE, stream=True))
    call = telemetry.wait_for_call()  # older SDKs leave the response open
    assert (call.error_type, call.usage_quality) == ("overloaded_error", UsageQuality.PARTIAL)
    assert call.usage is not None
    assert call.usage.input_tokens == 1310


# --- a body that is not what it should be ---


def test_a_malformed_body_is_the_applications_error_and_one_warning(
    telemetry: Telemetry, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer_with(malformed_json())
    with (
        _openai(server) as client,
        caplog.at_level(logging.WARNING, "otel_llmcost"),
        pytest.raises((json.JSONDecodeError, openai.APIResponseValidationError)),
    ):
        client.chat.completions.create(**ASKED)
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (None, UsageQuality.MISSING)
    warnings = [record.getMessage() for record in caplog.records if record.name == "otel_llmcost"]
    assert warnings == ["the usage of an answer of openai cannot be believed: the body of 42 bytes is not JSON"]


@pytest.mark.parametrize("usage", [[], "many", {"prompt_tokens": "12"}, {"prompt_tokens": -1}, {"prompt_tokens": 1.5}])
def test_counts_that_are_no_counts_are_not_believed(usage: Any, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat(usage=usage)))
    with _openai(server) as client:
        client.chat.completions.create(**ASKED)
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.response_id) == (None, UsageQuality.MISSING, "chatcmpl-1")


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"choices": 5}', b'{"choices": [null, 3], "usage": null}', b""])
def test_an_answer_of_another_shape_is_still_a_call(body: bytes, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(Answer(body=body))
    with _openai(server) as client:
        try:
            client.chat.completions.with_raw_response.create(**ASKED)
        except (ValueError, TypeError, openai.OpenAIError):
            pass
    assert telemetry.call().usage is None


# --- streams that end early ---


@pytest.mark.cell(provider="anthropic", surface="messages", mode="sync", shape="abort")
def test_a_stream_that_the_application_leaves_early_keeps_what_was_told(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(stream_answer(wire.message_stream(), pause_s=0.001))
    with _anthropic(server) as client, client.messages.create(**ASKED_MESSAGE, stream=True) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                break
    call = telemetry.call()
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage_quality) == (1310, UsageQuality.PARTIAL)
    assert (call.error_type, call.is_stream) == ("", True)
    assert call.time_to_first_token_ns is not None
    assert 0 < call.time_to_first_token_ns < call.duration_ns


@pytest.mark.cell(provider="openai", surface="chat", mode="sync", shape="abort")
def test_a_chat_stream_left_early_has_no_usage_and_says_so(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(wire.chat_stream(with_usage=True), pause_s=0.001))
    with _openai(server) as client, client.chat.completions.create(**ASKED, stream=True) as stream:
        next(iter(stream))
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.response_id) == (None, UsageQuality.MISSING, "chatcmpl-1")


def test_an_abandoned_stream_is_told_when_it_is_collected(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(wire.message_stream(), hang_after=600))
    with _anthropic(server) as client:
        stream = client.messages.create(**ASKED_MESSAGE, stream=True)
        next(iter(stream))
        del stream
        call = telemetry.wait_for_call()
    assert call.usage_quality is UsageQuality.PARTIAL


def test_the_garbage_collector_ends_no_call_itself(telemetry: Telemetry, server: ReplayServer) -> None:
    """It may run inside of any lock, also one that a span processor wants."""
    server.answer_with(stream_answer(wire.message_stream(), hang_after=600))
    with _anthropic(server) as client:
        stream = client.messages.create(**ASKED_MESSAGE, stream=True)
        next(iter(stream))
        stream.own = stream  # only the collector of cycles can free it
        process = runtime.current()
        assert process is not None
        with process.pipeline._work_lock:  # so that the worker cannot finish the call either
            del stream
            gc.collect()
            assert telemetry.spans() == ()
        assert telemetry.wait_for_call().usage_quality is UsageQuality.PARTIAL


def test_a_stream_that_breaks_off_is_told_with_its_error(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(wire.message_stream(), cut_after=700))
    with _anthropic(server) as client, pytest.raises(Exception) as raised:  # noqa: PT011 - the HTTP client's own
        list(client.messages.create(**ASKED_MESSAGE, stream=True))
    call = telemetry.call()
    assert call.error_type in (type(raised.value).__name__, type(raised.value.__cause__).__name__)
    assert call.usage_quality is UsageQuality.PARTIAL


async def test_a_call_that_is_cancelled_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat(), hang_after=0))
    async with _async_openai(server) as client:
        task = asyncio.create_task(client.chat.completions.create(**ASKED))
        while not server.requests:  # noqa: ASYNC110 - the server is a thread, it has no event to await
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert telemetry.call().error_type == "CancelledError"


@pytest.mark.cell(provider="anthropic", surface="messages", mode="async", shape="abort")
async def test_a_stream_that_is_cancelled_keeps_what_was_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(wire.message_stream(), hang_after=700))
    begun = asyncio.Event()

    async def consume(client: anthropic.AsyncAnthropic) -> None:
        async for _ in await client.messages.create(**ASKED_MESSAGE, stream=True):
            begun.set()

    async with anthropic.AsyncAnthropic(base_url=server.url, api_key="test") as client:
        task = asyncio.create_task(consume(client))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    call = telemetry.call()
    assert (call.error_type, call.usage_quality) == ("CancelledError", UsageQuality.PARTIAL)


def test_a_raw_stream_that_is_never_read_is_told_when_it_is_closed(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(_chat_answer)
    with _openai(server) as client, client.chat.completions.with_streaming_response.create(**ASKED, stream=True):
        pass
    assert telemetry.call().usage_quality is UsageQuality.MISSING


# --- what we add to a request ---


def test_a_host_that_refuses_stream_options_is_asked_again_without_and_remembered(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(refusing_stream_options(stream_answer(wire.chat_stream(with_usage=False))))
    with _openai(server) as client:
        for _ in range(2):
            assert list(client.chat.completions.create(**ASKED, stream=True))
    asked = ["stream_options" in received.json for received in server.requests]
    assert asked == [True, False, False]
    assert [call.error_type for call in telemetry.calls()] == ["", ""]


def test_a_host_that_only_quotes_stream_options_is_asked_for_usage_again(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    """Servers on pydantic quote the whole request in an error about another field of it."""
    quoting = openai_error(400, "temperature: too high; input: {'stream_options': {'include_usage': true}}")
    server.answer_with(quoting, quoting, stream_answer(wire.chat_stream(with_usage=True)))
    with _openai(server) as client:
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(**ASKED, stream=True)
        assert list(client.chat.completions.create(**ASKED, stream=True))
    assert ["stream_options" in received.json for received in server.requests] == [True, False, True]
    assert telemetry.calls()[1].usage == CHAT


def test_no_other_error_is_ever_sent_again(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(openai_error(400, "the prompt is too long"))
    with _openai(server) as client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**ASKED, stream=True)
    assert len(server.requests) == 1
    assert telemetry.call().error_type == "BadRequestError"


def test_nothing_of_ours_reaches_the_provider(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(_chat_answer)
    with _openai(server) as client, feature("secret_feature", team="secret_team", tags={"plan": "secret_plan"}):
        list(client.chat.completions.create(**ASKED, stream=True))
    assert not server.places_of("llmcost")
    assert not server.places_of("secret_")
    assert telemetry.call().attribution.feature == "secret_feature"


# --- user actions ---


def test_a_rejected_answer_makes_the_next_call_a_retry_or_a_fallback(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(_chat_answer)
    with _openai(server) as client, request() as action:
        client.chat.completions.create(**ASKED)
        action.reject("json_parse")
        client.chat.completions.create(**ASKED)
        action.reject("too_short")
        client.chat.completions.create(**{**ASKED, "model": "gpt-5.4"})
        client.chat.completions.create(**ASKED)
    told = [(call.attempt_kind, call.attempt_reason) for call in telemetry.calls()]
    assert told == [("first", ""), ("retry", "json_parse"), ("fallback", "too_short"), ("first", "")]
    assert {call.attribution.request_id for call in telemetry.calls()} == {action.request_id}


def test_a_failed_call_makes_the_next_one_a_retry(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(openai_error(429, "slow down"), json_answer(wire.chat()))
    with _openai(server) as client, request():
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(**ASKED)
        client.chat.completions.create(**ASKED)
    assert [(c.attempt_kind, c.attempt_reason) for c in telemetry.calls()] == [
        ("first", ""),
        ("retry", "RateLimitError"),
    ]


def test_the_streamed_message_is_told_in_full(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(wire.message_stream(), headers={"request-id": "req_9"}))
    with _anthropic(server) as client:
        list(client.messages.create(**ASKED_MESSAGE, stream=True))
    call = telemetry.call()
    assert (call.usage, call.finish_reason, call.provider_request_id) == (STREAMED_MESSAGE, "end_turn", "req_9")
    assert (call.provider, call.provider_source, call.server_address) == ("anthropic", "sdk", "127.0.0.1")
    assert (call.max_output_tokens, call.service_tier, call.request_model) == (
        99,
        "standard",
        "claude-sonnet-4-5-20250929",
    )
    assert call.call_site.startswith(f"{__name__}:test_the_streamed_message_is_told_in_full:")


# --- the same for async clients and for the other surfaces ---


@pytest.mark.cell(provider="openai", surface="chat", mode="async", shape="abort")
async def test_an_async_chat_stream_left_early_keeps_a_usage_that_came_early(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    early = '{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2},"x":1}'
    body = f"data: {early}\n\n" + wire.chat_stream(with_usage=False)
    server.answer_with(stream_answer(body, pause_s=0.001))
    asked: Any = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}
    async with _async_openai(server) as client:
        stream = await client.chat.completions.create(**asked)
        async for _ in stream:
            break
        await stream.close()
    call = telemetry.wait_for_call()
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.output_tokens) == (7, 2)
    assert call.usage_quality is UsageQuality.PARTIAL


@pytest.mark.parametrize(
    "is_async",
    [
        pytest.param(False, id="sync", marks=pytest.mark.cell(mode="sync")),
        pytest.param(True, id="async", marks=pytest.mark.cell(mode="async")),
    ],
)
@pytest.mark.cell(provider="openai", surface="responses", shape="abort")
def test_a_response_stream_left_early_has_no_usage_and_says_so(
    telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    server.answer_with(stream_answer(wire.response_stream(), pause_s=0.001))

    async def leave() -> None:
        async with _async_openai(server) as client:
            stream = await client.responses.create(model="gpt-5", input="Hello", stream=True)
            await anext(aiter(stream))
            await stream.close()

    if is_async:
        asyncio.run(leave())
    else:
        with _openai(server) as client, client.responses.create(model="gpt-5", input="Hello", stream=True) as stream:
            next(iter(stream))
    call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality, call.response_id) == (None, UsageQuality.MISSING, "resp_1")


_REFUSED = ("chat.completions", "responses", "embeddings", "messages")


@pytest.mark.parametrize(
    "is_async",
    [
        pytest.param(False, id="sync", marks=pytest.mark.cell(mode="sync")),
        pytest.param(True, id="async", marks=pytest.mark.cell(mode="async")),
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            marks=pytest.mark.cell(
                provider="anthropic" if path == "messages" else "openai", surface=path.partition(".")[0], shape="error"
            ),
        )
        for path in _REFUSED
    ],
)
def test_a_refused_call_is_told_without_a_usage(
    path: str, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    sdk: Any = anthropic if path == "messages" else openai
    server.answer_with(openai_error(429, "slow down"))
    asked = {
        "chat.completions": ASKED,
        "responses": {"model": "gpt-5", "input": "Hello"},
        "embeddings": {"model": "text-embedding-3-small", "input": "Hello"},
        "messages": ASKED_MESSAGE,
    }[path]
    base_url = server.url if path == "messages" else f"{server.url}/v1"
    kind = {"messages": "Anthropic"}.get(path, "OpenAI")
    client = getattr(sdk, f"Async{kind}" if is_async else kind)(base_url=base_url, api_key="test", max_retries=0)
    api = client
    for name in path.split("."):
        api = getattr(api, name)

    async def ask() -> None:
        async with client:
            await api.create(**asked)

    with pytest.raises(sdk.RateLimitError):
        asyncio.run(ask()) if is_async else api.create(**asked)
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.error_type) == (None, UsageQuality.MISSING, "RateLimitError")
