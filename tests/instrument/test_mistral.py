"""The real `mistralai` SDK: every surface gives what it gives without us, and each call is told once."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import ValidationError

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument.expectations import told_by_record, told_by_span
from tests.instrument.wire_mistral import MESSAGES, USAGE, events
from tests.instrument.wire_mistral import answer as whole_answer
from tests.support.replay import Answer, Recording, ReplayServer, json_answer, recordings, stream_answer

try:
    from mistralai.client import Mistral
except ImportError:  # before 2.0
    from mistralai import Mistral  # type: ignore[attr-defined, no-redef]

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrument.conftest import Telemetry

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")  # by the SDK

RECORDINGS, WHY_NONE = recordings("mistral")

COUNTS = Usage(input_tokens=120, cache_read_tokens=64, output_tokens=7)
CONVERSATION_USAGE = {**USAGE, "total_tokens": 627, "connector_tokens": 500, "connectors": {"web_search": 2}}


def _conversation_events() -> str:
    started = {"type": "conversation.response.started", "conversation_id": "conv_1"}
    done = {"type": "conversation.response.done", "usage": CONVERSATION_USAGE}
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in (started, done))


OUTPUT = {"type": "message.output", "id": "m", "content": "Hi", "role": "assistant", "object": "entry"}
CONVERSATION = {
    "object": "conversation.response",
    "conversation_id": "conv_1",
    "outputs": [OUTPUT],
    "usage": CONVERSATION_USAGE,
}
EMBEDDINGS = {
    "id": "emb-1",
    "object": "list",
    "data": [{"object": "embedding", "embedding": [0.25] * 2000, "index": 0}],
    "model": "mistral-embed",
    "usage": {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9},
}
PAGE = {"index": 0, "markdown": "# 1", "images": [], "dimensions": {"dpi": 200, "height": 2200, "width": 1700}}
PAGES = {"model": "mistral-ocr-2505", "pages": [PAGE], "usage_info": {"pages_processed": 3, "doc_size_bytes": 9}}


@pytest.fixture
def provider(server: ReplayServer) -> ReplayServer:
    """Answer every surface, streams in pieces that split events and characters."""

    def answered(whole: dict[str, Any], streamed: str) -> Callable[[Any], Answer]:
        def answer(received: Any) -> Answer:
            return stream_answer(streamed, chunk_size=11) if received.json.get("stream") else json_answer(whole)

        return answer

    for path in ("/v1/chat/completions", "/v1/agents/completions", "/v1/fim/completions"):
        server.answer_with(answered(whole_answer(), events()), path=path)
    for path in ("/v1/conversations", "/v1/conversations/conv_1"):
        server.answer_with(answered(CONVERSATION, _conversation_events()), path=path)
    server.answer_with(json_answer(EMBEDDINGS), path="/v1/embeddings")
    server.answer_with(json_answer(PAGES), path="/v1/ocr")
    return server


CONVERSED = Usage(input_tokens=620, cache_read_tokens=64, output_tokens=7, web_search=2)
DOCUMENT: Any = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
SURFACES: dict[str, tuple[str, dict[str, Any], Usage]] = {
    "chat": ("chat.complete", {"model": "mistral-small-latest", "messages": MESSAGES}, COUNTS),
    "chat.stream": ("chat.stream", {"model": "mistral-small-latest", "messages": MESSAGES}, COUNTS),
    "agents": ("agents.complete", {"agent_id": "ag_1", "messages": MESSAGES}, COUNTS),
    "agents.stream": ("agents.stream", {"agent_id": "ag_1", "messages": MESSAGES}, COUNTS),
    "fim": ("fim.complete", {"model": "codestral-latest", "prompt": "def"}, COUNTS),
    "fim.stream": ("fim.stream", {"model": "codestral-latest", "prompt": "def"}, COUNTS),
    "embeddings": ("embeddings.create", {"model": "mistral-embed", "inputs": "x"}, Usage(input_tokens=9)),
    "ocr": ("ocr.process", {"model": "mistral-ocr-latest", "document": DOCUMENT}, Usage(page=3)),
    "conversations": ("beta.conversations.start", {"model": "mistral-small-latest", "inputs": "Hi"}, CONVERSED),
    "conversations.stream": (
        "beta.conversations.start_stream",
        {"model": "mistral-small-latest", "inputs": "Hi"},
        CONVERSED,
    ),
    "conversations.append": ("beta.conversations.append", {"conversation_id": "conv_1", "inputs": "Hi"}, CONVERSED),
}


def _cases() -> list[Any]:
    cases = []
    for name, (path, *_) in SURFACES.items():
        surface, _, shape = name.partition(".")
        marks = [
            pytest.mark.cell(provider="mistral_ai", surface=surface, shape=shape if shape == "stream" else "plain")
        ]
        root = getattr(Mistral(api_key="test"), path.partition(".")[0], None)
        if root is None:  # the oldest release that we test has fewer
            marks.append(pytest.mark.skip(reason=f"this release has no {path}"))
        cases.append(pytest.param(name, marks=marks))
    return cases


def _method(client: Any, path: str) -> Any:
    for name in path.split("."):
        client = getattr(client, name)
    return client


def _dumped(answer: Any, *, is_stream: bool) -> list[Any]:
    return [item.model_dump() for item in (answer if is_stream else [answer])]


@pytest.mark.cell(mode="sync")
@pytest.mark.parametrize("surface", _cases())
def test_a_surface_gives_what_it_gives_uninstrumented_and_is_told_once(
    surface: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    path, asked, usage = SURFACES[surface]

    def given() -> list[Any]:
        with Mistral(api_key="test", server_url=provider.url) as client:
            return _dumped(_method(client, path)(**asked), is_stream="stream" in surface)

    instrumented = given()
    call = telemetry.call()
    otel_llmcost.uninstrument()
    assert instrumented == given()
    assert len(provider.requests) == 2
    assert (call.usage, call.usage_quality, call.error_type) == (usage, UsageQuality.REPORTED, "")
    assert (call.provider, call.request_model) == ("mistral_ai", asked.get("model", ""))
    assert call.is_stream is ("stream" in surface)
    assert len(telemetry.spans()) == 1


@pytest.mark.cell(mode="async")
@pytest.mark.parametrize("surface", _cases())
async def test_an_async_surface_gives_what_it_gives_uninstrumented_and_is_told_once(
    surface: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    path, asked, usage = SURFACES[surface]

    async def given() -> list[Any]:
        async with Mistral(api_key="test", server_url=provider.url) as client:
            answer = await _method(client, f"{path}_async")(**asked)
            items = [item async for item in answer] if "stream" in surface else [answer]
            return [item.model_dump() for item in items]

    instrumented = await given()
    call = telemetry.call()
    otel_llmcost.uninstrument()
    assert instrumented == await given()
    assert (call.usage, call.usage_quality) == (usage, UsageQuality.REPORTED)
    assert len(telemetry.spans()) == 1


# --- what was recorded ---


def _asked(recording: Recording) -> dict[str, Any]:
    body = {key: value for key, value in recording.request.items() if key in ("model", "messages", "tools")}
    return {**body, "inputs": recording.request["input"]} if "input" in recording.request else body


@pytest.mark.skipif(not RECORDINGS, reason=WHY_NONE or "no recording")
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.id)
def test_a_recorded_exchange_is_told_as_the_provider_billed_it(
    recording: Recording, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    server.replay(recording, chunk_size=29)
    name = "embeddings.create" if "inputs" in _asked(recording) else "chat.complete"
    name = "chat.stream" if recording.is_stream else name

    def ask() -> None:
        with Mistral(api_key="test", server_url=server.url) as client:
            answer = _method(client, name)(**_asked(recording))
            assert not recording.is_stream or list(answer)

    async def ask_async() -> None:
        async with Mistral(api_key="test", server_url=server.url) as client:
            answer = await _method(client, f"{name}_async")(**_asked(recording))
            assert not recording.is_stream or [event async for event in answer]

    try:
        asyncio.run(ask_async()) if is_async else ask()
    except ValidationError:
        assert not _is_new()
        pytest.skip("this release does not know what the exchange holds")
    call = telemetry.call()
    (span,) = telemetry.spans()
    expected = {key: value for key, value in recording.expected.items() if value is not None}
    assert {key: told_by_record(call)[key] for key in expected} == expected
    told = told_by_span(dict(span.attributes or {}))
    assert {key: told[key] for key in expected} == expected


# --- endings ---


@pytest.mark.cell(provider="mistral_ai", surface="chat", mode="sync", shape="abort")
@pytest.mark.parametrize("how", ["closed", "abandoned"])
def test_a_stream_that_is_left_is_told_with_what_had_arrived(
    how: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    body = events(("Grü", "ezi", " mitenand"))
    server.answer_with(stream_answer(body, chunk_size=len(body.encode()) - 60, hang_after=300))
    with Mistral(api_key="test", server_url=server.url) as client:
        stream: Any = client.chat.stream(model="mistral-small-latest", messages=MESSAGES)
        next(iter(stream))
        if how == "closed":
            stream.response.close()
        del stream
        gc.collect()
        call = telemetry.wait_for_call()
    assert (call.response_id, call.usage_quality, call.error_type) == ("cmpl-1", UsageQuality.MISSING, "")


@pytest.mark.cell(provider="mistral_ai", surface="chat", mode="async", shape="abort")
async def test_a_cancelled_stream_is_told_with_what_had_arrived(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(events(), hang_after=300))
    begun = asyncio.Event()

    async def read() -> None:
        async with Mistral(api_key="test", server_url=server.url) as client:
            stream: Any = await client.chat.stream_async(model="mistral-small-latest", messages=MESSAGES)
            async for _ in stream:
                begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    call = telemetry.wait_for_call()
    assert (call.response_id, call.error_type) == ("cmpl-1", "CancelledError")


@pytest.mark.cell(provider="mistral_ai", surface="chat", mode="sync", shape="error")
def test_an_error_of_the_provider_reaches_the_application_and_is_told(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    headers = {"mistral-correlation-id": "corr-7"}
    server.answer_with(json_answer({"object": "error", "message": "slow down"}, 429, headers=headers))
    with Mistral(api_key="test", server_url=server.url) as client, pytest.raises(Exception, match=r"429|slow down"):
        client.chat.complete(model="mistral-small-latest", messages=MESSAGES)
    call = telemetry.call()
    assert (call.error_type, call.usage, call.provider_request_id) == ("429", None, "corr-7")
    (span,) = telemetry.spans()
    assert not span.status.is_ok


def test_retries_inside_the_sdk_are_one_call_with_a_resend_count(telemetry: Telemetry, server: ReplayServer) -> None:
    retry = pytest.importorskip("mistralai.client.utils" if _is_new() else "mistralai.utils")
    busy = json_answer({"message": "busy"}, 503)
    server.answer_with(busy, busy, json_answer(whole_answer()))
    config = retry.RetryConfig("backoff", retry.BackoffStrategy(1, 2, 1.0, 5000), retry_connection_errors=False)
    with Mistral(api_key="test", server_url=server.url, retry_config=config) as client:
        client.chat.complete(model="mistral-small-latest", messages=MESSAGES)
    call = telemetry.call()
    assert (call.resend_count, call.usage, call.error_type) == (2, COUNTS, "")


def test_a_provider_that_cannot_be_reached_is_told(telemetry: Telemetry) -> None:
    with (
        Mistral(api_key="test", server_url="http://127.0.0.1:9") as client,
        pytest.raises(Exception, match="refused"),
    ):
        client.chat.complete(model="mistral-small-latest", messages=MESSAGES)
    assert telemetry.call().error_type == "ConnectError"


def test_the_tier_that_served_and_the_feature_are_told(telemetry: Telemetry, provider: ReplayServer) -> None:
    with Mistral(api_key="test", server_url=provider.url) as client, feature("greet", team="growth"):
        list(client.chat.stream(model="mistral-small-latest", messages=MESSAGES, max_tokens=33))
    call = telemetry.call()
    assert (call.service_tier, call.max_output_tokens) == ("priority", 33)
    assert (call.attribution.feature, call.attribution.team) == ("greet", "growth")
    assert not provider.places_of("llmcost")
    assert not provider.places_of("growth")


def test_calls_of_other_kinds_pass_untouched(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer({"object": "list", "data": []}))
    with Mistral(api_key="test", server_url=server.url) as client:
        client.models.list()
    assert telemetry.calls() == []


# --- the SDK's own spans ---


def _is_new() -> bool:
    return Mistral.__module__.startswith("mistralai.client")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_the_sdks_own_span_gives_way_to_ours_where_both_go_to_the_same_place(
    telemetry: Telemetry, provider: ReplayServer, monkeypatch: pytest.MonkeyPatch, *, is_async: bool
) -> None:
    """Two spans would be two bills; what goes to Mistral alone, as an application may want, is left as it is."""
    observability = pytest.importorskip("mistralai.extra.observability", exc_type=ImportError)
    native = InMemorySpanExporter()
    same_place = TracerProvider()
    same_place.add_span_processor(SimpleSpanProcessor(native))
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: same_place)

    async def ask(client: Any) -> int:
        asked: dict[str, Any] = {"model": "mistral-small-latest", "messages": MESSAGES}
        await client.chat.complete_async(**asked) if is_async else client.chat.complete(**asked)
        return len(native.get_finished_spans())

    async with Mistral(api_key="test", server_url=provider.url) as client:
        observability.configure_telemetry(client, provider="global")
        assert await ask(client) == 0
        observability.configure_telemetry(client, provider=same_place)
        assert await ask(client) == 1
        observability.configure_telemetry(client, provider="global")
        otel_llmcost.uninstrument()
        assert await ask(client) == 2
    assert len(telemetry.calls()) == 2


def test_uninstrumenting_restores_the_spans_of_the_sdk(telemetry: Telemetry) -> None:
    import importlib

    try:
        module = importlib.import_module(f"{'mistralai.client' if _is_new() else 'mistralai'}._hooks.tracing")
    except ModuleNotFoundError:
        pytest.skip("this release makes no spans")
    during = module.get_or_create_otel_tracer
    otel_llmcost.uninstrument()
    assert module.get_or_create_otel_tracer is during.__wrapped__
    assert not hasattr(module.get_or_create_otel_tracer, "__wrapped__")


def test_uninstrumenting_restores_every_function(telemetry: Telemetry) -> None:
    import importlib

    package = "mistralai.client" if _is_new() else "mistralai"
    base, hooks = (importlib.import_module(f"{package}.{name}") for name in ("basesdk", "_hooks.sdkhooks"))
    places = [(base.BaseSDK, "do_request"), (base.BaseSDK, "do_request_async"), (hooks.SDKHooks, "before_request")]
    during = [vars(owner)[name] for owner, name in places]
    otel_llmcost.uninstrument()
    assert [ours.__wrapped__ for ours in during] == [vars(owner)[name] for owner, name in places]
