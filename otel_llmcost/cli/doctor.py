"""`llmcost doctor`: what is set up here, what is missing, and how to fix it."""

import json
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import typer

from otel_llmcost.cli.exits import ExitCode
from otel_llmcost.cli.options import DataDir, Dsn, TableOrJson, TableOrJsonOption, data_dir_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.cli.checks import Finding

_MARKS: Final = {"ok": ("ok", "green"), "note": ("note", "yellow"), "fix": ("FIX", "bold red")}


def doctor(form: TableOrJsonOption = TableOrJson.TABLE, dsn: Dsn = "", data_dir: DataDir = None) -> None:
    """Look at the set-up: what is instrumented, where calls go, what waits, what is priced and named.

    It looks and changes nothing: the spool is not drained and the schema stays as it is. The exit code is 1 if
    there is something to fix.
    """
    from otel_llmcost.cli import checks
    from otel_llmcost.cli.store_checks import check_store

    place = data_dir_of(data_dir)
    findings = [
        *checks.check_versions(),
        *checks.check_instrumentation(os.environ),
        *checks.check_destination(place, os.environ),
        *checks.check_spool(place, now_s=time.time()),
        *check_store(dsn, place),
        *checks.check_rates(place, os.environ),
    ]
    faults = sum(finding.state == checks.State.FIX for finding in findings)
    if form is TableOrJson.JSON:
        print(json.dumps({"to_fix": faults, "findings": [asdict(each) for each in findings]}, indent=2))
    else:
        _print_findings(findings, faults)
    if faults:
        raise typer.Exit(ExitCode.FINDINGS)


def _print_findings(findings: "Sequence[Finding]", faults: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from otel_llmcost.cli.amounts import plural
    from otel_llmcost.cli.tables import console, printable

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    topic = ""
    for finding in findings:
        mark, style = _MARKS[finding.state]
        said = Text(printable(finding.fact))
        if finding.fix:
            said.append(f"\n→ {printable(finding.fix)}", style=style)
        table.add_row(finding.topic if finding.topic != topic else "", Text(mark, style=style), said)
        topic = finding.topic
    out = console()
    out.print(table)
    verdict = f"{plural(faults, 'thing')} to fix" if faults else "Nothing to fix."
    out.print(Text(f"\n{verdict}", style="bold red" if faults else "bold green"))
