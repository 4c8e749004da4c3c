"""Writing: rows go in by column; those that the store refuses are found by halving and set aside.

Of several tellings of one call, one counts when `write` returns.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from otel_llmcost.store import rows as _rows
from otel_llmcost.store import settle, tombstones
from otel_llmcost.store.engine import RowsRefusedError
from otel_llmcost.store.rows import PricedCall, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.store.engine import Engine

MAX_BATCH: Final = 50_000
"""Rows of one insert. Larger ones save no more CPU, smaller ones do cost more."""

GIVE_UP_AFTER: Final = 64
"""If so many single rows are refused before one is taken, half of them from the front and half from the back, the
fault does not lie in the rows."""

_SETTINGS: Final = {
    "async_insert": 0,  # servers since 26.2 would answer before the rows are stored
    "insert_deduplicate": 0,  # a call is its key; a block that came before still has to touch its hours
    "max_partitions_per_insert_block": 0,  # months are bounded by the retention already
}


def write(
    engine: Engine, calls: Sequence[PricedCall], *, now_ns: int, since_ns: Mapping[str, int]
) -> tuple[int, list[Refused]]:
    """Return how many calls were written, and those that were set aside.

    Calls of somebody who was erased are neither: nothing is kept of them.
    """
    refused: list[Refused] = []
    accepted: list[PricedCall] = []
    for row in tombstones.without_erased(engine, calls):
        refusal = _rows.refusal_of(row, now_ns=now_ns, since_ns=since_ns)
        if refusal is None:
            accepted.append(row)
        else:
            refused.append(refusal)
    written = 0
    for start in range(0, len(accepted), MAX_BATCH):
        batch = settle.judged(accepted[start : start + MAX_BATCH])
        count, aside = _insert(engine, batch)
        written += count
        refused += aside
        settle.settle(engine, settle.Written.of(batch))
    return written, refused


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
