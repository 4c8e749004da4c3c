"""What it costs an application to have us: time to set up, and memory after a thousand calls. Fresh processes only."""

from __future__ import annotations

from statistics import median
from typing import Any, Final

from tests.bench.driver import Driven
from tests.bench.subjects import BARE, OURS, rivals_of

CALLS: Final = 1_000


def measure(runs: int) -> dict[str, Any]:
    """Return the medians of each subject.

    `setup_ms` is the CPU time of importing and instrumenting where opentelemetry-sdk is imported already;
    `setup_after_openai_ms` where openai is too, which some instrumentations import themselves. `rss_mb` is what the
    process holds more than a bare one after the same calls.
    """
    subjects = (BARE[0], OURS, *rivals_of("openai"))
    alone: dict[str, list[float]] = {subject: [] for subject in subjects}
    after: dict[str, list[float]] = {subject: [] for subject in subjects}
    held: dict[str, list[float]] = {subject: [] for subject in subjects}
    for _ in range(runs):
        for subject in subjects:
            with Driven(subject, first="") as worker:
                alone[subject].append(worker.hello["setup_cpu_ms"])
            with Driven(subject) as worker:
                after[subject].append(worker.hello["setup_cpu_ms"])
                worker.do("chat", calls=CALLS)
                held[subject].append(worker.do("about")["rss_mb"])
    bare_mb = median(held[BARE[0]])
    return {
        "bare_rss_mb": bare_mb,
        "setup_ms": {subject: median(alone[subject]) for subject in subjects[1:]},
        "setup_after_openai_ms": {subject: median(after[subject]) for subject in subjects[1:]},
        "rss_mb": {subject: median(held[subject]) - bare_mb for subject in subjects[1:]},
    }
