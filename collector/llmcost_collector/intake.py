"""From the segments into the store: decode, attribute, price, write, acknowledge.

A call is its key, so every step may be repeated. A segment is acknowledged only after its calls are in the store, and
nothing that was accepted is dropped because the store is away or refuses everything: it waits. What the store refuses
while it takes other segments is set aside, so that it cannot block the rest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_llmcost.drain import Read
from otel_llmcost.errors import LLMCostError, StoreError, StoreUnreachableError
from otel_llmcost.store.calls import PricedCalls, summary_of
from otel_llmcost.store.engine import RowsRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from llmcost_collector.metrics import Meters
    from otel_llmcost.call import LLMCall
    from otel_llmcost.errors import CorruptSegmentError
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.spool import Segment, Spool
    from otel_llmcost.store import PricedCall, Store

_log: Final = logging.getLogger("llmcost_collector")

BATCH_CALLS: Final = 50_000
BATCH_BYTES: Final = 64 * 1024 * 1024
"""A batch ends at so many bytes of requests, too: most of a request may be what we do not keep."""

POLL_S: Final = 1.0
"""How often the spools of local applications are looked at; a sealed segment of our own wakes us at once."""

LONGEST_WAIT_S: Final = 30.0
"""How long a store that went away is left alone at most."""

DERIVING_SHARE: Final = 20
"""Deriving may take one part in so many of the time."""

REMEMBERED_CALLS: Final = 100_000
"""At least so many of the newest calls are remembered, to count duplicates. Nothing but the count depends on it."""

LAG_EVERY_S: Final = 15.0
"""How often the store is asked how far its rollups are behind."""


@dataclass(frozen=True, slots=True)
class Source:
    """Segments to be drained.

    Attributes:
        spool: Where they are.
        is_journal: Whether we write them ourselves, so that the open one is of no interest before it is sealed.
    """

    spool: Spool
    is_journal: bool


@dataclass(slots=True)
class _Portion:
    """A segment with its calls, priced, in place of its frames.

    Attributes:
        frames: How many it had.
        faults: What of them could not be read.
    """

    spool: Spool
    segment: Segment
    rows: Sequence[PricedCall]
    frames: int
    faults: list[CorruptSegmentError]


@dataclass(slots=True)
class Progress:
    """How the intake is doing, for whoever shows it.

    Attributes:
        calls: Written since the start; one that comes again counts again.
        fault: Why nothing is written at the moment; empty while all is well.
    """

    calls: int = 0
    fault: str = ""


@dataclass(slots=True)
class Intake:
    """Drains spools into a store.

    Attributes:
        connect: Opens the store and migrates it.
        sources: The segments of our own journal, and those of local applications.
        pricer: Tells the rates of this moment.
        attributed: Says who pays, by the rules of this moment.
        edges: Tells on what that depends: see `Read.priced`.
        refresh: Brings what is asked of the store up to date, before each batch.
        meters: What is counted.
        progress: How it is doing.
    """

    connect: Callable[[], Store]
    sources: Sequence[Source]
    pricer: Callable[[], Pricer]
    attributed: Callable[[LLMCall], LLMCall]
    meters: Meters
    edges: Callable[[], Sequence[int] | None] = lambda: ()
    refresh: Callable[[Store], None] = lambda _: None
    progress: Progress = field(default_factory=Progress)
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _stop_by_s: float = 0.0
    _written: dict[Path, int] = field(default_factory=dict)
    _faults: dict[Path, list[CorruptSegmentError]] = field(default_factory=dict)
    _recent: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    _underived_s: deque[float] = field(default_factory=deque)
    _next_derivation_s: float = 0.0
    _next_lag_s: float = 0.0
    _opened: Store | None = None

    @property
    def store(self) -> Store:
        """The store, opened when it is first needed."""
        if self._opened is None:
            self._opened = self.connect()
        return self._opened

    def open_if_there(self) -> None:
        """Open the store now; one that does not answer is tried again when there is something to write.

        Raises:
            StoreError: It cannot be used, and waiting would not help.
        """
        try:
            _ = self.store
        except StoreUnreachableError as error:
            self._note_fault(error)

    def close(self) -> None:
        """Close the store."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def wake(self) -> None:
        """Tell that there is a segment. Safe from any thread; a signal handler must not call it."""
        self._wake.set()

    def stop(self, within_s: float) -> None:
        """Tell to write what waits, for so many seconds at most, and to end."""
        self._stop_by_s = time.monotonic() + within_s
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Drain until told to stop. Only an end without an error of ours is a clean one, for those who drain next."""
        with ExitStack() as entered:
            for source in self.sources:
                entered.push(source.spool)  # entered when it is first looked at, and again until it can be
            wait_s = 0.0
            while True:
                is_last = self._stopping.is_set()
                wait_s = self._turn_or_wait(wait_s)
                if is_last and (wait_s > 0 or time.monotonic() > self._stop_by_s):
                    break
            self._next_derivation_s = 0.0
            self._derive_if_due()

    def _turn_or_wait(self, waited_s: float) -> float:
        """Take a batch and return 0; where there is none, or the store takes none, wait and return how long at most."""
        try:
            is_more = self._turn()
            if self.progress.fault:
                _log.warning("the store takes calls again")
            self.progress.fault = ""
            self.store.take_handed()
            self._derive_if_due()
            self._measure_lag_if_due()
            if is_more:
                return 0.0
        except Exception as error:  # noqa: BLE001 - this thread must not end while requests are accepted
            wait_s = min(max(2 * waited_s, POLL_S), LONGEST_WAIT_S)
            self._note_fault(error)
            self._stopping.wait(wait_s)
            return wait_s
        self._wake.wait(POLL_S)
        self._wake.clear()
        return POLL_S

    def _note_fault(self, error: Exception) -> None:
        is_ours = isinstance(error, LLMCostError)
        said = str(error) if is_ours else f"{type(error).__name__}: {error}"
        self.meters.failed("unreachable" if isinstance(error, StoreUnreachableError) else "refused")
        if said != self.progress.fault:
            _log.warning("%s; what was accepted waits, and is tried again", said, exc_info=None if is_ours else error)
        self.progress.fault = said

    def _turn(self) -> bool:
        """Write one batch of whole segments, and return whether there may be more."""
        if self.progress.fault:
            self.store.query("SELECT 1")  # is it back?
        portions, is_more = self._gathered()
        try:
            self._write(PricedCalls.joined(portion.rows for portion in portions))
        except RowsRefusedError:
            self._write_one_by_one(portions)
        else:
            for portion in portions:
                self._acknowledge(portion)
        return is_more

    def _gathered(self) -> tuple[list[_Portion], bool]:
        """Return the oldest segments up to a batch, and whether there are more."""
        portions: list[_Portion] = []
        calls = size = 0
        for spool, segment in self._segments():
            if not portions:
                self.refresh(self.store)
            size += sum(len(frame.payload) for frame in segment.frames)
            portions.append(self._portion(spool, segment))
            calls += len(portions[-1].rows)
            if calls >= BATCH_CALLS or size >= BATCH_BYTES:
                return portions, True
        return portions, False

    def _segments(self) -> Iterator[tuple[Spool, Segment]]:
        for source in self.sources:
            spool = (
                source.spool if source.spool.is_ours else source.spool.__enter__()
            )  # until now another one drained it
            for segment in spool.segments(sealed_only=source.is_journal):
                # Of the segment of a living application what was written at an earlier look is passed over.
                del segment.frames[: self._written.get(segment.path.with_suffix(""), 0)]
                if segment.is_sealed or segment.frames:
                    yield spool, segment

    def _portion(self, spool: Spool, segment: Segment) -> _Portion:
        read, frames = Read(segment.path, segment.frames), len(segment.frames)
        rows = read.priced(self.pricer(), self.attributed, self.edges())
        segment.frames.clear()  # their bytes would stay in memory for as long as the batch
        return _Portion(spool, segment, rows, frames, read.faults)

    def _write(self, rows: Sequence[PricedCall]) -> None:
        if not rows:
            return
        began_s = time.monotonic()
        self.store.write(rows)
        took_s = time.monotonic() - began_s
        written = summary_of(rows)
        self.meters.stored(written, took_s=took_s, now_ns=time.time_ns(), duplicates=self._duplicates(written.keys))
        self.progress.calls += len(rows)
        self._underived_s.append(time.monotonic())

    def _write_one_by_one(self, portions: Sequence[_Portion]) -> None:
        """Find the segments whose rows the store refuses; if it refuses all of them the fault lies not in them.

        Raises:
            StoreError: Nothing was taken, or the store takes nothing any more; what is left waits.
        """
        refused: list[_Portion] = []
        reason: RowsRefusedError | None = None
        is_taken = False
        for portion in portions:
            try:
                self._write(portion.rows)
            except RowsRefusedError as error:
                refused.append(portion)
                reason = error
                continue
            is_taken = is_taken or bool(portion.rows)
            self._acknowledge(portion)
        if reason is not None and not is_taken:
            raise reason
        for portion in refused:
            if portion.segment.is_sealed:
                self._reject_if_refused(portion)

    def _reject_if_refused(self, portion: _Portion) -> None:
        """Try a segment once more, and set it aside if it is its rows that are refused."""
        try:
            self._write(portion.rows)
        except RowsRefusedError as error:
            self.meters.spoiled("store", len(portion.rows))
            kept = portion.spool.reject(portion.segment)
            _log.error("set aside %d calls: %s; kept as %s", len(portion.rows), error, kept)
        else:
            self._acknowledge(portion)

    def _acknowledge(self, portion: _Portion) -> None:
        name, written = portion.segment.path.with_suffix(""), self._written
        if not portion.segment.is_sealed:
            written[name] = written.get(name, 0) + portion.frames
            if portion.faults:  # its frames are not read again: what was wrong with them is told when it is sealed
                self._faults.setdefault(name, []).extend(portion.faults)
            return
        written.pop(name, None)
        portion.segment.faults += self._faults.pop(name, []) + portion.faults
        for fault in portion.segment.faults:
            self.meters.spoiled("corrupt", fault.count)
            _log.error("set aside: %s; the segment is kept in corrupt/", fault)
        portion.spool.acknowledge(portion.segment, now_s=time.time())

    def _duplicates(self, keys: Iterable[tuple[str, str]]) -> int:
        """Return how many of the calls were written shortly before."""
        newest, older = self._recent
        found = 0
        for number in map(hash, keys):
            if number in newest or number in older:
                found += 1
            else:
                newest.add(number)
        if len(newest) > REMEMBERED_CALLS:
            self._recent = (set(), newest)
        return found

    def _derive_if_due(self) -> None:
        began_s = time.monotonic()
        if not self._underived_s or not self.store.is_embedded or began_s < self._next_derivation_s:
            return
        try:
            self.store.derive()
        except StoreError as error:
            _log.warning("the rollups wait: %s", error)
        else:
            self._note_derivation(began_s)
        took_s = time.monotonic() - began_s
        self._next_derivation_s = began_s + max(DERIVING_SHARE * took_s, POLL_S)

    def _measure_lag_if_due(self) -> None:
        """Measure how old the oldest write is that no derivation has seen."""
        now_s = time.monotonic()
        if now_s < self._next_lag_s or not self._underived_s:
            return
        self._next_lag_s = now_s + LAG_EVERY_S
        with suppress(StoreError):
            self._note_derivation(now_s - self.store.derived_ago_s())

    def _note_derivation(self, began_s: float) -> None:
        """Forget the writes that a derivation has seen, and tell since when there are others."""
        writes = self._underived_s
        while writes and writes[0] < began_s:
            writes.popleft()
        self.meters.derivation_lag_s = time.monotonic() - writes[0] if writes else 0.0
