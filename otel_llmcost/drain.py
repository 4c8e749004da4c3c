"""From the spool into the store: decode, price, write, acknowledge.

A call is its key, so every step may be repeated: a segment is acknowledged only after its calls are in the store, and
whatever fails before that is simply done again.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Final

from otel_llmcost.dialects.otlp import calls_in_logs, calls_in_traces
from otel_llmcost.errors import CorruptSegmentError, SpoolError
from otel_llmcost.spool import Spool
from otel_llmcost.store import PricedCall
from otel_llmcost.store.engine import RowsRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.batch import CallBatch
    from otel_llmcost.dialects.wire import Ints
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.spool import Frame, Segment
    from otel_llmcost.store import Refused, Store
    from otel_llmcost.store.batches import PricedBatch

    _Received = tuple[int, LLMCall]
    """A call, behind the moment of its receipt in Unix nanoseconds."""

IN_BULK_BYTES: Final = 256 * 1024
"""Of fewer bytes the calls are read one by one: to set up columns takes longer than it saves."""

MAX_REFUSED_BYTES: Final = 64 * 1024 * 1024


@dataclass(slots=True)
class Drained:
    """What a drain has done.

    Attributes:
        calls: Calls written; one that the store had already counts too.
        segments: Sealed segments that were taken and acknowledged.
        faults: What could not be read or taken, a line each.
    """

    calls: int = 0
    segments: int = 0
    faults: list[str] = field(default_factory=list)


def drain(
    spool_dir: Path,
    store: Store,
    pricer: Pricer,
    *,
    on_progress: Callable[[Drained], None] | None = None,
) -> Drained:
    """Bring everything that waits in a spool into the store, and return what was done. Rollups are not derived.

    Args:
        spool_dir: The spool; nothing happens where somebody else is draining it.
        store: Migrated.
        pricer: The rates.
        on_progress: Called after every segment.

    Raises:
        SpoolError: The spool cannot be used.
        StoreUnreachableError: The store went away. What had been written is not written twice by the next drain.
        StoreRefusedError: The store takes nothing, whatever it is: a right, a quota, a table. What waits, waits.
    """
    done = Drained()
    refused: list[tuple[Segment, RowsRefusedError]] = []
    with Spool(spool_dir) as spool:
        for segment in spool.segments():
            try:
                _take(segment, spool, store, pricer, done)
            except RowsRefusedError as error:
                segment.frames.clear()
                refused.append((segment, error))
            if on_progress is not None:
                on_progress(done)
        for segment, reason in refused:
            done.faults.append(f"{segment.path.name}: {reason}; {_left(segment, spool, done)}")
    return done


def priced(calls: Iterable[LLMCall], pricer: Pricer, *, received_at_ns: int) -> list[PricedCall]:
    """Return calls with their prices, ready to be written.

    Args:
        calls: What happened.
        pricer: The rates.
        received_at_ns: Unix nanoseconds at which they were first received; of two tellings of a call the first wins.
    """
    return priced_as_received(calls, pricer, repeat(received_at_ns))


def priced_as_received(calls: Iterable[LLMCall], pricer: Pricer, received_ns: Iterable[int]) -> list[PricedCall]:
    """Return calls with their prices, each with the moment of its receipt; see `priced`."""
    located = list(map(pricer.located, calls))
    return [
        PricedCall(call=call, pricing=pricing, received_at_ns=received_at_ns)
        for call, pricing, received_at_ns in zip(located, pricer.price_all(located), received_ns, strict=False)
    ]


def calls_of(frame: Frame, on_fault: Callable[[Exception], None] | None = None) -> Iterator[LLMCall]:
    """Return the calls that a frame tells of.

    Args:
        frame: A request.
        on_fault: Told of a span that cannot be read, which is left out; None lets the error through.

    Raises:
        google.protobuf.message.DecodeError: It is no request of ours.
    """
    read = calls_in_traces if frame.signal == "traces" else calls_in_logs
    return read(frame.payload, on_fault)


def priced_by_column(
    calls: CallBatch,
    pricer: Pricer,
    prepared: Callable[[LLMCall], LLMCall],
    edges: Sequence[int],
    received_at_ns: Ints,
) -> PricedBatch:
    """Return calls by column with their prices; the arguments are those of `Read.priced`.

    Raises:
        LookupError: Their price depends on something that differs from call to call.
    """
    import numpy as np

    from otel_llmcost.pricing.kernel import CallColumns
    from otel_llmcost.store.batches import PricedBatch

    if varying := {*calls.texts, *calls.numbers} & {*pricer.kind}:
        raise LookupError(*varying)
    calls = calls.changed(lambda call: pricer.located(prepared(call)), edges)
    kinds = [pricer.kind_of(call) for call in calls.patterns]
    columns = CallColumns(
        kinds=[kinds[number] for number in calls.form.tolist()],
        started_at_ns=calls.started_at_ns,
        counts=calls.counts,
        has_usage=np.array([call.usage is not None for call in calls.patterns], np.bool_)[calls.form],
    )
    prices = pricer.kernel.price_columns(columns)
    return PricedBatch(calls, prices, received_at_ns, np.zeros(len(calls), np.bool_))


@dataclass(slots=True)
class Read:
    """What a segment tells, of which nothing that is wrong with one call stops the others.

    Attributes:
        path: The segment.
        frames: Its requests.
        faults: What could not be read or priced.
    """

    path: Path
    frames: Sequence[Frame]
    faults: list[CorruptSegmentError] = field(default_factory=list)

    def priced(
        self,
        pricer: Pricer,
        prepared: Callable[[LLMCall], LLMCall] = lambda call: call,
        edges: Sequence[int] | None = (),
    ) -> Sequence[PricedCall]:
        """Return the calls with their prices.

        Args:
            pricer: The rates.
            prepared: What is done to each before.
            edges: Unix nanoseconds at which that may change, besides midnight UTC. It depends on nothing else that
                differs from call to call but the tenant; None where it does.
        """
        traces = [frame for frame in self.frames if frame.signal == "traces"]
        if edges is None or sum(len(frame.payload) for frame in traces) < IN_BULK_BYTES:
            return self._singly(self._read(self.frames), pricer, prepared)
        from otel_llmcost.store.calls import PricedCalls

        batch, others = self._in_bulk(traces, pricer, prepared, edges)
        others += self._read([frame for frame in self.frames if frame.signal != "traces"])
        return PricedCalls([batch] if batch else [], self._singly(others, pricer, prepared))

    def _in_bulk(
        self, frames: Sequence[Frame], pricer: Pricer, prepared: Callable[[LLMCall], LLMCall], edges: Sequence[int]
    ) -> tuple[PricedBatch | None, list[_Received]]:
        """Return the calls of requests that can be priced by column, and the others."""
        import numpy as np

        from otel_llmcost.dialects.bulk import read_in_bulk

        try:
            found = read_in_bulk([frame.payload for frame in frames])
        except Exception:  # noqa: BLE001 - what is wrong is found and told by whoever reads span by span
            return None, self._read(frames)
        self._note("spans cannot be read", found.faults)
        others = [(frames[number].received_at_ns, call) for number, call in found.singles]
        others += self._read([frames[number] for number in found.torn])
        if found.calls is None:
            return None, others
        received_ns = np.array([frame.received_at_ns for frame in frames], np.int64)[found.calls.frame]
        try:
            return priced_by_column(found.calls, pricer, prepared, edges, received_ns), others
        except Exception:  # noqa: BLE001 - the calls at fault are found below, one by one
            calls = map(found.calls.call, range(len(found.calls)))
            return None, others + list(zip(received_ns.tolist(), calls, strict=True))

    def _read(self, frames: Iterable[Frame]) -> list[_Received]:
        """Return the calls of requests, read one by one."""
        read: list[_Received] = []
        for frame in frames:
            lost = list[Exception]()
            try:
                read += [(frame.received_at_ns, call) for call in calls_of(frame, lost.append)]
            except Exception as error:  # noqa: BLE001 - no request, or one that no reader of ours expected
                self._note("a frame is no request of ours", [error])
            self._note("spans cannot be read", lost)
        return read

    def _singly(
        self, read: Sequence[_Received], pricer: Pricer, prepared: Callable[[LLMCall], LLMCall]
    ) -> list[PricedCall]:
        """Return calls with their prices, row by row."""
        received_ns, lost = [at_ns for at_ns, _ in read], list[Exception]()
        try:
            return priced_as_received([prepared(call) for _, call in read], pricer, received_ns)
        except Exception:  # noqa: BLE001 - that of one call, whichever; it is found below
            rows: list[PricedCall] = []
        for at_ns, call in read:
            try:
                rows += priced_as_received([prepared(call)], pricer, [at_ns])
            except Exception as error:  # noqa: BLE001 - it is counted, and kept in its segment
                lost.append(error)
        self._note("calls cannot be priced", lost)
        return rows

    def _note(self, what: str, lost: Sequence[Exception]) -> None:
        if lost:
            said = f"{type(lost[0]).__name__}: {' '.join(str(lost[0]).split())[:200]}"
            self.faults.append(CorruptSegmentError(self.path, 0, f"{len(lost)} × {what} ({said})", count=len(lost)))


def keep_refused(rows: Sequence[Refused], data_dir: Path) -> str:
    """Keep calls that the store refused in `refused.jsonl`, a JSON line each, and return how many and why.

    Args:
        rows: At least one.
        data_dir: Where the file is. Beyond 64 MiB it becomes `refused.jsonl.1`, and replaces an older one.

    Raises:
        SpoolError: They cannot be kept, and so must not be acknowledged.
    """
    path = data_dir / "refused.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MAX_REFUSED_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
        with path.open("a", encoding="utf-8") as file:
            for refused in rows:
                line = {"kind": refused.kind, "reason": refused.reason, "call": asdict(refused.row.call)}
                file.write(json.dumps(line, default=str) + "\n")
    except OSError as error:
        said = error.strerror or error
        msg = f"cannot keep what the store refused in {path}: {said}; make room, or set LLMCOST_DATA_DIR"
        raise SpoolError(msg) from error
    first = rows[0].row.call
    return f"the store refused {len(rows)} calls, kept in {path}: {first.trace_id}/{first.span_id}: {rows[0].reason}"


def _take(segment: Segment, spool: Spool, store: Store, pricer: Pricer, done: Drained) -> None:
    """Write the calls of a segment and acknowledge it.

    Raises:
        RowsRefusedError: The store does not take its rows.
    """
    done.calls += store.write(Read(segment.path, segment.frames, segment.faults).priced(pricer))
    if segment.is_sealed:
        done.faults.extend(f"{fault}; the segment is kept in corrupt/" for fault in segment.faults)
        spool.acknowledge(segment, now_s=time.time())
        done.segments += 1


def _left(segment: Segment, spool: Spool, done: Drained) -> str:
    """Set a segment aside whose rows were refused where others were taken, and say where it is."""
    if not segment.is_sealed or not done.calls:
        return "it waits, since nothing else was taken either"
    return f"kept as {spool.reject(segment)}"
