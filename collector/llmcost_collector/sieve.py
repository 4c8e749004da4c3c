"""Telling requests that speak of LLM calls from the rest, without decoding the rest.

The idea: most spans of a company are no LLM calls. A protobuf message is a row of fields, each with its length, so
the spans of a request can be stepped over one by one; a span that holds none of the words by which an LLM call is
told, in a scope that holds none either, is left out unread. What remains is again a request, and is the only part
that is decoded, checked and kept. Fields that are no spans are taken over as they are.
Source: opentelemetry-proto 1.x, trace.proto and logs.proto (both have the same outer shape);
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_GROUPS: Final = 100_000
"""Resources and scopes of one request, and fields that describe them: each costs more than a span that is stepped
over."""

MAX_KEPT: Final = 500_000
"""Spans of one request that are taken over. A span with its ids and times has 50 bytes, so that this many sound ones
are more than a request may have; empty ones would take a hundred times their bytes."""

_LENGTH_DELIMITED: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_MAX_VARINT_BYTES: Final = 10


class NotProtobufError(ValueError):
    """The bytes are no export request."""


class _Words:
    """Where the words are in a request: each is searched for once, in one pass over the bytes."""

    __slots__ = ("_data", "_next")

    def __init__(self, data: bytes, words: Sequence[bytes]) -> None:
        self._data = data
        self._next = {word: at for word in words if (at := data.find(word)) >= 0}

    def __bool__(self) -> bool:
        return bool(self._next)

    def is_in(self, start: int, end: int) -> bool:
        """Tell whether a word begins between `start` and `end`; starts never go down from one question to the next."""
        found = self._next
        for word, at in list(found.items()):
            where = at
            if where < start:
                where = self._data.find(word, start)
                if where < 0:
                    del found[word]
                    continue
                found[word] = where
            if where < end:
                return True
        return False


class _Count:
    """How many of something a request may still have."""

    __slots__ = ("_left", "_what")

    def __init__(self, left: int, what: str) -> None:
        self._left, self._what = left, what

    def take(self, count: int = 1) -> None:
        """Count some more.

        Raises:
            NotProtobufError: They are too many.
        """
        self._left -= count
        if self._left < 0:
            msg = f"too many {self._what} in one request; send smaller batches"
            raise NotProtobufError(msg)


def sift(data: bytes, telling: Sequence[bytes]) -> tuple[bytes, int]:
    """Return the part of an export request that may tell of LLM calls, empty for none, and the number of its spans.

    Args:
        data: An ExportTraceServiceRequest or an ExportLogsServiceRequest.
        telling: The words.

    Returns:
        A request of the same kind, and how many spans or log records there were in the whole.

    Raises:
        NotProtobufError: The bytes are no such request.
    """
    words = _Words(data, telling)
    groups, spans_left = _Count(MAX_GROUPS, "resources and scopes"), _Count(MAX_KEPT, "spans")
    kept: list[bytes] = []
    seen = 0
    for number, start, end in _fields(data, 0, len(data)):
        groups.take()
        if number != 1:
            continue
        parts, spans = _sift_resource(data, start, end, words, groups, spans_left)
        seen += spans
        if parts:
            kept.append(_field(1, b"".join(parts)))
    return b"".join(kept), seen


def _sift_resource(
    data: bytes, start: int, end: int, words: _Words, groups: _Count, spans_left: _Count
) -> tuple[list[bytes], int]:
    """Return the parts of a ResourceSpans that are kept, and how many spans it has."""
    about: list[bytes] = []
    scopes: list[bytes] = []
    seen = 0
    for number, first, last in _fields(data, start, end):
        groups.take()
        if number == 2:  # noqa: PLR2004 - scope_spans, scope_logs
            parts, spans = _sift_scope(data, first, last, words, groups, spans_left)
            seen += spans
            if parts:
                scopes.append(_field(2, b"".join(parts)))
        elif number:
            about.append(_field(number, data[first:last]))
    return (about + scopes if scopes else []), seen


def _sift_scope(
    data: bytes, start: int, end: int, words: _Words, groups: _Count, spans_left: _Count
) -> tuple[list[bytes], int]:
    """Return the parts of a ScopeSpans that are kept, and how many spans it has."""
    about: list[bytes] = []
    spans: list[bytes] = []
    seen = 0
    is_told = False
    has_words = bool(words)
    position = start
    while position < end:
        # The hot loop: one turn for every span. `_fields` does the same at twice the cost.
        tag = data[position]
        if tag != 0x12:  # noqa: PLR2004 - field 2, length-delimited: a span or a log record
            number, first, last, position = _field_at(data, position, end)
            groups.take()
            if number == 1 and not is_told:
                is_told = has_words and words.is_in(first, last)
            if number:
                about.append(_field(number, data[first:last]))
            continue
        position += 1
        size = data[position] if position < end else _torn()
        position += 1
        if size & 128:
            size, position = _rest_of_varint(data, position, end, size & 127)
        last = position + size
        if last > end:
            _torn()
        seen += 1
        if has_words and (is_told or words.is_in(position, last)):
            spans_left.take()
            spans.append(_field(2, data[position:last]))
        position = last
    return (about + spans if spans else []), seen


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of each length-delimited field between two positions; 0 for a field of no length."""
    position = start
    while position < end:
        number, first, last, position = _field_at(data, position, end)
        yield number, first, last


def _field_at(data: bytes, position: int, end: int) -> tuple[int, int, int, int]:
    """Return number, start and end of the field at a position, and where the next one is."""
    tag, position = _rest_of_varint(data, position, end, 0, shift=0)
    number, kind = tag >> 3, tag & 7
    if number == 0:
        _torn()
    if kind == _LENGTH_DELIMITED:
        size, position = _rest_of_varint(data, position, end, 0, shift=0)
        last = position + size
    elif kind == 0:
        _, last = _rest_of_varint(data, position, end, 0, shift=0)
        number = 0
    elif kind in _FIXED:
        last, number = position + _FIXED[kind], 0
    else:
        _torn()
    if last > end:
        _torn()
    return number, position, last, last


def _rest_of_varint(data: bytes, position: int, end: int, number: int, *, shift: int = 7) -> tuple[int, int]:
    """Return a varint whose first `shift` bits are known, and the position behind it."""
    while position < end and shift < 7 * _MAX_VARINT_BYTES:
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004 - the last byte has its high bit clear
            return number, position
        shift += 7
    return _torn()


def _torn() -> NoReturn:
    msg = "the request is torn or no protobuf"
    raise NotProtobufError(msg)


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 127:  # noqa: PLR2004 - seven bits to a byte
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)
