"""What an application may say about instrumentation: hooks, and what stays off."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import _base_client as openai_base
from opentelemetry.sdk.trace import TracerProvider

import otel_llmcost
from otel_llmcost.instrument.anthropic import AnthropicInstrumentor
from otel_llmcost.instrument.openai import OpenAIInstrumentor
from otel_llmcost.usage import UsageQuality
from tests.instrument import wire
from tests.instrument.test_surfaces import ASKED, CHAT, _chat_answer
from tests.support.replay import json_answer, openai_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer


@pytest.fixture
def hooked(telemetry: Telemetry) -> Iterator[list[tuple[str, Any]]]:
    """Instrument openai anew, with hooks that set attributes and note what they see."""
    seen: list[tuple[str, Any]] = []

    def on_request(span: Any, request: Any) -> None:
        span.set_attribute("app.prompt", "v7")
        seen.append(("request", request))

    def on_response(span: Any, response: Any) -> None:
        span.set_attribute("app.status", response.status_code)
        seen.append(("response", response))

    provider = TracerProvider()
    provider.add_span_processor(telemetry.processor)
    OpenAIInstrumentor().uninstrument()
    OpenAIInstrumentor().instrument(tracer_provider=provider, request_hook=on_request, response_hook=on_response)
    yield seen
    OpenAIInstrumentor().uninstrument()


@pytest.mark.parametrize("is_stream", [False, True])
def test_hooks_see_request_and_response_and_may_write_on_the_span(
    telemetry: Telemetry, server: ReplayServer, hooked: list[tuple[str, Any]], *, is_stream: bool
) -> None:
    server.answer_with(_chat_answer)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        answer = client.chat.completions.create(**ASKED, stream=is_stream)
        if is_stream:
            list(answer)  # type: ignore[call-overload]
    (request, response) = hooked
    assert (request[0], request[1].json_data["model"]) == ("request", "gpt-5")
    assert (response[0], response[1].status_code) == ("response", 200)
    (span,) = telemetry.spans()
    attributes = span.attributes or {}
    assert (attributes["app.prompt"], attributes["app.status"]) == ("v7", 200)
    assert telemetry.call().usage == CHAT


def test_a_hook_of_an_async_client_is_called_too(
    telemetry: Telemetry, server: ReplayServer, hooked: list[tuple[str, Any]]
) -> None:
    server.answer_with(json_answer(wire.chat()))

    async def ask() -> None:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
            await client.chat.completions.create(**ASKED)

    asyncio.run(ask())
    assert [name for name, _ in hooked] == ["request", "response"]
    assert telemetry.call().usage == CHAT


def test_a_refused_request_has_no_response_to_show(
    telemetry: Telemetry, server: ReplayServer, hooked: list[tuple[str, Any]]
) -> None:
    server.answer_with(openai_error(400, "no"))
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client,
        pytest.raises(openai.BadRequestError),
    ):
        client.chat.completions.create(**ASKED)
    assert [name for name, _ in hooked] == ["request"]
    assert telemetry.call().error_type == "BadRequestError"


def test_what_a_hook_raises_stays_with_us(
    telemetry: Telemetry, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_span: Any, _raw: Any) -> None:
        msg = "the hook is broken"
        raise KeyError(msg)

    server.answer_with(json_answer(wire.chat()))
    OpenAIInstrumentor().uninstrument()
    OpenAIInstrumentor().instrument(request_hook=broken, response_hook=broken)
    try:
        with (
            caplog.at_level(logging.WARNING, "otel_llmcost"),
            openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client,
        ):
            assert client.chat.completions.create(**ASKED).id == "chatcmpl-1"
    finally:
        OpenAIInstrumentor().uninstrument()
    assert telemetry.call().usage == CHAT
    assert "the hook is broken" in caplog.text


def test_what_is_disabled_stays_off_however_it_is_instrumented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ReplayServer
) -> None:
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LLMCOST_DISABLED_INSTRUMENTATIONS", " openai , nobody")
    bare = openai_base.SyncAPIClient.__dict__["request"]
    otel_llmcost.instrument(TracerProvider())
    try:
        assert openai_base.SyncAPIClient.__dict__["request"] is bare
        assert AnthropicInstrumentor().is_instrumented_by_opentelemetry
        OpenAIInstrumentor().instrument()  # as opentelemetry-instrument does, by its entry point
        assert openai_base.SyncAPIClient.__dict__["request"] is bare
    finally:
        OpenAIInstrumentor().uninstrument()
        otel_llmcost.uninstrument()


@pytest.mark.parametrize("way", ["option", "variable", "variable for all"])
def test_streams_are_asked_for_as_the_application_asks_where_it_wants_so(
    telemetry: Telemetry, server: ReplayServer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    server.answer_with(_chat_answer)
    OpenAIInstrumentor().uninstrument()
    if way != "option":
        monkeypatch.setenv("LLMCOST_KEEP_STREAM_OPTIONS", "groq, openai" if way == "variable" else "*")
    OpenAIInstrumentor().instrument(**({"keep_stream_options": True} if way == "option" else {}))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        list(client.chat.completions.create(**ASKED, stream=True))
    OpenAIInstrumentor().uninstrument()
    monkeypatch.delenv("LLMCOST_KEEP_STREAM_OPTIONS", raising=False)
    OpenAIInstrumentor().instrument()
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        list(client.chat.completions.create(**ASKED, stream=True))
    kept, asked = telemetry.calls()
    assert ["stream_options" in request.json for request in server.requests] == [False, True]
    assert (kept.usage, kept.usage_quality, kept.finish_reason) == (None, UsageQuality.MISSING, asked.finish_reason)
    assert asked.usage == CHAT
