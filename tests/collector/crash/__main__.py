"""`python -m tests.collector.crash`: the whole crash test; `--seed` repeats one."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.collector.crash.run import Plan, run
from tests.support import clickhouse


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--calls", type=int, default=Plan().calls)
    parser.add_argument("--collector-kills", type=int, default=Plan().collector_kills)
    parser.add_argument("--server-kills", type=int, default=Plan().server_kills)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    plan = Plan(asked.calls, asked.collector_kills, asked.server_kills, asked.seed)
    sys.stderr.write(f"{plan}\n")
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="llmcost-crash-") as place:
        outcome = run(plan, Path(place), clickhouse.fetch())
    for name in ("calls", "hours", "sessions"):
        sent, stored = getattr(outcome.sent, name), getattr(outcome.stored, name)
        verdict = (
            "exact" if sent == stored else f"WRONG, {sum(sent[key] != stored.get(key) for key in sent)} groups differ"
        )
        sys.stdout.write(f"{name}: {len(sent)} groups, {verdict}\n")
    read = outcome.by_column + outcome.one_by_one
    sys.stdout.write(f"tellings of calls in all segments: {read}, {outcome.by_column} of them read by column\n")
    sys.stdout.write(f"sent   {outcome.sent.calls[('all',)]}\nstored {outcome.stored.calls[('all',)]}\n")
    sys.stdout.write(f"seed {plan.seed}, {time.monotonic() - began_s:.0f} s\n")
    return 0 if outcome.is_exact else 1


if __name__ == "__main__":
    sys.exit(main())
