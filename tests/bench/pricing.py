"""What pricing a call takes: our kernel and scalar engine beside two libraries, on the same calls in the same run."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Self

from otel_llmcost.pricing import load_rate_table
from tests.bench.environments import ROOT, environ, environment
from tests.bench.pricing_worker import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

RIVALS: Final = {"genai-prices": "0.2.3", "litellm": "1.106.2"}
"""The releases that the rate table is built from."""

KEYS: Final = 500
BATCH: Final = 10_000
SAMPLE: Final = 2_000
"""Calls of a rival in each round: they are slow."""

WAYS: Final = {
    "columns": "kernel, columns in and out",
    "cold": "… the first batch of a table",
    "batch": "kernel, calls in, prices out",
    "scalar": "scalar engine",
}


def measure(rounds: int) -> dict[str, Any]:
    """Return the calls a second, of one core, of each way and each rival: the median of rounds, and the best.

    All price the same calls: of models that all of them know, in random order.
    """
    with ExitStack() as stack:
        workers = {subject: stack.enter_context(_Driven(subject, python)) for subject, python in _pythons()}
        names = _names(workers)
        rng = random.Random(0)
        calls = [(*rng.choice(names), _counts(rng)) for _ in range(BATCH)]
        for worker in workers.values():
            worker.do("load", calls=calls)
        taken: dict[str, list[float]] = {}
        for _ in range(rounds + 1):
            for way in WAYS:
                taken.setdefault(way, []).append(workers[OURS].do("price", calls=BATCH, how=way) / BATCH)
            for rival in RIVALS:
                taken.setdefault(rival, []).append(workers[rival].do("price", calls=SAMPLE, how="") / SAMPLE)
        about = {subject: worker.do("about")["version"] for subject, worker in workers.items()}
    return {
        "keys": len(names),
        "batch": BATCH,
        "us": {name: {"median": median(each[1:]) * 1e6, "best": min(each[1:]) * 1e6} for name, each in taken.items()},
        "versions": about,
    }


def _pythons() -> Iterator[tuple[str, Path | str]]:
    yield OURS, sys.executable
    for rival, version in RIVALS.items():
        yield rival, environment(f"pricing-{rival}", f"{rival}=={version}")


def _names(workers: dict[str, _Driven]) -> list[tuple[str, str]]:
    """Return the provider and name of `KEYS` models that everybody knows."""
    names = [(rates.provider, name) for rates in load_rate_table().models for name in (rates.model, *rates.names)]
    for worker in workers.values():
        known = worker.do("know", names=names)
        names = [name for name, is_known in zip(names, known, strict=True) if is_known]
    random.Random(1).shuffle(names)
    return names[:KEYS]


def _counts(rng: random.Random) -> tuple[int, int, int]:
    read = rng.randrange(200, 20_000)
    return read, read // 4, rng.randrange(1, 2_000)


class _Driven:
    """A worker process; a context manager that ends it."""

    def __init__(self, subject: str, python: Path | str) -> None:
        command = [python, "-m", "tests.bench.pricing_worker", subject]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def do(self, job: str, **asked: Any) -> Any:
        """Have it do a job, and return its answer."""
        self._process.stdin.write(json.dumps({"job": job, **asked}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            msg = f"the worker {self._process.args} died with status {self._process.wait()}"
            raise RuntimeError(msg)
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def rows(found: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the table of what was measured."""
    ours = found["us"]["columns"]["median"]
    for name, told in WAYS.items():
        yield _row(told, found["us"][name], ours)
    for rival in RIVALS:
        yield _row(f"{rival} {found['versions'][rival]}", found["us"][rival], ours)


def goals(found: dict[str, Any]) -> list[tuple[str, float, float, str]]:
    """Return the goals: a million calls a second by column, even the first ones; 150,000 one by one."""
    us = found["us"]
    return [
        (f"price by column, {found['keys']} kinds of call found anew", us["cold"]["median"], 1.0, "µs"),
        ("price by column, kinds known from batches before", us["columns"]["median"], 1.0, "µs"),
        ("price one by one", us["scalar"]["median"], 1e6 / 150_000, "µs"),
    ]


def _row(name: str, us: dict[str, float], ours: float) -> list[str]:
    a_second = f"{1e6 / us['median']:,.0f}"
    return [name, f"{us['median']:.2f}", f"{us['best']:.2f}", a_second, f"{us['median'] / ours:.0f}"]
