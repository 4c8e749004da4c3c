"""Sessions over a WebSocket: every response is one call, and so is every transcription of what was said."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import openai
import pytest
from websockets.sync.server import serve

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.instrument.conftest import Telemetry

pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")

USAGE = {
    "total_tokens": 600,
    "input_tokens": 450,
    "output_tokens": 150,
    "input_token_details": {
        "text_tokens": 150,
        "audio_tokens": 300,
        "cached_tokens": 200,
        "cached_tokens_details": {"text_tokens": 80, "audio_tokens": 120},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 120},
}
TOLD = Usage(
    input_tokens=450,
    input_audio_tokens=300,
    cache_read_tokens=200,
    cache_read_audio_tokens=120,
    output_tokens=150,
    output_audio_tokens=120,
)
SESSION = {
    "type": "session.created",
    "event_id": "e0",
    "session": {
        "type": "realtime",
        "id": "sess_1",
        "object": "realtime.session",
        "model": "gpt-realtime",
        "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}},
    },
}


def _response(name: str, status: str, usage: Any = None) -> dict[str, Any]:
    kind = "response.created" if status == "in_progress" else "response.done"
    response = {"id": name, "object": "realtime.response", "status": status, "output": [], "usage": usage}
    return {"type": kind, "event_id": f"{name}-{status}", "response": response}


DELTA = {
    "type": "response.output_audio.delta",
    "event_id": "e",
    "response_id": "resp_1",
    "item_id": "i",
    "output_index": 0,
    "content_index": 0,
    "delta": "AAAA",
}
HEARD = {
    "type": "conversation.item.input_audio_transcription.completed",
    "event_id": "e9",
    "item_id": "i",
    "content_index": 0,
    "transcript": "Hello",
    "usage": {"type": "duration", "seconds": 4},
}
EVENTS = [
    SESSION,
    _response("resp_1", "in_progress"),
    DELTA,
    HEARD,
    _response("resp_1", "completed", USAGE),
    _response("resp_2", "in_progress"),
    _response("resp_2", "completed", USAGE),
]


@contextmanager
def session_of(events: list[dict[str, Any]], *, stays: bool = False) -> Iterator[str]:
    """Run a provider that says `events` to whoever connects, and then leaves."""
    leaving = threading.Event()

    def say(websocket: Any) -> None:
        for event in events:
            websocket.send(json.dumps(event))
        if stays:
            leaving.wait(60)

    with serve(say, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1"
        finally:
            leaving.set()
            server.shutdown()
            thread.join(5)


def _api(client: Any) -> Any:
    return client.realtime if hasattr(client, "realtime") else client.beta.realtime


def _heard(url: str) -> int:
    with (
        openai.OpenAI(api_key="test", websocket_base_url=url) as client,
        _api(client).connect(model="gpt-realtime") as connection,
    ):
        return sum(1 for _ in connection)


def _told(telemetry: Telemetry) -> None:
    calls = {call.response_id or call.operation: call for call in telemetry.calls()}
    assert len(telemetry.calls()) == len(telemetry.spans()) == 3
    for name in ("resp_1", "resp_2"):
        assert (calls[name].usage, calls[name].usage_quality) == (TOLD, UsageQuality.REPORTED)
        assert (calls[name].request_model, calls[name].operation) == ("gpt-realtime", "chat")
        assert (calls[name].provider, calls[name].server_address) == ("openai", "127.0.0.1")
    assert (calls["transcription"].usage, calls["transcription"].request_model) == (
        Usage(audio_second=4),
        "gpt-4o-transcribe",
    )


@pytest.mark.cell(provider="openai", surface="realtime", mode="sync", shape="stream")
def test_every_response_of_a_session_is_a_call(telemetry: Telemetry) -> None:
    with session_of(EVENTS) as url, feature("voice"):
        assert _heard(url) == len(EVENTS)
    _told(telemetry)
    assert {call.attribution.feature for call in telemetry.calls()} == {"voice"}


@pytest.mark.cell(provider="openai", surface="realtime", mode="async", shape="stream")
def test_every_response_of_an_async_session_is_a_call(telemetry: Telemetry) -> None:
    async def hear(url: str) -> int:
        async with (
            openai.AsyncOpenAI(api_key="test", websocket_base_url=url) as client,
            _api(client).connect(model="gpt-realtime") as connection,
        ):
            return len([event async for event in connection])

    with session_of(EVENTS) as url:
        assert asyncio.run(hear(url)) == len(EVENTS)
    _told(telemetry)


def test_a_session_that_ends_in_the_middle_of_a_response_tells_it_without_a_usage(telemetry: Telemetry) -> None:
    with session_of([SESSION, _response("resp_1", "in_progress"), DELTA]) as url:
        assert _heard(url) == 3
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (None, UsageQuality.MISSING)
    assert call.error_type.startswith("ConnectionClosed")


def test_a_session_that_is_abandoned_leaves_no_call_open(telemetry: Telemetry) -> None:
    with session_of([SESSION, _response("resp_1", "in_progress")], stays=True) as url:
        with (
            openai.OpenAI(api_key="test", websocket_base_url=url) as client,
            _api(client).connect(model="gpt-realtime") as connection,
        ):
            connection.recv()
            connection.recv()
        del connection, client
        deadline = time.monotonic() + 60
        while not telemetry.calls() and time.monotonic() < deadline:
            gc.collect()
    assert (telemetry.call().usage, telemetry.call().error_type) == (None, "")


@pytest.mark.cell(provider="openai", surface="responses (websocket)", mode="sync", shape="stream")
def test_responses_over_a_websocket_are_calls(telemetry: Telemetry) -> None:
    if not hasattr(openai.OpenAI(api_key="test").responses, "connect"):
        pytest.skip("this release has no such connection")
    begun = wire.response(status="in_progress", usage=None, output=[])
    events = [
        {"type": "response.created", "response": begun, "sequence_number": 0},
        {"type": "response.completed", "response": wire.response(), "sequence_number": 1},
    ]
    with (
        session_of(events) as url,
        openai.OpenAI(api_key="test", websocket_base_url=url) as client,
        client.responses.connect() as connection,
    ):
        connection.recv()
        connection.recv()
    call = telemetry.call()
    assert call.usage == Usage(
        input_tokens=900, cache_read_tokens=512, output_tokens=77, reasoning_tokens=64, web_search=2
    )
    assert (call.response_model, call.service_tier) == ("gpt-5-2025-08-07", "flex")


def test_uninstrumenting_leaves_connections_as_they_were(telemetry: Telemetry) -> None:
    name = "openai.resources.beta.realtime.realtime"
    kind = importlib.import_module(name).RealtimeConnection
    assert hasattr(kind.recv_bytes, "__wrapped__")
    otel_llmcost.uninstrument()
    assert not hasattr(kind.recv_bytes, "__wrapped__")
    with session_of(EVENTS) as url:
        assert _heard(url) == len(EVENTS)
    assert telemetry.calls() == []


_LIVE = {"id": "live_1", "model": "gpt-live-1", "type": "live"}
_DELEGATED = wire.response(id="resp_9", output=[])
_DECISION = {
    "answers": [],
    "model": "gpt-6-luna",
    "usage": {
        "input_tokens": 300,
        "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 300,
    },
}
_DECIDED = Usage(input_tokens=300, cache_read_tokens=100)
_WHOLE = {"type": "session.closed", "event_id": "e8", "reason": "close_requested", "session": _LIVE}
LIVE_EVENTS: list[dict[str, Any]] = [
    {"type": "session.started", "event_id": "e1", "session": _LIVE},
    {"type": "session.usage.updated", "event_id": "e2", "usage": {"seconds": 12.5}},
    {"type": "response.event", "event_id": "e3", "event": {"type": "response.created", "response": _DELEGATED}},
    {"type": "response.event", "event_id": "e4", "event": {"type": "response.completed", "response": _DELEGATED}},
    {
        "type": "decision.event",
        "source_event_type": "session.input_transcript.delta",
        "event_id": "e5",
        "event": {"type": "decision.completed", "decision": _DECISION},
    },
    {**_WHOLE, "usage": {"seconds": 61.4}},
]


def _hear_live(url: str, events: int) -> None:
    if not hasattr(openai.OpenAI(api_key="test"), "live"):
        pytest.skip("this release has no such connection")
    with (
        openai.OpenAI(api_key="test", websocket_base_url=url) as client,
        client.live.connect() as connection,
    ):
        for _ in range(events):
            connection.recv_bytes()


@pytest.mark.cell(provider="openai", surface="live", mode="sync", shape="stream")
def test_a_live_session_is_a_call_and_so_is_what_it_delegates(telemetry: Telemetry) -> None:
    with session_of(LIVE_EVENTS, stays=True) as url:
        _hear_live(url, len(LIVE_EVENTS))
    calls = {call.request_model: call for call in telemetry.calls()}
    assert len(telemetry.calls()) == len(telemetry.spans()) == 3
    whole, decided = calls["gpt-live-1"], calls["gpt-6-luna"]
    assert (whole.usage, whole.response_id, whole.usage_quality) == (
        Usage(audio_second=61),
        "live_1",
        UsageQuality.REPORTED,
    )
    assert (decided.usage, decided.provider) == (_DECIDED, "openai-decisions")
    assert [call.response_id for call in telemetry.calls() if call.usage and call.usage.output_tokens] == ["resp_9"]


@pytest.mark.cell(provider="openai", surface="live", mode="sync", shape="abort")
def test_a_live_session_that_was_left_tells_its_total_so_far(telemetry: Telemetry) -> None:
    with session_of(LIVE_EVENTS[:2]) as url, pytest.raises(Exception, match="1000"):
        _hear_live(url, 3)
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (Usage(audio_second=13), UsageQuality.PARTIAL)


def test_several_connections_to_one_live_session_tell_it_once(telemetry: Telemetry) -> None:
    for _ in range(2):
        with session_of([{**_WHOLE, "usage": {"seconds": 61.4}}], stays=True) as url:
            _hear_live(url, 1)
    assert telemetry.call().usage == Usage(audio_second=61)
