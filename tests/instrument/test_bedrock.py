"""Bedrock through boto3 and aiobotocore: whatever way is taken, the application sees no difference, and all is told."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import boto3
import botocore.client
import pytest
from aiobotocore import client as aio_client
from botocore.response import StreamingBody
from opentelemetry.sdk.trace import TracerProvider

import otel_llmcost
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import bedrock_wire as wire
from tests.instrument.expectations import told_by_record, told_by_span
from tests.support.replay import Recording, json_answer, recordings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.instrument.conftest import Telemetry
    from tests.support.replay import Answer, ReplayServer

_CELL = {"provider": "aws.bedrock"}
_ALL, _WHY_NONE = recordings("bedrock")
_SURFACE_OF = {
    "converse": "Converse",
    "converse-stream": "Converse",
    "invoke": "InvokeModel",
    "invoke-with-response-stream": "InvokeModel",
}


# --- recorded exchanges ---


def _asked(client: Any, recording: Recording) -> Any:
    """Ask what the recording asked; a coroutine of an asynchronous client."""
    _, _, model, ending = recording.path.split("/")
    operation, method = {
        "converse": ("Converse", client.converse),
        "converse-stream": ("ConverseStream", client.converse_stream),
        "invoke": ("InvokeModel", client.invoke_model),
        "invoke-with-response-stream": ("InvokeModelWithResponseStream", client.invoke_model_with_response_stream),
    }[ending]
    body = recording.request if ending.startswith("converse") else {"body": json.dumps(recording.request)}
    return method(**wire.known(client, operation, {"modelId": unquote(model), **body}))


def _run(recording: Recording, server: ReplayServer) -> None:
    answer = _asked(wire.client(server), recording)
    body = answer.get("stream", answer.get("body"))
    if recording.is_stream:
        assert list(body)
    elif body is not None:
        assert body.read() == recording.body


async def _run_async(recording: Recording, server: ReplayServer) -> None:
    async with wire.async_client(server) as client:
        answer = await _asked(client, recording)
        body = answer.get("stream", answer.get("body"))
        if recording.is_stream:
            assert [event async for event in body]
        elif body is not None:
            assert await body.read() == recording.body


def _recorded() -> list[Any]:
    """Return the recordings, each in both modes; those that say what they expect fill a cell."""
    params = []
    runs = {"sync": _run, "async": lambda *asked: asyncio.run(_run_async(*asked))}
    for recording, (mode, run) in itertools.product(_ALL, runs.items()):
        surface = _SURFACE_OF[recording.path.rpartition("/")[2]]
        shape = "stream" if recording.is_stream else "plain"
        marks = [pytest.mark.cell(**_CELL, surface=surface, mode=mode, shape=shape)] if recording.expected else []
        params.append(pytest.param(recording, run, id=f"{recording.id}-{mode}", marks=marks))
    return params


@pytest.mark.skipif(not _ALL, reason=_WHY_NONE or "no recording of Bedrock")
@pytest.mark.parametrize(("recording", "run"), _recorded())
def test_a_recorded_exchange_is_told_as_aws_billed_it(
    recording: Recording, run: Callable[..., None], telemetry: Telemetry, server: ReplayServer
) -> None:
    # boto3 and aiobotocore spell a colon in a path each in their own way.
    server.answer_with(recording.answer(chunk_size=29))
    run(recording, server)
    call = telemetry.call()
    (span,) = telemetry.spans()
    assert (call.provider, call.region) == ("aws.bedrock", "eu-central-1")
    expected = {key: value for key, value in (recording.expected or {}).items() if value is not None}
    if expected:
        assert call.usage_quality is UsageQuality.REPORTED
        for told in (told_by_record(call), told_by_span(dict(span.attributes or {}))):
            assert {key: told[key] for key in expected} == expected


# --- every way to read an answer, with and without us ---


def _with_raw(body: Any) -> list[Any]:
    with body as raw:
        return [raw.read(5), raw.read()]


def _into_buffer(body: Any) -> list[Any]:
    """Read as an `io` wrapper does."""
    buffer, read = bytearray(64), []
    while size := body.readinto(buffer):
        read.append(bytes(buffer[:size]))
    return read


def _one_read_too_few(body: Any) -> list[Any]:
    """Read exactly what the headers announce, and never see the end."""
    return [body.read(len(_CLAUDE))]


_CLAUDE = json.dumps(wire.claude()).encode()
READERS: dict[str, Callable[[Any], list[Any]]] = {
    "read": lambda body: [body.read()],
    "read.amount": lambda body: [body.read(7), body.read(100), body.read()],
    "read.exactly": _one_read_too_few,
    **({"readinto": _into_buffer} if hasattr(StreamingBody, "readinto") else {}),
    "iter_chunks": lambda body: list(body.iter_chunks(13)),
    "iter_lines": lambda body: list(body.iter_lines(13)),
    "iteration": list,
    "json.load": lambda body: [json.load(body)],
    "text": lambda body: [io.TextIOWrapper(io.BufferedReader(body)).read()],
    "with": _with_raw,
}


def _bare(server: ReplayServer, answer: Answer, use: Callable[[Any], Any]) -> Any:
    """Return what an application sees without us."""
    otel_llmcost.uninstrument()
    try:
        server.answer_with(answer)
        return use(wire.client(server))
    finally:
        otel_llmcost.instrument()


@pytest.mark.cell(**_CELL, surface="InvokeModel", mode="sync", shape="plain")
@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
@pytest.mark.parametrize("reader", READERS)
def test_a_body_is_read_as_without_us_and_told(
    reader: str, telemetry: Telemetry, server: ReplayServer, *, is_chunked: bool
) -> None:
    answer = wire.invoked(wire.claude(), is_stream=is_chunked, chunk_size=31)

    def use(client: Any) -> Any:
        return READERS[reader](client.invoke_model(**wire.INVOKED)["body"])

    seen = use(wire.client(_answering(server, answer)))
    call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality) == (wire.USAGE, UsageQuality.REPORTED)
    assert (call.response_id, call.finish_reason, call.service_tier) == ("msg_bdrk_1", "end_turn", "flex")
    assert seen == _bare(server, answer, use)


def _answering(server: ReplayServer, answer: Answer) -> ReplayServer:
    server.answer_with(answer)
    return server


async def _async_with(body: Any) -> list[Any]:
    async with body as raw:
        return [await raw.read()]


async def _async_amounts(body: Any) -> list[Any]:
    return [await body.read(7), await body.read(100), await body.read()]


async def _async_read(body: Any) -> list[Any]:
    return [await body.read()]


async def _listed(pieces: Any) -> list[Any]:
    return [piece async for piece in pieces]


ASYNC_READERS: dict[str, Callable[[Any], Any]] = {
    "read": _async_read,
    "read.amount": _async_amounts,
    "iter_chunks": lambda body: _listed(body.iter_chunks(13)),
    "iter_lines": lambda body: _listed(body.iter_lines(13)),
    "iteration": _listed,
    "with": _async_with,
}


@pytest.mark.cell(**_CELL, surface="InvokeModel", mode="async", shape="plain")
@pytest.mark.parametrize("reader", ASYNC_READERS)
async def test_a_body_is_read_asynchronously_as_without_us_and_told(
    reader: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.invoked(wire.claude()))

    async def use() -> Any:
        async with wire.async_client(server) as client:
            return await ASYNC_READERS[reader]((await client.invoke_model(**wire.INVOKED))["body"])

    seen = await use()
    call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality, call.service_tier) == (wire.USAGE, UsageQuality.REPORTED, "flex")
    otel_llmcost.uninstrument()
    assert seen == await use()
    otel_llmcost.instrument()


@pytest.mark.cell(**_CELL, surface="InvokeModel", mode="async", shape="raw")
@pytest.mark.parametrize("way", ["iter_chunked", "iter_any", "iter_chunks", "lines", "read"])
async def test_the_response_below_an_asynchronous_body_is_watched_too(
    way: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.invoked(wire.claude(), is_stream=True, chunk_size=31))
    async with wire.async_client(server) as client:
        body = (await client.invoke_model(**wire.INVOKED))["body"]
        content = body._raw_stream.content if hasattr(body, "_raw_stream") else body.content
        pieces = {
            "iter_chunked": lambda: _listed(content.iter_chunked(13)),
            "iter_any": lambda: _listed(content.iter_any()),
            "iter_chunks": lambda: _listed(content.iter_chunks()),
            "lines": lambda: _listed(content),
            "read": lambda: _async_read(content),
        }
        read = [piece[0] if isinstance(piece, tuple) else piece for piece in await pieces[way]()]
    assert b"".join(read) == _CLAUDE
    assert telemetry.call().usage == wire.USAGE


@pytest.mark.cell(**_CELL, surface="InvokeModel", mode="sync", shape="raw")
def test_the_response_below_a_body_is_watched_too(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.invoked(wire.claude(), is_stream=True, chunk_size=31))
    with wire.client(server).invoke_model(**wire.INVOKED)["body"] as raw:
        assert b"".join(raw.stream(17)) == _CLAUDE
    assert telemetry.call().usage == wire.USAGE


@pytest.mark.parametrize("size", [pytest.param(size, id=f"pieces of {size}") for size in (7, 61, 4096)])
@pytest.mark.parametrize(
    ("operation", "frames"),
    [
        pytest.param(
            "converse_stream", wire.converse_frames(), marks=pytest.mark.cell(**_CELL, surface="Converse", mode="sync")
        ),
        pytest.param(
            "invoke_model_with_response_stream",
            wire.claude_frames(),
            marks=pytest.mark.cell(**_CELL, surface="InvokeModel", mode="sync"),
        ),
    ],
)
@pytest.mark.cell(shape="stream")
def test_a_stream_is_read_as_without_us_and_told(
    operation: str, frames: list[bytes], size: int, telemetry: Telemetry, server: ReplayServer
) -> None:
    answer = wire.stream(frames, chunk_size=size)
    asked = wire.ASKED if operation == "converse_stream" else wire.INVOKED

    def use(client: Any) -> list[Any]:
        said = getattr(client, operation)(**asked)
        return list(said.get("stream") or said["body"])

    seen = use(wire.client(_answering(server, answer)))
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.is_stream) == (wire.USAGE, UsageQuality.REPORTED, True)
    assert call.time_to_first_token_ns is not None
    assert 0 < call.time_to_first_token_ns <= call.duration_ns
    assert len(seen) == len(frames)
    assert seen == _bare(server, answer, use)


@pytest.mark.parametrize(
    ("operation", "frames"),
    [
        pytest.param(
            "converse_stream", wire.converse_frames(), marks=pytest.mark.cell(**_CELL, surface="Converse", mode="async")
        ),
        pytest.param(
            "invoke_model_with_response_stream",
            wire.claude_frames(),
            marks=pytest.mark.cell(**_CELL, surface="InvokeModel", mode="async"),
        ),
    ],
)
@pytest.mark.cell(shape="stream")
async def test_a_stream_is_read_asynchronously_as_without_us_and_told(
    operation: str, frames: list[bytes], telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.stream(frames))
    asked = wire.ASKED if operation == "converse_stream" else wire.INVOKED

    async def use() -> list[Any]:
        async with wire.async_client(server) as client:
            said = await getattr(client, operation)(**asked)
            return await _listed(said.get("stream") or said["body"])

    seen = await use()
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.is_stream) == (wire.USAGE, UsageQuality.REPORTED, True)
    otel_llmcost.uninstrument()
    assert seen == await use()
    otel_llmcost.instrument()


def test_a_long_stream_keeps_little_and_tells_its_last_counts(telemetry: Telemetry, server: ReplayServer) -> None:
    """Llama counts in every chunk, and only the last of thousands has the number."""
    words = [{"generation": "a", "prompt_token_count": None, "generation_token_count": n} for n in range(1, 3000)]
    words[0]["prompt_token_count"] = 17
    server.answer_with(wire.stream([wire.chunk(word) for word in words], chunk_size=50_000))
    said = wire.client(server).invoke_model_with_response_stream(modelId="meta.llama3-8b-instruct-v1:0", body="{}")
    assert len(list(said["body"])) == 2999
    assert telemetry.call().usage == Usage(input_tokens=17, output_tokens=2999)


# --- what a record holds ---


@pytest.mark.cell(**_CELL, surface="Converse", mode="sync", shape="plain")
def test_an_answer_of_converse_tells_all_that_is_billed(telemetry: Telemetry, server: ReplayServer) -> None:
    """Cached tokens, their lifetimes and the tier too, of which the oldest botocore has never heard."""
    server.answer_with(json_answer(wire.converse(), headers={"x-amzn-requestid": "req-1"}))
    client = wire.client(server)
    asked = wire.known(client, "Converse", {**wire.ASKED, "serviceTier": {"type": "flex"}})
    said = client.converse(**asked)
    assert said["usage"]["inputTokens"] == 20
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (wire.USAGE, UsageQuality.REPORTED)
    assert (call.request_model, call.response_model) == (wire.MODEL, wire.MODEL)
    requested = "flex" if "serviceTier" in asked else ""
    assert (call.service_tier, call.service_tier_requested, call.speed) == ("flex", requested, "optimized")
    assert (call.finish_reason, call.tool_call_count, call.max_output_tokens) == ("tool_use", 1, 99)
    assert (call.provider_request_id, call.resend_count, call.error_type) == ("req-1", 0, "")
    assert (call.region, call.server_address, call.provider_source) == ("eu-central-1", "127.0.0.1", "sdk")
    assert call.input_bytes == len(server.requests[0].body)
    assert call.call_site.startswith(f"{__name__}:test_an_answer_of_converse_tells_all_that_is_billed:")
    assert (call.scope_name, call.is_stream) == ("otel_llmcost.bedrock", False)


@pytest.mark.cell(**_CELL, surface="Converse", mode="async", shape="plain")
async def test_an_asynchronous_answer_of_converse_tells_all_that_is_billed(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer(wire.converse()))
    async with wire.async_client(server) as client:
        await client.converse(**wire.ASKED)
    call = telemetry.call()
    assert (call.usage, call.service_tier, call.region) == (wire.USAGE, "flex", "eu-central-1")
    assert call.call_site.startswith(f"{__name__}:")


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_gen_len": 6}, 6),
        ({"textGenerationConfig": {"maxTokenCount": 7}}, 7),
        ({"inferenceConfig": {"max_new_tokens": 8}}, 8),
        ({"inferenceConfig": None, "max_tokens": "many"}, None),
        ({"prompt": "x" * 70_000, "max_tokens": 9}, None),
    ],
)
def test_every_model_names_its_limit_in_its_own_words(
    body: dict[str, Any], limit: int | None, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.invoked({"outputs": []}))
    client = wire.client(server)
    asked = wire.known(client, "InvokeModel", {"modelId": "m", "body": json.dumps(body), "serviceTier": "priority"})
    client.invoke_model(**asked)["body"].read()
    call = telemetry.call()
    assert (call.max_output_tokens, call.service_tier_requested) == (limit, asked.get("serviceTier", ""))
    assert call.usage == wire.TOLD_BY_HEADERS


@pytest.mark.parametrize(
    ("model", "document", "usage"),
    [
        ("amazon.titan-embed-text-v2:0", {"embedding": [0.5], "inputTextTokenCount": 9}, Usage(input_tokens=9)),
        ("cohere.embed-v4:0", {"embeddings": {"float": [[0.5]]}}, Usage(input_tokens=9)),
    ],
)
@pytest.mark.cell(**_CELL, surface="InvokeModel embeddings", mode="sync", shape="plain")
def test_embeddings_are_told_by_their_headers(
    model: str, document: dict[str, Any], usage: Usage, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.invoked(document, headers={"x-amzn-bedrock-input-token-count": "9"}))
    body = wire.client(server).invoke_model(modelId=model, body="{}")["body"]
    call = telemetry.call()  # before anything of the numbers is read
    assert (call.operation, call.usage, call.usage_quality) == ("embeddings", usage, UsageQuality.REPORTED)
    assert json.loads(body.read()) == document


@pytest.mark.parametrize(
    ("model", "account", "prompt"),
    [
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", "123456789012", ("", "")),
        ("arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:prompt/ABC123:4", "123456789012", ("ABC123", "4")),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "", ("", "")),
        ("amazon.nova-lite-v1:0", "", ("", "")),
    ],
)
def test_an_arn_tells_the_account_and_the_prompt(
    model: str, account: str, prompt: tuple[str, str], telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer(wire.converse()))
    wire.client(server).converse(**{**wire.ASKED, "modelId": model})
    call = telemetry.call()
    assert (call.request_model, call.billing_account_id) == (model, account)
    assert (call.prompt_name, call.prompt_version) == prompt


def test_a_prompt_router_tells_whom_it_chose(telemetry: Telemetry, server: ReplayServer) -> None:
    chosen = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"
    server.answer_with(json_answer(wire.converse(trace={"promptRouter": {"invokedModelId": chosen}})))
    wire.client(server).converse(**wire.ASKED)
    assert telemetry.call().response_model == chosen


def test_the_same_prompt_and_key_are_known_again(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.converse()), path=f"/model/{wire.MODEL.replace(':', '%3A')}/converse")
    server.answer_with(wire.invoked(wire.claude()), path=f"/model/{wire.MODEL.replace(':', '%3A')}/invoke")
    client = wire.client(server)
    for system in ("Be brief.", "Be brief.", "Be long."):
        client.converse(**wire.ASKED, system=[{"text": system}])
    client.invoke_model(**wire.INVOKED)["body"].read()
    first, same, other, invoked = telemetry.calls()
    assert first.prompt_hash == same.prompt_hash != other.prompt_hash != ""
    assert first.request_hash == same.request_hash == other.request_hash != ""
    assert (invoked.prompt_hash, invoked.request_hash != "") == ("", True)
    assert first.credential_id == invoked.credential_id != ""


def test_the_key_of_a_role_is_no_credential(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.converse()))
    options = wire.options(server) | {"aws_session_token": "for an hour"}
    boto3.client("bedrock-runtime", **options).converse(**wire.ASKED)
    assert telemetry.call().credential_id == ""


def test_nothing_of_ours_reaches_aws(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.converse()))
    with otel_llmcost.feature("secret_feature", team="secret_team"):
        wire.client(server).converse(**wire.ASKED)
    assert not server.places_of("llmcost")
    assert not server.places_of("secret_")
    assert telemetry.call().attribution.feature == "secret_feature"


def test_other_services_and_other_operations_are_none_of_our_business(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(json_answer({"inputTokens": 3}))
    options = wire.options(server)
    boto3.client("bedrock", **options).list_foundation_models()
    boto3.client("dynamodb", **options).list_tables()
    assert len(server.requests) == 2
    assert (telemetry.calls(), telemetry.spans()) == ([], ())


def test_uninstrumenting_restores_both_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path))

    def patchable() -> list[Any]:
        owners = (botocore.client.BaseClient, aio_client.AioBaseClient)
        return [owner.__dict__[name] for owner in owners for name in ("_make_api_call", "_make_request")]

    before = patchable()
    otel_llmcost.instrument(TracerProvider())
    during = patchable()
    otel_llmcost.uninstrument()
    assert patchable() == before
    assert all(ours is not theirs for ours, theirs in zip(during, before, strict=True))
