"""Reads an answer's body while the application reads it, and changes nothing in it.

The one thing that is left out is what a stream says of its usage because we asked, where the application did not
(`hides_usage`). How the bytes come here says `_watch`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._call import note_fault
from otel_llmcost.providers.framing import events_in
from otel_llmcost.providers.reading import Reading, decoded_events
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.instrument._call import OpenCall

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
MAX_LINE_BYTES: Final = 8 * 1024 * 1024
MAX_KEPT_EVENTS: Final = 1_000
TAIL_BYTES: Final = 4 * 1024
HEAD_BYTES: Final = 1024
_DATA: Final = b"data:"
_USAGE: Final = ("usage", "usageMetadata")
_DONE: Final = b"[DONE]"
"""What ends many a stream. Most SDKs read no further and leave the body as it is."""


class BodyReader:
    """Takes the pieces of a body and, at its end, tells the call what they said.

    Args:
        call: Whose body it is.
        is_events: Whether the body is a stream of events, a line each; otherwise it is one JSON document.
        hides_usage: Whether the event that carries only the usage is kept from the application.
    """

    def __init__(self, call: OpenCall, *, is_events: bool, hides_usage: bool = False) -> None:
        self._call = call
        self._is_events = is_events and call.asked.surface.fold is not None
        self._hides_usage = hides_usage and self._is_events
        self._ends = call.asked.surface.last
        self._marks = (*call.asked.surface.marks, _DONE)
        self._kept: list[bytes] = []
        self._pieces: list[bytes] = []
        self._size = 0
        self._has_begun = False
        self._is_done = False
        self.is_over = False

    def feed(self, piece: bytes) -> bytes:
        """Take a piece, and return what the application is to see of it."""
        if self._kept and not self._pieces and piece.endswith(b"\n") and not self._is_marked(piece):
            # Most pieces of a stream: whole lines, and nothing in them matters.
            return _without_null_usage(piece) if self._hides_usage else piece
        if self.is_over:
            return piece
        if not self._has_begun:
            self._begin(piece)
        if not self._is_events:
            self._keep_document(piece)
            return piece
        if self._hides_usage:
            return self._shown(piece)
        self._keep_lines(piece)
        if self._is_done:
            self.end(is_complete=True)
        return piece

    def end(self, *, is_complete: bool) -> bytes:
        """Take note that nothing more comes, tell the call, and return what was held back."""
        if self.is_over:
            return b""
        self.is_over = True
        rest = b"".join(self._pieces)
        try:
            self._call.read(*self._result(rest, is_complete=is_complete))
        except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("reading an answer", error)
        self._call.finish()
        return rest if self._hides_usage and is_complete else b""

    def held_back(self) -> bytes:
        """Return what was taken and not shown, and hold it back no longer."""
        held, self._pieces = b"".join(self._pieces) if self._hides_usage else b"", []
        return held

    def mark_end(self) -> None:
        """Take note that the call ends now, though it is finished later."""
        self._call.mark_end()

    def fail(self, error: BaseException) -> None:
        """Take note that the body broke off: by an error, a cancellation, or because nobody wanted more."""
        if not self.is_over and not isinstance(error, GeneratorExit):
            self._call.record.error_type = type(error).__name__
        self.end(is_complete=False)

    def _begin(self, piece: bytes) -> None:
        self._has_begun = True
        self._call.first_token()
        if not self._is_events and not _may_tell(piece):
            self._size = MAX_BODY_BYTES  # audio, for instance: nothing of it is kept

    def _is_marked(self, piece: bytes) -> bool:
        for mark in self._marks:  # noqa: SIM110 - `any` takes twice as long, and this sees every piece of a stream
            if mark in piece:
                return True
        return False

    # --- one JSON document ---

    def _keep_document(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= MAX_BODY_BYTES:
            self._pieces.append(piece)

    # --- events ---

    def _keep_lines(self, piece: bytes) -> None:
        """Keep the lines that matter, and the beginning of one that has not ended yet."""
        self._pieces.append(piece)
        if b"\n" not in piece:
            self._size += len(piece)
            if self._size > MAX_LINE_BYTES:
                self._pieces.clear()
                self._size = 0
            return
        *lines, rest = b"".join(self._pieces).split(b"\n")
        self._pieces = [rest] if rest else []
        self._size = len(rest)
        for line in lines:
            self._keep(line)

    def _keep(self, line: bytes) -> None:
        """Keep an event that matters: of server-sent events, or a document on a line as Cohere v1 and Ollama write."""
        payload = line.removeprefix(_DATA)
        if payload is line and not line.startswith(b"{"):
            return
        if payload.strip() == _DONE:
            self._is_done = True
            return
        if not self._kept or self._is_marked(line):
            if len(self._kept) == MAX_KEPT_EVENTS:
                self._kept.pop()  # the last event is worth more than the last but one: totals run
            self._kept.append(payload)
            self._is_done = self._is_done or any(mark in line for mark in self._ends)

    def _shown(self, piece: bytes) -> bytes:
        """Keep the lines that matter; return the whole lines without the event that carries only the usage."""
        if b"\n" not in piece:
            self._pieces.append(piece)
            return b""
        *lines, rest = b"".join([*self._pieces, piece]).split(b"\n")
        shown: list[bytes] = []
        was_hidden = False
        for line in lines:
            self._keep(line)
            is_separator = not line.strip()
            if _is_usage_only(line):
                was_hidden = True
            elif not (is_separator and was_hidden):
                shown.append(line)
            if is_separator:
                was_hidden = False
        told = _without_null_usage(b"".join(line + b"\n" for line in shown))
        self._pieces = [rest] if rest else []  # last, so that what is held back is whole whatever goes wrong
        return told

    # --- the end ---

    def _result(self, rest: bytes, *, is_complete: bool) -> tuple[Reading, UsageQuality]:
        if not self._is_events:
            reading = read_document(self._call, rest) if rest or not self._has_begun else Reading()
            return self._judged(reading, is_complete=is_complete)
        self._keep(rest)
        return self._folded(decoded_events(self._kept), is_complete=is_complete)

    def _folded(self, events: list[Mapping[str, Any]], *, is_complete: bool) -> tuple[Reading, UsageQuality]:
        fold = self._call.asked.surface.fold
        assert fold is not None
        return self._judged(fold(events), is_complete=is_complete)

    def _judged(self, reading: Reading, *, is_complete: bool) -> tuple[Reading, UsageQuality]:
        is_final = is_complete or bool(reading.finish_reason)
        return reading, UsageQuality.REPORTED if is_final else UsageQuality.PARTIAL


class EventReader(BodyReader):
    """Takes the events of a stream that the SDK has decoded already."""

    def __init__(self, call: OpenCall) -> None:
        super().__init__(call, is_events=True)
        self._events: list[Mapping[str, Any]] = []
        self._essence = call.asked.surface.essence

    def see(self, event: object) -> None:
        """Take an event."""
        try:
            self._take(event)
        except Exception as error:  # noqa: BLE001 - the application's stream goes on
            note_fault("reading an event", error)

    def _take(self, event: object) -> None:
        if not self._has_begun:
            self._begin(b"")
        if not isinstance(event, dict):
            return
        if len(self._events) == MAX_KEPT_EVENTS:
            self._events.pop()
        self._events.append(self._essence(event) if self._essence else event)

    def _result(self, rest: bytes, *, is_complete: bool) -> tuple[Reading, UsageQuality]:  # noqa: ARG002 - none
        return self._folded(self._events, is_complete=is_complete)


def _without_null_usage(lines: bytes) -> bytes:
    """Return chunks without the `"usage": null` that each bears only because the usage was asked for.

    Inside a JSON string the quotes would be escaped, so nothing that somebody said can look like this.
    """
    return lines.replace(b',"usage":null', b"").replace(b', "usage": null', b"")


def _is_usage_only(line: bytes) -> bool:
    """Whether a line is the extra event of a chat stream: a usage and no choices."""
    if b'"prompt_tokens"' not in line or not line.startswith(_DATA):
        return False
    try:
        event = json.loads(line[len(_DATA) :])
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("choices") == []


def read_document(call: OpenCall, body: bytes) -> Reading:
    """Return what a whole body tells; nothing if it is text or audio. Events stored as one body are read as such."""
    surface = call.asked.surface
    if surface.tail and len(body) > TAIL_BYTES and (tail := _tail_of(body)):
        return surface.read(tail)
    if surface.fold is not None and body.lstrip()[:1] in _EVENTS_BEGIN:
        return surface.fold(events_in(body))
    if not _may_tell(body):
        return Reading()
    try:
        document = json.loads(body)
    except ValueError:
        if surface.fold is not None and (events := events_in(body)):  # one to a line
            return surface.fold(events)
        return Reading(fault=f"the body of {len(body)} bytes is not JSON")
    return surface.read(document) if isinstance(document, dict) else Reading()


_EVENTS_BEGIN: Final = (b"d", b"e", b":", b"\0")
"""The first byte of events: `data:`, `event:`, a comment, or the length of a frame of Amazon's."""


def _may_tell(body: bytes) -> bool:
    """Whether what begins like this may be JSON or events; an empty body was to be JSON."""
    return body.lstrip()[:1] in (b"", b"{", b"[", b"n", *_EVENTS_BEGIN)


def _tail_of(body: bytes) -> Mapping[str, Any] | None:
    """Return the members around a long array of numbers, without decoding the array; None if that fails."""
    tail = body[-TAIL_BYTES:]
    start = tail.rfind(b"]", 0, max(tail.find(b'"usage'), 0))
    comma = tail.find(b",", start)
    if start < 0 or comma < 0:
        return None
    head = body[: max(body.find(b'"data"', 0, HEAD_BYTES), 1)].rstrip()  # the brace alone where nothing precedes it
    try:
        members = json.loads(head + tail[comma + 1 :] if head.endswith((b"{", b",")) else b"{" + tail[comma + 1 :])
    except ValueError:
        return None
    is_whole = isinstance(members, dict) and any(isinstance(members.get(key), dict) for key in _USAGE)
    return members if is_whole else None


def sent_bytes(response: Any) -> int | None:
    """Return the size of the body that was sent; None where it was streamed, or the transport does not say.

    Args:
        response: Of httpx or httpx2, of requests, or of aiohttp, bare or wrapped by google-auth.
    """
    request: Any = getattr(response, "request", None)
    try:
        body = request.content if hasattr(request, "content") else getattr(request, "body", None)
    except Exception:  # noqa: BLE001 - RequestNotRead of httpx or httpx2: it was streamed
        return None
    if body is not None:
        return len(body)
    info = getattr(getattr(response, "_response", response), "request_info", None)
    size = info.headers.get("content-length") if info is not None else None
    return int(size) if size else None
