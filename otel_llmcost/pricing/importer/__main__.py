"""Writes the rate table that ships with the package and says what is in it.

Usage: python -m otel_llmcost.pricing.importer [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from otel_llmcost.errors import RateTableError
from otel_llmcost.pricing.compiled import unix_ns
from otel_llmcost.pricing.coverage import coverage
from otel_llmcost.pricing.importer.build import CHECKED, compile_table
from otel_llmcost.pricing.table import SHIPPED, rate_table_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otel_llmcost.pricing.importer.build import Build


def main(arguments: Sequence[str]) -> int:
    """Write the table to the file named, or to its place in the package; return the exit code."""
    path = Path(arguments[0]) if arguments else SHIPPED
    try:
        build = compile_table()
        table = rate_table_of(build.content, path)
    except RateTableError as exc:
        sys.stderr.write(f"no rate table was written: {exc}\n")
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.content)
    told = "\n".join(lines_of(build))
    sys.stdout.write(f"{told}\n\n{path}: version {table.version}, {len(build.content):,} bytes\n")
    return 0


def lines_of(build: Build) -> Iterator[str]:
    """Yield the report for people: coverage by provider, then everything left out, by name."""
    report, agreement = build.report, build.agreement
    table = rate_table_of(build.content, SHIPPED)
    yield f"{'provider':26}{'models':>8}{'names':>8}{'cards':>8}{'agreed':>8}{'decided':>8}{'single':>8}  cards by tier"
    for entry in coverage(table, unix_ns(CHECKED.isoformat())):
        numbers = (entry.models, entry.names, entry.cards, entry.agreed, entry.decided, entry.single)
        tiers = ", ".join(f"{tier} {count}" for tier, count in sorted(entry.tiers.items()))
        placed = f", of places {entry.placed}" if entry.placed else ""
        yield f"{entry.provider:26}{''.join(f'{number:8}' for number in numbers)}  {tiers}{placed}"
    for title, names in (
        ("prices of resellers that are not exact; the meter stays unpriced", sorted(report.faults.inexact)),
        ("prices without a meter here", sorted(report.faults.no_meter)),
        ("left out", sorted(report.left_out)),
        ("entries of litellm that contradict another of its own", sorted(agreement.contradicted)),
        ("entries of a place whose model is sold nowhere else", sorted(agreement.homeless)),
    ):
        yield f"\n{title}: {len(names)}"
        yield from (f"  {name}" for name in names)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
