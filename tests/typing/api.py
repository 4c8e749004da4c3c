"""How users write the public API. Never run: the type checker reads it, so that their types survive ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

import otel_llmcost
from otel_llmcost import attribution, feature, request, session


@feature("summarize", team="growth")
def plain(text: str, *, limit: int = 3) -> list[str]:
    """Keep the signature of a function."""
    return [text] * limit


@session("conv_17", agent="planner")
async def coroutine(text: str) -> bytes:
    """Keep the signature of a coroutine function."""
    return text.encode()


@attribution(tenant="acme", workload="batch", tags={"plan": "pro", "seats": 12}, propagate=False)
def generator(count: int) -> Iterator[int]:
    """Keep the signature of a generator function."""
    yield from range(count)


@request()
async def async_generator(count: int) -> AsyncIterator[int]:
    """Keep the signature of an async generator function."""
    for number in range(count):
        yield number


class Service:
    """Methods are functions too."""

    @feature("answer")
    def answer(self, question: str) -> str | None:
        """Keep the signature of a method."""
        return question or None


assert_type(plain("a", limit=2), list[str])
assert_type(generator(2), Iterator[int])
assert_type(async_generator(2), AsyncIterator[int])
assert_type(Service().answer("why"), str | None)


async def blocks() -> None:
    """Enter every block both ways; `as` gives the block itself."""
    assert_type(await coroutine("a"), bytes)
    with feature("search", team="growth", tenant="acme") as paying, session("conv_17") as conversation:
        assert_type(paying, feature)
        assert_type(conversation, session)
    with request() as action:
        assert_type(action, request)
        assert_type(action.request_id, str)
        action.reject("json_parse")
    async with attribution(user="u1"), request("known-id") as known:
        assert_type(known.request_id, str)


assert_type(otel_llmcost.instrument(), None)
assert_type(otel_llmcost.instrument(tracer_provider=None), None)
assert_type(otel_llmcost.uninstrument(), None)
