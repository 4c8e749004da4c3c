"""How an application holds sessions over a WebSocket: to their end, left early, and broken by the provider."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

import openai

from tests.instrument import test_google_live, test_realtime
from tests.instrument.ways import outcome_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


class Realtime:
    """Sessions of OpenAI's realtime API."""

    def __init__(self) -> None:
        self._opened = 0

    def ways(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield each way of use, and what runs it and returns what is seen."""
        cut = test_realtime.EVENTS[:3]
        for way, events, most in (
            ("heard", test_realtime.EVENTS, None),
            ("left", test_realtime.EVENTS, 3),
            ("broken", cut, None),
        ):
            with test_realtime.session_of(events) as url:
                yield way, lambda url=url, most=most: _alone(lambda: self._heard(url, most))
                yield (
                    f"async {way}",
                    lambda url=url, most=most: _alone(lambda: asyncio.run(self._async_heard(url, most))),
                )

    def requests(self) -> int:
        """Return how many sessions have been opened since this was asked last."""
        number, self._opened = self._opened, 0
        return number

    def _heard(self, url: str, most: int | None) -> list[Any]:
        self._opened += 1
        with (
            openai.OpenAI(api_key="test", websocket_base_url=url) as client,
            test_realtime._api(client).connect(model="gpt-realtime") as connection,
        ):
            if most is None:
                return [event.model_dump() for event in connection]
            return [connection.recv().model_dump() for _ in range(most)]

    async def _async_heard(self, url: str, most: int | None) -> list[Any]:
        self._opened += 1
        async with (
            openai.AsyncOpenAI(api_key="test", websocket_base_url=url) as client,
            test_realtime._api(client).connect(model="gpt-realtime") as connection,
        ):
            if most is None:
                return [event.model_dump() async for event in connection]
            return [(await connection.recv()).model_dump() for _ in range(most)]


class Live:
    """Sessions of Gemini's Live API, which are asynchronous."""

    def __init__(self) -> None:
        self._opened = 0

    def ways(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield each way of use, and what runs it and returns what is seen."""
        wire = test_google_live
        asked = wire._asks_for("weather", usageMetadata=wire._usage(100, 10))
        told = wire.COMPLETE | {"usageMetadata": wire._usage(160, 30)}
        for way, turn, messages in (
            ("heard", [wire.HEARD, asked, wire.PIECE, told], 4),
            ("left", [wire.PIECE, told], 1),
            ("broken", [wire.PIECE], 2),
        ):
            with wire.provider_of(turn) as url:
                yield way, lambda url=url, messages=messages: _alone(lambda: asyncio.run(self._talk(url, messages)))

    def requests(self) -> int:
        """Return how many sessions have been opened since this was asked last."""
        number, self._opened = self._opened, 0
        return number

    def _talk(self, url: str, messages: int) -> Awaitable[int]:
        self._opened += 1
        return test_google_live._talk(url, messages)


def _alone(run: Callable[[], Any]) -> Any:
    return contextvars.copy_context().run(outcome_of, run)
