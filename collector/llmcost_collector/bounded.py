"""uvicorn's HTTP protocol with the bounds that it lacks: on the size of a request's head, and on the time it takes.

Without them a hundred megabytes of headers stay in memory, and a thousand connections that never say anything keep
everybody else out (uvicorn 0.54, tried).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

MAX_HEAD_BYTES: Final = 64 * 1024
HEAD_WITHIN_S: Final = 10.0


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are too large, or do not arrive."""

    _head_bytes = 0
    _is_in_head = True
    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._closing = self.loop.call_later(HEAD_WITHIN_S, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in, until there are too many without an end of the head."""
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._close()

    def on_message_begin(self) -> None:
        """Begin to wait for the end of a head."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self._stop_waiting()
        self._closing = self.loop.call_later(HEAD_WITHIN_S, self._close)

    def on_headers_complete(self) -> None:
        """Stop waiting."""
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def _stop_waiting(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None

    def _close(self) -> None:
        self.headers.clear()
        if not self.transport.is_closing():
            self.transport.abort()
