"""The path of a finished call out of the application: queue, worker, delivery.

`put` costs the application an append to a lock-free queue. One daemon thread, started by the first call, encodes
batches and delivers them; it lingers a tenth of a second so that a busy process writes a few large frames. What
cannot be delivered waits, bounded, and is counted when it must be dropped. Nothing here raises into the application.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import LLMCostError
from otel_llmcost.spool import Frame
from otel_llmcost.telemetry.log import warn
from otel_llmcost.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.util.types import AttributeValue

    from otel_llmcost.call import LLMCall
    from otel_llmcost.telemetry.delivery import Delivery
    from otel_llmcost.telemetry.settings import Settings

    _Finished = tuple[LLMCall, Mapping[str, AttributeValue]]
    _Item = _Finished | Callable[[], None]

LINGER_S: Final = 0.1
GRACE_S: Final = 0.005
"""How late the worker may be before the application steps aside. While a thread waits for the GIL, each short release
of it by a computing thread wakes the waiting one in vain and starts its wait anew: it may starve, at a cost of several
times that of letting it in. Five milliseconds are CPython's own switch interval."""
STEP_ASIDE_S: Final = 0.000_5
RETRY_S: Final = 1.0
IDLE_S: Final = 30.0
MAX_BATCH: Final = 2_000
TURN_TIMEOUT_S: Final = 5.0
"""How long a flush, the end of the process and a fork wait for a worker that is at work. Its first batch takes longest:
it imports what encodes and delivers. A fork does not wait for the disk or the network."""


class Pipeline:
    """Takes finished calls and sees that they arrive.

    Args:
        settings: Limits and where calls go.
        resource: Gives the attributes of this process, asked for with the first batch.
        delivery: Where they go instead of where the settings say; for tests.

    Attributes:
        taken: Calls put, `named` those of them with a feature.
        dropped: Calls that could not be kept, by reason.
        held: How to put each call that has ended but may still be rejected, by its id.
    """

    _worker: threading.Thread | None

    def __init__(
        self,
        settings: Settings,
        resource: Callable[[], Mapping[str, AttributeValue]],
        delivery: Delivery | None = None,
    ) -> None:
        self._settings, self._resource = settings, resource
        self._delivery = delivery
        self._metrics: Metrics | None = None
        self.taken = self.named = 0
        self.dropped: Counter[str] = Counter()
        self.held: dict[int, Callable[[], None]] = {}
        self._last_fault = ""
        self._reset()

    # --- the application's side ---

    def put(self, call: LLMCall, attributes: Mapping[str, AttributeValue]) -> None:
        """Take a finished call. Never blocks, never raises; safe in a signal handler and in `__del__`."""
        self.taken += 1
        if call.attribution.feature:
            self.named += 1
        if len(self._queue) >= self._settings.max_queue_size:
            self.dropped["queue_full"] += 1
            return
        self._queue.append((call, attributes))
        self._bell.put(None)
        if self._worker is None:
            self._start()
        elif time.monotonic() > self._due_s:
            self._let_worker_in()

    def hear(self, read: Callable[[], LLMCall | None]) -> None:
        """Take what others tell, which the worker reads. It is no call of ours: neither counted nor measured."""
        if len(self._queue) >= self._settings.max_queue_size:
            self.dropped["queue_full"] += 1
        else:
            self.later(partial(self._read, read))

    def later(self, work: Callable[[], None]) -> None:
        """Have the worker do something that the garbage collector, which may hold any lock, must not do itself."""
        self._queue.append(work)
        self._bell.put(None)
        if self._worker is None:
            self._start()

    def release(self) -> None:
        """Put the calls that are held back: who asks for what there is does not wait for a rejection."""
        try:
            for put in list(self.held.values()):
                put()
        except Exception as error:  # noqa: BLE001 - who asks is the application
            self._fault(error)

    def flush(self, timeout_s: float = TURN_TIMEOUT_S) -> bool:
        """Deliver what was put before, in this very thread, and return whether that succeeded.

        Args:
            timeout_s: Seconds to wait for the worker, if it is at it.
        """
        if not (self.taken or self._queue or self._worker):  # the worker may hold what others told
            return True
        return self._work_off(timeout_s) and not self._waiting

    def close(self) -> None:
        """Deliver what is left, seal it, and say what had to be dropped."""
        self.release()
        is_flushed = self.flush()
        self._worker = None  # a later call, such as one of another exit handler, starts a new one
        self._bell.put(None)
        self._seal()
        lost = sum(calls for _, calls in self._waiting)
        self._waiting.clear()
        if not is_flushed:  # else what is there came after the flush, and a worker takes it
            lost += sum(isinstance(item, tuple) for item in list(self._queue))
            self._queue.clear()
        if lost:
            self.dropped["undelivered"] += lost
        if self.dropped:
            warn("%d calls could not be kept: %s", sum(self.dropped.values()), self._last_fault or "queue full")

    def before_fork(self) -> None:
        """Let the worker finish what it encodes: a child would wait in vain for its locks, an import's say."""
        if self._fork_lock.acquire(timeout=TURN_TIMEOUT_S):
            self._forking = threading.get_ident()

    def after_fork_in_parent(self) -> None:
        """Let the worker go on."""
        if self._forking == threading.get_ident():
            self._forking = 0
            self._fork_lock.release()

    def after_fork(self) -> None:
        """Start afresh in a forked child: what was in flight belongs to the parent."""
        if self._delivery is not None:
            self._delivery.forget()
        self.taken = self.named = 0
        self.dropped.clear()
        self.held.clear()
        self._reset()

    def _reset(self) -> None:
        # Both take an item at any moment, also from the garbage collector and signal handlers. The worker waits for
        # the bell and not for an item, so that nothing is ever in its hands where a flush cannot see it.
        self._queue: deque[_Item] = deque()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waiting: deque[tuple[Frame, int]] = deque()
        self._is_due = False
        self._due_s = 0.0
        self._worker = None
        self._start_lock = threading.Lock()
        self._work_lock = threading.Lock()
        self._fork_lock = threading.Lock()
        self._forking = 0

    def _start(self) -> None:
        if not self._start_lock.acquire(blocking=False):
            return  # another thread is at it
        try:
            if self._worker is None:
                self._worker = threading.Thread(target=self._run, name="llmcost", daemon=True)
                self._worker.start()
        except RuntimeError:  # the interpreter is shutting down; `close` does the work itself
            self._worker = None
        finally:
            self._start_lock.release()

    def _let_worker_in(self) -> None:
        """Step aside if the worker has been trying to get at its work for a while; called again only much later."""
        is_idle = self._due_s == 0.0
        self._due_s = time.monotonic() + GRACE_S
        if not is_idle:
            time.sleep(STEP_ASIDE_S)

    # --- the worker's side ---

    def _run(self) -> None:
        mine, bell = self._queue, self._bell
        while self._worker is threading.current_thread():
            with suppress(queue.Empty):
                bell.get(timeout=RETRY_S if mine or self._waiting or self._is_due else IDLE_S)
            if mine:
                self._due_s = time.monotonic() + LINGER_S + GRACE_S
                time.sleep(LINGER_S)
            with suppress(queue.Empty):
                while True:
                    bell.get_nowait()
            self._due_s = math.inf
            self._work_off()
            self._due_s = 0.0

    def _work_off(self, timeout_s: float = TURN_TIMEOUT_S) -> bool:
        """Encode and deliver everything that is queued, and return whether it was this thread's turn in time."""
        if not self._work_lock.acquire(timeout=timeout_s):
            return False  # such as a signal handler that interrupts the very work that it asks for
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - the worker outlives every fault, and the application never sees one
            self._fault(error)
        finally:
            self._work_lock.release()
        return True

    def _work(self) -> None:
        try:
            while taken := self._encode_some():
                if taken == MAX_BATCH:  # more of them follow, which are not to pile up
                    self._deliver()
            self._deliver()
            self._is_due = self._tended()
        finally:
            self._limit_waiting()

    def _encode_some(self) -> int:
        """Encode what is queued, up to a batch of it, and return how many calls that were."""
        with self._fork_lock:
            batch = self._batch()
            if batch:
                self._encode(batch)
        return len(batch)

    def _batch(self) -> list[_Finished]:
        batch: list[_Finished] = []
        while len(batch) < MAX_BATCH and (item := self._next()) is not None:
            if isinstance(item, tuple):
                batch.append(item)
                continue
            try:
                item()
            except Exception as error:  # noqa: BLE001 - its failure is not that of the calls around it
                self._fault(error)
        return batch

    def _next(self) -> _Item | None:
        try:
            return self._queue.popleft()
        except IndexError:
            return None

    def _read(self, read: Callable[[], LLMCall | None]) -> None:
        """Take the call that others tell of; one that cannot be read is counted."""
        try:
            self._take(read)
        except Exception as error:  # noqa: BLE001 - its failure is not that of the calls around it
            self._lost("unreadable", error)

    def _take(self, read: Callable[[], LLMCall | None]) -> None:
        from otel_llmcost.call import to_attributes

        if (call := read()) is not None:
            call.attribution = call.attribution.over(self._settings.defaults)
            call.feature_source = call.feature_source or ("default" if call.attribution.feature else "")
            self._queue.append((call, to_attributes(call)))

    def _encode(self, batch: list[_Finished]) -> None:
        """Encode calls together; where that fails by halves, so that a call that cannot be encoded is lost alone."""
        try:
            self._enframe(batch)
        except Exception as error:  # noqa: BLE001 - counted, and the next calls arrive
            self._encode_apart(batch, error)
        else:
            self._measure(batch)

    def _enframe(self, batch: list[_Finished]) -> None:
        from otel_llmcost.telemetry.otlp import encoded

        self._waiting.append((Frame(time.time_ns(), encoded(batch, self._resource())), len(batch)))

    def _encode_apart(self, batch: list[_Finished], error: Exception) -> None:
        half = len(batch) // 2
        if half:
            self._encode(batch[:half])
            self._encode(batch[half:])
        else:
            self._lost("unencodable", error)

    def _measure(self, batch: list[_Finished]) -> None:
        """Record the metrics of calls; they are billed whether that succeeds or not."""
        try:
            if self._metrics is None:
                self._metrics = Metrics()
            self._metrics.record([item for item in batch if not item[0].dialect], self.dropped)
        except Exception as error:  # noqa: BLE001 - the calls arrive in any case
            self._fault(error)

    def _limit_waiting(self) -> None:
        while sum(calls for _, calls in self._waiting) > self._settings.max_queue_size:
            self.dropped["undelivered"] += self._waiting.popleft()[1]

    def _deliver(self) -> None:
        with self._fork_lock:
            from otel_llmcost.telemetry.delivery import RefusedError, delivery_for

            if self._delivery is None:
                self._delivery = delivery_for(self._settings)
        while self._waiting:
            frame, calls = self._waiting[0]
            try:
                self._delivery.deliver(frame)
            except RefusedError as error:
                self._waiting.popleft()
                self._lost("refused", error, calls)
            except LLMCostError as error:
                self._fault(error)
                return
            except Exception:
                self._waiting.rotate(-1)  # whatever is wrong with this one, those behind it need not wait for it
                raise
            else:
                self._waiting.popleft()

    def _tended(self) -> bool:
        return not self._waiting and self._delivery is not None and self._delivery.tend(time.time_ns())

    def _seal(self) -> None:
        if self._delivery is None:
            return
        try:
            self._delivery.close()
        except Exception as error:  # noqa: BLE001 - the application's exit goes on; what is open is read as it is
            self._fault(error)

    def _lost(self, reason: str, error: Exception, calls: int = 1) -> None:
        self.dropped[reason] += calls
        self._fault(error)

    def _fault(self, error: Exception) -> None:
        """Say what is wrong, once as long as it stays the same."""
        message = str(error) if isinstance(error, LLMCostError) else f"{type(error).__name__}: {error}"
        if message != self._last_fault:
            self._last_fault = message
            warn("%s", message)
