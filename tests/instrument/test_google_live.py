"""Sessions of the Live API: every turn that tells a usage is one call."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google import genai
from google.genai import errors, live
from google.oauth2.credentials import Credentials
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument.google_sdk import HAS_TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.instrument.conftest import Telemetry

pytestmark = pytest.mark.filterwarnings("ignore:The live API is experimental")  # older releases say so

MODEL = "gemini-3.1-flash-live-preview"


CREDENTIALS = Credentials(token="test", expiry=datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1))


def _usage(prompt: int, response: int, **more: Any) -> dict[str, Any]:
    """Return a usage whose prompt is half audio, and whose response is all audio."""
    return {
        "promptTokenCount": prompt,
        "responseTokenCount": response,
        "totalTokenCount": prompt + response,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": prompt // 2},
            {"modality": "AUDIO", "tokenCount": prompt // 2},
        ],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": response}],
        **more,
    }


def _told(prompt: int, response: int, thoughts: int = 0) -> Usage:
    return Usage(
        input_tokens=prompt,
        input_audio_tokens=prompt // 2,
        output_tokens=response + thoughts,
        output_audio_tokens=response,
        reasoning_tokens=thoughts,
    )


PIECE = {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "AAAA"}}]}}}
GENERATED = {"serverContent": {"generationComplete": True}}
COMPLETE = {"serverContent": {"turnComplete": True}}
HEARD = {"serverContent": {"inputTranscription": {"text": "Hello"}}}


def _asks_for(tool: str, **more: Any) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": "1", "name": tool, "args": {}}]}, **more}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a certificate for it: the SDK opens no session without TLS."""
    place = tmp_path_factory.mktemp("certificate")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    files = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem")
    subprocess.run(["openssl", "req", "-x509", *kind, *files], cwd=place, check=True, capture_output=True)
    (place / "both.pem").write_bytes((place / "key.pem").read_bytes() + (place / "cert.pem").read_bytes())
    return place / "both.pem"


@pytest.fixture(autouse=True)
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have provider and client use the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@contextmanager
def provider_of(*turns: list[dict[str, Any]], stays: bool = False) -> Iterator[str]:
    """Run a provider that takes the set-up, says each turn when it is spoken to, and then leaves."""
    leaving = threading.Event()

    def say(websocket: Any) -> None:
        websocket.recv()
        websocket.send(json.dumps({"setupComplete": {}}).encode())
        for turn in turns:
            websocket.recv()
            for message in turn:
                websocket.send(json.dumps(message).encode())
        if stays:
            leaving.wait(60)

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(os.environ["SSL_CERT_FILE"])
    with serve(say, "127.0.0.1", 0, ssl=tls) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            leaving.set()
            server.shutdown()
            thread.join(5)


def _client(url: str, *, vertex: bool = False) -> genai.Client:
    options = {"base_url": url, "api_version": "v1beta"}
    if vertex:
        place = {"project": "p", "location": "europe-west4"}
        return genai.Client(vertexai=True, credentials=CREDENTIALS, http_options=options, **place)
    return genai.Client(api_key="test", vertexai=False, http_options=options)


async def _talk(url: str, messages: int, *, turns: int = 1, vertex: bool = False) -> int:
    """Speak, hear so many messages, and speak again."""
    heard = 0
    async with _client(url, vertex=vertex).aio.live.connect(model=MODEL) as session:
        for _ in range(turns):
            if hasattr(session, "send_realtime_input"):
                await session.send_realtime_input(text="Hello")
            else:
                await session.send(input="Hello", end_of_turn=True)
            for _ in range(messages):
                await session._receive()
                heard += 1
    return heard


@pytest.mark.cell(provider="gcp.gemini", surface="live", mode="async", shape="stream")
def test_every_turn_of_a_session_is_a_call(telemetry: Telemetry) -> None:
    first = [HEARD, PIECE, PIECE, GENERATED, COMPLETE | {"usageMetadata": _usage(144, 20)}]
    second = [HEARD, PIECE, PIECE, GENERATED, COMPLETE | {"usageMetadata": _usage(180, 24, thoughtsTokenCount=136)}]
    with provider_of(first, second) as url, feature("voice"):
        assert asyncio.run(_talk(url, 5, turns=2)) == 10
    one, other = telemetry.calls()
    assert (one.usage, other.usage) == (_told(144, 20), _told(180, 24, thoughts=136))
    for call in (one, other):
        assert (call.request_model, call.response_model, call.operation) == (MODEL, MODEL, "generate_content")
        assert (call.provider, call.server_address, call.is_stream) == ("gcp.gemini", "127.0.0.1", True)
        assert (call.usage_quality, call.error_type) == (UsageQuality.REPORTED, "")
        assert call.attribution.feature == "voice"
    assert len(telemetry.spans()) == 2


@pytest.mark.cell(provider="gcp.vertex_ai", surface="live", mode="async", shape="stream")
@pytest.mark.skipif(not HAS_TRANSPORTS, reason="this release asks the machine for its credentials")
def test_a_session_of_vertex_is_told_with_its_region(telemetry: Telemetry) -> None:
    turn = [PIECE, COMPLETE | {"usageMetadata": _usage(144, 20, trafficType="ON_DEMAND")}]
    with provider_of(turn) as url:
        asyncio.run(_talk(url, 2, vertex=True))
    call = telemetry.call()
    assert (call.usage, call.provider, call.region) == (_told(144, 20), "gcp.vertex_ai", "europe-west4")
    assert (call.request_model, call.service_tier) == (MODEL, "ON_DEMAND")


def test_a_tool_call_in_the_middle_of_a_turn_is_a_call_and_the_rest_another(telemetry: Telemetry) -> None:
    turn = [_asks_for("weather", usageMetadata=_usage(100, 10)), PIECE, COMPLETE | {"usageMetadata": _usage(160, 30)}]
    with provider_of(turn) as url:
        asyncio.run(_talk(url, 3))
    assert [(call.usage, call.tool_call_count) for call in telemetry.calls()] == [
        (_told(100, 10), 1),
        (_told(160, 30), 0),
    ]


def test_a_usage_that_grows_during_a_turn_counts_once(telemetry: Telemetry) -> None:
    turn = [
        PIECE | {"usageMetadata": _usage(100, 10)},
        PIECE | {"usageMetadata": _usage(100, 40)},
        COMPLETE | {"usageMetadata": _usage(100, 42)},
    ]
    with provider_of(turn) as url:
        asyncio.run(_talk(url, 3))
    assert telemetry.call().usage == _told(100, 42)


def test_a_usage_that_comes_after_the_turn_belongs_to_it(telemetry: Telemetry) -> None:
    with provider_of([PIECE, COMPLETE, {"usageMetadata": _usage(100, 10)}]) as url:
        asyncio.run(_talk(url, 3))
    assert telemetry.call().usage == _told(100, 10)


def test_queries_of_a_search_are_counted(telemetry: Telemetry) -> None:
    grounded = {"serverContent": {"groundingMetadata": {"webSearchQueries": ["a", "b"]}}}
    with provider_of([PIECE, grounded, grounded, COMPLETE | {"usageMetadata": _usage(100, 10)}]) as url:
        asyncio.run(_talk(url, 4))
    usage = telemetry.call().usage
    assert usage is not None
    assert (usage.grounded_query, usage.input_tokens) == (2, 100)


@pytest.mark.cell(provider="gcp.gemini", surface="live", mode="async", shape="abort")
def test_a_session_that_is_left_after_a_usage_has_told_it(telemetry: Telemetry) -> None:
    with provider_of([PIECE | {"usageMetadata": _usage(100, 10)}, PIECE], stays=True) as url:
        asyncio.run(_talk(url, 2))
    assert (telemetry.call().usage, telemetry.call().error_type) == (_told(100, 10), "")


def test_a_session_that_is_left_in_the_middle_of_a_turn_tells_it_without_a_usage(telemetry: Telemetry) -> None:
    with provider_of([PIECE], stays=True) as url:
        asyncio.run(_talk(url, 1))
    call = telemetry.call()
    assert (call.usage, call.usage_quality, call.error_type) == (None, UsageQuality.MISSING, "")


def test_a_session_that_breaks_in_the_middle_of_a_turn_names_the_error(telemetry: Telemetry) -> None:
    with provider_of([PIECE]) as url, pytest.raises((errors.APIError, ConnectionClosed)):
        asyncio.run(_talk(url, 2))
    assert telemetry.call().usage is None
    assert telemetry.call().error_type.startswith("ConnectionClosed")


def test_uninstrumenting_leaves_sessions_as_they_were(telemetry: Telemetry) -> None:
    assert hasattr(live.AsyncLive.connect, "__wrapped__")
    original = live.AsyncLive.connect.__wrapped__
    otel_llmcost.uninstrument()
    assert live.AsyncLive.connect is original
    with provider_of([PIECE, COMPLETE | {"usageMetadata": _usage(100, 10)}]) as url:
        assert asyncio.run(_talk(url, 2)) == 2
    assert telemetry.calls() == []
