"""How an application uses SDKs for more than a chat: images and audio, batches, sessions, other transports."""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anthropic
import openai
from google.genai.client import AsyncClient

from otel_llmcost.instrument._deferred import Deferred
from otel_llmcost.instrument._google_batches import BatchPatch
from otel_llmcost.instrument.anthropic import AnthropicInstrumentor
from otel_llmcost.instrument.google_genai import GoogleGenAIInstrumentor
from otel_llmcost.instrument.mistral import MistralInstrumentor
from otel_llmcost.instrument.openai import OpenAIInstrumentor
from tests.instrument import bedrock_wire, google_sdk, test_batch_hosts, test_deferred, test_google_batches, test_media
from tests.instrument.test_surfaces import ASKED_RESPONSE
from tests.instrument.uses import USES
from tests.instrument.ways import Use
from tests.support.replay import Answer, anthropic_error, json_answer, openai_error, stream_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.support.replay import Received, ReplayServer


def _openai(ask: Callable[[Any], Any], stream: Callable[[Any], Any], answer: Callable[[Received], Answer]) -> Use:
    """Return the use of OpenAI's SDK; each time by a client that our code has not met."""

    def opened(client: Any) -> Callable[[ReplayServer], Any]:
        return lambda server: client(base_url=f"{server.url}/v1", api_key="test", max_retries=0)

    return Use(
        client=opened(openai.OpenAI),
        async_client=opened(openai.AsyncOpenAI),
        ask=lambda client: ask(_forgotten(OpenAIInstrumentor.patch, client.with_options())),
        stream=lambda client: stream(_forgotten(OpenAIInstrumentor.patch, client.with_options())),
        answer=answer,
        error=openai_error(400, "no"),
    )


def _forgotten(patch: Any, client: Any) -> Any:
    """Return a client, and have our code forget the answers that it has told: it would not tell them again."""
    patch.deferred = Deferred(patch.scope)
    return client


def _media(path: str, asked: dict[str, Any], whole: Answer, streamed: Answer, *, by: str = "stream") -> Use:
    """Return the use of one method of OpenAI's SDK, whose stream is read raw: not every release parses it."""
    *resources, method = path.split(".")

    def api(client: Any) -> Any:
        for name in resources:
            client = getattr(client, name)
        return client

    def read(client: Any) -> Any:
        block = getattr(api(client).with_streaming_response, method)(**asked, extra_body={by: True})
        return _async_pieces(block) if hasattr(block, "__aenter__") else _pieces(block)

    def answer(received: Received) -> Answer:
        return streamed if f'"{by}"'.encode() in received.body else whole

    return _openai(lambda client: getattr(api(client), method)(**asked), read, answer)


def _pieces(block: Any) -> Iterator[bytes]:
    """Yield what is read raw as a whole, since the network cuts it as it likes."""
    with block as response:
        yield response.read()


async def _async_pieces(block: Any) -> AsyncIterator[bytes]:
    async with block as response:
        yield await response.read()


# --- background responses, and batches ---


def _background() -> Use:
    def polled(client: Any) -> Any:
        if isinstance(client, openai.AsyncOpenAI):
            return _async_polled(client)
        client.responses.create(**ASKED_RESPONSE, extra_body=test_deferred.IN_BACKGROUND)
        return client.responses.retrieve("resp_1")

    def answer(received: Received) -> Answer:
        return json_answer(test_deferred.QUEUED if received.method == "POST" else test_deferred.DONE)

    def pieces(client: Any) -> Any:
        block = client.responses.with_streaming_response.retrieve("resp_1")
        return _async_pieces(block) if hasattr(block, "__aenter__") else _pieces(block)

    return _openai(polled, pieces, answer)


async def _async_polled(client: Any) -> Any:
    await client.responses.create(**ASKED_RESPONSE, extra_body=test_deferred.IN_BACKGROUND)
    return await client.responses.retrieve("resp_1")


def _openai_batches() -> Use:
    def pieces(client: Any) -> Any:
        block = client.files.with_streaming_response.content("file-1")
        return _async_pieces(block) if hasattr(block, "__aenter__") else _pieces(block)

    results = Answer(body=test_deferred.RESULTS.encode(), content_type="application/octet-stream")
    return _openai(lambda client: client.files.content("file-1"), pieces, lambda _: results)


def _anthropic_batches() -> Use:
    lines = "".join(json.dumps(line) + "\n" for line in test_deferred.MESSAGES)

    def opened(client: Any) -> Callable[[ReplayServer], Any]:
        return lambda server: client(base_url=server.url, api_key="test", max_retries=0)

    def answer(received: Received) -> Answer:
        if received.path.endswith("/results"):
            return stream_answer(lines, content_type="application/x-jsonl", chunk_size=11)
        at = f"http://{received.headers['host']}{received.path}/results"
        return json_answer({**test_deferred.BATCH, "results_url": at})

    def batches(client: Any) -> Any:
        return _forgotten(AnthropicInstrumentor.patch, client.with_options()).messages.batches

    return Use(
        client=opened(anthropic.Anthropic),
        async_client=opened(anthropic.AsyncAnthropic),
        ask=lambda client: batches(client).retrieve("msgbatch_1"),
        stream=lambda client: batches(client).results("msgbatch_1"),
        answer=answer,
        error=anthropic_error(429, "slow down"),
    )


def _mistral_batches() -> Use:
    """Return the use of jobs whose results are inline, and of the file of them."""
    host = test_batch_hosts.HOSTS["mistral_ai"]

    def batches(client: Any) -> Any:
        return _forgotten(MistralInstrumentor.patch, client)

    def answer(received: Received) -> Answer:
        if received.path.endswith("/content"):
            return Answer(body=test_batch_hosts.results_of(host), content_type="application/octet-stream")
        return json_answer(host.job | {"outputs": host.lines})

    return Use(
        client=lambda server: host.client("", server.url),
        async_client=_async_mistral,
        ask=lambda client: batches(client).batch.jobs.get(job_id="job-1"),
        stream=lambda client: client.pieces() if hasattr(client, "pieces") else _downloaded(batches(client)),
        answer=answer,
        error=json_answer({"object": "error", "message": "no"}, 400),
    )


def _downloaded(client: Any) -> Iterator[bytes]:
    yield client.files.download(file_id="file-out").read()


@asynccontextmanager
async def _async_mistral(server: ReplayServer) -> AsyncIterator[Any]:
    """Open a client, and have its asynchronous methods called as the others are."""
    async with test_batch_hosts.HOSTS["mistral_ai"].client("", server.url) as client:

        async def pieces() -> AsyncIterator[bytes]:
            _forgotten(MistralInstrumentor.patch, client)
            yield await (await client.files.download_async(file_id="file-out")).aread()

        jobs = SimpleNamespace(get=client.batch.jobs.get_async)
        yield SimpleNamespace(batch=SimpleNamespace(jobs=jobs), pieces=pieces)


def _google_batches() -> Use:
    """Return the use of jobs whose results are inline, and of files, kept in memory, in a file and at a path."""

    (patch,) = (each for each in GoogleGenAIInstrumentor.also if isinstance(each, BatchPatch))

    def downloaded(client: Any) -> Any:
        downloads = _async_downloads if isinstance(client, AsyncClient) else _downloads
        return downloads(_forgotten(patch, client))

    def answer(received: Received) -> Answer:
        if received.path.endswith(":download"):
            return test_google_batches.FILE
        job = test_google_batches.IN_A_FILE if received.path.endswith("2") else test_google_batches.INLINE
        return json_answer(job)

    return Use(
        client=lambda server: google_sdk.client(server.url),
        async_client=lambda server: google_sdk.async_client(server.url),
        ask=lambda client: _forgotten(patch, client).batches.get(name="batches/1"),
        stream=downloaded,
        answer=answer,
        error=json_answer({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}, 400),
    )


def _downloads(client: Any) -> Iterator[Any]:
    yield client.batches.get(name="batches/2")
    yield client.files.download(file="files/results")
    client.files.download(file="files/results", destination=(written := io.BytesIO()))
    yield written.getvalue()
    with tempfile.TemporaryDirectory() as place:
        client.files.download(file="files/results", destination=Path(place) / "results")
        yield (Path(place) / "results").read_bytes()


async def _async_downloads(client: Any) -> AsyncIterator[Any]:
    yield await client.batches.get(name="batches/2")
    yield await client.files.download(file="files/results")
    await client.files.download(file="files/results", destination=(written := io.BytesIO()))
    yield written.getvalue()


_MP3 = Answer(body=b"ID3\x04\x00" + bytes(range(256)) * 400, content_type="audio/mpeg", is_stream=True)
_SPEECH_EVENTS = test_media.events(
    {"type": "speech.audio.delta", "audio": "AAAA"},
    {"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}},
)

FURTHER_USES: dict[str, Use] = {
    "openai's images": _media(
        "images.generate",
        {"model": "gpt-image-1", "prompt": "a cat"},
        json_answer(test_media.IMAGES),
        test_media.IMAGE_EVENTS,
    ),
    "openai's transcriptions": _media(
        "audio.transcriptions.create",
        {"model": "gpt-4o-transcribe", "file": test_media.WAV},
        json_answer({"text": "Hello", "usage": test_media.AUDIO_USAGE}),
        test_media.TEXT_EVENTS,
    ),
    "openai's speech": _media(
        "audio.speech.create",
        {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello"},
        _MP3,
        _SPEECH_EVENTS,
    ),
    "openai's background responses": _background(),
    "openai's batches": _openai_batches(),
    "anthropic's batches": _anthropic_batches(),
    "mistral's batches": _mistral_batches(),
}
if google_sdk.HAS_TRANSPORTS:  # older releases have no batches of the Gemini API
    FURTHER_USES["google-genai's batches"] = _google_batches()
if bedrock_wire.HTTPX_SESSION is not None:
    FURTHER_USES |= {
        f"{name}, over httpx": replace(USES[name], async_client=partial(bedrock_wire.async_client, transport="httpx"))
        for name in ("bedrock's InvokeModel", "bedrock's Converse")
    }
