"""Run a function of any kind inside a context manager, without holding it across a `yield`.

A generator is suspended in the middle of its body while somebody else's code runs in the same context, so each
step enters the block and leaves it again.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextlib import AbstractContextManager

F = TypeVar("F", bound="Callable[..., object]")


def each_call(function: F, block: Callable[[], AbstractContextManager[object]]) -> F:
    """Return `function` such that every call of it runs inside a block of its own.

    Args:
        function: A function, coroutine function, generator function or async generator function.
        block: Makes the context manager of one call; it is entered once a step, so it must be re-enterable.
    """
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, block)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, block)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, block)
    else:
        wrapper = _plain(function, block)
    return cast("F", functools.wraps(function)(wrapper))


def _plain(function: Callable[..., Any], block: Callable[[], AbstractContextManager[object]]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with block():
            return function(*args, **kwargs)

    return wrapper


def _coroutine(function: Callable[..., Any], block: Callable[[], AbstractContextManager[object]]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with block():
            return await function(*args, **kwargs)

    return wrapper


def _generator(function: Callable[..., Any], block: Callable[[], AbstractContextManager[object]]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        entered = block()
        inner = function(*args, **kwargs)
        step: Callable[[], Any] = inner.__next__
        while True:
            with entered:
                try:
                    item = step()
                except StopIteration as stop:
                    return stop.value
            try:
                sent = yield item
            except GeneratorExit:
                with entered:
                    return inner.close()
            except BaseException as thrown:  # noqa: BLE001 - it belongs to the inner generator, whatever it is
                step = functools.partial(inner.throw, thrown)
            else:
                step = functools.partial(inner.send, sent)

    return wrapper


def _async_generator(
    function: Callable[..., Any], block: Callable[[], AbstractContextManager[object]]
) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        entered = block()
        inner = function(*args, **kwargs)
        step: Callable[[], Any] = inner.__anext__
        while True:
            with entered:
                try:
                    item = await step()
                except StopAsyncIteration:
                    return
            try:
                sent = yield item
            except GeneratorExit:
                with entered:
                    await inner.aclose()
                return
            except BaseException as thrown:  # noqa: BLE001 - it belongs to the inner generator, whatever it is
                step = functools.partial(inner.athrow, thrown)
            else:
                step = functools.partial(inner.asend, sent)

    return wrapper
