"""Every recorded exchange and every surface of `google-genai`, over every transport that it may use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from google.genai import errors, types

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire_google as wire
from tests.instrument.expectations import assert_told_as_expected
from tests.instrument.google_sdk import (
    ASYNC,
    LEAVES_SOCKETS,
    SENDS_EXTRA_BODY,
    SYNC,
    async_client,
    client,
    needs_retries,
)
from tests.support.replay import Answer, Recording, ReplayServer, json_answer, recordings, stream_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.genai import Client

    from tests.instrument.conftest import Telemetry

# The SDK's own doing.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Inheritance class .* from ClientSession is discouraged:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The generate_images method is deprecated"),
    *LEAVES_SOCKETS,
]

ASKED: dict[str, Any] = {"model": "gemini-3-flash-preview", "contents": "Hello"}
GENERATE = "/v1beta/models/gemini-3-flash-preview:generateContent"
STREAM = "/v1beta/models/gemini-3-flash-preview:streamGenerateContent"
PICTURE = {"mimeType": "image/png", "bytesBase64Encoded": "iVBORw0KGgo="}
VERTEX = {"project": "p", "location": "europe-west4"}

_ALL, _WHY_NONE = recordings("gemini", "vertex")
_JSON_ARRAY = "4d84a8236cd0"
"""A stream without `alt=sse`, which the SDK never asks for and cannot read."""

RECORDINGS = [each for each in _ALL if ":" in each.path and each.id != _JSON_ARRAY]


def _cell(surface: str, mode: str, shape: str, provider: str = "gcp.gemini") -> pytest.MarkDecorator:
    return pytest.mark.cell(provider=provider, surface=surface, mode=mode, shape=shape)


# --- recorded exchanges ---


def _each_recording() -> list[Any]:
    """Return each recording with each transport, and the cell that it fills if somebody knows what was billed."""
    cases = []
    for recording in RECORDINGS:
        surface = "embeddings" if "mbed" in recording.path else "generate_content"
        shape = "stream" if recording.is_stream else "plain"
        for mode, transports in (("sync", SYNC), ("async", ASYNC)):
            mark = _cell(surface, mode, shape, f"gcp.{'vertex_ai' if recording.provider == 'vertex' else 'gemini'}")
            for transport in transports:
                name = f"{recording.id}-{mode}-{transport}"
                cases.append(
                    pytest.param(recording, mode, transport, id=name, marks=[mark] if recording.expected else [])
                )
    return cases


def _place(recording: Recording) -> dict[str, Any]:
    """Return how a client must be made to ask where the recording was made."""
    _, version, *rest = recording.path.split("/")
    vertex = {"project": rest[1], "location": rest[3]} if recording.provider == "vertex" else None
    return {"vertex": vertex, "api_version": version}


def _asked(recording: Recording) -> tuple[str, dict[str, Any]]:
    """Return the method that asks what the recording asked, and its arguments."""
    body, model = dict(recording.request), recording.path.rsplit("/", 1)[1].split(":")[0]
    if "requests" in body:
        return "embed_content", {"model": model, "contents": [each["content"] for each in body["requests"]]}
    if "content" in body:
        return "embed_content", {"model": model, "contents": body["content"]}
    method = "generate_content_stream" if recording.is_stream else "generate_content"
    if not SENDS_EXTRA_BODY:  # such releases do not know all that newer requests hold; the answer is the same
        return method, {"model": model, "contents": "Hello"}
    contents = body.pop("contents")
    return method, {"model": model, "contents": contents, "config": {"http_options": {"extra_body": body}}}


@pytest.mark.skipif(not RECORDINGS, reason=_WHY_NONE or "no recording of this API")
@pytest.mark.parametrize(("recording", "mode", "transport"), _each_recording())
def test_a_recorded_exchange_is_told_as_the_provider_billed_it(
    recording: Recording, mode: str, transport: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    if not SENDS_EXTRA_BODY and recording.path.endswith(":embedContent"):
        pytest.skip("this release asks for embeddings of Vertex AI by `predict`")
    server.replay(recording, chunk_size=29)
    method, arguments = _asked(recording)
    try:
        if mode == "sync":
            with client(server.url, transport, **_place(recording)) as asking:
                answer = getattr(asking.models, method)(**arguments)
                list(answer) if recording.is_stream else answer
        else:
            asyncio.run(_run_async(recording, server.url, transport, method, arguments))
    except AttributeError as error:  # the SDK of an answer whose enumerations are numbers; the provider bills it
        assert "'int' object has no attribute 'upper'" in str(error)  # noqa: PT017 - the answer is the point
    assert_told_as_expected(recording, telemetry)
    call = telemetry.call()
    assert call.request_model == arguments["model"]
    assert call.region == ((_place(recording)["vertex"] or {}).get("location") or "")
    assert call.input_bytes == len(server.requests[0].body)


async def _run_async(recording: Recording, url: str, transport: str, method: str, arguments: dict[str, Any]) -> None:
    async with async_client(url, transport, **_place(recording)) as asking:
        answer = await getattr(asking.models, method)(**arguments)
        if recording.is_stream:
            async for _ in answer:
                pass


# --- surfaces ---


@pytest.fixture
def provider(server: ReplayServer) -> ReplayServer:
    """Answer every surface, streams in pieces that split events and characters."""
    served = {"x-gemini-service-tier": "priority", "x-request-id": "gateway-7"}
    server.answer_with(json_answer(wire.content(), headers=served), path=GENERATE)
    server.answer_with(stream_answer(wire.stream(), chunk_size=11), path=STREAM)
    server.answer_with(
        json_answer(wire.embeddings(2000, texts=2)), path="/v1beta/models/gemini-embedding-2:batchEmbedContents"
    )
    return server


def _dumped(items: Any) -> list[Any]:
    dumped = [item.model_dump() for item in items]
    for each in dumped:
        (each.get("sdk_http_response") or {}).get("headers", {}).pop("date", None)
        (each.get("sdk_http_response") or {}).get("headers", {}).pop("Date", None)
    return dumped


def _chat(asking: Client) -> list[Any]:
    chat = asking.chats.create(model=ASKED["model"])
    return [part.text for part in chat.send_message_stream("Hello")]


def _embed(asking: Client) -> list[Any]:
    return _dumped([asking.models.embed_content(model="gemini-embedding-2", contents=["Hello", "you"])])


EMBEDDED = Usage(input_tokens=7)
SURFACES: dict[str, tuple[Callable[[Client], list[Any]], Usage, str]] = {
    "generate_content": (lambda c: _dumped([c.models.generate_content(**ASKED)]), wire.READ, "generate_content"),
    "generate_content_stream": (
        lambda c: _dumped(c.models.generate_content_stream(**ASKED)),
        wire.READ,
        "generate_content",
    ),
    "chat_stream": (_chat, wire.READ, "generate_content"),
    "embed_content": (_embed, EMBEDDED, "embeddings"),
}
CELLS = {
    "generate_content": ("generate_content", "plain"),
    "generate_content_stream": ("generate_content", "stream"),
    "chat_stream": ("generate_content", "stream"),
    "embed_content": ("embeddings", "plain"),
}


@pytest.mark.parametrize("transport", SYNC)
@pytest.mark.parametrize(
    "surface", [pytest.param(name, marks=_cell(CELLS[name][0], "sync", CELLS[name][1])) for name in SURFACES]
)
def test_a_surface_stays_as_it_is_and_is_told_once(
    surface: str, transport: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    ask, usage, operation = SURFACES[surface]
    with client(provider.url, transport) as asking:
        seen = ask(asking)
        otel_llmcost.uninstrument()
        assert seen == ask(asking)
    call = telemetry.call()
    assert (call.usage, call.operation, call.usage_quality) == (usage, operation, UsageQuality.REPORTED)
    assert (call.is_stream, call.time_to_first_token_ns is not None) == ("stream" in surface,) * 2
    assert len(telemetry.spans()) == 1


@pytest.mark.parametrize("transport", ASYNC)
@pytest.mark.parametrize(
    ("method", "usage"),
    [
        pytest.param("generate_content", wire.READ, marks=_cell("generate_content", "async", "plain")),
        pytest.param("generate_content_stream", wire.READ, marks=_cell("generate_content", "async", "stream")),
        pytest.param("embed_content", EMBEDDED, marks=_cell("embeddings", "async", "plain")),
    ],
)
async def test_an_async_surface_is_told_once(
    method: str, usage: Usage, transport: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    asked = {**ASKED, "model": "gemini-embedding-2"} if method == "embed_content" else ASKED
    async with async_client(provider.url, transport) as asking:
        answer = await getattr(asking.models, method)(**asked)
        if method == "generate_content_stream":
            assert "".join([part.text async for part in answer]) == "Über den Wolken ☁"
    assert (telemetry.call().usage, len(telemetry.spans())) == (usage, 1)


@_cell("images", "sync", "plain", "gcp.vertex_ai")
@pytest.mark.parametrize("transport", SYNC)
def test_pictures_are_counted(transport: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer({"predictions": [PICTURE, PICTURE]}))
    with client(server.url, transport, vertex=VERTEX) as asking:
        asking.models.generate_images(model="imagen-4.0-generate-001", prompt="A cat")
    call = telemetry.call()
    assert (call.usage, call.operation, call.region) == (Usage(image=2), "image_generation", "europe-west4")
    assert (call.request_model, call.sub_account_id) == ("imagen-4.0-generate-001", "p")


@_cell("images", "async", "plain", "gcp.vertex_ai")
@pytest.mark.parametrize("transport", ASYNC)
async def test_pictures_made_meanwhile_are_counted(transport: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer({"predictions": [PICTURE]}))
    async with async_client(server.url, transport, vertex=VERTEX) as asking:
        await asking.models.generate_images(model="imagen-4.0-generate-001", prompt="A cat")
    assert telemetry.call().usage == Usage(image=1)


@_cell("generate_content", "sync", "plain")
def test_the_record_says_what_request_and_answer_say(telemetry: Telemetry, provider: ReplayServer) -> None:
    with client(provider.url) as asking, feature("greeting"):
        asking.models.generate_content(**ASKED, config={"max_output_tokens": 99})
    call = telemetry.call()
    assert call.usage == wire.READ
    assert (call.provider, call.provider_source, call.server_address) == ("gcp.gemini", "sdk", "127.0.0.1")
    assert (call.request_model, call.response_model, call.response_id) == (
        "gemini-3-flash-preview",
        "gemini-3-flash-preview",
        "resp-1",
    )
    assert (call.max_output_tokens, call.finish_reason, call.tool_call_count) == (99, "STOP", 0)
    assert (call.service_tier, call.provider_request_id, call.resend_count) == ("priority", "gateway-7", 0)
    assert call.input_bytes == len(provider.requests[0].body)
    assert call.credential_id
    assert call.request_hash
    assert call.attribution.feature == "greeting"
    assert call.call_site.startswith(f"{__name__}:test_the_record_says_what_request_and_answer_say:")
    assert not provider.places_of("llmcost")
    assert not provider.places_of("greeting")


@pytest.mark.skipif("service_tier" not in types.GenerateContentConfig.model_fields, reason="before service tiers")
def test_the_tier_asked_for_is_told(telemetry: Telemetry, provider: ReplayServer) -> None:
    asked = {**ASKED, "config": {"service_tier": "flex"}}
    with client(provider.url) as asking:
        asking.models.generate_content(**asked)
    assert (telemetry.call().service_tier_requested, telemetry.call().service_tier) == ("flex", "priority")


def test_a_tier_asked_for_by_a_header_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.content()))
    headers = {"X-Vertex-AI-LLM-Shared-Request-Type": "priority"}
    with client(server.url, vertex=VERTEX, headers=headers) as asking:
        asking.models.generate_content(**ASKED)
    assert telemetry.call().service_tier_requested == "priority"


def test_a_tuned_model_is_named_as_it_is_asked_for(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.content()))
    with client(server.url) as asking:
        asking.models.generate_content(model="tunedModels/mine-1", contents="Hello")
    assert telemetry.call().request_model == "tunedModels/mine-1"


@_cell("generate_content", "sync", "plain")
def test_each_turn_of_automatic_function_calling_is_a_call(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(
        json_answer(wire.content(wire.call_of("temperature_in", city="Akureyri"))), json_answer(wire.content())
    )

    def temperature_in(city: str) -> int:
        """Return the temperature in a city."""
        return len(city)

    temperature_in.__annotations__ = {"city": str, "return": int}  # older releases do not evaluate texts
    with client(server.url) as asking:
        answer = asking.models.generate_content(**ASKED, config={"tools": [temperature_in]})
    assert answer.text == "Já."
    assert [(call.tool_call_count, call.usage) for call in telemetry.calls()] == [(1, wire.READ), (0, wire.READ)]


# --- endings ---


@pytest.mark.parametrize(("status", "name"), [(400, "ClientError"), (429, "ClientError"), (503, "ServerError")])
@pytest.mark.parametrize("transport", SYNC)
def test_an_error_of_the_provider_reaches_the_application_and_is_told(
    status: int, name: str, transport: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer(wire.error(status, "NO"), status, headers={"x-request-id": "req_7"}))
    with client(server.url, transport) as asking, pytest.raises(errors.APIError):
        asking.models.generate_content(**ASKED)
    call = telemetry.call()
    assert (call.error_type, call.usage, call.provider_request_id) == (name, None, "req_7")
    assert not telemetry.spans()[0].status.is_ok


@needs_retries
@_cell("generate_content", "sync", "error")
def test_retries_inside_the_sdk_are_one_call_with_a_resend_count(telemetry: Telemetry, server: ReplayServer) -> None:
    again = json_answer(wire.error(503, "UNAVAILABLE"), 503)
    server.answer_with(again, again, json_answer(wire.content()))
    retries = types.HttpRetryOptions(attempts=3, initial_delay=0.001, max_delay=0.002, jitter=0.001)
    with client(server.url, retry_options=retries) as asking:
        asking.models.generate_content(**ASKED)
    call = telemetry.call()
    assert (call.resend_count, call.usage, call.error_type) == (2, wire.READ, "")


@needs_retries
@_cell("generate_content", "async", "error")
@pytest.mark.parametrize("transport", ASYNC)
async def test_async_retries_are_one_call_too(transport: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.error(503, "UNAVAILABLE"), 503), stream_answer(wire.stream()))
    retries = types.HttpRetryOptions(attempts=3, initial_delay=0.001, max_delay=0.002, jitter=0.001)
    async with async_client(server.url, transport, retry_options=retries) as asking:
        async for _ in await asking.models.generate_content_stream(**ASKED):
            pass
    assert (telemetry.call().resend_count, telemetry.call().usage) == (1, wire.READ)


@_cell("generate_content", "sync", "abort")
@pytest.mark.parametrize("transport", SYNC)
def test_a_stream_that_the_application_leaves_early_keeps_what_was_told(
    transport: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(
        stream_answer(wire.stream(is_whole=False), hang_after=len(wire.stream("Über", is_whole=False).encode()))
    )
    with client(server.url, transport) as asking:
        parts = asking.models.generate_content_stream(**ASKED)
        assert next(parts).text == "Über"
        parts.close()
        call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality, call.error_type) == (wire.BEGUN, UsageQuality.PARTIAL, "")
    assert call.time_to_first_token_ns is not None
    assert 0 < call.time_to_first_token_ns < call.duration_ns


@_cell("generate_content", "sync", "abort")
def test_an_abandoned_stream_is_told_when_it_is_collected(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(wire.stream(), pause_s=0.001))
    with client(server.url) as asking:
        parts = asking.models.generate_content_stream(**ASKED)
        next(parts)
        del parts
        call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality) == (wire.BEGUN, UsageQuality.PARTIAL)


def test_an_async_stream_that_is_never_read_is_told_if_it_was_asked_for(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    """Newer releases ask only when the first part is wanted."""
    server.answer_with(stream_answer(wire.stream()))

    async def ask() -> None:
        async with async_client(server.url) as asking:
            await asking.models.generate_content_stream(**ASKED)

    asyncio.run(ask())
    if server.requests:
        assert telemetry.wait_for_call().usage_quality is UsageQuality.MISSING
    assert len(telemetry.calls()) == len(server.requests)


@_cell("generate_content", "async", "abort")
@pytest.mark.parametrize("transport", ASYNC)
async def test_a_stream_that_is_cancelled_keeps_what_was_told(
    transport: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    first = len(wire.stream("Über", is_whole=False).encode())
    server.answer_with(stream_answer(wire.stream(), hang_after=first))
    begun = asyncio.Event()

    async def consume(asking: Any) -> None:
        async for _ in await asking.models.generate_content_stream(**ASKED):
            begun.set()

    async with async_client(server.url, transport) as asking:
        task = asyncio.create_task(consume(asking))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    call = telemetry.call()
    assert (call.error_type, call.usage, call.usage_quality) == ("CancelledError", wire.BEGUN, UsageQuality.PARTIAL)


async def test_a_call_that_is_cancelled_is_told(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.content(), hang_after=0))
    async with async_client(server.url) as asking:
        task = asyncio.create_task(asking.models.generate_content(**ASKED))
        while not server.requests:  # noqa: ASYNC110 - the server is a thread, it has no event to await
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert telemetry.call().error_type == "CancelledError"


@_cell("generate_content", "sync", "error")
@pytest.mark.parametrize("transport", SYNC)
def test_an_error_in_the_middle_of_a_stream_is_told_with_what_had_arrived(
    transport: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    broken = {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}
    server.answer_with(stream_answer(wire.stream("Über", is_whole=False, error=broken)))
    with client(server.url, transport) as asking:
        try:
            list(asking.models.generate_content_stream(**ASKED))
        except errors.APIError:  # older releases take the event for an empty answer
            pass
        call = telemetry.wait_for_call()
    assert (call.error_type, call.usage) == ("UNAVAILABLE", wire.BEGUN)


def test_a_malformed_body_is_the_applications_error(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(Answer(body=b'{"candidates": [{"content"'))
    with client(server.url) as asking, pytest.raises((ValueError, errors.APIError)):
        asking.models.generate_content(**ASKED)
    assert (telemetry.call().usage, telemetry.call().usage_quality) == (None, UsageQuality.MISSING)


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"candidates": 5}', b'{"usageMetadata": []}', b""])
def test_an_answer_of_another_shape_is_still_a_call(body: bytes, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(Answer(body=body))
    with client(server.url) as asking:
        try:
            asking.models.generate_content(**ASKED)
        except (ValueError, TypeError, AttributeError, errors.APIError):
            pass
    assert telemetry.call().usage is None


def test_calls_of_other_kinds_pass_untouched(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer({"totalTokens": 3}))
    with client(server.url) as asking:
        assert asking.models.count_tokens(**ASKED).total_tokens == 3
    assert telemetry.calls() == []


def test_a_long_stream_keeps_little_and_the_last_totals(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(wire.stream(*["word"] * 1500), chunk_size=65536))
    with client(server.url) as asking:
        assert len(list(asking.models.generate_content_stream(**ASKED))) == 1502
    assert telemetry.call().usage is not None
    assert telemetry.call().usage.output_tokens == 100


def test_uninstrumenting_restores_every_function(telemetry: Telemetry) -> None:
    from google.genai import _api_client

    owners = (_api_client.BaseApiClient, errors.APIError)
    ours = {
        name: (owner, getattr(value, "__func__", value))
        for owner in owners
        for name, value in vars(owner).items()
        if hasattr(getattr(value, "__func__", value), "__wrapped__")
    }
    assert {"_request", "_async_request", "raise_for_response"} <= set(ours)
    otel_llmcost.uninstrument()
    for name, (owner, function) in ours.items():
        now = vars(owner)[name]
        assert getattr(now, "__func__", now) is function.__wrapped__
