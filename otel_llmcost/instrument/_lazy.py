"""Streams that ask only when their first piece is wanted: whoever asked for the stream pays, not whoever reads it.

Some SDKs answer at once with a generator, which sends its request in the first of its steps and perhaps more in later
ones, wherever it is read. So the context in which the stream was asked for is remembered and, around each step, held
ready for the calls that begin in it. Nothing is attached while the application runs; and what the application itself
attaches inside a step, in a tool that the SDK calls, goes before.
"""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context

from otel_llmcost.instrument._call import note_fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from opentelemetry.context import Context

_stepping: Final[ContextVar[tuple[Context, Context] | None]] = ContextVar("llmcost_stepping", default=None)
"""The context in which the stream that is being read was asked for, and the one in which it is read."""


def where_asked() -> Context | None:
    """Return the context in which the stream was asked for that begins a call here; None where none is being read."""
    stepping = _stepping.get()
    if stepping is None or context.get_current() is not stepping[1]:
        return None
    return stepping[0]


def lazy(original: Any) -> Any:
    """Return what remembers, for a function that returns a generator, where it was called."""

    def ask(*args: Any, **kwargs: Any) -> Any:
        asked_in = _here()
        pieces = original(*args, **kwargs)
        return pieces if asked_in is None else _steps(pieces, asked_in)

    return ask


def lazy_async(original: Any) -> Any:
    """Return the same for a function that returns an asynchronous generator, at once or when it is awaited."""

    def ask(*args: Any, **kwargs: Any) -> Any:
        asked_in = _here()
        pieces = original(*args, **kwargs)
        return pieces if asked_in is None else _async_steps(pieces, asked_in)

    async def ask_and_wait(*args: Any, **kwargs: Any) -> Any:
        asked_in = _here()
        pieces = await original(*args, **kwargs)
        return pieces if asked_in is None else _async_steps(pieces, asked_in)

    return ask_and_wait if inspect.iscoroutinefunction(original) else ask


def _here() -> Context | None:
    """Return the context in which a stream is asked for now; None if our own code fails."""
    try:
        return where_asked() or context.get_current()
    except Exception as error:  # noqa: BLE001 - the application's stream goes on
        note_fault("remembering where a stream was asked for", error)
        return None


def _steps(pieces: Iterator[Any], asked_in: Context) -> Iterator[Any]:
    try:
        while True:
            token = _stepping.set((asked_in, context.get_current()))
            try:
                piece = next(pieces)
            except StopIteration:
                return
            finally:
                _stepping.reset(token)
            yield piece
    finally:
        if hasattr(pieces, "close"):
            pieces.close()


async def _async_steps(pieces: AsyncIterator[Any], asked_in: Context) -> AsyncIterator[Any]:
    try:
        while True:
            token = _stepping.set((asked_in, context.get_current()))
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
            finally:
                _stepping.reset(token)
            yield piece
    finally:
        if hasattr(pieces, "aclose"):
            await pieces.aclose()
