"""From bytes to JSON, whatever frames the events."""

from __future__ import annotations

import base64
import json

import pytest

from otel_llmcost.providers.framing import MAX_FRAME_BYTES, Frames, event_in, events_in, read_body
from otel_llmcost.providers.registry import route_of
from otel_llmcost.usage import Usage

EVENTS = [{"id": 1}, {"id": 2, "text": "é\n"}]
LINES = [json.dumps(event).encode() for event in EVENTS]


def frame(kind: str, payload: bytes, name: str = ":event-type") -> bytes:
    """Return a frame of Amazon's event stream, its checksums left at zero."""
    headers = b""
    for key, value in ((name, kind), (":content-type", "application/json")):
        headers += bytes([len(key)]) + key.encode() + b"\7" + len(value).to_bytes(2, "big") + value.encode()
    size = 12 + len(headers) + len(payload) + 4
    return size.to_bytes(4, "big") + len(headers).to_bytes(4, "big") + bytes(4) + headers + payload + bytes(4)


@pytest.mark.parametrize(
    "body",
    [
        b"".join(b"event: x\ndata: " + line + b"\n\n" for line in LINES) + b"data: [DONE]\n\n",
        b"".join(b"data:" + line + b"\r\n\r\n" for line in LINES),
        b": comment\n\n" + b"".join(b"data: " + line + b"\n\n" for line in LINES),
        b"[" + b",\r\n".join(LINES) + b"]",
        b"\n".join(LINES) + b"\n",
    ],
    ids=["events", "events with CRLF", "events after a comment", "array", "lines"],
)
def test_the_events_of_every_framing_are_found(body: bytes) -> None:
    assert events_in(body) == EVENTS


def test_frames_are_named_by_their_event_and_chunks_are_opened() -> None:
    chunk = json.dumps({"bytes": base64.b64encode(LINES[0]).decode(), "p": "abc"}).encode()
    body = frame("metadata", LINES[1]) + frame("chunk", chunk)
    assert events_in(body) == [{"metadata": EVENTS[1]}, EVENTS[0]]
    assert events_in(frame("throttlingException", b"{}", ":exception-type")) == [{"throttlingException": {}}]


def test_a_frame_that_was_cut_is_left_out() -> None:
    body = frame("messageStart", b"{}") + frame("metadata", LINES[0])
    assert events_in(body[:-1]) == [{"messageStart": {}}]


@pytest.mark.parametrize("size", [1, 7, 30, 64, 1000])
def test_frames_are_cut_out_of_pieces_of_any_size(size: int) -> None:
    sent = [frame("messageStart", b"{}"), frame("metadata", LINES[1]), frame("x", b"")]
    body = b"".join(sent)
    frames = Frames()
    cut = [found for at in range(0, len(body), size) for found in frames.cut(body[at : at + size])]
    assert cut == sent
    assert [event_in(found) for found in cut] == [{"messageStart": {}}, {"metadata": EVENTS[1]}, {"x": None}]


@pytest.mark.parametrize("claimed", [0, 16, MAX_FRAME_BYTES + 1])
def test_what_claims_an_impossible_size_is_no_frame(claimed: int) -> None:
    whole = frame("messageStart", b"{}")
    assert Frames().cut(whole + claimed.to_bytes(4, "big") + bytes(40) + whole) == [whole]


@pytest.mark.parametrize("body", [b"", b"no", b"\xff\xfe", b"\0" * 40, b"[1, null]", b"data: {", b"[" * 100_000])
def test_what_is_no_json_is_a_fault(body: bytes) -> None:
    route = route_of("openai", "/v1/chat/completions")
    assert route is not None
    assert "is neither a JSON object nor events" in read_body(route.surface, body).fault


def test_headers_complete_what_a_body_tells() -> None:
    route = route_of("aws.bedrock", "/model/mistral.mistral-7b-instruct-v0:2/invoke")
    assert route is not None
    headers = {"x-amzn-bedrock-input-token-count": "3", "x-amzn-bedrock-output-token-count": "4"}
    reading = read_body(route.surface, b'{"outputs": []}', headers)
    assert reading.usage == Usage(input_tokens=3, output_tokens=4)
