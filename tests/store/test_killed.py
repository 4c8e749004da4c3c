"""A process that dies at any step leaves a ledger that the next run brings to the same end."""

from __future__ import annotations

import csv
import datetime as dt
import shutil
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.ledger.verify import verify
from otel_llmcost.store import connect
from tests.store import test_batch_results, test_books, test_erasing, test_reprice
from tests.store.dying import run
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, PICO, SAID, a_call

if TYPE_CHECKING:
    from otel_llmcost.store import Store

STEPS = {
    "migrate": (2, 31, 55, 80, 111),
    "reprice": (2, 4, 6, 20),
    "erase": (4, 6, 8, 30, 40),
    "backfill": (2, 5, 12),
    "results": (4, 8, 14),
    "close": (13, 28, 29, 30),
}
"""Statements before which the process dies; together they stand in each part of each operation."""

pytestmark = pytest.mark.long


def prepare(operation: str, store: Store, place: Path) -> None:
    """Fill the ledger, or the file, that the operation starts from."""
    if operation == "reprice":
        calls = [test_reprice.call(n, "m", at_ns=MIDNIGHT_NS + n * HOUR_NS) for n in range(1, 6)]
        store.write([*calls, test_reprice.call(9, "new")])
        store.derive()
    elif operation == "erase":
        store.write(test_erasing.calls())
        store.derive(*SAID)
    elif operation == "close":
        store.write([a_call(1, started_at_ns=test_books.at_ns(test_books.LAST), cost=5)])
    elif operation == "results":
        test_batch_results.written(place / "in.jsonl.out", *map(test_batch_results.nova, range(50)))
    elif operation == "backfill":
        start = dt.datetime.fromtimestamp(MIDNIGHT_NS // 10**9, dt.UTC).isoformat()
        row = {"startTime": start, "model": "gpt-5.2", "prompt_tokens": "1000", "completion_tokens": "100"}
        with (place / "spend.csv").open("w", newline="") as file:
            out = csv.DictWriter(file, ["request_id", *row])
            out.writeheader()
            out.writerows(row | {"request_id": f"r{number}"} for number in range(50))


def end_of(operation: str, store: Store) -> tuple[tuple[object, ...], ...]:
    if operation == "migrate":
        sql = "SELECT table, name, type, comment FROM system.columns WHERE database = currentDatabase() ORDER BY ALL"
        return store.query(sql).rows
    if operation == "close":
        sql = """
            SELECT count(), sum(list_cost), (SELECT count() FROM closed_months),
                (SELECT groupArray((calls, list_cost)) FROM cost_events WHERE kind = 'month_closed')
            FROM books
        """
        return store.query(sql).rows
    return store.query(
        "SELECT feature, sum(calls), sum(unpriced_calls), sum(list_cost) FROM spend_hourly GROUP BY 1"
    ).rows


EXPECTED = {
    # Five calls at 0.003 and one that had no price, at 0.005.
    "reprice": (("search", 6, 0, Decimal("0.020")),),
    "erase": (("", 2, 0, Decimal("0.000000004005")), ("chat", 1, 0, Decimal("0.00000000002"))),
    # 1,000 input tokens at 2 and 100 output tokens at 10 USD a million, fifty times.
    "backfill": (("", 50, 0, Decimal("0.15")),),
    # Fifty at 0.0013.
    "results": (("", 50, 0, Decimal("0.065")),),
    "close": ((1, 5 * PICO, 1, [(1, 5 * PICO)]),),
}


@pytest.mark.parametrize(("operation", "step"), [(name, step) for name, steps in STEPS.items() for step in steps])
def test_a_run_killed_at_any_step_is_finished_by_the_next(
    operation: str, step: int, tmp_path: Path, migrated_files: Path
) -> None:
    dsn = f"chdb://{tmp_path}/store"
    if operation != "migrate":
        shutil.copytree(migrated_files, tmp_path / "store", symlinks=True)
    with connect(dsn) as store:
        prepare(operation, store, tmp_path)
    command = [sys.executable, "-m", "tests.store.dying", operation, dsn, str(tmp_path), str(step)]
    died = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    with connect(dsn) as store:
        store.migrate()
        run(operation, store, tmp_path)
        if operation != "migrate":
            assert verify(store, test_erasing.WINDOW).faults == ()  # it derives
            assert sorted(end_of(operation, store)) == sorted(EXPECTED[operation])
            return
        with_interruption = end_of(operation, store)
    with connect(f"chdb://{migrated_files}") as other:
        assert end_of(operation, other) == with_interruption
