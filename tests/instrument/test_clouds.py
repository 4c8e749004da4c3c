"""The anthropic SDK's clients for Bedrock and Vertex ask other paths than they are told, and other readers answer."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire
from tests.instrument.bedrock_wire import chunk
from tests.instrument.test_surfaces import ASKED_MESSAGE, MESSAGE, STREAMED_MESSAGE
from tests.support.replay import anthropic_error, json_answer, stream_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrument.conftest import Telemetry
    from tests.support.replay import Answer, ReplayServer

pytestmark = pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")

PROFILE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
VERTEX_MODEL = "claude-sonnet-4-5@20250929"
CACHE_HEADERS = {
    "x-amzn-bedrock-input-token-count": "999",
    "x-amzn-bedrock-output-token-count": "999",
    "x-amzn-bedrock-service-tier": "priority",
    "x-amzn-requestid": "aws-7",
}


def _events_as_frames(body: str) -> bytes:
    """Return server-sent events as Bedrock frames them."""
    payloads = [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]
    return b"".join(chunk(json.loads(payload)) for payload in payloads)


def _bedrock(url: str, *, is_async: bool = False) -> Any:
    kind = anthropic.AsyncAnthropicBedrock if is_async else anthropic.AnthropicBedrock
    keys: dict[str, Any] = {"aws_access_key": "a", "aws_secret_key": "s", "aws_region": "eu-west-1"}
    return kind(base_url=url, max_retries=0, **keys)


def _vertex(url: str, *, is_async: bool = False) -> Any:
    kind = anthropic.AsyncAnthropicVertex if is_async else anthropic.AnthropicVertex
    return kind(base_url=f"{url}/v1", region="europe-west1", project_id="p", access_token="t", max_retries=0)


CLOUDS: dict[str, tuple[Callable[..., Any], str, str, str, str]] = {
    "aws.bedrock": (
        _bedrock,
        PROFILE,
        f"/model/{PROFILE}/invoke",
        f"/model/{PROFILE}/invoke-with-response-stream",
        "eu-west-1",
    ),
    "gcp.vertex_ai": (
        _vertex,
        VERTEX_MODEL,
        f"/v1/projects/p/locations/europe-west1/publishers/anthropic/models/{VERTEX_MODEL}:rawPredict",
        f"/v1/projects/p/locations/europe-west1/publishers/anthropic/models/{VERTEX_MODEL}:streamRawPredict",
        "europe-west1",
    ),
}
clouds = pytest.mark.parametrize(
    "cloud", [pytest.param(name, marks=pytest.mark.cell(provider=name, surface="messages")) for name in CLOUDS]
)
modes = pytest.mark.parametrize(
    "is_async",
    [
        pytest.param(False, id="sync", marks=pytest.mark.cell(mode="sync")),
        pytest.param(True, id="async", marks=pytest.mark.cell(mode="async")),
    ],
)


def _streamed(cloud: str, **more: Any) -> Answer:
    if cloud == "aws.bedrock":
        body = _events_as_frames(wire.message_stream())
        return stream_answer(body, content_type="application/vnd.amazon.eventstream", chunk_size=29, **more)
    return stream_answer(wire.message_stream(), chunk_size=29, **more)


def _ask(cloud: str, url: str, *, is_async: bool, stream: bool) -> list[Any]:
    make, model = CLOUDS[cloud][:2]
    asked = {**ASKED_MESSAGE, "model": model, "stream": stream}
    if not is_async:
        with make(url) as client:
            answer = client.messages.create(**asked)
            return list(answer) if stream else [answer]

    async def ask() -> list[Any]:
        async with make(url, is_async=True) as client:
            answer = await client.messages.create(**asked)
            return [event async for event in answer] if stream else [answer]

    return asyncio.run(ask())


@clouds
@modes
@pytest.mark.cell(shape="plain")
def test_a_message_of_a_cloud_is_told_as_the_clouds(
    cloud: str, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    _, model, path, _, region = CLOUDS[cloud]
    server.answer_with(json_answer(wire.message(), headers=CACHE_HEADERS if "bedrock" in cloud else {}))
    _ask(cloud, server.url, is_async=is_async, stream=False)
    assert server.requests[0].path.replace("%3A", ":").replace("%40", "@") == path
    call = telemetry.call()
    assert (call.provider, call.provider_source, call.request_model, call.region) == (cloud, "sdk", model, region)
    assert (call.usage, call.usage_quality) == (MESSAGE, UsageQuality.REPORTED)  # the body wins over headers


@clouds
@modes
@pytest.mark.cell(shape="stream")
def test_a_streamed_message_of_a_cloud_is_told(
    cloud: str, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    server.answer_with(_streamed(cloud))
    assert len(_ask(cloud, server.url, is_async=is_async, stream=True)) >= 7
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.is_stream) == (STREAMED_MESSAGE, UsageQuality.REPORTED, True)
    assert call.time_to_first_token_ns is not None


@clouds
@pytest.mark.cell(mode="sync", shape="abort")
def test_a_stream_of_a_cloud_that_is_left_is_partial(cloud: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(_streamed(cloud, pause_s=0.001))
    make, model = CLOUDS[cloud][:2]
    with make(server.url) as client, client.messages.create(**{**ASKED_MESSAGE, "model": model}, stream=True) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                break
    call = telemetry.call()
    assert call.usage_quality is UsageQuality.PARTIAL
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.cache_read_tokens) == (1310, 1000)


@clouds
def test_an_error_of_a_cloud_is_told(cloud: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(anthropic_error(429, "slow down"))
    with pytest.raises(anthropic.RateLimitError):
        _ask(cloud, server.url, is_async=False, stream=False)
    assert (telemetry.call().provider, telemetry.call().error_type) == (cloud, "RateLimitError")


def test_bedrocks_headers_tell_the_tier_that_the_body_does_not(telemetry: Telemetry, server: ReplayServer) -> None:
    usage = {key: value for key, value in wire.MESSAGE_USAGE.items() if key != "service_tier"}
    server.answer_with(json_answer(wire.message(usage=usage), headers=CACHE_HEADERS))
    _ask("aws.bedrock", server.url, is_async=False, stream=False)
    call = telemetry.call()
    assert (call.service_tier, call.provider_request_id) == ("priority", "aws-7")


# --- what Anthropic tells besides tokens ---


@pytest.mark.cell(provider="anthropic", surface="beta.messages", mode="sync", shape="plain")
def test_tools_geography_speed_and_tier_of_a_message_are_told(telemetry: Telemetry, server: ReplayServer) -> None:
    usage = {
        **wire.MESSAGE_USAGE,
        "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 1},
        "inference_geo": "us",
        "speed": "fast",
        "service_tier": "priority",
    }
    server.answer_with(json_answer(wire.message(usage=usage)))
    with anthropic.Anthropic(base_url=server.url, api_key="test") as client:
        client.beta.messages.create(**ASKED_MESSAGE, extra_body={"service_tier": "auto"})
    call = telemetry.call()
    assert (call.region, call.speed, call.service_tier, call.service_tier_requested) == (
        "us",
        "fast",
        "priority",
        "auto",
    )
    assert call.usage == Usage(
        input_tokens=1320,
        cache_read_tokens=1000,
        cache_write_5m_tokens=100,
        cache_write_1h_tokens=200,
        output_tokens=50,
        web_search=3,
    )


def test_counting_tokens_is_no_call(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer({"input_tokens": 14}))
    asked = {key: value for key, value in ASKED_MESSAGE.items() if key != "max_tokens"}
    with anthropic.Anthropic(base_url=server.url, api_key="test") as client:
        assert client.messages.count_tokens(**asked).input_tokens == 14
    assert telemetry.calls() == []
