"""What both transports do with a request: read it, make it safe, answer. They differ only in how they say it."""

from __future__ import annotations

import asyncio
import hmac
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from llmcost_collector.requests import BadRequestError, Request, read
from otel_llmcost.errors import SpoolError, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmcost_collector.journal import Journal
    from llmcost_collector.metrics import Meters
    from otel_llmcost.spool import Signal

RETRY_AFTER_S: Final = 5
"""What a client that is pushed back is told to wait."""


IN_FLIGHT_BYTES: Final = 128 * 1024 * 1024
"""Requests that are read, unpacked or wait for the disk may together have so many bytes."""


class BusyError(Exception):
    """Retryable: the requests under way take as many bytes as they may."""

    def __init__(self) -> None:
        super().__init__("as many bytes of requests are under way as there is room for")


class InFlight:
    """One budget of bytes for all requests under way. Threads may share it.

    Args:
        limit: Bytes.
    """

    def __init__(self, limit: int) -> None:
        self._left, self._lock = limit, threading.Lock()

    @contextmanager
    def held(self) -> Iterator[Callable[[int], None]]:
        """Give what takes bytes for the length of a request, and raises a BusyError where there are none left."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            with self._lock:
                if size > self._left:
                    raise BusyError
                self._left -= size
                taken += size

        try:
            yield take
        finally:
            with self._lock:
                self._left += taken


class Verdict(Enum):
    """What became of a request; the transports translate it."""

    TAKEN = "taken"
    BAD = "bad"
    UNAUTHENTICATED = "unauthenticated"
    TOO_LARGE = "too_large"
    FULL = "full"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended.

    Attributes:
        verdict: What became of it.
        reason: Why, for the client; empty where it was taken.
        response: The protobuf response where it was taken.
    """

    verdict: Verdict
    reason: str = ""
    response: object = None


class Receiver:
    """Takes requests in.

    Args:
        journal: Where they become safe.
        meters: What is counted.
        retention_days: Days for which calls are kept.
        tokens: The bearer tokens that are let in; none lets everyone in.
        in_flight: The room for requests under way.
    """

    def __init__(
        self,
        journal: Journal,
        meters: Meters,
        *,
        retention_days: int,
        tokens: Callable[[], tuple[str, ...]],
        in_flight: InFlight,
    ) -> None:
        self.in_flight = in_flight
        self._journal, self._meters = journal, meters
        self._retention_days, self._tokens = retention_days, tokens

    def lets_in(self, authorization: str) -> bool:
        """Tell whether an Authorization header holds one of the tokens."""
        tokens = self._tokens()
        scheme, _, said = authorization.partition(" ")
        given = said.strip().encode("utf-8", "replace")
        known = [hmac.compare_digest(given, token.encode()) for token in tokens]  # all of them: time tells nothing
        return not tokens or (scheme.lower() == "bearer" and any(known))

    async def take(self, transport: str, signal: Signal, data: bytes) -> Answer:
        """Return how a protobuf request ended. What was taken is safe."""
        try:
            request = read(signal, data, now_ns=time.time_ns(), retention_days=self._retention_days)
        except BadRequestError as error:
            return self.refuse(transport, Verdict.BAD, str(error))
        return await self._keep(transport, request)

    async def _keep(self, transport: str, request: Request) -> Answer:
        if request.payload:
            try:
                await asyncio.wrap_future(self._journal.append(request.signal, request.payload))
            except SpoolFullError as error:
                return self.refuse(transport, Verdict.FULL, str(error))
            except SpoolError as error:
                return self.refuse(transport, Verdict.UNAVAILABLE, str(error))
        self._meters.taken(transport, request)
        return Answer(Verdict.TAKEN, response=request.answer())

    def refuse(self, transport: str, verdict: Verdict, reason: str) -> Answer:
        """Count a request that is not taken, and return the answer to it."""
        self._meters.refused(transport, verdict.value)
        return Answer(verdict, reason)
