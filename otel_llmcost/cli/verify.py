"""`llmcost verify`: prove that what is derived equals the calls."""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from otel_llmcost.cli.exits import ExitCode
from otel_llmcost.cli.options import DataDir, Dsn, Format, FormatOption, data_dir_of

if TYPE_CHECKING:
    from otel_llmcost.ledger.verify import Fault, Verification


def verify(
    since: Annotated[str, typer.Option("--since", help="The first day: a duration, a date, yesterday.")] = "30d",
    until: Annotated[str, typer.Option("--until", help="The first moment after the last day, likewise.")] = "now",
    repair: Annotated[bool, typer.Option("--repair", help="Derive anew what differs.")] = False,
    form: FormatOption = Format.TABLE,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> ExitCode:
    """Prove that every rollup equals the calls, every call is one row, and no hour was left out."""
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.cli.progress import SlowProgress
    from otel_llmcost.cli.when import window_of
    from otel_llmcost.ledger.verify import DAY_NS
    from otel_llmcost.ledger.verify import verify as run

    window = window_of(since, until, timezone="UTC", now_ns=time.time_ns())
    days = (window.until_ns - window.since_ns) // DAY_NS + 1
    with opened(dsn, data_dir_of(data_dir)) as store, SlowProgress("comparing", days) as progress:
        found = run(store, window, repairs=repair, on_progress=progress.advance_to)
    if form is Format.JSON:
        print(json.dumps(_told(found), indent=2))
    else:
        _show(found)
    return ExitCode.FINDINGS if found.faults else ExitCode.OK


def _show(found: "Verification") -> None:
    from otel_llmcost.cli.amounts import plural

    for fault in found.repaired:
        print(f"repaired: {_line(fault)}")
    for fault in found.faults:
        print(f"fault: {_line(fault)}")
    if not found.faults:
        print(f"{plural(found.calls, 'call')}: every rollup equals them, each is one row, no hour is missing")


def _line(fault: "Fault") -> str:
    from otel_llmcost.cli.amounts import money
    from otel_llmcost.cli.when import shown

    when = shown(fault.period_ns, "UTC")
    if fault.kind != "derived_differs":
        return f"{when} {fault.kind}: {fault.subject}"
    return f"{when} {fault.subject}: {fault.missing_calls:+,} calls and {money(fault.missing_cost)} are missing"


def _told(found: "Verification") -> dict[str, object]:
    from otel_llmcost.cli.amounts import text_of
    from otel_llmcost.cli.when import iso

    def told(fault: "Fault") -> dict[str, object]:
        return {
            "kind": fault.kind,
            "subject": fault.subject,
            "period": iso(fault.period_ns, "UTC"),
            "missing_calls": fault.missing_calls,
            "missing_list_cost": text_of(fault.missing_cost),
        }

    return {
        "calls": found.calls,
        "faults": list(map(told, found.faults)),
        "repaired": list(map(told, found.repaired)),
    }
