"""Reads the bodies that botocore leaves to the application, while the application reads them.

Whatever is made of a body (`StreamingBody` by pieces, lines or as a whole, `EventStream`, the raw stream that a `with`
block hands out), its bytes come through one object: an `HTTPResponse` of urllib3, a `ClientResponse` of aiohttp or a
`Response` of httpx, which aiobotocore may use in its place. That one is watched, and nothing is read that the
application does not read. The wire is read instead of what botocore makes of it, since botocore drops what its own
description of the service does not know yet, such as cached tokens.
"""

from __future__ import annotations

import binascii
import functools
import json
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._body import MAX_BODY_BYTES, MAX_KEPT_EVENTS, BodyReader
from otel_llmcost.instrument._watch import Tap
from otel_llmcost.providers.framing import Frames, event_in
from otel_llmcost.providers.reading import Reading
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from otel_llmcost.instrument._call import OpenCall

_PIECE_BYTES: Final = 2**16
"""What urllib3 reads at once, unless told otherwise."""

_CHUNK: Final = b'"bytes"'
_EXCEPTION: Final = b"\x0f:exception-type\7"
_LAST_EVENT: Final = b":event-type\7\0\x08metadata"
"""Headers of frames, with the lengths and types around their names: a model cannot say that, JSON has no such bytes."""

_LAST_CHUNK: Final = b'"amazon-bedrock-invocationMetrics":'
"""What the last chunk of InvokeModel holds, as a key. Some applications read no further, and hold the stream."""


class DocumentReader(BodyReader):
    """Takes the pieces of one JSON document.

    Args:
        call: Whose answer it is.
        headers: The headers of the answer, their names in lower case.
    """

    def __init__(self, call: OpenCall, headers: Mapping[str, str]) -> None:
        super().__init__(call, is_events=False)
        self._headers = headers
        length = headers.get("content-length", "")
        self._length = int(length) if length.isdigit() else None

    def feed(self, piece: bytes) -> bytes:
        """Take a piece, and return it."""
        self._keep_document(piece)
        if self._size == self._length:
            self.end(is_complete=True)
        return piece

    def _result(self, rest: bytes, *, is_complete: bool) -> tuple[Reading, UsageQuality]:  # noqa: ARG002 - JSON tells
        if self._size > MAX_BODY_BYTES:
            return told_by_headers(self._call, self._headers), UsageQuality.PARTIAL
        return read_answer(self._call, rest, self._headers)


class FrameReader(BodyReader):
    """Takes the pieces of an event stream: keeps the first frame, the last one, and those that matter between them.

    Args:
        call: Whose answer it is.
        headers: The headers of the answer, their names in lower case.
    """

    def __init__(self, call: OpenCall, headers: Mapping[str, str]) -> None:
        super().__init__(call, is_events=True)
        self._headers = headers
        self._frames = Frames()
        self._last = b""

    def feed(self, piece: bytes) -> bytes:
        """Take a piece, and return it."""
        for frame in self._frames.cut(piece):
            if self._kept and _is_word(frame):
                continue  # most frames of a stream: a piece of text, that tells nothing else
            chunk_at = frame.find(_CHUNK)
            event = frame if chunk_at < 0 else _chunk(frame, chunk_at + len(_CHUNK))
            if self._kept and not self._is_marked(event):
                self._last = frame
                continue
            self._keep(frame)
            if _LAST_EVENT in frame or _LAST_CHUNK in event:
                self.end(is_complete=True)
            elif _EXCEPTION in frame:
                self.end(is_complete=False)  # botocore raises it and leaves the stream open
        return piece

    def _keep(self, frame: bytes) -> None:
        if not self._kept:
            self._call.first_token()
        if len(self._kept) < MAX_KEPT_EVENTS:
            self._kept.append(frame)
            frame = b""
        self._last = frame

    def _result(self, rest: bytes, *, is_complete: bool) -> tuple[Reading, UsageQuality]:  # noqa: ARG002 - no frame
        surface = self._call.asked.surface
        assert surface.fold is not None
        frames = [*self._kept, self._last] if self._last else self._kept
        reading = surface.fold([event for frame in frames if (event := event_in(frame)) is not None])
        if surface.complete is not None:
            reading = surface.complete(reading, self._headers)
        is_final = is_complete or bool(reading.finish_reason)
        return reading, UsageQuality.REPORTED if is_final else UsageQuality.PARTIAL


def _beginning(text: bytes) -> bytes:
    """Return how a chunk that begins with `text` begins in base64, which makes four of three bytes."""
    return b'"' + binascii.b2a_base64(text[: len(text) // 3 * 3], newline=False)


_WORDS: Final = (
    b"\x11contentBlockDelta",  # a header of Converse, with the length of the name
    _beginning(b'{"type":"content_block_delta"'),  # Claude
    _beginning(b'{"contentBlockDelta"'),  # Nova
)
_WORD_BYTES: Final = 160
"""How far into a frame one sees that it is a piece of text."""


def _is_word(frame: bytes) -> bool:
    for beginning in _WORDS:  # noqa: SIM110 - `any` takes twice as long, and this sees every frame of a stream
        if frame.find(beginning, 0, _WORD_BYTES) > 0:
            return True
    return False


def _chunk(frame: bytes, after: int) -> bytes:
    """Return what a chunk of InvokeModel holds: the text after its name, in base64."""
    start = frame.find(b'"', after) + 1
    try:
        return binascii.a2b_base64(frame[start : frame.find(b'"', start)])
    except ValueError:
        return frame


def read_answer(call: OpenCall, body: bytes, headers: Mapping[str, str]) -> tuple[Reading, UsageQuality]:
    """Return what an answer tells and how far it can be believed. A body that was cut tells nothing, headers may."""
    surface = call.asked.surface
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        reading = surface.read(document)
        return surface.complete(reading, headers) if surface.complete else reading, UsageQuality.REPORTED
    if surface.complete is None:
        return Reading(fault=f"the body of {len(body)} bytes is no JSON object"), UsageQuality.MISSING
    return told_by_headers(call, headers), UsageQuality.PARTIAL


def told_by_headers(call: OpenCall, headers: Mapping[str, str]) -> Reading:
    """Return what the headers of an answer tell by themselves."""
    complete = call.asked.surface.complete
    return complete(Reading(), headers) if complete else Reading()


def watch(raw: Any, reader: BodyReader, later: Callable[[Callable[[], None]], None]) -> None:
    """Have `reader` see the bytes of a response whose body has not been read.

    The response becomes an instance of a subclass of its own class: nothing refers back to it, so an abandoned stream
    is freed as it would be without us, and nothing needs undoing.

    Args:
        raw: The response of urllib3, aiohttp or httpx.
        reader: Takes the bytes.
        later: Has work done outside the garbage collector.
    """
    tap = Tap(reader, later)
    if hasattr(raw, "aiter_raw"):
        raw.__class__ = _watched_class(_HttpxWatched, raw.__class__)
    elif hasattr(raw, "stream"):
        raw.__class__ = _watched_class(_Watched, raw.__class__)
    else:
        raw.content = _WatchedContent(raw.content, tap)
        raw.__class__ = _watched_class(_AsyncWatched, raw.__class__)
    raw.llmcost_tap = tap


@functools.cache
def _watched_class(watched: Any, kind: Any) -> Any:
    """Return the subclass of a response class that feeds a reader."""
    return type(kind.__name__, (watched, kind), {"__module__": kind.__module__, "__qualname__": kind.__qualname__})


def _take(tap: Tap, piece: bytes, *, is_last: bool) -> None:
    """Have the reader see a piece, and whether it was the last."""
    try:
        reader = tap.reader
        if reader.is_over:
            return
        if piece:
            reader.feed(piece)
        if is_last:
            reader.end(is_complete=True)
    except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
        tap.given_up(error)


def _is_last(amount: int | None, piece: bytes) -> bool:
    """Whether a body is over: all of it was asked for, or some of it and nothing came."""
    return amount is None or amount < 0 or (amount > 0 and not piece)


class _Watched:
    """The methods of urllib3's response that its bytes pass through, whoever reads them and how."""

    llmcost_tap: Tap

    def read(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        """Read as the response does."""
        try:
            piece: bytes = super().read(amt, *args, **kwargs)  # type: ignore[misc]  # the response class comes second
        except BaseException as error:
            self.llmcost_tap.broke_off(error)
            raise
        _take(self.llmcost_tap, piece, is_last=_is_last(amt, piece))
        return piece

    def read1(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        """Read as the response does."""
        try:
            piece: bytes = super().read1(amt, *args, **kwargs)  # type: ignore[misc]  # the response class comes second
        except BaseException as error:
            self.llmcost_tap.broke_off(error)
            raise
        _take(self.llmcost_tap, piece, is_last=amt != 0 and not piece)
        return piece

    def read_chunked(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """Iterate over the chunks as the response does."""
        tap = self.llmcost_tap
        tap.is_pulling = True  # a response whose chunks are cut closes itself before it raises
        try:
            for piece in super().read_chunked(*args, **kwargs):  # type: ignore[misc]  # the response class comes second
                tap.is_pulling = False
                _take(tap, piece, is_last=False)
                yield piece
                tap.is_pulling = True
        except BaseException as error:
            tap.broke_off(error)
            raise
        _take(tap, b"", is_last=True)

    def stream(self, amt: int | None = _PIECE_BYTES, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: FBT001 - the signature is urllib3's
        """Iterate over the pieces as the response does: its chunks, or what it reads."""
        if getattr(self, "chunked", False):
            return self.read_chunked(amt, decode_content=decode_content)
        return self._read_pieces(amt, decode_content=decode_content)

    def _read_pieces(self, amt: int | None, **kwargs: Any) -> Iterator[bytes]:
        try:
            yield from super().stream(amt, **kwargs)  # type: ignore[misc]  # the response class comes second
        except BaseException as error:
            self.llmcost_tap.broke_off(error)
            raise
        _take(self.llmcost_tap, b"", is_last=True)

    def close(self) -> None:
        """Close the response; before the body has ended, that is the end of the call."""
        try:
            super().close()  # type: ignore[misc]  # the response class comes second
        finally:
            self.llmcost_tap.closed()

    def __del__(self) -> None:
        """Let the tap, which goes too, tell that nobody wants the rest: what closes the response now is no reader."""
        self.llmcost_tap.is_pulling = True
        super().__del__()  # type: ignore[misc]  # the response class comes second


class _HttpxWatched:
    """The methods of httpx's asynchronous response that its bytes pass through, as they came."""

    llmcost_tap: Tap

    async def aiter_raw(self, *args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        """Iterate over the pieces as the response does."""
        tap = self.llmcost_tap
        pieces = super().aiter_raw(*args, **kwargs)  # type: ignore[misc]  # the response class comes second
        tap.is_pulling = True  # a response closes itself when its body has ended
        try:
            async for piece in pieces:
                tap.is_pulling = False
                _take(tap, piece, is_last=False)
                yield piece
                tap.is_pulling = True
        except BaseException as error:
            tap.broke_off(error)
            raise
        finally:
            await pieces.aclose()
        _take(tap, b"", is_last=True)

    async def aclose(self) -> None:
        """Close the response; before the body has ended, that is the end of the call."""
        try:
            await super().aclose()  # type: ignore[misc]  # the response class comes second
        finally:
            self.llmcost_tap.closed()


class _AsyncWatched:
    """The methods of aiohttp's response that end its body."""

    llmcost_tap: Tap

    def close(self) -> None:
        """Close the response; before the body has ended, that is the end of the call."""
        try:
            super().close()  # type: ignore[misc]  # the response class comes second
        finally:
            self.llmcost_tap.closed()

    def release(self) -> Any:
        """Give the connection back; before the body has ended, that is the end of the call."""
        try:
            return super().release()  # type: ignore[misc]  # the response class comes second
        finally:
            self.llmcost_tap.closed()


class _WatchedContent:
    """Stands for the stream reader of aiohttp's response, whose slots leave no room for a subclass."""

    __slots__ = ("_content", "_tap")

    def __init__(self, content: Any, tap: Tap) -> None:
        self._content = content
        self._tap = tap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def read(self, n: int = -1) -> bytes:
        """Read as the stream does."""
        piece: bytes = await self._pulled(self._content.read(n))
        _take(self._tap, piece, is_last=_is_last(n, piece))
        return piece

    async def readany(self) -> bytes:
        """Read what is there."""
        piece: bytes = await self._pulled(self._content.readany())
        _take(self._tap, piece, is_last=not piece)
        return piece

    async def readline(self) -> bytes:
        """Read a line."""
        piece: bytes = await self._pulled(self._content.readline())
        _take(self._tap, piece, is_last=not piece)
        return piece

    async def readchunk(self) -> tuple[bytes, bool]:
        """Read a chunk, and whether HTTP ended one there."""
        chunk: tuple[bytes, bool] = await self._pulled(self._content.readchunk())
        piece, _ends_a_chunk = chunk
        _take(self._tap, piece, is_last=chunk == _NO_CHUNK)
        return chunk

    def __aiter__(self) -> _Pieces:
        return _Pieces(self.readline, b"")

    def iter_chunked(self, n: int) -> _Pieces:
        """Iterate over pieces of at most n bytes."""
        return _Pieces(functools.partial(self.read, n), b"")

    def iter_any(self) -> _Pieces:
        """Iterate over pieces as they come."""
        return _Pieces(self.readany, b"")

    def iter_chunks(self) -> _Pieces:
        """Iterate over chunks as HTTP brings them."""
        return _Pieces(self.readchunk, _NO_CHUNK)

    async def _pulled(self, pull: Any) -> Any:
        tap = self._tap
        tap.is_pulling = True
        try:
            return await pull
        except BaseException as error:
            tap.broke_off(error)
            raise
        finally:
            tap.is_pulling = False


_NO_CHUNK: Final = (b"", False)


class _Pieces:
    """What a stream reader yields until there is no more."""

    __slots__ = ("_end", "_pull")

    def __init__(self, pull: Callable[[], Any], end: Any) -> None:
        self._pull = pull
        self._end = end

    def __aiter__(self) -> _Pieces:
        return self

    async def __anext__(self) -> Any:
        piece = await self._pull()
        if piece == self._end:
            raise StopAsyncIteration
        return piece
