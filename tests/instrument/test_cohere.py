"""The real `cohere` SDK: every surface of both APIs gives what it gives without us, and each call is told once."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument.expectations import assert_told_as_expected
from tests.instrument.wire_cohere import ASKED, ASKED_1, CHAT, CHAT_1, META, NDJSON, events, lines
from tests.support.replay import Answer, Recording, ReplayServer, json_answer, recordings, stream_answer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # older releases use what pydantic has deprecated since
    import cohere
    from cohere.core import http_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.instrument.conftest import Telemetry

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")  # by the SDK

RECORDINGS, WHY_NONE = recordings("cohere")

BILLED = Usage(input_tokens=33, output_tokens=7)  # what is on the invoice
COUNTS = Usage(input_tokens=120, cache_read_tokens=64, output_tokens=9)
OF_META = Usage(input_tokens=120, output_tokens=9)
GENERATED = {"id": "g-1", "prompt": "Hi", "generations": [{"id": "g", "text": "Grüezi"}], "meta": META}
EMBEDDED = {
    "id": "e-1",
    "embeddings": {"float": [[0.25] * 2000]},
    "texts": ["x"],
    "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 5}},
    "response_type": "embeddings_by_type",
}
PAGE = {"type": "markdown", "index": 0, "markdown": {"content": "Grüezi"}}
PARSED = {"id": "p-1", "pages": [PAGE], "finish_reason": "COMPLETE", "meta": {"billed_units": {"pages": 1}}}
PARSE: dict[str, Any] = {
    "model": "parse-v5.0",
    "document": {"type": "image_url", "image_url": "data:image/png;base64,AA=="},
}
SUMMARY = {"id": "s-1", "summary": "Grüezi", "meta": META}
RANKED = {"id": "k-1", "results": [{"index": 0, "relevance_score": 0.5}], "meta": {"billed_units": {"search_units": 1}}}

EMBED: dict[str, Any] = {
    "model": "embed-v4.0",
    "texts": ["x"],
    "input_type": "search_query",
    "embedding_types": ["float"],
}
RANK: dict[str, Any] = {"model": "rerank-v3.5", "query": "q", "documents": ["a", "b"]}


@pytest.fixture
def provider(server: ReplayServer) -> ReplayServer:
    """Answer every surface, streams in pieces that split events and characters."""

    def chat(received: Any) -> Answer:
        return stream_answer(events(), chunk_size=11) if received.json.get("stream") else json_answer(CHAT)

    def chat_1(received: Any) -> Answer:
        streamed = stream_answer(lines(), chunk_size=11, content_type=NDJSON)
        return streamed if received.json.get("stream") else json_answer(CHAT_1)

    server.answer_with(chat, path="/v2/chat")
    server.answer_with(chat_1, path="/v1/chat")
    server.answer_with(json_answer(GENERATED), path="/v1/generate")
    server.answer_with(json_answer(SUMMARY), path="/v1/summarize")
    server.answer_with(json_answer(PARSED), path="/v2/parse")
    for version in ("v1", "v2"):
        server.answer_with(json_answer(EMBEDDED), path=f"/{version}/embed")
        server.answer_with(json_answer(RANKED), path=f"/{version}/rerank")
    return server


EMBEDDING, SEARCH = Usage(input_tokens=5), Usage(request=1)
SURFACES: dict[str, tuple[str, dict[str, Any], Usage]] = {
    "v2.chat": ("chat", ASKED, COUNTS),
    "v2.chat.stream": ("chat_stream", ASKED, COUNTS),
    "v2.chat.raw": ("with_raw_response.chat", ASKED, COUNTS),
    "v2.embed": ("embed", EMBED, EMBEDDING),
    "v2.rerank": ("rerank", RANK, SEARCH),
    "v2.parse": ("parse", PARSE, Usage(page=1)),
    "v1.chat": ("chat", ASKED_1, OF_META),
    "v1.chat.stream": ("chat_stream", ASKED_1, OF_META),
    "v1.generate": ("generate", {"model": "command", "prompt": "Hi"}, OF_META),
    "v1.summarize": ("summarize", {"model": "command", "text": "Hi"}, OF_META),
    "v1.embed": ("embed", EMBED, EMBEDDING),
    "v1.rerank": ("rerank", RANK, SEARCH),
}


def _cases() -> list[Any]:
    cases = []
    for name, (path, *_) in SURFACES.items():
        version, surface, *shape = name.split(".")
        cell = pytest.mark.cell(provider="cohere", surface=f"{surface} {version}", shape=shape[0] if shape else "plain")
        kind: Any = cohere.ClientV2 if version == "v2" else cohere.Client
        missing = not hasattr(kind, path.partition(".")[0])
        skip = [pytest.mark.skip(reason=f"this release has no {path}")] if missing else []
        cases.append(pytest.param(name, marks=[cell, *skip]))
    return cases


def _client(name: str, url: str) -> Any:
    kind: Any = cohere.ClientV2 if name.startswith("v2") else cohere.Client
    return kind(api_key="test", base_url=url)


def _async_client(name: str, url: str) -> Any:
    kind: Any = cohere.AsyncClientV2 if name.startswith("v2") else cohere.AsyncClient
    return kind(api_key="test", base_url=url)


def _method(client: Any, path: str) -> Any:
    for name in path.split("."):
        client = getattr(client, name)
    return client


def _dumped(items: list[Any]) -> list[Any]:
    return [getattr(item, "data", item).model_dump() for item in items]


@pytest.mark.cell(mode="sync")
@pytest.mark.parametrize("surface", _cases())
def test_a_surface_gives_what_it_gives_uninstrumented_and_is_told_once(
    surface: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    path, asked, usage = SURFACES[surface]

    def given() -> list[Any]:
        with _client(surface, provider.url) as client:
            answer = _method(client, path)(**asked)
            return _dumped(list(answer) if surface.endswith("stream") else [answer])

    instrumented = given()
    call = telemetry.call()
    otel_llmcost.uninstrument()
    assert instrumented == given()
    assert len(provider.requests) == 2
    assert (call.usage, call.usage_quality, call.error_type) == (usage, UsageQuality.REPORTED, "")
    assert call.billable == (BILLED if usage in (COUNTS, OF_META) else usage)
    assert (call.provider, call.request_model) == ("cohere", asked["model"])
    assert call.is_stream is surface.endswith("stream")
    assert len(telemetry.spans()) == 1


@pytest.mark.cell(mode="async")
@pytest.mark.parametrize("surface", _cases())
async def test_an_async_surface_gives_what_it_gives_uninstrumented_and_is_told_once(
    surface: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    path, asked, usage = SURFACES[surface]

    async def given() -> list[Any]:
        async with _async_client(surface, provider.url) as client:
            if surface.endswith("stream"):
                return _dumped([event async for event in _method(client, path)(**asked)])
            return _dumped([await _method(client, path)(**asked)])

    instrumented = await given()
    call = telemetry.call()
    otel_llmcost.uninstrument()
    assert instrumented == await given()
    assert (call.usage, call.usage_quality) == (usage, UsageQuality.REPORTED)
    assert len(telemetry.spans()) == 1


# --- what was recorded ---


def _asks(recording: Recording) -> tuple[str, dict[str, Any], bool]:
    """Return the method that asks what a recording asked, with what, and whether it streams."""
    is_stream = recording.is_stream or b'"event_type"' in recording.body
    name = recording.path.rpartition("/")[2]
    asked = {key: value for key, value in recording.request.items() if value is not None and key != "stream"}
    return (f"{name}_stream" if is_stream else name), asked, is_stream


@pytest.mark.skipif(not RECORDINGS, reason=WHY_NONE or "no recording")
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.id)
def test_a_recorded_exchange_is_told_as_the_provider_bills_it(
    recording: Recording, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    server.replay(recording, chunk_size=29)
    version = recording.path.strip("/").partition("/")[0]
    name, asked, is_stream = _asks(recording)

    def ask() -> None:
        with _client(version, server.url) as client:
            answer: Iterator[Any] = getattr(client, name)(**asked)
            assert not is_stream or list(answer)

    async def ask_async() -> None:
        async with _async_client(version, server.url) as client:
            if is_stream:
                answer: AsyncIterator[Any] = getattr(client, name)(**asked)
                assert [event async for event in answer]
            else:
                await getattr(client, name)(**asked)

    asyncio.run(ask_async()) if is_async else ask()
    assert_told_as_expected(recording, telemetry)
    call = telemetry.call()
    assert call.usage_quality is UsageQuality.REPORTED
    assert call.billable is not None
    assert (call.billable.input_tokens, call.billable.output_tokens, call.billable.request) == _billed(recording)


def _billed(recording: Recording) -> tuple[int, int, int]:
    """Return the units on the invoice for a recorded exchange: the last ones in its body."""
    (*_, units) = re.findall(rb'"billed_units": ?({[^}]*})', recording.body)
    counts = json.loads(units)
    return counts.get("input_tokens", 0), counts.get("output_tokens", 0), counts.get("search_units", 0)


# --- endings ---


@pytest.mark.parametrize(
    "version",
    [
        pytest.param("v1", marks=pytest.mark.cell(provider="cohere", surface="chat v1", mode="sync", shape="abort")),
        pytest.param("v2", marks=pytest.mark.cell(provider="cohere", surface="chat v2", mode="sync", shape="abort")),
    ],
)
@pytest.mark.parametrize("how", ["closed", "abandoned"])
def test_a_stream_that_is_left_is_told_with_what_had_arrived(
    how: str, version: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    """The counts come last, so nothing is known of them; that they are missing is told."""
    body, kind = (events(), "text/event-stream") if version == "v2" else (lines(), NDJSON)
    server.answer_with(stream_answer(body, chunk_size=200, hang_after=400, content_type=kind))
    with _client(version, server.url) as client:
        stream = client.chat_stream(**(ASKED if version == "v2" else ASKED_1))
        next(stream)
        if how == "closed":
            stream.close()
        del stream
        gc.collect()
        call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality, call.error_type) == (None, UsageQuality.MISSING, "")
    assert call.is_stream


@pytest.mark.cell(provider="cohere", surface="chat v2", mode="async", shape="abort")
async def test_a_cancelled_stream_is_told_with_what_had_arrived(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(events(), chunk_size=200, hang_after=200))
    begun = asyncio.Event()

    async def read() -> None:
        async with cohere.AsyncClientV2(api_key="test", base_url=server.url) as client:
            async for _ in client.chat_stream(**ASKED):
                begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    call = telemetry.wait_for_call()
    assert (call.response_id, call.error_type) == ("c-2", "CancelledError")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("chat", marks=pytest.mark.cell(provider="cohere", surface="chat v2", mode="sync", shape="error")),
        pytest.param("chat_stream"),
    ],
)
def test_an_error_of_the_provider_reaches_the_application_and_is_told(
    name: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer({"message": "no"}, 401, headers={"x-debug-trace-id": "trace-7"}))
    with cohere.ClientV2(api_key="test", base_url=server.url) as client, pytest.raises(cohere.UnauthorizedError):
        list(getattr(client, name)(**ASKED))
    call = telemetry.call()
    assert (call.error_type, call.usage, call.provider_request_id) == ("401", None, "trace-7")
    (span,) = telemetry.spans()
    assert not span.status.is_ok


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_retries_inside_the_sdk_are_one_call_with_a_resend_count(
    telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    busy = json_answer({"message": "busy"}, 503, headers={"retry-after-ms": "1"})
    server.answer_with(busy, busy, json_answer(CHAT))
    options: Any = {"max_retries": 4}  # of which releases before 5.21 count the first two as done
    if is_async:
        async with cohere.AsyncClientV2(api_key="test", base_url=server.url) as client:
            await client.chat(**ASKED, request_options=options)
    else:
        with cohere.ClientV2(api_key="test", base_url=server.url) as sync_client:
            sync_client.chat(**ASKED, request_options=options)
    call = telemetry.call()
    assert call.credential_id
    assert (call.resend_count, call.usage, call.error_type) == (2, COUNTS, "")


def test_a_provider_that_cannot_be_reached_is_told(telemetry: Telemetry) -> None:
    with (
        cohere.ClientV2(api_key="test", base_url="http://127.0.0.1:9") as client,
        pytest.raises(Exception, match="refused"),
    ):
        client.chat(**ASKED, request_options={"max_retries": 0})
    assert telemetry.call().error_type == "ConnectError"


def test_embeddings_in_batches_are_a_call_each_and_keep_their_feature(
    telemetry: Telemetry, provider: ReplayServer
) -> None:
    """The SDK cuts 97 texts into two requests and sends them from threads of its own; each is billed."""
    with cohere.Client(api_key="test", base_url=provider.url) as client, feature("index", team="search"):
        client.embed(**{**EMBED, "texts": ["x"] * 97})
    calls = telemetry.calls()
    assert [call.usage for call in calls] == [EMBEDDING, EMBEDDING]
    assert {(call.attribution.feature, call.attribution.team) for call in calls} == {("index", "search")}
    assert not provider.places_of("llmcost")


def test_a_model_that_is_not_named_is_unknown(telemetry: Telemetry, provider: ReplayServer) -> None:
    with cohere.Client(api_key="test", base_url=provider.url) as client:
        client.chat(message="Hello")
    assert telemetry.call().request_model == ""


def test_calls_of_other_kinds_pass_untouched(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer({"models": []}))
    with cohere.Client(api_key="test", base_url=server.url) as client:
        client.models.list()
    assert telemetry.calls() == []


def test_uninstrumenting_restores_every_function(telemetry: Telemetry) -> None:
    kinds = (http_client.HttpClient, http_client.AsyncHttpClient)
    during = [vars(kind)[name] for kind in kinds for name in ("request", "stream")]
    otel_llmcost.uninstrument()
    after = [vars(kind)[name] for kind in kinds for name in ("request", "stream")]
    assert [ours.__wrapped__ for ours in during] == after


def test_what_is_not_said_is_no_part_of_the_prompt(
    telemetry: Telemetry, provider: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    with cohere.ClientV2(api_key="test", base_url=provider.url) as client:
        client.chat(model="command-r7b-12-2024", messages=messages)
    call = telemetry.call()
    assert (call.prompt_bytes, len(call.prompt_hash), len(call.request_hash)) == (len("Be brief."), 16, 16)
    assert "hashing" not in caplog.text
