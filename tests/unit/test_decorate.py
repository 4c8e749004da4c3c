"""Decorated functions of every kind: each call in a block of its own, nothing held across a `yield`."""

from __future__ import annotations

import asyncio
import inspect
import sys
from typing import TYPE_CHECKING

import pytest

from otel_llmcost import attribution, feature, request, session
from otel_llmcost.attribution import NOBODY, current

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator


@pytest.fixture(autouse=True)
def _nothing_stays_open(caplog: pytest.LogCaptureFixture) -> Generator[None, None, None]:
    yield
    assert current() == NOBODY
    assert not caplog.records


def who() -> str:
    return current().feature


@feature("sum", team="growth")
def plain(first: int, /, second: int, *, third: int = 3) -> tuple[int, str]:
    """Add up."""
    return first + second + third, who()


@feature("wait")
async def coroutine(delay: float = 0) -> str:
    await asyncio.sleep(delay)
    return who()


@feature("inner")
def echo() -> Generator[str, str, str]:
    """Yield who pays, and what was sent or thrown, until told to stop."""
    said = ""
    while said != "stop":
        try:
            said = (yield f"{who()}:{said}") or ""
        except LookupError as error:
            said = f"caught {error.args[0]}"
    return f"{who()}:returned"


@feature("inner")
async def async_echo() -> AsyncGenerator[str, str]:
    said = ""
    while said != "stop":
        await asyncio.sleep(0)
        try:
            said = (yield f"{who()}:{said}") or ""
        except LookupError as error:
            said = f"caught {error.args[0]}"


# --- functions and coroutines ---


def test_a_function_runs_in_the_block_and_returns_what_it_returns() -> None:
    assert plain(1, second=2) == (6, "sum")
    assert who() == ""


def test_an_exception_passes_through() -> None:
    @feature("sum")
    def fails() -> None:
        raise KeyError(who())

    with pytest.raises(KeyError, match="sum"):
        fails()


def test_a_decorated_function_looks_as_before() -> None:
    assert (plain.__name__, plain.__doc__) == ("plain", "Add up.")
    assert list(inspect.signature(plain).parameters) == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (coroutine, inspect.iscoroutinefunction),
        (echo, inspect.isgeneratorfunction),
        (async_echo, inspect.isasyncgenfunction),
    ],
)
def test_a_decorated_function_is_of_the_kind_it_was(
    function: Callable[..., object], kind: Callable[[object], bool]
) -> None:
    assert kind(function)


def test_methods_and_recursion_work() -> None:
    class Tree:
        @attribution(team="growth")
        @feature("tree")
        def depth(self, levels: int) -> int:
            assert (current().feature, current().team) == ("tree", "growth")
            return 1 + self.depth(levels - 1) if levels else 0

    assert Tree().depth(5) == 5


async def test_a_coroutine_keeps_the_block_over_its_awaits() -> None:
    assert await coroutine() == "wait"
    assert list(await asyncio.gather(coroutine(0.001), coroutine())) == ["wait"] * 2


async def test_a_cancelled_coroutine_leaves_its_block() -> None:
    task = asyncio.create_task(coroutine(60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_coroutine_function_called_in_a_block_runs_in_its_own_where_it_is_awaited() -> None:
    with feature("outer", tenant="acme"):
        pending = coroutine()
    assert await pending == "wait"


# --- generators ---


def test_a_generator_runs_in_the_block_and_its_consumer_does_not() -> None:
    steps = echo()
    assert next(steps) == "inner:"
    assert who() == ""
    with feature("consumer"):
        assert next(steps) == "inner:"
        assert who() == "consumer"
    steps.close()


def test_what_is_sent_and_returned_passes_through() -> None:
    steps = echo()
    next(steps)
    assert steps.send("hello") == "inner:hello"
    with pytest.raises(StopIteration) as stop:
        steps.send("stop")
    assert stop.value.value == "inner:returned"


def test_yield_from_gives_the_returned_value() -> None:
    def outer() -> Generator[str, str, str]:
        return (yield from echo())

    steps = outer()
    next(steps)
    with pytest.raises(StopIteration) as stop:
        steps.send("stop")
    assert stop.value.value == "inner:returned"


def test_what_is_thrown_reaches_the_generator_inside_its_block() -> None:
    steps = echo()
    next(steps)
    assert steps.throw(KeyError("k")) == "inner:caught k"
    with pytest.raises(ZeroDivisionError):
        steps.throw(ZeroDivisionError())
    assert list(steps) == []


def test_what_the_generator_raises_comes_out_once_and_ends_it() -> None:
    @feature("inner")
    def fails() -> Generator[str, None, None]:
        yield who()
        raise KeyError(who())

    steps = fails()
    assert next(steps) == "inner"
    with pytest.raises(KeyError, match="inner"):
        next(steps)
    assert list(steps) == []


def closing(log: list[str]) -> Callable[[], Generator[int, None, str]]:
    @feature("inner")
    def numbers() -> Generator[int, None, str]:
        try:
            yield 1
        except GeneratorExit:
            log.append(who())
            return "closed"
        return "exhausted"

    return numbers


def test_close_runs_the_generators_cleanup_inside_its_block() -> None:
    log: list[str] = []
    steps = closing(log)()
    next(steps)
    closed = steps.close()  # type: ignore[func-returns-value] # Python 3.13 returns what the generator returned
    assert log == ["inner"]
    assert closed == ("closed" if sys.version_info >= (3, 13) else None)


def test_a_forgotten_generator_is_cleaned_up_inside_its_block() -> None:
    log: list[str] = []
    steps = closing(log)()
    next(steps)
    del steps
    assert log == ["inner"]


def test_a_generator_that_refuses_to_close_is_told_so_as_ever() -> None:
    @feature("inner")
    def stubborn() -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    steps = stubborn()
    next(steps)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        steps.close()


def test_a_generator_that_never_started_closes_without_running() -> None:
    log: list[str] = []
    closing(log)().close()
    assert log == []


def test_two_generators_taken_in_turns_do_not_disturb_each_other() -> None:
    @session("s1")
    def first() -> Generator[str, None, None]:
        while True:
            yield current().session_id

    @session("s2")
    def second() -> Generator[str, None, None]:
        while True:
            yield current().session_id

    steps, others = first(), second()
    assert [next(steps), next(others), next(steps), next(others)] == ["s1", "s2", "s1", "s2"]
    assert current() == NOBODY


def test_a_decorated_generator_is_one_user_action_from_start_to_end() -> None:
    @request()
    def actions() -> Generator[str, None, None]:
        while True:
            yield current().request_id

    steps = actions()
    first = [next(steps), next(steps)]
    with request("consumer"):
        first.append(next(steps))
    assert len(set(first)) == 1
    assert next(actions()) not in first


# --- async generators ---


async def test_an_async_generator_runs_in_the_block_and_its_consumer_does_not() -> None:
    steps = async_echo()
    assert await anext(steps) == "inner:"
    assert who() == ""
    assert await steps.asend("hello") == "inner:hello"
    assert await steps.athrow(KeyError("k")) == "inner:caught k"
    with pytest.raises(StopAsyncIteration):
        await steps.asend("stop")


async def test_what_is_thrown_and_not_caught_ends_an_async_generator() -> None:
    steps = async_echo()
    await anext(steps)
    with pytest.raises(ZeroDivisionError):
        await steps.athrow(ZeroDivisionError())
    assert [step async for step in steps] == []


async def test_aclose_runs_the_cleanup_inside_the_block() -> None:
    log: list[str] = []

    @feature("inner")
    async def numbers() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            log.append(who())

    steps = numbers()
    await anext(steps)
    await steps.aclose()
    assert log == ["inner"]


async def test_an_async_generator_that_refuses_to_close_is_told_so_as_ever() -> None:
    @feature("inner")
    async def stubborn() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    steps = stubborn()
    await anext(steps)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        await steps.aclose()


async def test_each_step_of_an_async_generator_may_run_in_another_task() -> None:
    steps = async_echo()
    seen = [await asyncio.create_task(anext(steps)) for _ in range(3)]
    await asyncio.create_task(steps.aclose())
    assert seen == ["inner:"] * 3


async def test_a_cancelled_step_ends_an_async_generator_inside_its_block() -> None:
    log: list[str] = []

    @feature("inner")
    async def slow() -> AsyncGenerator[int, None]:
        try:
            await asyncio.sleep(60)
            yield 1
        finally:
            log.append(who())

    async def consume() -> None:
        async for _ in slow():
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["inner"]
