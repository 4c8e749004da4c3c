"""Images, speech, transcriptions and the older completions of openai: some tell tokens, some seconds, some nothing."""

from __future__ import annotations

import asyncio
import json
import logging
from inspect import signature
from typing import TYPE_CHECKING, Any

import openai
import pytest

from otel_llmcost.usage import Usage, UsageQuality
from tests.support.replay import Answer, json_answer, openai_error, recordings, stream_answer

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

IMAGE_USAGE = {
    "input_tokens": 60,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 50},
    "output_tokens": 4160,
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 4160},
    "total_tokens": 4220,
}
IMAGE = Usage(input_tokens=60, input_image_tokens=50, output_tokens=4160, output_image_tokens=4160)
AUDIO_USAGE = {
    "type": "tokens",
    "input_tokens": 120,
    "input_token_details": {"text_tokens": 20, "audio_tokens": 100},
    "output_tokens": 9,
    "total_tokens": 129,
}
AUDIO = Usage(input_tokens=120, input_audio_tokens=100, output_tokens=9)
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # translations, by the newest SDK

PNG = ("cat.png", b"\x89PNG\r\n", "image/png")
WAV = ("hello.wav", b"RIFF0000WAVE", "audio/wav")
IMAGES = {"created": 1763800000, "data": [{"b64_json": "iVBO" * 20_000}], "usage": IMAGE_USAGE}
COMPLETION = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1763800000,
    "model": "gpt-3.5-turbo-instruct",
    "choices": [{"index": 0, "text": "Yes.", "finish_reason": "stop", "logprobs": None}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}


def events(*said: dict[str, Any]) -> Answer:
    return stream_answer(
        "".join(f"data: {json.dumps(event)}\n\n" for event in said) + "data: [DONE]\n\n", chunk_size=29
    )


IMAGE_EVENTS = events(
    {"type": "image_generation.partial_image", "b64_json": "iVBO", "partial_image_index": 0},
    {"type": "image_generation.completed", "b64_json": "iVBO", "usage": IMAGE_USAGE},
)
TEXT_EVENTS = events(
    {"type": "transcript.text.delta", "delta": "Hello"},
    {"type": "transcript.text.done", "text": "Hello", "usage": AUDIO_USAGE},
)
COMPLETION_EVENTS = events({**COMPLETION, "usage": None}, {**COMPLETION, "choices": [], "usage": COMPLETION["usage"]})

CALLS: dict[str, tuple[str, dict[str, Any], Any, Usage, str]] = {
    "images.generate": (
        "images.generate",
        {"model": "gpt-image-1", "prompt": "a cat"},
        json_answer(IMAGES),
        IMAGE,
        "image_generation",
    ),
    "images.generate.by_piece": (
        "images.generate",
        {"model": "dall-e-3", "prompt": "a cat", "n": 2},
        json_answer({"created": 1, "data": [{"url": "u"}, {"url": "v"}]}),
        Usage(image=2),
        "image_generation",
    ),
    "images.edit": (
        "images.edit",
        {"model": "gpt-image-1", "image": PNG, "prompt": "a dog"},
        json_answer(IMAGES),
        IMAGE,
        "image_generation",
    ),
    "audio.transcriptions": (
        "audio.transcriptions.create",
        {"model": "gpt-4o-transcribe", "file": WAV},
        json_answer({"text": "Hello", "usage": AUDIO_USAGE}),
        AUDIO,
        "transcription",
    ),
    "audio.transcriptions.by_time": (
        "audio.transcriptions.create",
        {"model": "whisper-1", "file": WAV},
        json_answer({"text": "Hello", "usage": {"type": "duration", "seconds": 61}}),
        Usage(audio_second=61),
        "transcription",
    ),
    "audio.translations": (
        "audio.translations.create",
        {"model": "whisper-1", "file": WAV},
        json_answer({"text": "Hello", "usage": {"type": "duration", "seconds": 3}}),
        Usage(audio_second=3),
        "transcription",
    ),
    "completions": (
        "completions.create",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "Hello"},
        json_answer(COMPLETION),
        Usage(input_tokens=5, output_tokens=7),
        "text_completion",
    ),
}
STREAMS: dict[str, tuple[str, dict[str, Any], Any, Usage]] = {
    "images.generate": (
        "images.generate",
        {"model": "gpt-image-1", "prompt": "a cat", "extra_body": {"stream": True}},
        IMAGE_EVENTS,
        IMAGE,
    ),
    "audio.transcriptions": (
        "audio.transcriptions.create",
        {"model": "gpt-4o-transcribe", "file": WAV, "stream": True},
        TEXT_EVENTS,
        AUDIO,
    ),
    "completions": (
        "completions.create",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "Hello", "stream": True},
        COMPLETION_EVENTS,
        Usage(input_tokens=5, output_tokens=7),
    ),
}
modes = pytest.mark.parametrize(
    "is_async",
    [
        pytest.param(False, id="sync", marks=pytest.mark.cell(mode="sync")),
        pytest.param(True, id="async", marks=pytest.mark.cell(mode="async")),
    ],
)


def _claimed(names: Any, shape: str) -> list[Any]:
    return [
        pytest.param(
            name,
            marks=pytest.mark.cell(
                provider="openai", surface=name.removesuffix(".by_piece").removesuffix(".by_time"), shape=shape
            ),
        )
        for name in names
    ]


def _method(client: Any, path: str) -> Any:
    for name in path.split("."):
        client = getattr(client, name)
    return client


def _ask(server: ReplayServer, path: str, asked: dict[str, Any], *, is_async: bool) -> list[Any]:
    options = {"base_url": f"{server.url}/v1", "api_key": "test", "max_retries": 0}
    if not is_async:
        with openai.OpenAI(**options) as client:
            answer = _method(client, path)(**asked)
            return list(answer) if asked.get("stream") else [answer]

    async def ask() -> list[Any]:
        async with openai.AsyncOpenAI(**options) as client:
            answer = await _method(client, path)(**asked)
            return [event async for event in answer] if asked.get("stream") else [answer]

    return asyncio.run(ask())


@modes
@pytest.mark.parametrize("name", _claimed(CALLS, "plain"))
def test_a_call_is_told_by_what_its_model_is_sold_by(
    name: str, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    path, asked, answer, usage, operation = CALLS[name]
    server.answer_with(answer)
    _ask(server, path, asked, is_async=is_async)
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.operation) == (usage, UsageQuality.REPORTED, operation)
    assert call.request_model == asked["model"]


@modes
@pytest.mark.parametrize("name", _claimed(("audio.transcriptions", "completions"), "stream"))
def test_a_stream_tells_its_usage_at_the_end(
    name: str, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    path, asked, answer, usage = STREAMS[name]
    if "stream" not in signature(_method(openai.OpenAI(api_key="test"), path)).parameters:
        pytest.skip("this release streams none")
    server.answer_with(answer)
    shown = _ask(server, path, asked, is_async=is_async)
    assert len(shown) == (1 if name == "completions" else 2)  # the usage that only we asked for is not shown
    call = telemetry.call()
    assert (call.usage, call.is_stream, call.request_model) == (usage, True, asked["model"])


@pytest.mark.cell(provider="openai", surface="images.generate", mode="sync", shape="raw")
def test_a_streamed_image_that_is_read_raw_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    _, asked, answer, usage = STREAMS["images.generate"]
    server.answer_with(answer)
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client,
        client.images.with_streaming_response.generate(**asked) as response,
    ):
        assert len(list(response.iter_lines())) > 2
    assert telemetry.call().usage == usage


@pytest.mark.parametrize("is_streamed", [False, True])
def test_speech_that_is_bare_audio_is_a_call_without_a_usage_and_without_a_warning(
    telemetry: Telemetry, server: ReplayServer, caplog: pytest.LogCaptureFixture, *, is_streamed: bool
) -> None:
    """Nothing in it says what it consumed, and unknown is not zero."""
    audio = b"ID3\x04\x00" + bytes(range(256)) * 40_000
    server.answer_with(Answer(body=audio, content_type="audio/mpeg", is_stream=is_streamed, chunk_size=65_536))
    asked: Any = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello"}
    with (
        caplog.at_level(logging.WARNING, "otel_llmcost"),
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client,
    ):
        if is_streamed:
            with client.audio.speech.with_streaming_response.create(**asked) as response:
                assert b"".join(response.iter_bytes()) == audio
        else:
            assert client.audio.speech.create(**asked).content == audio
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.operation) == (None, UsageQuality.MISSING, "speech")
    assert (call.request_model, caplog.text) == ("gpt-4o-mini-tts", "")


@pytest.mark.cell(provider="openai", surface="audio.speech", mode="sync", shape="raw")
def test_speech_in_events_tells_its_usage(telemetry: Telemetry, server: ReplayServer) -> None:
    usage = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    server.answer_with(
        events({"type": "speech.audio.delta", "audio": "AAAA"}, {"type": "speech.audio.done", "usage": usage})
    )
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        asked: Any = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello"}
        with client.audio.speech.with_streaming_response.create(
            **asked, extra_body={"stream_format": "sse"}
        ) as response:
            assert b"speech.audio.done" in b"".join(response.iter_bytes())
    assert telemetry.call().usage == Usage(input_tokens=14, output_tokens=101, output_audio_tokens=101)


def test_a_transcription_as_text_is_a_call_without_a_usage(
    telemetry: Telemetry, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer_with(Answer(body=b"Hello, world", content_type="text/plain"))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        asked: Any = {"model": "whisper-1", "file": WAV, "response_format": "text"}
        assert client.audio.transcriptions.create(**asked) == "Hello, world"
    assert (telemetry.call().usage, caplog.text) == (None, "")


def test_a_moderation_is_free_and_no_call(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer({"id": "m", "model": "omni-moderation-latest", "results": []}))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        client.moderations.create(input="Hello")
    assert telemetry.calls() == []


def test_a_refused_image_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(openai_error(400, "no"))
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="test", max_retries=0) as client,
        pytest.raises(openai.BadRequestError),
    ):
        client.images.generate(model="gpt-image-1", prompt="a cat")
    assert (telemetry.call().error_type, telemetry.call().operation) == ("BadRequestError", "image_generation")


_MEDIA = [each for each in recordings("openai")[0] if each.path.startswith(("/v1/images/", "/v1/audio/"))]


@pytest.mark.skipif(not _MEDIA, reason="no recordings")
@pytest.mark.parametrize("recording", _MEDIA, ids=lambda recording: recording.id)
def test_a_recorded_exchange_is_told_as_the_provider_billed_it(
    recording: Any, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.replay(recording)
    model = recording.request.get("model", "gpt-4o-transcribe")
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        if "images" in recording.path:
            client.images.generate(model=model, prompt="a cat")
        else:
            client.audio.transcriptions.create(model=model, file=WAV)
    call = telemetry.call()
    assert call.usage is not None
    expected = recording.expected or {}
    told = {"input": call.usage.input_tokens, "output": call.usage.output_tokens}
    assert {name: count for name, count in told.items() if expected.get(name) is not None} == {
        name: expected[name] for name in told if expected.get(name) is not None
    }


@pytest.mark.cell(provider="openai", surface="decisions", mode="sync", shape="plain")
def test_a_decision_is_sold_under_a_name_of_its_own(server: ReplayServer, telemetry: Telemetry) -> None:
    """The same models have other prices there."""
    usage = {
        "input_tokens": 300,
        "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 300,
    }
    server.answer_with(json_answer({"answers": [], "model": "gpt-6-luna", "usage": usage}))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        if not hasattr(client, "decisions"):
            pytest.skip("this release has none")
        client.post("/decisions", body={"model": "gpt-6-luna", "input": "Is it?", "questions": []}, cast_to=object)
    call = telemetry.call()
    assert (call.provider, call.response_model) == ("openai-decisions", "gpt-6-luna")
    assert call.usage == Usage(input_tokens=300, cache_read_tokens=100)
