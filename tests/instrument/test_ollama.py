"""Every recorded exchange, every surface and every ending of `ollama`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx
import ollama
import pytest

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument.expectations import assert_told_as_expected
from tests.instrument.wire_ollama import (
    ASKED,
    CHAT,
    CHAT_BEGUN,
    CHAT_STREAM,
    TOLD,
    async_client,
    client,
    line,
    lines,
    said,
)
from tests.support.replay import Answer, Recording, ReplayServer, json_answer, recordings, stream_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrument.conftest import Telemetry

READ = Usage(input_tokens=26, output_tokens=298)
QUESTION = {"type": "noul", "instructions": "Is it a city?"}
PROMPTED: dict[str, Any] = {"model": "llama3.2", "prompt": "Hello"}

_ALL, _WHY_NONE = recordings("ollama")
RECORDINGS = [each for each in _ALL if each.path.startswith("/api/")]


def _cell(surface: str, mode: str, shape: str) -> pytest.MarkDecorator:
    return pytest.mark.cell(provider="ollama", surface=surface, mode=mode, shape=shape)


# --- recorded exchanges ---


def _each_recording() -> list[Any]:
    """Return each recording in both modes, and the cell that it fills if somebody knows what was used."""
    return [
        pytest.param(
            recording,
            mode,
            id=f"{recording.id}-{mode}",
            marks=[_cell("chat", mode, "stream" if recording.request.get("stream") else "plain")]
            if recording.expected
            else [],
        )
        for recording in RECORDINGS
        for mode in ("sync", "async")
    ]


@pytest.mark.skipif(not RECORDINGS, reason=_WHY_NONE or "no recording of this API")
@pytest.mark.parametrize(("recording", "mode"), _each_recording())
def test_a_recorded_exchange_is_told_as_the_provider_counted_it(
    recording: Recording, mode: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.replay(recording, chunk_size=29)
    if mode == "sync":
        with client(server.url) as asking:
            answer = asking.chat(**recording.request)
            list(answer) if recording.request.get("stream") else answer
    else:
        asyncio.run(_run_async(recording, server.url))
    assert_told_as_expected(recording, telemetry)
    call = telemetry.call()
    assert call.usage is not None
    assert call.usage_quality is UsageQuality.REPORTED
    assert call.input_bytes == len(server.requests[0].body)


async def _run_async(recording: Recording, url: str) -> None:
    async with async_client(url) as asking:
        answer = await asking.chat(**recording.request)
        if recording.request.get("stream"):
            async for _ in answer:
                pass


# --- surfaces ---


@pytest.fixture
def provider(server: ReplayServer) -> ReplayServer:
    """Answer every surface, streams in pieces that split lines and characters."""
    server.answer_with(lambda r: CHAT_STREAM if r.json["stream"] else json_answer(CHAT), path="/api/chat")
    generated = [line(response="Über"), line(response=" den Wolken"), line(response="", **TOLD)]
    whole = json_answer(line(response="Hæ", **TOLD))
    server.answer_with(lambda r: lines(*generated) if r.json["stream"] else whole, path="/api/generate")
    embedded = {"model": "nomic", "embeddings": [[0.25] * 2000], "total_duration": 14, "prompt_eval_count": 8}
    server.answer_with(json_answer(embedded), path="/api/embed")
    server.answer_with(json_answer({"embedding": [0.25]}), path="/api/embeddings")
    scored = {"is_city": {"type": "noul", "noul": 0.75}}
    usage = {"input_tokens": 26, "output_tokens": 298}
    server.answer_with(json_answer({"model": "s1", "answers": scored, "usage": usage}), path="/v1/systemone")
    return server


def _dumped(items: Any) -> list[Any]:
    return [item.model_dump() for item in items]


SURFACES: dict[str, tuple[Callable[[Any], Any], Usage | None, str, tuple[str, str]]] = {
    "chat": (lambda c: c.chat(**ASKED), READ, "chat", ("chat", "plain")),
    "chat_stream": (lambda c: c.chat(**ASKED, stream=True), READ, "chat", ("chat", "stream")),
    "generate": (lambda c: c.generate(**PROMPTED), READ, "text_completion", ("generate", "plain")),
    "generate_stream": (
        lambda c: c.generate(**PROMPTED, stream=True),
        READ,
        "text_completion",
        ("generate", "stream"),
    ),
    "embed": (
        lambda c: c.embed(model="nomic", input="Hi"),
        Usage(input_tokens=8),
        "embeddings",
        ("embeddings", "plain"),
    ),
    "embeddings": (lambda c: c.embeddings(model="nomic", prompt="Hi"), None, "embeddings", ("", "")),
    "systemone": (
        lambda c: c.systemone(model="s1", state="Akureyri", questions={"is_city": QUESTION}),
        READ,
        "chat",
        ("systemone", "plain"),
    ),
}


def _each_surface(mode: str) -> list[Any]:
    return [
        pytest.param(
            name,
            marks=[
                pytest.mark.skipif(not hasattr(ollama.Client, name.partition("_")[0]), reason="not in this release"),
                *([_cell(cell[0], mode, cell[1])] if cell[0] else []),
            ],
        )
        for name, (_, _, _, cell) in SURFACES.items()
    ]


@pytest.mark.parametrize("surface", _each_surface("sync"))
def test_a_surface_stays_as_it_is_and_is_told_once(surface: str, telemetry: Telemetry, provider: ReplayServer) -> None:
    ask, usage, operation, _ = SURFACES[surface]
    is_stream = surface.endswith("stream")
    with client(provider.url) as asking:
        seen = _dumped(ask(asking) if is_stream else [ask(asking)])
        otel_llmcost.uninstrument()
        assert seen == _dumped(ask(asking) if is_stream else [ask(asking)])
    call = telemetry.call()
    assert (call.usage, call.operation, call.is_stream) == (usage, operation, is_stream)
    assert (call.time_to_first_token_ns is not None) is is_stream
    assert len(telemetry.spans()) == 1


@pytest.mark.parametrize("surface", _each_surface("async"))
async def test_an_async_surface_stays_as_it_is_and_is_told_once(
    surface: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    ask, usage, operation, _ = SURFACES[surface]
    is_stream = surface.endswith("stream")

    async def answers(asking: Any) -> list[Any]:
        answer = await ask(asking)
        return _dumped([part async for part in answer] if is_stream else [answer])

    async with async_client(provider.url) as asking:
        seen = await answers(asking)
        otel_llmcost.uninstrument()
        assert seen == await answers(asking)
    call = telemetry.call()
    assert (call.usage, call.operation, call.is_stream) == (usage, operation, is_stream)
    assert len(telemetry.spans()) == 1


@_cell("chat", "sync", "stream")
def test_the_record_says_what_request_and_answer_say(telemetry: Telemetry, provider: ReplayServer) -> None:
    with client(provider.url) as asking, feature("greeting"):
        list(asking.chat(**ASKED, stream=True, options={"num_predict": 99}))
    call = telemetry.call()
    assert (call.provider, call.server_address, call.request_model) == ("ollama", "127.0.0.1", "llama3.2")
    assert (call.response_model, call.finish_reason, call.tool_call_count) == ("llama3.2", "stop", 1)
    assert (call.usage, call.max_output_tokens) == (READ, 99)
    assert call.input_bytes == len(provider.requests[0].body)
    assert call.call_site.startswith(f"{__name__}:test_the_record_says_what_request_and_answer_say:")
    assert not provider.places_of("llmcost")
    assert not provider.places_of("greeting")


def test_who_pays_for_a_stream_is_who_asked_for_it(telemetry: Telemetry, provider: ReplayServer) -> None:
    """The SDK sends the question when the first line is wanted, which may be in another place."""
    with client(provider.url) as asking:
        with feature("asks"):
            parts = asking.chat(**ASKED, stream=True)
        with feature("reads"):
            list(parts)
    assert telemetry.call().attribution.feature == "asks"


def test_a_stream_that_is_never_read_is_never_asked_for(telemetry: Telemetry, provider: ReplayServer) -> None:
    with client(provider.url) as asking:
        asking.chat(**ASKED, stream=True)
    assert (provider.requests, telemetry.calls()) == ([], [])


def test_calls_of_other_kinds_pass_untouched(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer({"models": []}))
    with client(server.url) as asking:
        asking.list()
    assert telemetry.calls() == []


def test_other_clients_of_httpx_pass_untouched(telemetry: Telemetry, provider: ReplayServer) -> None:
    with httpx.Client(base_url=provider.url) as other:
        assert other.post("/api/chat", json={"stream": False}).json() == CHAT
    assert telemetry.calls() == []


# --- endings ---


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [404, 500])
def test_an_error_of_the_provider_reaches_the_application_and_is_told(
    status: int, telemetry: Telemetry, server: ReplayServer, *, stream: bool
) -> None:
    server.answer_with(json_answer({"error": "model 'llama3.2' not found"}, status))
    with client(server.url) as asking, pytest.raises(ollama.ResponseError):
        list(asking.chat(**ASKED, stream=stream))
    call = telemetry.call()
    assert (call.error_type, call.usage, call.usage_quality) == ("ResponseError", None, UsageQuality.MISSING)
    assert not telemetry.spans()[0].status.is_ok


def test_a_provider_that_cannot_be_reached_is_told(telemetry: Telemetry) -> None:
    with client("http://127.0.0.1:9") as asking, pytest.raises((ConnectionError, httpx.ConnectError)) as raised:
        asking.chat(**ASKED)
    assert telemetry.call().error_type == type(raised.value).__name__


@_cell("chat", "sync", "error")
def test_an_error_in_the_middle_of_a_stream_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(lines(said("Über"), {"error": "out of memory"}))
    with client(server.url) as asking, pytest.raises(ollama.ResponseError):
        list(asking.chat(**ASKED, stream=True))
    call = telemetry.call()
    assert (call.error_type, call.usage, call.response_model) == ("error", None, "llama3.2")


@_cell("chat", "sync", "abort")
def test_a_stream_that_the_application_leaves_early_has_no_usage_and_says_so(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    size = len(CHAT_BEGUN.body)
    server.answer_with(stream_answer(CHAT_BEGUN.body + b'{"x', chunk_size=7, hang_after=size))
    with client(server.url) as asking:
        parts = asking.chat(**ASKED, stream=True)
        assert next(parts).message.content == "Über"
        parts.close()
        call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality, call.error_type) == (None, UsageQuality.MISSING, "")
    assert call.time_to_first_token_ns is not None


@_cell("chat", "sync", "abort")
def test_an_abandoned_stream_is_told_when_it_is_collected(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(CHAT_STREAM)
    with client(server.url) as asking:
        parts = asking.chat(**ASKED, stream=True)
        next(parts)
        del parts
        call = telemetry.wait_for_call()
    assert (call.usage, call.response_model) == (None, "llama3.2")


def test_a_stream_left_after_its_last_line_is_whole(telemetry: Telemetry, provider: ReplayServer) -> None:
    with client(provider.url) as asking:
        for part in asking.chat(**ASKED, stream=True):
            if part.done:
                break
    assert (telemetry.wait_for_call().usage, telemetry.call().usage_quality) == (READ, UsageQuality.REPORTED)


@_cell("chat", "async", "abort")
async def test_a_stream_that_is_cancelled_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(CHAT_BEGUN.body + b'{"x', hang_after=len(CHAT_BEGUN.body)))
    begun = asyncio.Event()

    async def consume(asking: Any) -> None:
        async for _ in await asking.chat(**ASKED, stream=True):
            begun.set()

    async with async_client(server.url) as asking:
        task = asyncio.create_task(consume(asking))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    call = telemetry.call()
    assert (call.error_type, call.usage, call.response_model) == ("CancelledError", None, "llama3.2")


async def test_a_call_that_is_cancelled_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(CHAT, hang_after=0))
    async with async_client(server.url) as asking:
        task = asyncio.create_task(asking.chat(**ASKED))
        while not server.requests:  # noqa: ASYNC110 - the server is a thread, it has no event to await
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert telemetry.call().error_type == "CancelledError"


def test_a_stream_that_breaks_off_is_told_with_its_error(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(CHAT_STREAM.body, cut_after=120))
    with client(server.url) as asking, pytest.raises(httpx.RemoteProtocolError):
        list(asking.chat(**ASKED, stream=True))
    assert telemetry.call().error_type == "RemoteProtocolError"


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"message": 5}', b'{"prompt_eval_count": "26"}', b"", b"{"])
def test_an_answer_of_another_shape_is_still_a_call(body: bytes, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(Answer(body=body))
    with client(server.url) as asking, contextlib.suppress(ValueError, TypeError):
        asking.chat(**ASKED)
    assert telemetry.call().usage is None


def test_uninstrumenting_restores_every_function(telemetry: Telemetry) -> None:
    owners = {
        ollama.Client: "_request",
        ollama.AsyncClient: "_request",
        httpx.Client: "send",
        httpx.AsyncClient: "send",
    }
    ours = [vars(owner)[name] for owner, name in owners.items()]
    otel_llmcost.uninstrument()
    now = [vars(owner)[name] for owner, name in owners.items()]
    assert now == [each.__wrapped__ for each in ours]
