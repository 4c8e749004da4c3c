"""Spans read by column: one field of all spans at once, straight from the bytes of their requests.

The idea: a span is a row of fields, and so is an attribute. Where the first field of every span ends is told by numpy
for all of them at once, then where the second ends, and so on; what is found are places in the bytes, and nothing is
decoded before somebody asks for it. Whatever is not written as everybody writes it (fields of an unknown kind, lengths
of five bytes, attributes with the value before the key) makes a span odd: those are left to the protobuf library.
Source: opentelemetry-proto 1.x, trace.proto and common.proto; https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    Bytes = npt.NDArray[np.uint8]

PADDING: Final = 16
"""Zero bytes behind the last request, so that a look a few bytes ahead is never out of bounds."""

MAX_FIELDS: Final = 64
"""A span with more fields is odd."""

TRACE_ID, SPAN_ID, PARENT, NAME, STATUS, START, END = 0x0A, 0x12, 0x22, 0x2A, 0x7A, 0x39, 0x41
"""Fields of a span, by their first byte."""

_ATTRIBUTE, _FLAGS = 0x4A, 0x85
_LENGTH_DELIMITED, _ODD = 100, 101
_SIZE_OF: Final = np.full(256, _ODD, np.int64)
"""By its first byte, how many bytes a field of a span takes whose size is always the same."""
_SIZE_OF[[TRACE_ID, SPAN_ID, 0x1A, PARENT, NAME, _ATTRIBUTE, 0x5A, 0x6A, STATUS]] = _LENGTH_DELIMITED
_SIZE_OF[[START, END]] = 9
_SIZE_OF[[0x30, 0x50, 0x60, 0x70]] = 2  # kind and counts of what was dropped, as long as they are below 128
_SIZE_OF[_FLAGS] = 6

TEXT, WHOLE, DOUBLE = 0x0A, 0x18, 0x21
"""First bytes of an AnyValue: what kind of value follows."""


class TornError(ValueError):
    """The bytes are no request."""


@dataclass(frozen=True, slots=True)
class Group:
    """The spans of one scope of one process, in one request.

    Attributes:
        resource: The bytes of the Resource; empty where there is none.
        scope: The bytes of the InstrumentationScope, likewise.
        spans: Where each span begins and ends.
    """

    resource: bytes
    scope: bytes
    spans: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Slices:
    """Places in the bytes.

    Attributes:
        rows: The span that each belongs to.
        begin: Where it begins; end where it ends.
    """

    rows: Ints
    begin: Ints
    end: Ints

    def of(self, chosen: Any) -> Slices:
        """Return some of them."""
        return Slices(self.rows[chosen], self.begin[chosen], self.end[chosen])


@dataclass(slots=True)
class Spans:
    """Spans by column. Places are -1 and times 0 where a span does not say them.

    Attributes:
        data: The bytes of all requests, padded.
        begin: Where each span begins; end where it ends.
        at: Where trace id, span id, parent, name and status are, by their fields.
        size: How many bytes those have.
        times: Start and end in Unix nanoseconds, by their fields.
        is_odd: Which have to be read by the protobuf library.
        keys: The attributes' names, once each; key says which each has.
        values: Where the value of each attribute is.
    """

    data: Bytes
    begin: Ints
    end: Ints
    at: dict[int, Ints]
    size: dict[int, Ints]
    times: dict[int, Ints]
    is_odd: Flags
    keys: list[str]
    key: Ints
    values: Slices

    def ids(self, field: int, size: int) -> Bytes:
        """Return ids of so many bytes, a row a span; zero for a span without one."""
        at = self.at[field]
        found = self.data[np.maximum(at, 0)[:, None] + np.arange(size)]
        found[at < 0] = 0
        return found


def outline(data: bytes) -> Iterator[Group]:
    """Yield the groups of an ExportTraceServiceRequest.

    Raises:
        TornError: It is none.
    """
    try:
        for number, begin, end in _fields(data, 0, len(data)):
            if number == 1:
                yield from _of_resource(data, begin, end)
    except IndexError:
        _torn()


def _of_resource(data: bytes, begin: int, end: int) -> Iterator[Group]:
    about, scopes = _split(data, begin, end)
    resource = b"".join(about)
    for first, last in scopes:
        scope, spans = _split(data, first, last)
        yield Group(resource, b"".join(scope), spans)


def _split(data: bytes, begin: int, end: int) -> tuple[list[bytes], list[tuple[int, int]]]:
    """Return the first field of a message, which if it is told in parts is all of them, and where the second ones are.

    A hundred thousand parts are joined once: added up one by one they would take minutes.
    """
    first, second = list[bytes](), list[tuple[int, int]]()
    for number, head, tail in _fields(data, begin, end):
        if number == 1:
            first.append(data[head:tail])
        elif number == 2:  # noqa: PLR2004 - scope_spans of a resource, spans of a scope
            second.append((head, tail))
    return first, second


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, begin and end of each length-delimited field."""
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if not 8 <= tag < 2**32:  # noqa: PLR2004 - fields are numbered from 1 on
            _torn()
        if kind == 2:  # noqa: PLR2004 - length-delimited
            size, at = _varint(data, at)
            if at + size > end:
                _torn()
            yield tag >> 3, at, at + size
            at += size
        elif kind == 0:
            _, at = _varint(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            _torn()
    if at != end:
        _torn()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    number, shift = byte & 127, 7
    while byte > 127:  # noqa: PLR2004 - the last byte has its high bit clear
        at += 1
        byte = data[at]
        number |= (byte & 127) << shift
        shift += 7
        if shift > 70:  # noqa: PLR2004 - ten bytes of seven bits
            _torn()
    return number, at + 1


def _torn() -> None:
    msg = "the request is torn or no protobuf"
    raise TornError(msg)


def read_spans(data: Bytes, begin: Ints, end: Ints) -> Spans:
    """Return the spans between these places of padded bytes."""
    count = begin.size
    at = {field: np.full(count, -1, np.int64) for field in (TRACE_ID, SPAN_ID, PARENT, NAME, STATUS)}
    size = {field: np.zeros(count, np.int64) for field in at}
    times = {field: np.zeros(count, np.int64) for field in (START, END)}
    is_odd = np.zeros(count, np.bool_)
    attributes: list[tuple[Ints, Ints, Ints]] = []
    place, rows = begin.copy(), np.arange(count)
    for _ in range(MAX_FIELDS):
        rows = rows[place[rows] < end[rows]]
        if not rows.size:
            break
        here = place[rows]
        tag = data[here]
        length = _SIZE_OF[tag]
        first = here + 1
        is_delimited = length == _LENGTH_DELIMITED
        sizes, heads = _lengths(data, first)
        first = np.where(is_delimited, here + 1 + heads, first)
        after = np.where(is_delimited, first + sizes, here + length)
        wrong = (length == _ODD) | (after > end[rows]) | (is_delimited & (heads == 0))
        wrong |= (length == 2) & (data[here + 1] > 127)  # noqa: PLR2004 - a varint of more than one byte
        wrong |= (tag == _FLAGS) & (data[here + 1] != 1)  # another field, of which nothing is known
        is_odd[rows[wrong]] = True
        place[rows] = np.where(wrong, end[rows], after)
        for field in np.unique(tag[~wrong]).tolist():
            mine = (tag == field) & ~wrong
            if field == _ATTRIBUTE:
                attributes.append((rows[mine], first[mine], after[mine]))
            elif field in at:
                if field == STATUS:  # a message that is told twice is both in one; of the others the last counts
                    is_odd[rows[mine]] |= at[field][rows[mine]] >= 0
                at[field][rows[mine]], size[field][rows[mine]] = first[mine], (after - first)[mine]
            elif field in times:
                times[field][rows[mine]] = _fixed64(data, first[mine])
    is_odd[rows[place[rows] < end[rows]]] = True
    for field, wanted in ((TRACE_ID, 16), (SPAN_ID, 8)):
        is_odd |= size[field] != wanted
    is_odd |= ~np.isin(size[PARENT], (0, 8)) | (times[START] < 0) | (times[END] < 0)  # beyond 63 bits
    keys, key, values = _attributes(data, attributes, is_odd)
    return Spans(data, begin, end, at, size, times, is_odd, keys, key, values)


def _lengths(data: Bytes, at: Ints) -> tuple[Ints, Ints]:
    """Return the varints of up to four bytes at these places, and how many bytes each has; 0 for longer ones."""
    size = np.zeros(at.size, np.int64)
    heads = np.zeros(at.size, np.int64)
    left = np.arange(at.size)
    for number in range(4):
        byte = data[at[left] + number].astype(np.int64)
        size[left] |= (byte & 127) << (7 * number)
        is_last = byte < 128  # noqa: PLR2004 - the last byte has its high bit clear
        heads[left[is_last]] = number + 1
        left = left[~is_last]
        if not left.size:
            break
    return size, heads


def _fixed64(data: Bytes, at: Ints) -> Ints:
    found: Ints = data[at[:, None] + np.arange(8)].view(np.int64).ravel()
    return found


def _attributes(data: Bytes, found: Sequence[tuple[Ints, Ints, Ints]], is_odd: Flags) -> tuple[list[str], Ints, Slices]:
    """Return the names of attributes, which each has, and where its value is. Spans with unusual ones become odd."""
    none = np.zeros(0, np.int64)
    rows, begin, end = (np.concatenate([none, *(each[at] for each in found)]) for at in range(3))
    order = np.argsort(begin, kind="stable")
    rows, begin, end = rows[order], begin[order], end[order]
    key_begin: Ints = begin + 2
    key_end: Ints = key_begin + data[begin + 1]
    has_value = key_end < end
    sizes, heads = _lengths(data, np.minimum(key_end, end) + 1)
    value_begin = np.where(has_value, key_end + 1 + heads, end)
    wrong = (begin + 1 >= end) | (data[begin] != TEXT) | (data[begin + 1] > 127) | (key_end > end)  # noqa: PLR2004
    wrong |= has_value & ((data[np.minimum(key_end, end)] != 0x12) | (heads == 0) | (value_begin + sizes != end))  # noqa: PLR2004
    is_odd[rows[wrong]] = True
    sound = ~is_odd[rows]
    values = Slices(rows, value_begin, end).of(sound)
    encoded = slices_of(data, key_begin[sound], key_end[sound]).dictionary_encode()
    keys = [key.decode("utf-8", "replace") for key in encoded.dictionary.to_pylist()]
    return keys, encoded.indices.to_numpy().astype(np.int64), values


def slices_of(data: Bytes, begin: Ints, end: Ints) -> pa.BinaryArray:
    """Return the bytes between places. They overlap nowhere."""
    if not begin.size:
        return pa.array([], pa.binary())
    order = np.argsort(begin, kind="stable")
    between = np.empty(2 * begin.size, np.int32)  # what lies between them is a value, too, which is not taken
    between[0::2], between[1::2] = begin[order], end[order]
    np.maximum.accumulate(between, out=between)  # empty ones may begin anywhere
    whole = pa.Array.from_buffers(pa.binary(), 2 * begin.size - 1, [None, pa.py_buffer(between), pa.py_buffer(data)])
    rank = np.empty(begin.size, np.int64)
    rank[order] = 2 * np.arange(begin.size)
    return whole.take(pa.array(rank))


def texts_in(data: Bytes, values: Slices) -> tuple[Slices, Flags]:
    """Return where the texts in AnyValues are, and which of them hold text; one that holds nothing is an empty text."""
    is_empty = values.begin == values.end
    sizes, heads = _lengths(data, values.begin + 1)
    first = np.where(is_empty, values.begin, values.begin + 1 + heads)
    is_text = is_empty | ((data[values.begin] == TEXT) & (heads > 0) & (first + sizes == values.end))
    return Slices(values.rows, first, values.end), is_text


def wholes_in(data: Bytes, values: Slices, *, below: int) -> tuple[Ints, Flags]:
    """Return the whole numbers in AnyValues, and which of them hold one from 0 up to a limit."""
    sizes, heads = _lengths(data, values.begin + 1)
    is_whole = (values.begin < values.end) & (data[values.begin] == WHOLE) & (heads > 0)
    is_whole &= values.begin + 1 + heads == values.end
    return sizes, is_whole & (sizes < below)


def doubles_in(data: Bytes, values: Slices) -> tuple[npt.NDArray[np.float64], Flags]:
    """Return the doubles in AnyValues, and which of them hold one."""
    is_double = (values.end - values.begin == 9) & (data[values.begin] == DOUBLE)  # noqa: PLR2004 - its kind, 8 bytes
    return _fixed64(data, np.where(is_double, values.begin + 1, 0)).view(np.float64), is_double
