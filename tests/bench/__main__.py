"""`python -m tests.bench`: measure, print, and write `.build/bench/results.json`."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench import calls, collector, faults, micro, pricing, results, startup, store
from tests.bench.environments import BUILD, python_of
from tests.bench.subjects import RIVALS

if TYPE_CHECKING:
    from collections.abc import Callable

_PARTS: Final[dict[str, Callable[[argparse.Namespace], Any]]] = {
    "calls": lambda asked: calls.measure(calls.OPENAI, asked.rounds),
    "floor": lambda asked: calls.measure(calls.FLOOR, asked.rounds),
    "anthropic": lambda asked: calls.measure(calls.ANTHROPIC, asked.rounds),
    "bedrock": lambda asked: calls.measure(calls.BEDROCK, asked.rounds),
    "faults": lambda asked: faults.measure(asked.rounds),
    "startup": lambda asked: startup.measure(asked.runs),
    "micro": lambda asked: micro.measure(asked.runs),
    "pricing": lambda asked: pricing.measure(asked.rounds),
    "collector": lambda asked: collector.measure(asked.spans),
    "memory": lambda asked: collector.hold(asked.spans),
    "store": lambda asked: store.measure(asked.size, asked.keep),
    "panels": lambda asked: store.panels(asked.size, asked.keep),
}

_WITH = {"openai": ("calls", "startup"), "anthropic": ("anthropic",), "boto3": ("bedrock",)}
"""The parts that measure each SDK."""

_ASKED_FOR = {"memory", "panels"}
"""The parts that are measured only where they are asked for: as long as all others, and a part of another."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only",
        choices=tuple(_PARTS),
        help="one part instead of all",
    )
    parser.add_argument("--rounds", type=int, default=11, help="rounds of calls")
    parser.add_argument("--runs", type=int, default=5, help="fresh processes of each kind")
    parser.add_argument("--spans", type=int, default=200_000, help="spans through the collector and beside it")
    parser.add_argument("--size", type=int, default=2_000_000, help="calls in the store, four minutes a million")
    parser.add_argument("--keep", type=Path, help="directory that keeps the store: the next run only asks it again")
    asked = parser.parse_args()
    for name, rival in RIVALS.items():
        if asked.only is None or asked.only in _WITH[rival.sdk]:
            python_of(name)
    found = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine()}
    started = time.monotonic()
    for name, measure in _PARTS.items():
        if asked.only == name or (asked.only is None and name not in _ASKED_FOR):
            sys.stderr.write(f"Measuring {name} …\n")
            found[name] = measure(asked)
    shutil.rmtree(BUILD / "data", ignore_errors=True)
    found["took_s"] = round(time.monotonic() - started, 1)
    for line in results.tables(found):
        sys.stdout.write(line + "\n")
    target = BUILD / ("results.json" if asked.only is None else f"results-{asked.only}.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _machine() -> dict[str, str]:
    return {"platform": platform.platform(), "processor": platform.machine(), "python": platform.python_version()}


if __name__ == "__main__":
    main()
