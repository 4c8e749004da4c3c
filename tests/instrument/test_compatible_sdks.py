"""Groq, Together and Cerebras: SDKs of the same make, each of its own provider."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from importlib import import_module
from importlib.metadata import version
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire
from tests.instrument.test_hosts import told_by
from tests.instrument.test_surfaces import ASKED, CHAT
from tests.support.replay import Recording, json_answer, openai_error, recordings, stream_answer

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer


class Sdk(NamedTuple):
    """Where an SDK is, what its clients are called, and which path its chat has below the base URL."""

    module: str
    client: str
    base: str


SDKS = {
    "groq": Sdk("groq", "Groq", ""),
    "together": Sdk("together", "Together", "" if int(version("together").split(".")[0]) > 2 else "/v1"),
    "cerebras": Sdk("cerebras.cloud.sdk", "Cerebras", ""),
}
TELL_UNASKED = ("groq", "together")
_ALL, _WHY_NONE = recordings(*SDKS)
PATHS = {"groq": "/openai/v1/chat/completions", "together": "/v1/chat/completions", "cerebras": "/v1/chat/completions"}


def client_of(name: str, url: str, *, is_async: bool = False) -> Any:
    sdk = SDKS[name]
    kind = getattr(import_module(sdk.module), f"Async{sdk.client}" if is_async else sdk.client)
    can_warm = "warm_tcp_connection" in signature(kind).parameters  # a request when a client is made
    more = {"warm_tcp_connection": False} if can_warm else {}
    return kind(api_key="test", base_url=f"{url}{sdk.base}", max_retries=0, **more)


by_sdk = pytest.mark.parametrize(
    "sdk", [pytest.param(name, marks=pytest.mark.cell(provider=name, surface="chat")) for name in SDKS]
)


async def _consumed(sdk: str, url: str, **asked: Any) -> list[Any]:
    async with client_of(sdk, url, is_async=True) as client:
        answer = await client.chat.completions.create(**asked)
        return [event async for event in answer] if asked.get("stream") else [answer]


def _all_of(sdk: str, url: str, *, is_async: bool, **asked: Any) -> list[Any]:
    if is_async:
        return asyncio.run(_consumed(sdk, url, **asked))
    with client_of(sdk, url) as client:
        answer = client.chat.completions.create(**asked)
        return list(answer) if asked.get("stream") else [answer]


# --- recordings ---


def _claims(recording: Recording) -> Any:
    if not recording.expected:
        return ()
    return pytest.mark.cell(
        provider=recording.provider, surface="chat", shape="stream" if recording.is_stream else "plain"
    )


@pytest.mark.skipif(not _ALL, reason=_WHY_NONE or "no recordings")
@pytest.mark.parametrize(
    "is_async",
    [
        pytest.param(False, id="sync", marks=pytest.mark.cell(mode="sync")),
        pytest.param(True, id="async", marks=pytest.mark.cell(mode="async")),
    ],
)
@pytest.mark.parametrize("recording", [pytest.param(each, id=each.id, marks=_claims(each)) for each in _ALL])
def test_a_recorded_exchange_is_told_as_the_provider_billed_it(
    recording: Recording, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    server.replay(recording, chunk_size=29)
    body = {key: value for key, value in recording.request.items() if key not in ("model", "messages", "stream")}
    asked = {"model": recording.request["model"], "messages": recording.request["messages"], "extra_body": body}
    tells_an_error = b'"error"' in recording.body
    raises = import_module(SDKS[recording.provider].module).APIError
    with pytest.raises(raises) if tells_an_error else nullcontext():
        _all_of(recording.provider, server.url, is_async=is_async, **asked, stream=recording.is_stream)
    call = telemetry.wait_for_call()  # after an error in a stream these SDKs leave the response open
    (span,) = telemetry.spans()
    assert f"{span.context.span_id:016x}" == call.span_id
    expected = {key: value for key, value in (recording.expected or {}).items() if value is not None}
    assert {key: told_by(call)[key] for key in expected} == expected
    assert (call.provider, call.request_model) == (recording.provider, recording.request["model"])


# --- every shape, by hand ---


@by_sdk
@pytest.mark.cell(mode="sync", shape="raw")
def test_a_raw_answer_is_told(sdk: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat()), path=PATHS[sdk])
    with client_of(sdk, server.url) as client:
        raw = client.chat.completions.with_raw_response.create(**ASKED)
        assert raw.parse().choices[0].message.content == '{"city": "Reykjavík"}'
    call = telemetry.call()
    assert (call.usage, call.provider, call.provider_source, call.scope_name) == (
        CHAT,
        sdk,
        "sdk",
        f"otel_llmcost.{sdk}",
    )


@by_sdk
@pytest.mark.cell(mode="async", shape="raw")
async def test_a_raw_answer_of_an_async_client_is_told(sdk: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat()), path=PATHS[sdk])
    async with client_of(sdk, server.url, is_async=True) as client:
        raw = await client.chat.completions.with_raw_response.create(**ASKED)
        assert raw.status_code == 200
    assert telemetry.call().usage == CHAT


@by_sdk
@pytest.mark.parametrize(
    "is_async",
    [
        pytest.param(False, id="sync", marks=pytest.mark.cell(mode="sync", shape="stream")),
        pytest.param(True, id="async", marks=pytest.mark.cell(mode="async", shape="stream")),
    ],
)
def test_a_stream_is_told(sdk: str, telemetry: Telemetry, server: ReplayServer, *, is_async: bool) -> None:
    server.answer_with(stream_answer(wire.chat_stream(with_usage=True), chunk_size=11), path=PATHS[sdk])
    chunks = _all_of(sdk, server.url, is_async=is_async, **ASKED, stream=True)
    has_usage = [chunk.choices == [] for chunk in chunks]
    asked = "stream_options" in server.requests[0].json
    assert asked is (sdk not in TELL_UNASKED)
    assert has_usage == [False] * 5 + [True] * (not asked)  # what was asked for by us is not shown
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.is_stream) == (CHAT, UsageQuality.REPORTED, True)


@by_sdk
@pytest.mark.cell(mode="sync", shape="abort")
def test_a_stream_that_is_left_is_told_as_far_as_it_got(sdk: str, telemetry: Telemetry, server: ReplayServer) -> None:
    early = '{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}'
    body = f"data: {early}\n\n" + wire.chat_stream(with_usage=False)
    server.answer_with(stream_answer(body, pause_s=0.001), path=PATHS[sdk])
    with client_of(sdk, server.url) as client:
        stream = client.chat.completions.create(**ASKED, stream=True)
        next(iter(stream))
        stream.response.close()
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (Usage(input_tokens=7, output_tokens=2), UsageQuality.PARTIAL)


@by_sdk
def test_an_error_is_the_applications_and_is_told(sdk: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(openai_error(429, "slow down"), path=PATHS[sdk])
    error = import_module(SDKS[sdk].module).RateLimitError
    with client_of(sdk, server.url) as client, pytest.raises(error):
        client.chat.completions.create(**ASKED)
    assert (telemetry.call().error_type, telemetry.call().usage) == ("RateLimitError", None)
