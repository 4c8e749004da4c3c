"""Whatever of our own code fails, and wherever, the application gets what it would have got without us."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
from typing import TYPE_CHECKING, Any

import openai
import pytest

from otel_llmcost.instrument import _body, _call, _places, _stainless
from otel_llmcost.telemetry import runtime
from otel_llmcost.telemetry.pipeline import Pipeline
from tests.instrument import wire
from tests.instrument.test_surfaces import ASKED, _chat_answer
from tests.support.replay import (
    ReplayServer,
    malformed_json,
    openai_error,
    refusing_stream_options,
    stream_answer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.instrument.conftest import Telemetry

SEAMS: list[tuple[Any, str]] = [
    (_places.Places, "of"),
    (_places.Places, "_find"),
    (_stainless.Patch, "_may_ask"),
    (_stainless, "_asked"),
    (_stainless, "_body"),
    (_stainless, "_asking_for_usage"),
    (_stainless, "_with_options"),
    (_stainless, "_SDKCall"),
    (_stainless, "watch"),
    (_stainless, "read_document"),
    (_stainless, "BodyReader"),
    (_places, "provider_at"),
    (_stainless._SDKCall, "__init__"),
    (_stainless._SDKCall, "see"),
    (_stainless._SDKCall, "read"),
    (_stainless._SDKCall, "deliver"),
    (_stainless._SDKCall, "finish"),
    (_call.OpenCall, "__init__"),
    (_call.OpenCall, "_fingerprint"),
    (_call.OpenCall, "enter"),
    (_call.OpenCall, "leave"),
    (_call.OpenCall, "answered"),
    (_call.OpenCall, "first_token"),
    (_call.OpenCall, "read"),
    (_call.OpenCall, "failed"),
    (_call.OpenCall, "returned"),
    (_call.OpenCall, "mark_end"),
    (_call.OpenCall, "finish"),
    (_call.OpenCall, "deliver"),
    (_call, "attribution_of"),
    (_call, "admitted"),
    (_call, "call_site"),
    (_call, "concealed"),
    (_call, "current_request"),
    (_call, "span_name"),
    (_call, "to_attributes"),
    (_call, "apply"),
    (_call, "LLMCall"),
    (_body.BodyReader, "feed"),
    (_body.BodyReader, "end"),
    (_body.BodyReader, "fail"),
    (_body.BodyReader, "mark_end"),
    (_body.BodyReader, "_shown"),
    (_body.BodyReader, "_keep"),
    (_body.BodyReader, "_result"),
    (_body, "_is_usage_only"),
    (_body, "_without_null_usage"),
    (_body, "decoded_events"),
    (runtime, "started"),
    (Pipeline, "put"),
]


def _dumped(items: Any) -> list[Any]:
    return [item.model_dump() if hasattr(item, "model_dump") else item for item in items]


def _plain(client: Any) -> Any:
    return _dumped([client.chat.completions.create(**ASKED)])


def _stream(client: Any) -> Any:
    return _dumped(client.chat.completions.create(**ASKED, stream=True))


def _raw(client: Any) -> Any:
    return client.chat.completions.with_raw_response.create(**ASKED).text


def _lines(client: Any) -> Any:
    with client.chat.completions.with_streaming_response.create(**ASKED, stream=True) as response:
        return list(response.iter_lines())


def _left(client: Any) -> Any:
    with client.chat.completions.create(**ASKED, stream=True) as stream:
        return _dumped([next(iter(stream))])


def _tripped(client: Any) -> Any:
    """An exception of the application's in the middle of a stream."""
    for chunk in client.chat.completions.create(**ASKED, stream=True):
        raise LookupError(chunk.id)


def _refused(client: Any) -> Any:
    return _dumped(
        client.with_options(base_url=f"{client.base_url}refusing").chat.completions.create(**ASKED, stream=True)
    )


def _failed(client: Any) -> Any:
    return client.with_options(base_url=f"{client.base_url}failing").chat.completions.create(**ASKED)


def _malformed(client: Any) -> Any:
    return client.with_options(base_url=f"{client.base_url}malformed").chat.completions.create(**ASKED)


USES: dict[str, Callable[[Any], Any]] = {
    "plain": _plain,
    "stream": _stream,
    "raw": _raw,
    "lines": _lines,
    "left": _left,
    "tripped": _tripped,
    "refused": _refused,
    "failed": _failed,
    "malformed": _malformed,
}


async def _async_plain(client: Any) -> Any:
    return _dumped([await client.chat.completions.create(**ASKED)])


async def _async_stream(client: Any) -> Any:
    return _dumped([chunk async for chunk in await client.chat.completions.create(**ASKED, stream=True)])


async def _async_failed(client: Any) -> Any:
    return await client.with_options(base_url=f"{client.base_url}failing").chat.completions.create(**ASKED)


ASYNC_USES = {"async plain": _async_plain, "async stream": _async_stream, "async failed": _async_failed}


def _outcome(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except Exception as error:  # noqa: BLE001 - whatever the application sees is compared
        return type(error).__name__, str(error)


def _outcomes(server: ReplayServer) -> dict[str, Any]:
    """Return what an application sees of every kind of use."""
    found: dict[str, Any] = {}
    options: dict[str, Any] = {"base_url": f"{server.url}/v1", "api_key": "test", "max_retries": 0}
    with openai.OpenAI(**options, http_client=openai.DefaultHttpxClient(verify=False)) as client:
        for name, use in USES.items():
            found[name] = _outcome(lambda use=use: use(client))
            gc.collect()  # a stream that is left must not be collected while httpcore holds the lock that closing takes

    async def ask(use: Any) -> Any:
        http = openai.DefaultAsyncHttpxClient(verify=False)  # to read certificates takes longer than all calls
        async with openai.AsyncOpenAI(**options, http_client=http) as client:
            return await use(client)

    for name, use in ASYNC_USES.items():
        found[name] = _outcome(lambda use=use: asyncio.run(ask(use)))
    return {name: _without_what_was_asked_for(seen) for name, seen in found.items()}


def _without_what_was_asked_for(seen: Any) -> Any:
    """Leave out the chunk that tells the usage which we asked for: hiding it is what our failing code did."""
    if not isinstance(seen, list):
        return seen
    kept = []
    for item in seen:
        if isinstance(item, dict) and item.get("object") == "chat.completion.chunk":
            if item["choices"]:
                kept.append({key: value for key, value in item.items() if key != "usage"})
        elif not (isinstance(item, str) and '"choices": []' in item):
            kept.append(item.replace(', "usage": null', "") if isinstance(item, str) else item)
    return [item for item in kept if item != ""]  # the empty line behind that chunk


def _serve(server: ReplayServer) -> None:
    server.answer_with(_chat_answer, path="/v1/chat/completions")
    bare = stream_answer(wire.chat_stream(with_usage=False))
    server.answer_with(refusing_stream_options(bare), path="/v1/refusing/chat/completions")
    server.answer_with(openai_error(429, "slow down"), path="/v1/failing/chat/completions")
    server.answer_with(malformed_json(), path="/v1/malformed/chat/completions")


@pytest.fixture
def provider(server: ReplayServer) -> ReplayServer:
    _serve(server)
    return server


@pytest.fixture(scope="module")
def bare() -> Iterator[dict[str, Any]]:
    """Return what an application sees without us."""
    with ReplayServer() as server:
        _serve(server)
        yield _outcomes(server)


@pytest.mark.parametrize(
    ("owner", "name"), SEAMS, ids=[f"{owner.__name__.rpartition('.')[2]}.{name}" for owner, name in SEAMS]
)
def test_a_fault_of_ours_changes_nothing_for_the_application(
    owner: Any,
    name: str,
    bare: dict[str, Any],
    telemetry: Telemetry,
    provider: ReplayServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hits: list[str] = []

    def broken(*_args: Any, **_kwargs: Any) -> Any:
        hits.append(name)
        msg = f"injected into {name}"
        raise RuntimeError(msg)

    process = runtime.started()
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, broken)
        seen = contextvars.copy_context().run(_outcomes, provider)
        gc.collect()
        process.pipeline.flush()  # what the collector must not do itself, the worker does later
    assert hits, "nothing was injected"
    assert seen == bare


def test_a_failing_handler_of_the_applications_own_log_is_no_fault_of_a_call(
    telemetry: Telemetry, provider: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_record: Any) -> bool:
        msg = "the filter is broken"
        raise RuntimeError(msg)

    log = logging.getLogger("otel_llmcost")
    log.addFilter(refuse)
    monkeypatch.setattr(_stainless, "_asked", lambda *_: 1 / 0)
    try:
        with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="test") as client:
            assert _plain(client)
    finally:
        log.removeFilter(refuse)
