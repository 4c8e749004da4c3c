"""Every recorded exchange, through the real SDK: record and span say what the provider billed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.instrument.expectations import assert_told_as_expected
from tests.support.replay import Recording, recordings

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

_ALL, _WHY_NONE = recordings("openai", "anthropic")
_PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages")
RECORDINGS = [recording for recording in _ALL if recording.path in _PATHS]


def _create(client: Any, recording: Recording) -> Any:
    """Ask what the recording asked, through the method that an application would use."""
    body = dict(recording.request)
    stream = recording.is_stream
    body.pop("stream", None)
    model = body.pop("model")
    if recording.path == "/v1/messages":
        asked = {"messages": body.pop("messages"), "max_tokens": body.pop("max_tokens")}
        return client.messages.create(model=model, **asked, stream=stream, extra_body=body)
    if recording.path == "/v1/chat/completions":
        return client.chat.completions.create(
            model=model, messages=body.pop("messages"), stream=stream, extra_body=body
        )
    if recording.path == "/v1/responses":
        return client.responses.create(model=model, input=body.pop("input"), stream=stream, extra_body=body)
    return client.embeddings.create(model=model, input=body.pop("input"), encoding_format="float", extra_body=body)


def _client(recording: Recording, url: str, *, is_async: bool) -> Any:
    if recording.provider == "anthropic":
        import anthropic

        kind: Any = anthropic.AsyncAnthropic if is_async else anthropic.Anthropic
        return kind(base_url=url, api_key="test", max_retries=0)
    import openai

    kind = openai.AsyncOpenAI if is_async else openai.OpenAI
    return kind(base_url=f"{url}/v1", api_key="test", max_retries=0)


def _run(recording: Recording, url: str) -> None:
    with _client(recording, url, is_async=False) as client:
        answer = _create(client, recording)
        if recording.is_stream:
            for _ in answer:
                pass


async def _run_async(recording: Recording, url: str) -> None:
    async with _client(recording, url, is_async=True) as client:
        answer = await _create(client, recording)
        if recording.is_stream:
            async for _ in answer:
                pass


def _claims(recording: Recording) -> Any:
    """Return the part of a cell that a recording fills; nothing where its counts are not known."""
    if not recording.expected:
        return ()
    surface = recording.path.removeprefix("/v1/").removesuffix("/completions")
    shape = "stream" if recording.is_stream else "plain"
    return pytest.mark.cell(provider=recording.provider, surface=surface, shape=shape)


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")  # the SDK, of models then current
@pytest.mark.skipif(not RECORDINGS, reason=_WHY_NONE or "no recording of these paths")
@pytest.mark.parametrize(
    "is_async",
    [
        pytest.param(False, id="sync", marks=pytest.mark.cell(mode="sync")),
        pytest.param(True, id="async", marks=pytest.mark.cell(mode="async")),
    ],
)
@pytest.mark.parametrize("recording", [pytest.param(each, id=each.id, marks=_claims(each)) for each in RECORDINGS])
def test_a_recorded_exchange_is_told_as_the_provider_billed_it(
    recording: Recording, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    server.replay(recording, chunk_size=29)
    if is_async:
        asyncio.run(_run_async(recording, server.url))
    else:
        _run(recording, server.url)
    if recording.request.get("background"):  # it is told by whoever fetches its answer
        assert telemetry.calls() == []
        return
    assert_told_as_expected(recording, telemetry)
