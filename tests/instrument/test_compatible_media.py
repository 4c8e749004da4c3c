"""Images and audio at hosts of OpenAI's format: told by what they are sold by, or flagged as telling nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import openai
import pytest

from otel_llmcost.money import PicoUSD
from otel_llmcost.pricing import load_rate_table
from otel_llmcost.pricing.pricer import Pricer
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument.test_compatible_sdks import client_of as sdk_client
from tests.instrument.test_hosts import client_of as host_client
from tests.support.replay import Answer, json_answer

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # translations, by the newest SDK

WAV = ("hello.wav", b"RIFF0000WAVE", "audio/wav")
AUDIO = b"ID3\x04\x00" + bytes(range(256)) * 400


class Case(NamedTuple):
    """What is asked of a provider, what it answers, and what is to be told; none where nothing can be known."""

    provider: str
    surface: str
    asked: dict[str, Any]
    answer: Answer
    usage: Usage | None
    operation: str


def _verbose(seconds: float) -> Answer:
    return json_answer({"task": "transcribe", "language": "en", "duration": seconds, "text": "Hi", "segments": []})


_WHISPER = {"model": "whisper-large-v3", "file": WAV}
_VERBOSE = {**_WHISPER, "response_format": "verbose_json"}
_FLUX = {"model": "black-forest-labs/FLUX.1-schnell", "prompt": "a cat", "n": 2}
_SPEECH = {"model": "tts", "voice": "aria", "input": "Hello"}
_IMAGES = json_answer(
    {
        "id": "img-1",
        "object": "list",
        "model": "black-forest-labs/FLUX.1-schnell",
        "data": [{"index": 0, "url": "u", "type": "url"}, {"index": 1, "url": "v", "type": "url"}],
    }
)
_MP3 = Answer(body=AUDIO, content_type="audio/mpeg")
_SHORT = json_answer({"text": "Hi", "x_groq": {"id": "req_1"}})
CASES = [
    Case("groq", "audio.transcriptions", _VERBOSE, _verbose(61.4), Usage(audio_second=61), "transcription"),
    Case("groq", "audio.translations", _VERBOSE, _verbose(12.5), Usage(audio_second=13), "transcription"),
    Case("groq", "audio.transcriptions", _WHISPER, _SHORT, None, "transcription"),
    Case("groq", "audio.speech", _SPEECH, _MP3, None, "speech"),
    Case("together", "audio.transcriptions", _VERBOSE, _verbose(61.4), Usage(audio_second=61), "transcription"),
    Case("together", "images.generate", _FLUX, _IMAGES, Usage(image=2), "image_generation"),
    Case("together", "audio.speech", _SPEECH, _MP3, None, "speech"),
]
HOSTS = {"groq": "api.groq.com/openai/v1", "together": "api.together.xyz/v1"}


def _by(case: Case, provider: str) -> Any:
    """Return the case, and the cell that it fills where a usage is told."""
    cell = pytest.mark.cell(provider=provider, surface=case.surface, shape="plain")
    return pytest.param(
        case,
        marks=[cell] if case.usage else [],
        id=f"{case.provider}-{case.surface}-{'told' if case.usage else 'silent'}",
    )


def _method(client: Any, surface: str) -> Any:
    resource, _, method = surface.partition(".")
    found = getattr(getattr(client, resource), method, None)
    if found is None:
        pytest.skip("this release has no such call")
    return found if resource == "images" else found.create


def _as_told(case: Case, telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
    call = telemetry.call()
    assert (call.provider, call.operation, call.request_model) == (case.provider, case.operation, case.asked["model"])
    assert (call.usage, call.error_type) == (case.usage, "")
    assert call.usage_quality == (UsageQuality.REPORTED if case.usage else UsageQuality.MISSING)
    assert caplog.text == ""  # nothing is wrong with an answer that tells nothing


modes = pytest.mark.parametrize(
    "is_async",
    [
        pytest.param(False, id="sync", marks=pytest.mark.cell(mode="sync")),
        pytest.param(True, id="async", marks=pytest.mark.cell(mode="async")),
    ],
)


@modes
@pytest.mark.parametrize("case", [_by(case, case.provider) for case in CASES])
def test_the_providers_own_sdk_tells_what_is_sold(
    case: Case, telemetry: Telemetry, server: ReplayServer, caplog: pytest.LogCaptureFixture, *, is_async: bool
) -> None:
    server.answer_with(case.answer)

    async def ask() -> None:
        async with sdk_client(case.provider, server.url, is_async=True) as client:
            await _method(client, case.surface)(**case.asked)

    with caplog.at_level(logging.WARNING, "otel_llmcost"):
        if is_async:
            asyncio.run(ask())
        else:
            with sdk_client(case.provider, server.url) as client:
                _method(client, case.surface)(**case.asked)
    _as_told(case, telemetry, caplog)


@pytest.mark.cell(mode="sync")
@pytest.mark.parametrize("case", [_by(case, f"{case.provider} (openai SDK)") for case in CASES])
def test_the_sdk_of_openai_tells_the_same_of_their_hosts(
    case: Case, telemetry: Telemetry, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer_with(case.answer)
    with caplog.at_level(logging.WARNING, "otel_llmcost"), host_client(server, HOSTS[case.provider]) as client:
        _method(client, case.surface)(**case.asked)
    _as_told(case, telemetry, caplog)


@pytest.mark.cell(provider="groq", surface="audio.transcriptions", mode="sync", shape="plain")
def test_groq_bills_ten_seconds_of_anything_shorter(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(_verbose(3.2))
    with sdk_client("groq", server.url) as client:
        client.audio.transcriptions.create(**_VERBOSE)
    call = telemetry.call()
    assert (call.usage, call.billed) == (Usage(audio_second=3), Usage(audio_second=10))
    # 0.111 USD an hour: 10 s are 111e9 pico-USD * 10 / 3600 = 308_333_333.3
    assert Pricer(load_rate_table()).price(call).list_cost == PicoUSD(308_333_333)


def test_what_no_rate_is_known_for_is_not_free(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(_IMAGES)
    with sdk_client("together", server.url) as client:
        client.images.generate(**{**_FLUX, "model": "somebody/unheard-of"})
    priced = Pricer(load_rate_table()).price(telemetry.call())
    assert (priced.list_cost, priced.status) == (None, "unpriced_model")


@pytest.mark.parametrize("body", [b"<html>503</html>", b'{"data": 7}', b'{"created": 1}', b"[1, 2]"])
def test_an_answer_of_another_shape_is_the_applications_alone(
    body: bytes, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(Answer(body=body, content_type="application/json"))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test", max_retries=0) as client:
        raw = client.images.with_raw_response.generate(model="flux", prompt="a cat")
        assert raw.http_response.content == body
    assert telemetry.call().usage is None


@pytest.mark.cell(provider="together", surface="rerank", mode="sync", shape="plain")
def test_a_reranking_of_together_tells_its_tokens(telemetry: Telemetry, server: ReplayServer) -> None:
    usage = {"prompt_tokens": 1837, "completion_tokens": 0, "total_tokens": 1837}
    server.answer_with(json_answer({"object": "rerank", "id": "r", "model": "m", "results": [], "usage": usage}))
    with sdk_client("together", server.url) as client:
        client.rerank.create(model="m", query="animals", documents=["llama", "panda"])
    assert (telemetry.call().usage, telemetry.call().operation) == (Usage(input_tokens=1837), "rerank")
