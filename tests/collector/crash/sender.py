"""A client that fails over between two collectors, and tells many calls twice.

It knows nothing of what was lost: a batch that was not acknowledged goes back to the others, so the next batches are
cut differently. Of what was acknowledged a fifth is told again, in other company.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

import grpc

from tests.collector.crash.book import request_of_all
from tests.collector.telling import TRACES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_llmcost.call import LLMCall

BATCH: Final = (20, 400)
TOLD_TWICE: Final = 0.2
TIMEOUT_S: Final = 10
_CHANNEL: Final = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 300)]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a collector listens."""

    grpc: int
    http: int


@dataclass(slots=True)
class Sender:
    """Sends calls until each one was acknowledged, by several threads.

    Attributes:
        pause_s: Seconds that a thread rests after each call that was acknowledged, so that the work takes a while.
        acknowledged: Calls that were, those that were told again included.
        failures: Batches that were not.
        in_flight: Requests that are under way.
    """

    targets: Sequence[Target]
    seed: int
    pause_s: float = 0.0
    acknowledged: int = 0
    failures: int = 0
    in_flight: int = 0
    _waiting: deque[LLMCall] = field(default_factory=deque)
    _again: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, calls: Iterable[LLMCall], threads: int) -> None:
        self._waiting.extend(calls)
        for number in range(threads):
            self._threads.append(threading.Thread(target=self._run, args=(number,), daemon=True))
            self._threads[-1].start()

    @property
    def is_done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, number: int) -> None:
        rng = Random(f"{self.seed} {number}")
        options = [*_CHANNEL, ("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.insecure_channel(f"127.0.0.1:{target.grpc}", options) for target in self.targets]
        favourite = number % len(self.targets)
        while batch := self._taken(rng):
            if self._is_told(batch, rng, favourite, channels[favourite]):
                self._note(batch, rng)
                time.sleep(self.pause_s * len(batch))
            else:
                self._put_back(batch)
                favourite = (favourite + 1) % len(self.targets)
        for channel in channels:
            channel.close()

    def _taken(self, rng: Random) -> list[LLMCall]:
        with self._lock:
            count = min(rng.randint(*BATCH), len(self._waiting))
            self.in_flight += bool(count)
            return [self._waiting.popleft() for _ in range(count)]

    def _is_told(self, batch: Sequence[LLMCall], rng: Random, favourite: int, channel: grpc.Channel) -> bool:
        body = request_of_all(batch)
        try:
            if rng.random() < 0.5:
                channel.unary_unary(TRACES)(body, timeout=TIMEOUT_S)
                return True
            connection = http.client.HTTPConnection("127.0.0.1", self.targets[favourite].http, timeout=TIMEOUT_S)
            try:
                connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
                return connection.getresponse().status == 200
            finally:
                connection.close()
        except (grpc.RpcError, OSError, http.client.HTTPException):
            return False

    def _note(self, batch: Sequence[LLMCall], rng: Random) -> None:
        with self._lock:
            self.in_flight -= 1
            self.acknowledged += len(batch)
            for call in batch:
                key = (call.trace_id, call.span_id)
                if key not in self._again and rng.random() < TOLD_TWICE:
                    self._again.add(key)
                    self._waiting.insert(rng.randint(0, len(self._waiting)), call)

    def _put_back(self, batch: Sequence[LLMCall]) -> None:
        with self._lock:
            self.in_flight -= 1
            self.failures += 1
            self._waiting.extendleft(batch)
