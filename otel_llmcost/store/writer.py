"""Writing: rows go in by column; those that the store refuses are found by halving and set aside.

Of several tellings of one call, one counts when `write` returns.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Final

from otel_llmcost.store import rows as _rows
from otel_llmcost.store import settle, tombstones
from otel_llmcost.store.engine import RowsRefusedError
from otel_llmcost.store.results import Told
from otel_llmcost.store.rows import PricedCall, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.store.calls import PricedCalls
    from otel_llmcost.store.engine import Engine

MAX_BATCH: Final = 50_000
"""Rows of one insert. Larger ones save no more CPU, smaller ones do cost more."""

GIVE_UP_AFTER: Final = 64
"""If so many single rows are refused before one is taken, half of them from the front and half from the back, the
fault does not lie in the rows."""

_SETTINGS: Final = {
    "optimize_on_insert": 0,  # every reader merges anyway, and merging here takes three quarters of an insert
    "async_insert": 0,  # servers since 26.2 would answer before the rows are stored
    "insert_deduplicate": 0,  # a call is its key; a block that came before still has to touch its hours
    "max_partitions_per_insert_block": 0,  # months are bounded by the retention already
}


def write(
    engine: Engine, calls: Sequence[PricedCall], *, now_ns: int, since_ns: Mapping[str, int]
) -> tuple[int, list[Refused]]:
    """Return how many calls were written, and those that were set aside.

    Calls of somebody who was erased are neither: nothing is kept of them. Nor are results of batches that the store has
    at another hour: they are told already.
    """
    if not isinstance(calls, list):
        from otel_llmcost.store.calls import PricedCalls

        if isinstance(calls, PricedCalls) and calls.batches:
            return _write_columns(engine, calls, now_ns=now_ns, since_ns=since_ns)
    accepted, refused = _sifted(engine, calls, now_ns=now_ns, since_ns=since_ns)
    accepted = Told(engine).without(accepted)
    written = 0
    for start in range(0, len(accepted), MAX_BATCH):
        batch = settle.judged(accepted[start : start + MAX_BATCH])
        count, aside = _insert(engine, batch)
        written += count
        refused += aside
        settle.settle(engine, settle.Written.of(batch))
    return written, refused


def _write_columns(
    engine: Engine, calls: PricedCalls, *, now_ns: int, since_ns: Mapping[str, int]
) -> tuple[int, list[Refused]]:
    """Write calls of which some are by column; those are one insert."""
    from otel_llmcost.store.batches import table_of
    from otel_llmcost.store.calls import PricedCalls, judged, written_of

    singles, batches, gone = list(calls.singles), list(calls.batches), tombstones.Erased.known(engine)
    results = Told(engine)
    for number, batch in enumerate(batches):
        kept = batch.without(gone.places(engine, batch.named())) if gone.people else batch
        places = kept.doubtful(now_ns=now_ns, since_ns=since_ns)
        singles += [kept[place] for place in places.tolist()]
        kept = kept.without(places)
        batches[number] = kept.without(results.elsewhere(kept.results()))
    accepted, refused = _sifted(engine, singles, now_ns=now_ns, since_ns=since_ns)
    every = PricedCalls(batches, results.without(accepted))
    told = written_of(every)
    every = judged(every, told)
    written = sum(map(len, every.batches))
    try:
        if every.batches:
            engine.insert_arrow("llm_calls_log", table_of(every.batches), _SETTINGS)
    except RowsRefusedError:
        written, aside = _insert(engine, list(chain(*every.batches)))
        refused += aside
    for start in range(0, len(every.singles), MAX_BATCH):
        count, aside = _insert(engine, every.singles[start : start + MAX_BATCH])
        written += count
        refused += aside
    settle.settle(engine, told)
    return written, refused


def _sifted(
    engine: Engine, calls: Sequence[PricedCall], *, now_ns: int, since_ns: Mapping[str, int]
) -> tuple[list[PricedCall], list[Refused]]:
    """Return the rows that may be written, and those that must not."""
    refused: list[Refused] = []
    accepted: list[PricedCall] = []
    for row in tombstones.without_erased(engine, calls):
        refusal = _rows.refusal_of(row, now_ns=now_ns, since_ns=since_ns)
        if refusal is None:
            accepted.append(row)
        else:
            refused.append(refusal)
    return accepted, refused


def _insert(engine: Engine, batch: Sequence[PricedCall]) -> tuple[int, list[Refused]]:
    """Insert a batch; where it is refused, insert its halves, down to the rows at fault.

    Raises:
        RowsRefusedError: Of those that were tried none was taken.
    """
    written, refused, waiting = 0, list[Refused](), deque([batch])
    while waiting:
        is_front = bool(written) or len(refused) < GIVE_UP_AFTER // 2
        part = waiting.pop() if is_front else waiting.popleft()
        try:
            engine.insert("llm_calls_log", _rows.columns_of(part), _SETTINGS)
        except RowsRefusedError as exc:
            if len(part) > 1:
                middle = len(part) // 2
                if is_front:
                    waiting.extend((part[middle:], part[:middle]))
                else:
                    waiting.extendleft((part[:middle], part[middle:]))
                continue
            refused.append(Refused(part[0], "engine", str(exc)))
            if not written and len(refused) >= GIVE_UP_AFTER:
                msg = f"the store refuses every row: {exc}"
                raise RowsRefusedError(msg) from exc
        else:
            written += len(part)
    return written, refused
