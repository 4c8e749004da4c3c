"""What both transports do with a request: read it, make it safe, answer. They differ only in how they say it."""

from __future__ import annotations

import asyncio
import hmac
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from llmcost_collector.requests import BadRequestError, Request, read
from otel_llmcost.errors import SpoolError, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmcost_collector.journal import Journal
    from llmcost_collector.metrics import Meters
    from otel_llmcost.spool import Signal

RETRY_AFTER_S: Final = 5
"""What a client that is pushed back is told to wait."""


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
    """

    def __init__(
        self, journal: Journal, meters: Meters, *, retention_days: int, tokens: Callable[[], tuple[str, ...]]
    ) -> None:
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
