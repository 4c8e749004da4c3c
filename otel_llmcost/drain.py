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

from google.protobuf.message import DecodeError

from otel_llmcost.dialects.otlp import calls_in_logs, calls_in_traces
from otel_llmcost.errors import CorruptSegmentError, StoreRefusedError
from otel_llmcost.spool import Spool
from otel_llmcost.store import PricedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from otel_llmcost.call import LLMCall
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.spool import Frame, Segment
    from otel_llmcost.store import Refused, Store

BATCH_CALLS: Final = 50_000
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
    """
    done = Drained()
    with Spool(spool_dir) as spool:
        for segment in spool.segments():
            _take(segment, spool, store, pricer, done)
            if on_progress is not None:
                on_progress(done)
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


def calls_of(frame: Frame) -> Iterable[LLMCall]:
    """Return the calls that a frame tells of.

    Raises:
        google.protobuf.message.DecodeError: It is no request of ours.
    """
    return calls_in_traces(frame.payload) if frame.signal == "traces" else calls_in_logs(frame.payload)


def keep_refused(rows: Sequence[Refused], data_dir: Path) -> str:
    """Keep calls that the store refused in `refused.jsonl`, a JSON line each, and return how many and why.

    Args:
        rows: At least one.
        data_dir: Where the file is. Beyond 64 MiB it becomes `refused.jsonl.1`, and replaces an older one.
    """
    path = data_dir / "refused.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_REFUSED_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    with path.open("a", encoding="utf-8") as file:
        for refused in rows:
            line = {"kind": refused.kind, "reason": refused.reason, "call": asdict(refused.row.call)}
            file.write(json.dumps(line, default=str) + "\n")
    first = rows[0].row.call
    return f"the store refused {len(rows)} calls, kept in {path}: {first.trace_id}/{first.span_id}: {rows[0].reason}"


def _take(segment: Segment, spool: Spool, store: Store, pricer: Pricer, done: Drained) -> None:
    """Write the calls of a segment and acknowledge it, or set it aside if the store will never take them."""
    try:
        for batch in _batches(segment, pricer):
            done.calls += store.write(batch)
    except StoreRefusedError as error:
        if segment.is_sealed:
            done.faults.append(f"{segment.path.name}: {error}; kept as {spool.reject(segment)}")
        return
    if segment.is_sealed:
        done.faults.extend(f"{fault}; the segment is kept in corrupt/" for fault in segment.faults)
        spool.acknowledge(segment, now_s=time.time())
        done.segments += 1


def _batches(segment: Segment, pricer: Pricer) -> Iterable[list[PricedCall]]:
    """Yield the calls of a segment, priced, in batches; a frame that is no request of ours is a fault of it."""
    calls: list[LLMCall] = []
    received_ns: list[int] = []
    for frame in segment.frames:
        try:
            told = list(calls_of(frame))
        except (DecodeError, ValueError) as error:
            segment.faults.append(CorruptSegmentError(segment.path, 0, f"a frame is no request of ours ({error})"))
            continue
        calls += told
        received_ns += [frame.received_at_ns] * len(told)
        if len(calls) >= BATCH_CALLS:
            yield priced_as_received(calls, pricer, received_ns)
            calls, received_ns = [], []
    if calls:
        yield priced_as_received(calls, pricer, received_ns)
