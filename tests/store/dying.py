"""Run one operation of the ledger in a process of its own that kills itself, as a power cut would, at a given step.

`python -m tests.store.dying OPERATION DSN STEP`: every statement that the store is sent is a step.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otel_llmcost.ledger import books
from otel_llmcost.ledger.backfill import Progress, backfill, exports
from otel_llmcost.ledger.backfill.batches import parts_of_results
from otel_llmcost.ledger.reprice import reprice
from otel_llmcost.store import connect
from tests.store import test_batch_results, test_books
from tests.store.test_backfill import PRICER
from tests.store.test_reprice import NEW, WINDOW

if TYPE_CHECKING:
    from otel_llmcost.store import Store


def run(operation: str, store: Store, place: Path) -> None:
    """Do what the test is about."""
    if operation == "migrate":
        store.migrate()
    elif operation == "reprice":
        reprice(store, WINDOW, NEW)
    elif operation == "close":
        books.close(store, test_books.LAST, today=test_books.TODAY, **test_books.WHO)
    elif operation == "erase":
        store.erase("tenant", "leaving", actor="dpo", reason="asked for it")
    elif operation == "results":
        path, job = place / "in.jsonl.out", test_batch_results.NOVA
        parts = partial(parts_of_results, store, path, test_batch_results.blank(), job, lines=20)
        backfill(store, parts, test_batch_results.PRICER, Progress(place / "progress", "test"))
    else:
        parts = partial(exports.parts_of_export, place / "spend.csv", exports.of_litellm)
        backfill(store, parts, PRICER, Progress(place / "progress", "test"))


def main(operation: str, dsn: str, place: str, last: str) -> None:
    """Run the operation and die at its `last` step."""
    steps = count(1)
    with connect(dsn) as store:

        def step(real: Any, *arguments: Any, **named: Any) -> Any:
            if next(steps) == int(last):
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        for name in ("command", "change", "insert", "query"):
            setattr(store._engine, name, partial(step, getattr(store._engine, name)))
        run(operation, store, Path(place))
        store.derive()


if __name__ == "__main__":
    main(*sys.argv[1:])
