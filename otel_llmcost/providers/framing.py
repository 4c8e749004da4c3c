"""From the bytes of a body to JSON: one document, or the events of a stream in any of the framings that providers use.

Server-sent events (most), a JSON array written piece by piece (Gemini without `alt=sse`), a document a line (Ollama,
Cohere v1) and Amazon's binary event stream (Bedrock). Bytes that are none of these are no events.
Source of the last: AWS, "Event stream encoding" of the Smithy specification, without its checksums: a body that HTTP
delivered is whole.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.reading import Reading, decoded_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.providers.reading import Surface

_PRELUDE_BYTES: Final = 12
_CHECKSUM_BYTES: Final = 4
_FRAME_BYTES: Final = _PRELUDE_BYTES + _CHECKSUM_BYTES
MAX_FRAME_BYTES: Final = 24 * 1024 * 1024
"""What a frame may measure at most, by the same specification."""
_TEXT_HEADER: Final = 7


def read_body(surface: Surface, body: bytes, headers: Mapping[str, str] | None = None) -> Reading:
    """Return what a whole body tells.

    Args:
        surface: The kind of call that it answers.
        body: The body without its content encoding, be it a document or a stream.
        headers: The headers of the HTTP answer, their names in lower case.
    """
    document = _document(body)
    if isinstance(document, dict):
        reading = surface.read(document)
    elif surface.fold is not None and (events := events_in(body, document)):
        reading = surface.fold(events)
    else:
        reading = Reading(fault=f"the body of {len(body)} bytes is neither a JSON object nor events")
    return surface.complete(reading, headers) if surface.complete and headers else reading


def events_in(body: bytes, document: object = None) -> list[Mapping[str, Any]]:
    """Return the events of a streamed body that are JSON objects, in order.

    Args:
        body: The whole body, or what had arrived of it.
        document: The body, decoded, if that is known already.
    """
    document = document if document is not None else _document(body)
    if isinstance(document, list):
        return [event for event in document if isinstance(event, dict)]
    if body.lstrip().startswith((b"data:", b"event:", b":", b"id:")):
        return decoded_events(line[len(b"data:") :] for line in body.splitlines() if line.startswith(b"data:"))
    if body[:1] == b"\0":
        return [event for frame in Frames().cut(body) if (event := event_in(frame)) is not None]
    return decoded_events(body.splitlines())


def _document(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class Frames:
    """Cuts the frames of Amazon's event stream out of pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, piece: bytes) -> list[bytes]:
        """Return the frames that end in this piece. What cannot be a frame ends the stream: nothing follows it."""
        if not self._rest and len(piece) > _FRAME_BYTES and int.from_bytes(piece[:4], "big") == len(piece):
            return [piece]  # nearly always: a frame a piece
        frames = []
        rest = self._rest + piece
        start = 0
        while len(rest) - start > _FRAME_BYTES:
            size = int.from_bytes(rest[start : start + 4], "big")
            if not _FRAME_BYTES < size <= MAX_FRAME_BYTES:
                start = len(rest)
            elif start + size > len(rest):
                break
            else:
                frames.append(rest[start : start + size])
                start += size
        self._rest = rest[start:]
        return frames


def event_in(frame: bytes) -> Mapping[str, Any] | None:
    """Return a frame as botocore names it, `{event type: payload}`, a chunk of InvokeModel as what it holds.

    None if it holds no JSON object.
    """
    payload_at = _PRELUDE_BYTES + int.from_bytes(frame[4:8], "big")
    headers = _headers(frame[_PRELUDE_BYTES:payload_at])
    payload = _document(frame[payload_at:-_CHECKSUM_BYTES])
    kind = headers.get(":event-type") or headers.get(":exception-type") or ""
    chunk = payload.get("bytes") if isinstance(payload, dict) and kind == "chunk" else None
    event = _document(_decoded(chunk)) if isinstance(chunk, str) else {kind: payload}
    return event if isinstance(event, dict) else None


def _headers(block: bytes) -> dict[str, str]:
    """Return the headers of a frame, all of which are text in this service."""
    headers: dict[str, str] = {}
    at = 0
    while at < len(block):
        name_ends = at + 1 + block[at]
        value_starts = name_ends + 3
        if block[name_ends : name_ends + 1] != bytes([_TEXT_HEADER]):
            break
        value_ends = value_starts + int.from_bytes(block[name_ends + 1 : value_starts], "big")
        headers[block[at + 1 : name_ends].decode(errors="replace")] = block[value_starts:value_ends].decode(
            errors="replace"
        )
        at = value_ends
    return headers


def _decoded(chunk: str) -> bytes:
    try:
        return base64.b64decode(chunk)
    except ValueError:
        return b""
