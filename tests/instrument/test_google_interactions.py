"""Interactions and decisions of `google-genai`: each request is a call, told as Google counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from google import genai

from otel_llmcost import feature
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire_google as wire
from tests.instrument.google_sdk import async_client, client
from tests.support.replay import json_answer, stream_answer

pytest.importorskip("google.genai._gaos.basesdk", reason="this release asks for interactions otherwise or not at all")

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import Answer, ReplayServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:Inheritance class .* from ClientSession is discouraged:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*experimental.*"),
]

PATH = "/v1beta/interactions"
ASKED: dict[str, Any] = {"model": "gemini-3-flash-preview", "input": "Hello"}
TOLD = Usage(
    input_tokens=1200 + 250,
    cache_read_tokens=1000,
    input_audio_tokens=100,
    output_tokens=60 + 40,
    reasoning_tokens=40,
    grounded_query=2,
)


def _ask(url: str, **asked: Any) -> list[Any]:
    with client(url) as asking:
        answer = asking.interactions.create(**ASKED, **asked)
        return list(answer) if asked.get("stream") else [answer]


async def _ask_async(url: str, **asked: Any) -> list[Any]:
    async with async_client(url) as asking:
        answer = await asking.interactions.create(**ASKED, **asked)
        return [event async for event in answer] if asked.get("stream") else [answer]


def _cell(mode: str, shape: str) -> pytest.MarkDecorator:
    return pytest.mark.cell(provider="gcp.gemini", surface="interactions", mode=mode, shape=shape)


@pytest.mark.parametrize(
    ("mode", "shape"),
    [
        pytest.param(mode, shape, marks=_cell(mode, shape))
        for mode in ("sync", "async")
        for shape in ("plain", "stream")
    ],
)
def test_an_interaction_is_a_call(mode: str, shape: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(
        json_answer(wire.INTERACTION) if shape == "plain" else stream_answer(wire.INTERACTION_STREAM, chunk_size=11),
        method="POST",
        path=PATH,
    )
    asked = {"stream": True} if shape == "stream" else {}
    with feature("talk"):
        shown = asyncio.run(_ask_async(server.url, **asked)) if mode == "async" else _ask(server.url, **asked)
    assert len(shown) == (len(wire.INTERACTION_EVENTS) if asked else 1)
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.service_tier) == (TOLD, UsageQuality.REPORTED, "priority")
    assert (call.provider, call.response_id, call.finish_reason) == ("gcp.gemini", "v1_abc", "completed")
    assert (call.request_model, call.attribution.feature) == ("gemini-3-flash-preview", "talk")
    assert (call.is_stream, call.operation) == (bool(asked), "generate_content")


def _serve_background(server: ReplayServer, *states: Answer) -> None:
    server.answer_with(json_answer(wire.INTERACTION_BEGUN), method="POST", path=PATH)
    server.answer_with(*states, method="GET", path=f"{PATH}/v1_abc")


def _background_cell(mode: str) -> pytest.MarkDecorator:
    return pytest.mark.cell(provider="gcp.gemini", surface="interactions (background)", mode=mode, shape="plain")


@_background_cell("sync")
def test_an_interaction_in_the_background_is_billed_once_by_whoever_fetches_it_when_it_has_ended(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    _serve_background(server, json_answer(wire.INTERACTION_BEGUN), json_answer(wire.INTERACTION))
    with client(server.url) as asking:
        with feature("research"):
            asking.interactions.create(**ASKED, background=True)
        with feature("polls"):
            for status in ("in_progress", "completed", "completed"):
                assert telemetry.calls() == []
                assert asking.interactions.get("v1_abc").status == status
                if status == "completed":
                    break
            asking.interactions.get("v1_abc")
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.response_id) == (TOLD, UsageQuality.REPORTED, "v1_abc")
    assert (call.attribution.feature, call.finish_reason, len(telemetry.spans())) == ("research", "completed", 1)


@_background_cell("async")
async def test_an_async_client_fetches_it_likewise(telemetry: Telemetry, server: ReplayServer) -> None:
    _serve_background(server, json_answer(wire.INTERACTION))
    async with async_client(server.url) as asking:
        await asking.interactions.create(**ASKED, background=True)
        await asking.interactions.get("v1_abc")
    assert telemetry.call().usage == TOLD


def test_an_interaction_in_the_background_is_billed_by_the_stream_that_shows_its_end(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    _serve_background(server, stream_answer(wire.INTERACTION_STREAM, chunk_size=11))
    with client(server.url) as asking:
        asking.interactions.create(**ASKED, background=True)
        assert len(list(asking.interactions.get("v1_abc", stream=True))) == len(wire.INTERACTION_EVENTS)
        asking.interactions.get("v1_abc", stream=True)
    assert telemetry.call().usage == TOLD


def test_an_interaction_that_nobody_fetches_is_told_without_a_usage_in_the_end(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    _serve_background(server)
    assert _ask(server.url, background=True)[0].status == "in_progress"
    assert telemetry.calls() == []
    runtime.started().finish_open_calls()
    assert (telemetry.call().usage, telemetry.call().usage_quality) == (None, UsageQuality.MISSING)


def test_an_interaction_that_was_billed_when_it_was_asked_for_is_not_billed_when_it_is_fetched(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer(wire.INTERACTION), method="POST", path=PATH)
    server.answer_with(json_answer(wire.INTERACTION), method="GET", path=f"{PATH}/v1_abc")
    with client(server.url) as asking:
        asking.interactions.create(**ASKED)
        asking.interactions.get("v1_abc")
    assert telemetry.call().usage == TOLD


# --- decisions ---

DECIDED = {"answers": {"q": {"type": "noul", "noul": 0.95, "confidence": 0.9}}, "usage": {"total_input_tokens": 1200}}
TO_DECIDE: dict[str, Any] = {
    "model": "models/gemini-decision-1",
    "input": "Akureyri",
    "questions": {"q": {"type": "noul", "instructions": "Is it a city?"}},
}


def _decide(url: str) -> Any:
    with client(url) as asking:
        return asking.decisions.create(**TO_DECIDE)


async def _decide_async(url: str) -> Any:
    async with async_client(url) as asking:
        return await asking.decisions.create(**TO_DECIDE)


@pytest.mark.skipif(not hasattr(genai.Client, "decisions"), reason="this release decides nothing")
@pytest.mark.cell(provider="gcp.gemini", surface="decisions", shape="plain")
@pytest.mark.parametrize("mode", [pytest.param(mode, marks=pytest.mark.cell(mode=mode)) for mode in ("sync", "async")])
def test_a_decision_is_a_call(mode: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(DECIDED), method="POST", path="/v1beta/decisions")
    answer = asyncio.run(_decide_async(server.url)) if mode == "async" else _decide(server.url)
    assert answer.answers["q"].noul == 0.95
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (Usage(input_tokens=1200), UsageQuality.REPORTED)
    assert (call.provider, call.request_model) == ("gcp.gemini", "gemini-decision-1")
