"""One SDK, many hosts: who sells is known by the host, and its answers are read as that provider gives them.

The clients ask the real names; an HTTP proxy on loopback answers in their place.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import openai
import pytest

from otel_llmcost import semconv
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire
from tests.instrument.test_surfaces import ASKED, CHAT
from tests.support.replay import Recording, json_answer, recordings, stream_answer

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

_PROVIDERS = (
    "azure",
    "cerebras",
    "deepseek",
    "gemini",
    "groq",
    "mistral",
    "openrouter",
    "together",
    "vertex",
    "ollama",
)
_ALL, _WHY_NONE = recordings(*_PROVIDERS)
RECORDINGS = [each for each in _ALL if each.path.endswith(("/chat/completions", "/responses", "/embeddings"))]

HOSTS = {
    "api.openai.com/v1": "openai",
    "eu.api.openai.com/v1": "openai",
    "shop.openai.azure.com/openai/v1": "azure.ai.openai",
    "shop.services.ai.azure.com/openai/v1": "azure.ai.inference",
    "api.groq.com/openai/v1": "groq",
    "api.x.ai/v1": "x_ai",
    "api.deepseek.com": "deepseek",
    "openrouter.ai/api/v1": "openrouter",
    "api.together.xyz/v1": "together",
    "api.mistral.ai/v1": "mistral_ai",
    "api.cerebras.ai/v1": "cerebras",
    "api.perplexity.ai": "perplexity",
    "generativelanguage.googleapis.com/v1beta/openai": "gcp.gemini",
    "europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/endpoints/openapi": "gcp.vertex_ai",
    "bedrock-runtime.us-east-1.amazonaws.com/openai/v1": "aws.bedrock",
    "bedrock-mantle.us-east-1.api.aws/openai/v1": "aws.bedrock",
    "api.fireworks.ai/inference/v1": "fireworks",
    "api.cohere.ai/compatibility/v1": "cohere",
    "localhost:11434/v1": "ollama",
}


def client_of(server: ReplayServer, base: str, kind: Any = openai.OpenAI, **options: Any) -> Any:
    """Return a client that believes to ask `base`."""
    is_async = kind.__name__.startswith("Async")
    http = openai.DefaultAsyncHttpxClient if is_async else openai.DefaultHttpxClient
    options = {"api_key": "test", "max_retries": 0, **options}
    if base:
        options["base_url"] = f"http://{base}"
    return kind(**options, http_client=http(proxy=server.url, trust_env=False))


def test_a_whole_address_names_its_own_host(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat()))
    with client_of(server, "api.openai.com/v1") as client:
        for _ in range(2):
            client.post("http://api-inference.together.ai/v1/chat/completions", body=ASKED, cast_to=object)
        client.post("/chat/completions", body=ASKED, cast_to=object)
    told = [(call.provider, call.server_address, call.usage) for call in telemetry.calls()]
    assert told == [("together", "api-inference.together.ai", CHAT)] * 2 + [("openai", "api.openai.com", CHAT)]


@pytest.mark.parametrize("base", HOSTS)
def test_the_provider_is_known_by_the_host(base: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat()))
    with client_of(server, base) as client:
        client.chat.completions.create(**ASKED)
    call = telemetry.call()
    assert (call.provider, call.provider_source) == (HOSTS[base], "host")
    assert call.server_address == base.partition("/")[0].partition(":")[0]
    fee = 1 if call.provider == "perplexity" else 0  # which takes one for each request
    assert call.usage == replace(CHAT, request=fee)


def test_a_host_that_nobody_knows_is_taken_for_the_sdks_own(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat()))
    with client_of(server, "llm.corp.example:8000/v1") as client:
        client.chat.completions.create(**ASKED)
    call = telemetry.call()
    assert (call.provider, call.provider_source, call.server_address) == ("openai", "sdk", "llm.corp.example")


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_an_azure_client_names_its_deployment(mode: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat()), path="/openai/deployments/our-gpt/chat/completions")
    options = {"azure_endpoint": "http://gateway.corp.example", "api_version": "2025-04-01-preview"}
    asked = {**ASKED, "model": "our-gpt"}
    if mode == "sync":
        with client_of(server, "", openai.AzureOpenAI, **options) as client:
            client.chat.completions.create(**asked)
    else:

        async def ask() -> None:
            async with client_of(server, "", openai.AsyncAzureOpenAI, **options) as client:
                await client.chat.completions.create(**asked)

        asyncio.run(ask())
    call = telemetry.call()
    assert (call.provider, call.provider_source, call.request_model) == ("azure.ai.openai", "sdk", "our-gpt")
    assert (call.response_model, call.usage) == ("gpt-5-2025-08-07", CHAT)


def test_a_deployment_in_the_base_url_is_the_model_where_the_body_has_none(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer(wire.chat()))
    with client_of(server, "shop.openai.azure.com/openai/deployments/our-gpt") as client:
        client.chat.completions.create(**{**ASKED, "model": ""})
    assert telemetry.call().request_model == "our-gpt"


def test_a_location_in_the_base_url_is_the_region(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat()))
    base = "aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi"
    with client_of(server, base) as client:
        client.chat.completions.create(**ASKED)
    assert (telemetry.call().provider, telemetry.call().region) == ("gcp.vertex_ai", "global")


def test_what_a_provider_says_that_a_call_cost_is_kept(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat(usage={**wire.CHAT_USAGE, "cost": 0.00345})))
    with client_of(server, "openrouter.ai/api/v1") as client:
        client.chat.completions.create(**ASKED)
    assert telemetry.call().reported_cost == 3_450_000_000  # 0.00345 USD in pico-USD
    (span,) = telemetry.spans()
    assert (span.attributes or {})[semconv.REPORTED_COST] == 3_450_000_000


def test_a_provider_that_tells_unasked_is_not_asked(telemetry: Telemetry, server: ReplayServer) -> None:
    """Groq tells the usage of a stream under `x_groq`; Mistral refuses fields that it does not know."""
    chunk = '{"id":"c","model":"m","choices":[],"x_groq":{"usage":{"prompt_tokens":7,"completion_tokens":2}}}'
    server.answer_with(stream_answer(f"data: {chunk}\n\ndata: [DONE]\n\n"))
    with client_of(server, "api.groq.com/openai/v1") as client:
        assert len(list(client.chat.completions.create(**ASKED, stream=True))) == 1
    assert "stream_options" not in server.requests[0].json
    assert telemetry.call().usage == Usage(input_tokens=7, output_tokens=2)


# --- recordings ---


def _ask(client: Any, recording: Recording) -> Any:
    body = {key: value for key, value in recording.request.items() if key != "stream"}
    model, stream = body.pop("model", "none"), recording.is_stream
    if recording.path.endswith("/embeddings"):
        return client.embeddings.create(model=model, input=body.pop("input"), encoding_format="float", extra_body=body)
    if recording.path.endswith("/responses"):
        return client.responses.create(model=model, input=body.pop("input"), stream=stream, extra_body=body)
    messages = body.pop("messages")
    return client.chat.completions.create(model=model, messages=messages, stream=stream, extra_body=body)


def _replayed(server: ReplayServer, recording: Recording) -> None:
    base = recording.host + recording.path.rpartition("/chat/completions")[0]
    for ending in ("/chat/completions", "/responses", "/embeddings"):
        if recording.path.endswith(ending):
            base = recording.host + recording.path.removesuffix(ending)
    query = dict(pair.split("=") for pair in recording.query.split("&")) if recording.query else {}
    with client_of(server, base, default_query=query) as client:
        try:
            answer = _ask(client, recording)
            if recording.is_stream:
                assert list(answer)
        except openai.APIError:
            assert '"error"' in recording.body.decode()


def cell_of(recording: Recording) -> Any:
    """Return the cell that a recording fills, none where its counts are not known."""
    if not recording.expected:
        return ()
    surface = recording.path.rpartition("/")[2].replace("completions", "chat")
    shape = "stream" if recording.is_stream else "plain"
    return pytest.mark.cell(provider=f"{recording.provider} (openai SDK)", surface=surface, mode="sync", shape=shape)


@pytest.mark.skipif(not RECORDINGS, reason=_WHY_NONE or "no recording of these paths")
@pytest.mark.parametrize("recording", [pytest.param(each, id=each.id, marks=cell_of(each)) for each in RECORDINGS])
def test_a_recorded_exchange_of_another_host_is_told_as_the_provider_billed_it(
    recording: Recording, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.replay(recording, chunk_size=29)
    _replayed(server, recording)
    call = telemetry.wait_for_call()  # after an error in a stream older SDKs leave the response open
    expected = {key: value for key, value in (recording.expected or {}).items() if value is not None}
    told = told_by(call)
    assert {key: told[key] for key in expected} == expected
    assert call.usage_quality is (UsageQuality.MISSING if call.usage is None else UsageQuality.REPORTED)


def told_by(call: Any) -> dict[str, Any]:
    """Return a record in the words of `expected`."""
    usage = call.usage or Usage()
    return {
        "model": call.response_model,
        "response_id": call.response_id,
        "input": usage.input_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write_5m": usage.cache_write_5m_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
        "output": usage.output_tokens,
        "reasoning": usage.reasoning_tokens,
        "service_tier": call.service_tier,
        "web_search": usage.web_search,
    }
