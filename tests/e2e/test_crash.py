"""`kill -9` of the application in mid-run and of the store's owner in mid-drain, twenty times, at seeded moments.

What had reached the disk whole is in the store, once. `pytest tests/e2e/test_crash.py` repeats it; the moments are
those of the seeds, what a process is at just then is the kernel's choice.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.dialects.own import calls_in
from otel_llmcost.spool import read_segment
from tests.e2e.conftest import DEADLINE_S, Place

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = range(20)
CALLS_OF_A_SEED = 1_000_000
HOURS_BACK = 8

# GPT-4o's published prices: 2.50 USD for a million input tokens, 10 USD for a million output tokens.
USD_PER_INPUT, USD_PER_OUTPUT = Decimal("2.50") / 10**6, Decimal(10) / 10**6


def kill(process: subprocess.Popen[str]) -> list[str]:
    """End a process as `kill -9` does, and return what it had printed."""
    process.kill()
    out, err = process.communicate(timeout=DEADLINE_S)
    assert not err, err
    return out.split("\n")[:-1]


def wait(process: subprocess.Popen[str], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def crash(place: Place, seed: int, started_at_ns: int) -> tuple[int, bool]:
    """Run application and owner side by side and kill both.

    Returns:
        The last call that the application knew to be on disk, and whether the owner died in mid-drain.
    """
    moments = random.Random(seed)
    first = (seed + 1) * CALLS_OF_A_SEED
    owner = place.start("owner.py", place.data_dir, instrumented=False)
    caller = place.start("caller.py", first, started_at_ns, instrumented=False)
    in_mid_drain = moments.random() < 0.8
    if in_mid_drain:
        assert owner.stdout is not None
        owner.stdout.readline()  # it is ready and begins to drain
        for _ in range(moments.randrange(min(seed + 1, 4))):
            owner.stdout.readline()  # a segment is in the store
        wait(owner, moments.uniform(0, 0.05))
    else:
        wait(owner, moments.uniform(0, 1))  # while it starts or migrates
    victims = [owner, caller]
    moments.shuffle(victims)
    in_mid_drain = in_mid_drain and owner.poll() is None
    said = {}
    for victim in victims:
        said[victim.args[1]] = kill(victim)
        wait(caller, moments.uniform(0, 0.05))
    return int((said[caller.args[1]] or [first - 1])[-1]), in_mid_drain


def whole_on_disk(spool: Path) -> set[int]:
    """Return every call whose frame is whole, wherever the segment lies; nothing is removed within a test's time."""
    paths = [path for pattern in ("*.open", "*.segment", "acknowledged/*") for path in spool.glob(pattern)]
    frames = [frame for path in paths for frame in read_segment(path).frames]
    return {int(call.span_id, 16) for frame in frames for call in calls_in(frame.payload)}


def expected_spend(numbers: set[int]) -> list[list[Any]]:
    spend = []
    for which in range(3):
        own = [number for number in numbers if number % 3 == which]
        tokens = sum(100 + number % 7 for number in own)
        cost = tokens * USD_PER_INPUT + 10 * len(own) * USD_PER_OUTPUT
        spend.append([f"feature_{which}", len(own), tokens, 10 * len(own), cost])
    return spend


@pytest.mark.long
def test_whatever_is_killed_what_was_whole_on_disk_is_in_the_store_once(place: Place) -> None:
    started_at_ns = (int(time.time()) - HOURS_BACK * 3600) * 10**9
    flushed = set()
    drains_cut = 0
    for seed in SEEDS:
        last, in_mid_drain = crash(place, seed, started_at_ns)
        flushed.update(range((seed + 1) * CALLS_OF_A_SEED, last + 1))
        drains_cut += in_mid_drain
    on_disk = whole_on_disk(place.spool)
    assert flushed <= on_disk, f"seeds {SEEDS}: {len(flushed - on_disk)} calls were flushed and are not on disk"

    final = place.run("owner.py", place.data_dir, "spend", instrumented=False)

    assert final.returncode == 0, final.stderr
    told = json.loads(final.stdout.splitlines()[-1])
    stored = Counter(dict(told["calls"]))
    seeds_of = lambda numbers: sorted({number // CALLS_OF_A_SEED - 1 for number in numbers})
    missing = on_disk - set(stored)
    assert not missing, f"{len(missing)} calls of seeds {seeds_of(missing)} are on disk and not in the store"
    twice = {number for number, rows in stored.items() if rows != 1}
    assert not twice, f"{len(twice)} calls of seeds {seeds_of(twice)} are in the store more than once"
    assert set(stored) == on_disk
    spend = [[*row[:-1], Decimal(row[-1])] for row in told["spend"]]
    assert spend == expected_spend(on_disk)
    assert drains_cut >= len(SEEDS) / 2
    assert len(on_disk) > 1000
