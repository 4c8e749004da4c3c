"""Measures how soon each alert tells its incident, and how often any speaks in vain, and writes it into docs/alerts.md.

`make matrix`, or `python -m tests.dashboards.matrix --seed 31337`: the months are drawn by that seed, to which no
threshold was fitted, for the incidents and for the months without any alike.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from tests.dashboards.test_alerts import BY_NAME, INCIDENTS, began_ns, filled, incidents, told_after
from tests.dashboards.test_alerts_silence import ENDS, quiet_months, said_in_vain

PAGE: Final = Path(__file__).parents[2] / "docs" / "alerts.md"
BEGIN: Final = "<!-- written by make matrix -->"
END: Final = "<!-- until here -->"
SEEDS: Final = (577215, 141421)
"""By these nothing was fitted. After the matrix of 31337, 1618 and 2718 three floors were lowered."""

GOES_WRONG: Final = {
    "velocity": "forty times the calls of a feature",
    "retry_loop": "one action asks the same forty times, with success",
    "prompt_growth": "a new system prompt, six times the tokens",
    "tenant_surge": "one customer asks thirty times as often",
    "demo_account": "a demo account spends 5 USD",
    "session_cost": "sessions of forty calls instead of three",
    "model_drift": "a model at eight times the price",
    "unknown_credential": "a key that nobody has seen spends 1 USD",
    "development_runaway": "evaluations run away in development",
    "unusable_answers": "70 % of answers are cut off",
    "cache_fall": "the cache does not hit any more",
    "unattributed_spend": "spend without a feature",
    "unpriced_model": "a model without a price",
    "collector_lag": "calls arrive half an hour late",
    "feature_day": "three times the calls at four times the tokens",
    "limit_warned": "80 % of the day's limit, by a surge",
    "limit_passed": "the day's limit, by a surge",
    "new_feature": "a feature that nobody announced spends 1 USD",
    "silence": "a service makes no calls",
}
AT_ONCE: Final = {
    "month_pace": ("the month is ahead of its plan", "the next hour"),
    "product_week": ("the week costs twice the usual", "the next day"),
    "stale_rates": ("rates older than 45 days, or another rate table", "the next hour"),
    "disk_full": ("a disk with less than a tenth left", "10 min"),
}
"""Rules that look at whole days or at the store: what they see is there or not, so they tell it when they next look."""


def told_minutes(seed: int) -> dict[str, int | None]:
    """Return after how many minutes each incident is told; None for never."""
    found: dict[str, int | None] = {}
    with tempfile.TemporaryDirectory() as place, filled(f"chdb://{place}/store", incidents(seed)) as store:
        for name, (_, within, _, _) in INCIDENTS.items():
            minutes, rows = told_after(store, BY_NAME[name], began_ns(name), within)
            found[name] = minutes if rows else None
    return found


def false_alarms(seed: int) -> dict[str, Counter[str]]:
    """Return how often each rule speaks in thirty days without an incident, by kind of month."""
    with tempfile.TemporaryDirectory() as place, filled(f"chdb://{place}/store", quiet_months(seed)) as store:
        return {month: Counter(rule for rule, _, _ in said_in_vain(store, month)) for month in ENDS}


def written(seeds: tuple[int, ...]) -> str:
    """Return the matrix as a table: of several seeds the slowest telling and the sum of false alarms."""
    told = [told_minutes(seed) for seed in seeds]
    vain = [false_alarms(seed) for seed in seeds]
    lines = [
        "| what goes wrong | alert | told within | false alarms, calm | growing |",
        "|---|---|---|---|---|",
    ]
    for name in (*GOES_WRONG, *AT_ONCE):
        what, within = (
            AT_ONCE[name] if name in AT_ONCE else (GOES_WRONG[name], _slowest(name, [each[name] for each in told]))
        )
        alarms = [sum(each[month][name] for each in vain) for month in ("calm", "growing")]
        lines.append(f"| {what} | {name} | {within} | {alarms[0]} | {alarms[1]} |")
    said = ", ".join(str(seed) for seed in seeds)
    return "\n".join([*lines, "", f"Seeds {said}: of each incident the slowest telling, of false alarms the sum."])


def _slowest(name: str, minutes: list[int | None]) -> str:
    known = [each for each in minutes if each is not None]
    return (
        f"{max(known)} min"
        if len(known) == len(minutes)
        else f"not within {INCIDENTS[name][1]} min for {len(minutes) - len(known)} of {len(minutes)} seeds"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="draw the months by this seed; may be repeated")
    parser.add_argument("--print", action="store_true", help="print the matrix and write nothing")
    given = parser.parse_args()
    matrix = written(tuple(given.seed or SEEDS))
    if given.print:
        print(matrix)  # noqa: T201 # a command of ours
        return 0
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{matrix}\n\n{END}", page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
