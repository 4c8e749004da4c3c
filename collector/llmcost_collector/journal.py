"""The write-ahead log: a request is acknowledged only when it is in a synced segment.

The idea: whoever arrives while a sync is under way waits for the next one, so many requests share one. A thread takes
all that wait, appends them in one write, syncs, and tells everyone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import SpoolError, SpoolFullError
from otel_llmcost.spool import Frame, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from otel_llmcost.spool import Signal

_log: Final = logging.getLogger("llmcost_collector")

MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
"""What may wait in memory for the disk; beyond it requests are pushed back."""

SEGMENT_BYTES: Final = 16 * 1024 * 1024
OPEN_FOR_S: Final = 1.0
"""A segment is sealed after so long, so that what is in it gets into the store."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request on its way to the disk."""

    frame: Frame
    done: Future[None]


class Journal:
    """Appends requests to segments in a directory of its own.

    Args:
        directory: Where the segments are.
        max_bytes: What all of them may take until they are drained; beyond it requests are refused.
        on_sealed: Called, from the journal's thread, when a segment can be drained.

    Attributes:
        fault: Why nothing can be appended at the moment; empty while all is well.
    """

    def __init__(self, directory: Path, *, max_bytes: int, on_sealed: Callable[[], None]) -> None:
        self._writer = SegmentWriter(
            directory, fsync="always", max_segment_bytes=SEGMENT_BYTES, max_spool_bytes=max_bytes
        )
        self._on_sealed = on_sealed
        self.fault = ""
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="llmcost-journal", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def append(self, signal: Signal, payload: bytes) -> Future[None]:
        """Return a future that is done once the request is safe, or that fails with a SpoolError.

        Args:
            signal: Spans or log records.
            payload: The request.
        """
        done: Future[None] = Future()
        frame = Frame(time.time_ns(), payload, signal)
        with self._changed:
            if self._is_closed:
                done.set_exception(SpoolFullError("the collector is shutting down"))
            elif self._waiting_bytes >= MAX_WAITING_BYTES:
                done.set_exception(SpoolFullError(f"{self._waiting_bytes} bytes wait for the disk"))
            else:
                self._waiting.append(_Waiting(frame, done))
                self._waiting_bytes += len(payload)
                self._changed.notify()
        return done

    def close(self) -> None:
        """Make what was appended safe, seal it, and take nothing more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed, timeout=self._wait_s())
                batch, is_last = list(self._waiting), self._is_closed
                self._waiting.clear()
                self._waiting_bytes = 0
            if batch:
                self._commit(batch)
            if is_last or self._wait_s() == 0:
                self._seal()

    def _wait_s(self) -> float | None:
        """Return how long the open segment may still stay open, None without one."""
        age_ns = self._writer.age_ns(time.time_ns())
        return max(OPEN_FOR_S - age_ns / 1e9, 0) if age_ns else None

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        """Make a batch safe and tell those who wait."""
        fault: SpoolError | None = None
        try:
            self._writer.append_all([waiting.frame for waiting in batch])
        except SpoolError as error:
            fault = error
        self.fault = str(fault or "")
        for waiting in batch:
            if not waiting.done.set_running_or_notify_cancel():  # its client has gone
                continue
            if fault is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(fault)
        if not self._writer.is_open:
            self._on_sealed()

    def _seal(self) -> None:
        try:
            self._writer.seal()
        except SpoolError as error:
            _log.warning("%s; the segment is sealed when it is drained", error)
        self._on_sealed()
