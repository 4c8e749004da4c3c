"""What a spend report looks like: a table for people, JSON and CSV with exact decimal text for programs."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.cli.amounts import UNATTRIBUTED, count, money, money_column, percent, plural, text_of
from otel_llmcost.cli.tables import Column, table_of
from otel_llmcost.cli.when import iso, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

    from otel_llmcost.reports import Coverage, Measures, SpendReport, SpendRow

_COUNTS: Final = ("calls", "errors", "input_tokens", "cache_read_tokens", "output_tokens")
FIELDS: Final = (*_COUNTS, "list_cost", "effective_cost", "share", "unpriced_calls")
"""What stands behind the dimensions in JSON and CSV."""


def print_report(report: SpendReport, console: Console, *, title: str = "") -> None:
    """Print the report as a table with its footer."""
    window = report.window
    begin, end = (shown(at, window.timezone) for at in (window.since_ns, window.until_ns))
    title = title or f"Spend by {', '.join(report.by)}, {begin} to {end} {window.timezone}"
    if not report.rows:
        console.print(f"No calls from {begin} to {end} {window.timezone}.")
        return
    console.print(report_table(report, width=console.width, title=title))
    if report.groups > len(report.rows):
        console.print(f"{count(report.groups - len(report.rows))} more rows; --limit shows them")
    for line in footer(report.coverage):
        console.print(line, style="dim")


def report_table(report: SpendReport, *, width: int, title: str) -> Table:
    """Return the rows of the report and their total."""
    return table_of(list(_columns(report)), width=width, title=title, has_total=True)


def footer(coverage: Coverage) -> Iterator[str]:
    """Yield what is to be known of the numbers: how many are priced, by which rates, named by whom, and what to do."""
    total = coverage.total
    priced = f"priced {count(total.calls - total.unpriced_calls)}/{count(total.calls)}"
    rates = f"rate table {', '.join(coverage.rate_table_versions) or 'none'}"
    named = (
        f"named {count(coverage.named_calls)}/{count(total.calls)} calls, {percent(coverage.named_share)} of the cost"
    )
    yield f"{priced} · {rates} · {named}"
    for reason in coverage.unpriced:
        of = f" of {reason.provider}/{reason.model}" if reason.model else ""
        yield f"unpriced: {plural(reason.calls, 'call')}{of}: {reason.detail or reason.price_status}"
    for site in coverage.unnamed:
        where = site.call_site or f"an unknown place in {site.service_name or 'an unnamed service'}"
        yield f"name next: {where}: {plural(site.calls, 'call')}, {money(site.list_cost)}"


def report_json(report: SpendReport) -> str:
    """Return the report as a JSON object; every amount and share is exact decimal text, an unknown one null."""
    coverage, window = report.coverage, report.window
    answer = {
        "since": iso(window.since_ns, window.timezone),
        "until": iso(window.until_ns, window.timezone),
        "timezone": window.timezone,
        "by": report.by,
        "rows": [dict(zip(report.by, row.keys, strict=True)) | _fields_of_row(row) for row in report.rows],
        "rows_left_out": report.groups - len(report.rows),
        "total": _fields(coverage.total),
        "priced_calls": coverage.total.calls - coverage.total.unpriced_calls,
        "rate_table_versions": coverage.rate_table_versions,
        "named_calls": coverage.named_calls,
        "named_share": None if coverage.named_share is None else str(coverage.named_share),
        "name_next": [
            {
                "call_site": site.call_site,
                "service": site.service_name,
                "calls": site.calls,
                "list_cost": text_of(site.list_cost),
            }
            for site in coverage.unnamed
        ],
        "unpriced": [
            {
                "price_status": each.price_status,
                "provider": each.provider,
                "model": each.model,
                "detail": each.detail,
                "calls": each.calls,
            }
            for each in coverage.unpriced
        ],
    }
    return json.dumps(answer, indent=2, ensure_ascii=False)


def report_csv(report: SpendReport) -> str:
    """Return the rows of the report as CSV; every amount is exact decimal text, an unknown one empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*report.by, *FIELDS))
    for row in report.rows:
        told = _fields_of_row(row)
        writer.writerow((*row.keys, *(told[name] for name in FIELDS)))
    return out.getvalue().rstrip("\n")


def _columns(report: SpendReport) -> Iterator[Column]:
    rows, total = [row.measures for row in report.rows], report.coverage.total
    for index, name in enumerate(report.by):
        empty = UNATTRIBUTED if name == "feature" else "-"
        values = [row.keys[index] or empty for row in report.rows]
        yield Column(header=name, values=values, total="" if index else "total")

    def counts(header: str, name: str, rank: int) -> Column:
        values = [count(getattr(row, name)) for row in rows]
        return Column(header=header, values=values, is_number=True, rank=rank, total=count(getattr(total, name)))

    yield counts("calls", "calls", 0)
    if total.errors:
        yield counts("errors", "errors", 1)
    yield counts("input", "input_tokens", 2)
    yield counts("cached", "cache_read_tokens", 3)
    yield counts("output", "output_tokens", 2)
    if total.unpriced_calls:
        yield counts("unpriced", "unpriced_calls", 0)
    yield _cost_column("cost", "list_cost", rows, total)
    if any(row.effective_cost != row.list_cost for row in (*rows, total)):
        yield _cost_column("effective", "effective_cost", rows, total)
    yield Column(header="share", values=[percent(row.share) for row in report.rows], is_number=True, rank=1)


def _cost_column(header: str, name: str, rows: list[Measures], total: Measures) -> Column:
    *values, last = money_column([getattr(row, name) for row in (*rows, total)])
    return Column(header=header, values=values, is_number=True, style="green", total=last)


def _fields_of_row(row: SpendRow) -> dict[str, Any]:
    return _fields(row.measures) | {"share": None if row.share is None else str(row.share)}


def _fields(measures: Measures) -> dict[str, Any]:
    return {name: getattr(measures, name) for name in _COUNTS} | {
        "list_cost": text_of(measures.list_cost),
        "effective_cost": text_of(measures.effective_cost),
        "unpriced_calls": measures.unpriced_calls,
    }
