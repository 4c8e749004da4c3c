"""Opening the store: whoever owns it migrates it, drains the spool into it and derives, before it answers."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, Self

from otel_llmcost.cli.exits import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from otel_llmcost.drain import Drained
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.store import Refused, Store

SLOW_S: Final = 2.0
"""Whatever takes longer shows how far it is, on a terminal."""

_NAMED_FAULTS: Final = 5


@contextmanager
def opened(dsn: str, data_dir: Path, pricer: Pricer | None = None) -> Iterator[Store]:
    """Give the store, with all in it that was waiting in the spool.

    Args:
        dsn: Where it is; empty for the embedded store of the data directory.
        data_dir: Where the spool is.
        pricer: The rates; None for those of this set-up.

    Raises:
        ConfigError: The DSN, `llmcost.yaml` or a variable cannot be used.
        RateTableError: The rate table cannot be used.
        StoreError: The store cannot be reached, or another process owns it.
        SpoolError: The spool cannot be used.
    """
    has_spool = (data_dir / "spool").exists()
    pricer = pricer_of(data_dir) if pricer is None and has_spool else pricer
    with connected(dsn, data_dir) as store:
        store.migrate()
        if pricer is not None:
            drain_again(store, data_dir, pricer)
        yield store


def drain_again(store: Store, data_dir: Path, pricer: Pricer) -> Drained:
    """Bring what waits in the spool into an open store, derive, name what was set aside, and return what was done."""
    from otel_llmcost.drain import Drained

    if not (data_dir / "spool").exists():
        return Drained()
    done = drained(store, data_dir, pricer)
    if done.calls:
        store.derive()
    say_faults(done)
    return done


def pricer_of(data_dir: Path, rates: Path | None = None) -> Pricer:
    """Return the rates of this set-up, and name the models of `llmcost.yaml` that nobody knows.

    Args:
        data_dir: The data directory.
        rates: Another table than that of this set-up.

    Raises:
        ConfigError: `llmcost.yaml` or a variable cannot be used.
        RateTableError: The rate table cannot be used.
    """
    from otel_llmcost.config.pricer import load_pricer

    pricer = load_pricer(os.environ, data_dir, rates)
    if pricer.overlay:
        for name in pricer.overlay.unknown_names(pricer.table):
            say(f"llmcost.yaml: rates name {name}, of which rate table {pricer.table.version} knows nothing")
    return pricer


@contextmanager
def connected(dsn: str, data_dir: Path) -> Iterator[Store]:
    """Give the store as it is; rows that it refuses are kept in `refused.jsonl` of the data directory."""
    from otel_llmcost.exporter import default_dsn
    from otel_llmcost.store import connect

    with connect(dsn or default_dsn(data_dir), on_refused=lambda rows: keep_refused(rows, data_dir)) as store:
        yield store


def drained(store: Store, data_dir: Path, pricer: Pricer) -> Drained:
    """Bring the spool into the store and return what was done; show how far it is where that takes long."""
    from otel_llmcost.drain import drain

    spool = data_dir / "spool"
    waiting = sum(1 for path in spool.glob("*.segment"))
    with SlowProgress("draining the spool", waiting) as progress:
        return drain(spool, store, pricer, on_progress=lambda done: progress.advance_to(done.segments))


def say_faults(done: Drained) -> None:
    """Name what a drain had to set aside."""
    for fault in done.faults[:_NAMED_FAULTS]:
        say(f"set aside: {fault}")
    if len(done.faults) > _NAMED_FAULTS:
        say(f"set aside: {len(done.faults) - _NAMED_FAULTS} more")


def keep_refused(rows: Sequence[Refused], data_dir: Path) -> None:
    """Keep the calls that the store refused, a JSON line each, and say how many and why."""
    path = data_dir / "refused.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for refused in rows:
            line = {"kind": refused.kind, "reason": refused.reason, "call": asdict(refused.row.call)}
            file.write(json.dumps(line, default=str) + "\n")
    first = rows[0].row.call
    say(f"the store refused {len(rows)} calls, kept in {path}: {first.trace_id}/{first.span_id}: {rows[0].reason}")


class SlowProgress:
    """A progress bar on stderr that appears after two seconds, and only on a terminal.

    Args:
        label: What is being done.
        total: How much there is of it.
    """

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total = label, total
        self._began_s = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def advance_to(self, done: int) -> None:
        """Say how much is done."""
        if self._bar is None and sys.stderr.isatty() and time.monotonic() - self._began_s > SLOW_S:
            self._show()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=max(self._total, done))

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(self._label, total=self._total)

    def __enter__(self) -> Self:
        """Begin to count the time."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
