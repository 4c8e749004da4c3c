"""Shows the bytes of a response of httpx or httpx2 while the application reads them, whoever reads them and how.

`iter_bytes`, `aiter_bytes`, `close` and `aclose` of the HTTP response see the bytes of every surface of an SDK:
parsed streams, helpers, raw and line-wise reading.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Protocol

from otel_llmcost.instrument._call import note_fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Reader(Protocol):
    """Takes the bytes of a response."""

    is_over: bool

    def feed(self, piece: bytes) -> bytes:
        """Take a piece, and return what the application is to see of it."""

    def end(self, *, is_complete: bool) -> bytes:
        """Take note that nothing more comes, and return what was held back."""

    def held_back(self) -> bytes:
        """Return what was taken and not shown, and hold it back no longer."""

    def mark_end(self) -> None:
        """Take note that the body ends now, though `end` comes later."""

    def fail(self, error: BaseException) -> None:
        """Take note that the body broke off."""


def watch(response: Any, reader: Reader, later: Callable[[Callable[[], None]], None]) -> None:
    """Have `reader` see the bytes of a response of httpx or httpx2 whose body has not been read.

    The response becomes an instance of a subclass of its own class: nothing refers back to it, so an abandoned stream
    is freed as it would be without us, and nothing needs undoing.

    Args:
        response: The response.
        reader: Takes the bytes.
        later: Has work done outside the garbage collector.
    """
    response.llmcost_tap = Tap(reader, later)
    response.__class__ = _watched_class(response.__class__)


@functools.cache
def _watched_class(kind: Any) -> Any:
    """Return the subclass of a response class that feeds a reader."""
    return type(kind.__name__, (_Watched, kind), {"__module__": kind.__module__, "__qualname__": kind.__qualname__})


class Tap:
    """What a watched response holds: the reader, and whether its bytes are being pulled just now."""

    def __init__(self, reader: Reader, later: Callable[[Callable[[], None]], None]) -> None:
        self.reader = reader
        self.is_pulling = False
        self._is_left = False
        self._later = later

    def failed_at(self, piece: bytes, error: Exception) -> bytes:
        """End the call, and return what the application is to see: all that was held back, and the piece."""
        try:
            return self.reader.held_back() + piece
        except Exception:  # noqa: BLE001 - the piece at least is the application's
            return piece
        finally:
            self.given_up(error)

    def ended(self) -> bytes:
        """Take note that the body has ended, and return what was held back."""
        try:
            return self.reader.end(is_complete=True)
        except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
            return self.failed_at(b"", error)

    def broke_off(self, error: BaseException) -> None:
        """Take note of what ended the iteration. A generator that is closed may be closed by the garbage collector."""
        try:
            if isinstance(error, GeneratorExit):
                self._is_left = True
                self._later(functools.partial(self.reader.fail, GeneratorExit()))  # `error` would keep its frames alive
                self.reader.mark_end()
            else:
                self.reader.fail(error)
        except Exception as fault:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("ending a stream", fault)

    def closed(self) -> None:
        """Take note that the response is closed: in the middle of a pull the body has just ended and says so itself.

        An SDK's generator that is left closes the response, and it may be the garbage collector that leaves it.
        """
        try:
            if self.is_pulling or self._is_left:
                return
            if isinstance(sys.exception(), GeneratorExit):
                self.broke_off(GeneratorExit())
            else:
                self.reader.end(is_complete=False)
        except Exception as fault:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("ending a stream", fault)

    def given_up(self, fault: Exception) -> None:
        """End the call after a fault of ours: what comes is not read any more."""
        note_fault("reading an answer", fault)
        try:
            self.reader.end(is_complete=False)
        except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("ending a stream", error)

    def __del__(self) -> None:
        """Finish the call of a body that nobody has read."""
        try:
            if not self.reader.is_over:
                self.broke_off(GeneratorExit())
        except Exception as fault:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("ending a stream", fault)


def _passed(piece: bytes) -> bytes:
    """Return a piece as it is: after a fault of ours nothing more is read."""
    return piece


class _Watched:
    """The methods of a response that its bytes pass through, whoever reads them and how."""

    llmcost_tap: Tap

    def iter_bytes(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """Iterate over the bytes as the response does."""
        tap = self.llmcost_tap
        feed = tap.reader.feed
        pieces = super().iter_bytes(*args, **kwargs)  # type: ignore[misc]  # the response class comes second
        tap.is_pulling = True
        try:
            for piece in pieces:
                try:
                    shown = feed(piece)
                except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
                    shown, feed = tap.failed_at(piece, error), _passed
                if shown:
                    tap.is_pulling = False
                    yield shown
                    tap.is_pulling = True
            if rest := tap.ended():
                yield rest
        except BaseException as error:
            tap.broke_off(error)
            raise
        finally:
            pieces.close()

    async def aiter_bytes(self, *args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        """Iterate over the bytes as the response does."""
        tap = self.llmcost_tap
        feed = tap.reader.feed
        pieces = super().aiter_bytes(*args, **kwargs)  # type: ignore[misc]  # the response class comes second
        tap.is_pulling = True
        try:
            async for piece in pieces:
                try:
                    shown = feed(piece)
                except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
                    shown, feed = tap.failed_at(piece, error), _passed
                if shown:
                    tap.is_pulling = False
                    yield shown
                    tap.is_pulling = True
            if rest := tap.ended():
                yield rest
        except BaseException as error:
            tap.broke_off(error)
            raise
        finally:
            await pieces.aclose()

    def close(self) -> None:
        """Close the response; before the body has ended, that is the end of the call."""
        try:
            super().close()  # type: ignore[misc]  # the response class comes second
        finally:
            self.llmcost_tap.closed()

    async def aclose(self) -> None:
        """Close the response; before the body has ended, that is the end of the call."""
        try:
            await super().aclose()  # type: ignore[misc]  # the response class comes second
        finally:
            self.llmcost_tap.closed()
