"""lm15 asks providers over sockets of its own, and DSPy brings a copy of it: each call is told once."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage, UsageQuality
from tests.frameworks.conftest import saying
from tests.instrument import wire, wire_google
from tests.instrument.test_surfaces import CHAT, MESSAGE, RESPONSE, STREAMED_MESSAGE
from tests.support.replay import json_answer, openai_error, stream_answer

lm15 = pytest.importorskip("lm15", reason="lm15 is in an environment of its own: make test-frameworks")

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

MODELS: dict[str, tuple[str, str, str, Usage, Usage]] = {
    "openai-chat": ("gpt-5", "/v1", "openai", CHAT, CHAT),
    "openai": ("gpt-5", "/v1", "openai", RESPONSE, RESPONSE),
    "anthropic": ("claude-sonnet-4-5", "/v1", "anthropic", MESSAGE, STREAMED_MESSAGE),
    "gemini": ("gemini-3-flash-preview", "/v1beta", "gcp.gemini", wire_google.READ, wire_google.READ),
}
"""What lm15 calls an API → model, path of its base, provider, and what it tells at once and in a stream."""

MODES = ("sync", "async")


@pytest.fixture(autouse=True)
def google(provider: ReplayServer) -> None:
    """Answer as Google does, too."""
    path = "/v1beta/models/gemini-3-flash-preview"
    provider.answer_with(json_answer(wire_google.content()), path=f"{path}:generateContent")
    events = stream_answer(wire_google.stream(), chunk_size=11)
    provider.answer_with(events, path=f"{path}:streamGenerateContent")


def _router(kind: Any, api: str, url: str) -> Any:
    config = lm15.router.RouterConfig(env={}, api_keys={api: "test"}, base_urls={api: url + MODELS[api][1]})
    return kind(config)


def _request(api: str) -> Any:
    return lm15.Request(model=f"{api}:{MODELS[api][0]}", messages=(lm15.Message.user("Hello"),))


def _ask(api: str, url: str, *, is_stream: bool) -> str:
    with _router(lm15.LMRouter, api, url) as router:
        if is_stream:
            return str([str(event) for event in router.stream(_request(api))])
        return str(router.complete(_request(api)).text)


async def _ask_async(api: str, url: str, *, is_stream: bool) -> str:
    async with _router(lm15.AsyncLMRouter, api, url) as router:
        if is_stream:
            return str([str(event) async for event in router.stream(_request(api))])
        return str((await router.complete(_request(api))).text)


def _cell(mode: str, shape: str) -> pytest.MarkDecorator:
    return pytest.mark.cell(provider="lm15", surface="complete", mode=mode, shape=shape)


@pytest.mark.parametrize(
    ("mode", "shape"),
    [pytest.param(mode, shape, marks=_cell(mode, shape)) for mode in MODES for shape in ("plain", "stream")],
)
@pytest.mark.parametrize("api", MODELS)
def test_a_completion_gives_what_it_gives_uninstrumented_and_is_told_once(
    api: str, mode: str, shape: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    model, _, seller, plain, streamed = MODELS[api]

    def given() -> str:
        with feature("chat", team="growth"):
            if mode == "async":
                return asyncio.run(_ask_async(api, provider.url, is_stream=shape == "stream"))
            return _ask(api, provider.url, is_stream=shape == "stream")

    instrumented = given()
    call = telemetry.call()
    otel_llmcost.uninstrument()
    assert instrumented == given()
    assert len(provider.requests) == 2
    assert (call.provider, call.request_model, call.scope_name) == (seller, model, "otel_llmcost.lm15")
    assert (call.usage, call.usage_quality) == (plain if shape == "plain" else streamed, UsageQuality.REPORTED)
    assert (call.attribution.feature, call.attribution.team) == ("chat", "growth")
    assert (call.is_stream, call.input_bytes) == (shape == "stream", len(provider.requests[0].body))
    assert not provider.places_of("growth")


@pytest.mark.cell(provider="lm15", surface="complete", mode="sync", shape="error")
def test_an_error_of_the_provider_reaches_the_application_and_is_told(
    telemetry: Telemetry, provider: ReplayServer
) -> None:
    provider.answer_with(openai_error(429, "slow down"), path="/v1/chat/completions")
    with pytest.raises(lm15.RateLimitError):
        _ask("openai-chat", provider.url, is_stream=False)
    assert (telemetry.call().error_type, telemetry.call().usage) == ("429", None)


@pytest.mark.cell(provider="lm15", surface="complete", mode="sync", shape="abort")
def test_a_stream_that_is_left_is_told_with_what_had_arrived(telemetry: Telemetry, provider: ReplayServer) -> None:
    answer = stream_answer(wire.message_stream(), chunk_size=500, hang_after=1000)
    provider.answer_with(answer, path="/v1/messages")
    with _router(lm15.LMRouter, "anthropic", provider.url) as router:
        events = router.stream(_request("anthropic"))
        next(events)
        events.close()
        del events
    gc.collect()
    call = telemetry.wait_for_call()
    assert call.usage_quality is UsageQuality.PARTIAL
    assert call.usage is not None
    assert call.usage.input_tokens == 1310


@pytest.mark.parametrize("api", MODELS)
def test_a_stream_is_paid_for_by_whoever_asked_for_it_and_not_by_whoever_reads_it(
    api: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    with _router(lm15.LMRouter, api, provider.url) as router:
        with feature("asked"):
            events = router.stream(_request(api))
        with feature("read"):
            assert list(events)
    assert telemetry.call().attribution.feature == "asked"


@pytest.mark.parametrize("api", MODELS)
async def test_an_async_stream_is_paid_for_by_whoever_asked_for_it_likewise(
    api: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    async with _router(lm15.AsyncLMRouter, api, provider.url) as router:
        with feature("asked"):
            events = router.stream(_request(api))
        with feature("read"):
            assert [event async for event in events]
    assert telemetry.call().attribution.feature == "asked"


def test_dspy_asks_through_its_own_copy_unless_told_otherwise(telemetry: Telemetry, provider: ReplayServer) -> None:
    dspy = pytest.importorskip("dspy")
    model = dspy.LM("openai/gpt-5", api_base=f"{provider.url}/v1", api_key="test", cache=False)
    with dspy.context(lm=model, adapter=dspy.JSONAdapter()):
        predict = dspy.Predict("question -> city")
        with feature("1 predict"):
            assert predict(question="Hello").city == "Reykjavík"
        with feature("2 parallel"):
            dspy.Parallel(num_threads=2)([(predict, {"question": "a"}), (predict, {"question": "b"})])
    told = sorted((call.attribution.feature, call.usage, call.scope_name) for call in telemetry.calls())
    scope = "otel_llmcost.dspy"
    assert told == [("1 predict", CHAT, scope), ("2 parallel", CHAT, scope), ("2 parallel", CHAT, scope)]
    assert len(provider.requests) == 3


@pytest.mark.parametrize(("engine", "scope"), [("lm15", "otel_llmcost.dspy"), ("litellm", "otel_llmcost.openai")])
async def test_a_program_of_dspy_that_is_streamed_is_paid_for_by_whoever_asked(
    engine: str, scope: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    dspy = pytest.importorskip("dspy")
    saying(provider, '{"city": ', '"Reykja', 'vík"}')
    model = dspy.LM("openai/gpt-5", api_base=f"{provider.url}/v1", api_key="test", cache=False, engine=engine)
    with dspy.context(lm=model, adapter=dspy.JSONAdapter()):
        program = dspy.streamify(dspy.Predict("question -> city"))
        with feature("streamed"):
            pieces = [piece async for piece in program(question="Hello")]
    assert pieces[-1].city == "Reykjavík"
    call = telemetry.call()
    assert (call.usage, call.scope_name, call.attribution.feature) == (CHAT, scope, "streamed")
    assert len(provider.requests) == 1
