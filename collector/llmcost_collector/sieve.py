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
    from collections.abc import Sequence

MAX_GROUPS: Final = 100_000
"""Resources and scopes of one request; each costs more than a span that is stepped over."""

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
    groups = 0
    kept: list[bytes] = []
    seen = 0
    for number, start, end in _fields(data, 0, len(data)):
        if number != 1:
            continue
        parts, spans, inner = _sift_resource(data, start, end, words)
        seen += spans
        groups += inner
        if groups > MAX_GROUPS:
            msg = f"more than {MAX_GROUPS} resources and scopes in one request"
            raise NotProtobufError(msg)
        if parts:
            kept.append(_field(1, b"".join(parts)))
    return b"".join(kept), seen


def _sift_resource(data: bytes, start: int, end: int, words: _Words) -> tuple[list[bytes], int, int]:
    """Return the parts of a ResourceSpans that are kept, how many spans it has, and its groups."""
    about: list[bytes] = []
    scopes: list[bytes] = []
    seen, groups = 0, 1
    for number, first, last in _fields(data, start, end):
        if number == 2:  # noqa: PLR2004 - scope_spans, scope_logs
            parts, spans = _sift_scope(data, first, last, words)
            seen += spans
            groups += 1
            if parts:
                scopes.append(_field(2, b"".join(parts)))
        elif number:
            about.append(_field(number, data[first:last]))
    return (about + scopes if scopes else []), seen, groups


def _sift_scope(data: bytes, start: int, end: int, words: _Words) -> tuple[list[bytes], int]:
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
            spans.append(_field(2, data[position:last]))
        position = last
    return (about + spans if spans else []), seen


def _fields(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """Return number, start and end of each length-delimited field between two positions; 0 for a field of no length."""
    found: list[tuple[int, int, int]] = []
    position = start
    while position < end:
        number, first, last, position = _field_at(data, position, end)
        found.append((number, first, last))
    return found


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
