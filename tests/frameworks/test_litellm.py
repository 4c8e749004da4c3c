"""litellm asks some providers itself and some through their SDKs: each call is told once, by the provider's counts."""

from __future__ import annotations

import asyncio
import gc
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire
from tests.instrument.expectations import told_by_record, told_by_span
from tests.instrument.test_surfaces import CHAT, MESSAGE, STREAMED_MESSAGE
from tests.support.replay import Recording, ReplayServer, json_answer, recordings, stream_answer

litellm = pytest.importorskip("litellm", reason="litellm is in an environment of its own: make test-frameworks")

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry

litellm.disable_hf_tokenizer_download = True  # it counts some models' tokens by a tokenizer from the network

MESSAGES = [{"role": "user", "content": "Hello"}]

# --- its own paths, and those of SDKs ---

MODELS = {
    "openai": ("openai/gpt-5", "/v1", CHAT, CHAT, "otel_llmcost.openai"),
    "anthropic": ("anthropic/claude-sonnet-4-5", "", MESSAGE, STREAMED_MESSAGE, "otel_llmcost.litellm"),
    "groq": ("groq/openai/gpt-oss-20b", "/v1", CHAT, CHAT, "otel_llmcost.litellm"),
    "mistral_ai": ("mistral/mistral-small-latest", "/v1", CHAT, CHAT, "otel_llmcost.litellm"),
}


MODES = ("sync", "async")


def _cell(mode: str, shape: str) -> pytest.MarkDecorator:
    return pytest.mark.cell(provider="litellm", surface="completion", mode=mode, shape=shape)


@pytest.mark.parametrize(
    ("mode", "shape"),
    [
        pytest.param(mode, shape, marks=_cell(mode, shape))
        for mode in ("sync", "async")
        for shape in ("plain", "stream")
    ],
)
@pytest.mark.parametrize("name", MODELS)
def test_a_completion_gives_what_it_gives_uninstrumented_and_is_told_once(
    name: str, mode: str, shape: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    model, path, plain, streamed, scope = MODELS[name]
    if name in ("groq", "mistral_ai"):  # they tell the usage of a stream without being asked
        events = stream_answer(wire.chat_stream(with_usage=True), chunk_size=11)
        provider.answer_with(
            lambda received: events if received.json.get("stream") else json_answer(wire.chat()),
            path="/v1/chat/completions",
        )
    asked = {"model": model, "api_base": provider.url + path, "api_key": "test", "messages": MESSAGES}

    def given() -> list[str]:
        with feature("chat", team="growth"):
            return asyncio.run(_ask_async(asked, shape)) if mode == "async" else _ask(asked, shape)

    instrumented = given()
    call = telemetry.wait_for_call()
    otel_llmcost.uninstrument()
    assert instrumented == given()
    assert len(provider.requests) == 2
    assert (call.provider, call.request_model) == (name, model.partition("/")[2])
    assert (call.usage, call.usage_quality) == (plain if shape == "plain" else streamed, UsageQuality.REPORTED)
    assert (call.scope_name, call.attribution.feature, call.attribution.team) == (scope, "chat", "growth")
    assert not provider.places_of("growth")


def _ask(asked: dict[str, Any], shape: str) -> list[str]:
    if shape == "plain":
        return [litellm.completion(**asked).choices[0].message.content]
    return [piece.choices[0].delta.content for piece in litellm.completion(**asked, stream=True)]


async def _ask_async(asked: dict[str, Any], shape: str) -> list[str]:
    if shape == "plain":
        return [(await litellm.acompletion(**asked)).choices[0].message.content]
    return [piece.choices[0].delta.content async for piece in await litellm.acompletion(**asked, stream=True)]


@pytest.mark.cell(provider="litellm", surface="embedding", mode="sync", shape="plain")
def test_embeddings_of_a_provider_that_litellm_asks_itself_are_told(telemetry: Telemetry, server: ReplayServer) -> None:
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 5}}
    answer = {"id": "e", "embeddings": {"float": [[0.5, 0.25]]}, "texts": ["x"], "meta": meta}
    server.answer_with(json_answer(answer))
    litellm.embedding(model="cohere/embed-v4.0", input=["x"], api_base=f"{server.url}/v2/embed", api_key="test")
    call = telemetry.call()
    assert (call.provider, call.usage) == ("cohere", Usage(input_tokens=5))


@pytest.mark.cell(provider="litellm", surface="completion", mode="sync", shape="error")
def test_an_error_of_the_provider_reaches_the_application_and_is_told(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}, 529))
    with pytest.raises(litellm.InternalServerError):
        litellm.completion(model="anthropic/claude-sonnet-4-5", api_base=server.url, api_key="test", messages=MESSAGES)
    assert (telemetry.call().error_type, telemetry.call().usage) == ("529", None)


@pytest.mark.cell(provider="litellm", surface="completion", mode="sync", shape="abort")
def test_a_stream_that_is_left_is_told_with_what_had_arrived(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(stream_answer(wire.message_stream(), chunk_size=500, hang_after=1000))
    stream = litellm.completion(
        model="anthropic/claude-sonnet-4-5", api_base=server.url, api_key="test", messages=MESSAGES, stream=True
    )
    next(stream)
    del stream
    gc.collect()
    call = telemetry.wait_for_call()
    assert call.usage_quality is UsageQuality.PARTIAL
    assert call.usage is not None
    assert call.usage.input_tokens == 1310


def test_what_litellm_sends_elsewhere_is_no_call(telemetry: Telemetry, server: ReplayServer) -> None:
    """Its loggers and guardrails post through the same functions."""
    from litellm.llms.custom_httpx.http_handler import HTTPHandler

    server.answer_with(json_answer({}))
    HTTPHandler().post(f"{server.url}/v1/chat/completions", json={"model": "m"})
    HTTPHandler().post(f"{server.url}/api/public/ingestion", json={"batch": []})
    assert len(server.requests) == 2
    assert telemetry.calls() == []


# --- what was recorded ---

_ALL, WHY_NONE = recordings("anthropic", "bedrock", "cerebras", "deepseek", "gemini", "groq", "mistral", "together")
_PATHS = re.compile(r"/v1/chat/completions$|v1/messages$|:(generateContent|streamGenerateContent)$|/converse")
RECORDINGS = [each for each in _ALL if _PATHS.search(each.path) and b"tool_use_failed" not in each.body]
"""What litellm asks itself; an error in the middle of a stream of Groq it takes for one of its own."""


def _asked(recording: Recording, url: str) -> dict[str, Any]:
    """Return what asks litellm so that it asks the provider for what was recorded."""
    named = re.search(r"/models?/([^:/]+)[:/]", recording.path)
    model = unquote(named[1]) if named else recording.request["model"]
    name = "together_ai" if recording.provider == "together" else recording.provider
    asked = {"model": f"{name}/{model}", "messages": MESSAGES}
    if recording.provider == "bedrock":
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_region_name": "us-east-1"}
        return {**asked, **keys, "aws_bedrock_runtime_endpoint": url}
    base = url + ("/v1beta" if recording.provider == "gemini" else recording.path.partition("/chat")[0])
    base = url if recording.provider == "anthropic" else base
    return {**asked, "api_key": "test", "api_base": base}


@pytest.mark.skipif(not RECORDINGS, reason=WHY_NONE or "no recording")
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: f"{recording.provider}-{recording.id}")
def test_a_recorded_exchange_is_told_as_the_provider_counted_it(
    recording: Recording, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    """What litellm itself makes of the counts is another matter, and is not looked at."""
    server.answer_with(recording.answer(chunk_size=97))
    asked, shape = _asked(recording, server.url), "stream" if recording.is_stream else "plain"
    assert asyncio.run(_ask_async(asked, shape)) if is_async else _ask(asked, shape)
    call = telemetry.wait_for_call()
    (span,) = telemetry.spans()
    expected = {key: value for key, value in (recording.expected or {}).items() if value is not None}
    for told in (told_by_record(call), told_by_span(dict(span.attributes or {}))):
        assert {key: told[key] for key in expected} == expected
