"""What calls take whose recording fails: a fault in each function of ours that they pass, one after the other."""

from __future__ import annotations

from statistics import median
from typing import Any, Final

from tests.bench.driver import Driven
from tests.bench.subjects import BARE, OURS

JOBS: Final[dict[str, dict[str, Any]]] = {
    "chat": {"job": "chat", "calls": 50},
    "stream of 8 chunks": {"job": "stream", "calls": 30, "chunks": 8, "asks_for_usage": True},
}

_KINDS: Final = ("cpu", "wall")


def measure(rounds: int) -> dict[str, Any]:
    """Return by job the microseconds, of CPU and of waiting, on top of bare: healthy, and by function that fails."""
    with Driven(BARE[0]) as bare, Driven(OURS) as ours:
        return {name: _of_job(bare, ours, job, rounds) for name, job in JOBS.items()}


def _of_job(bare: Driven, ours: Driven, job: dict[str, Any], rounds: int) -> dict[str, Any]:
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in ("", *ours.do("functions", of=job))}
    for _ in range(rounds):
        before = bare.do(**job)
        for name, found in taken.items():
            after = ours.do("failing_at", function=name, of=job) if name else ours.do(**job)
            found.append({kind: (after[f"{kind}_ns"] - before[f"{kind}_ns"]) / job["calls"] / 1e3 for kind in _KINDS})
    added = {name: {kind: median(each[kind] for each in found) for kind in _KINDS} for name, found in taken.items()}
    return {"healthy": added.pop(""), "failing": added}


def lines(found: dict[str, Any]) -> list[str]:
    """Return what was found as a table."""
    out = ["", "µs on top of bare, CPU and time: where a function of ours fails whenever it is called", ""]
    out += ["| | healthy | functions | median of them | most CPU | most time |", "|---|---|---|---|---|---|"]
    for job, each in found.items():
        failing = each["failing"]
        middle = {kind: median(added[kind] for added in failing.values()) for kind in _KINDS}
        most = (max((added[kind], name) for name, added in failing.items()) for kind in _KINDS)
        worst = " | ".join(f"{us:.0f} in `{name}`" for us, name in most)
        out.append(f"| {job} | {_pair(each['healthy'])} | {len(failing)} | {_pair(middle)} | {worst} |")
    return out


def _pair(added: dict[str, float]) -> str:
    return f"{added['cpu']:.0f}, {added['wall']:.0f}"
