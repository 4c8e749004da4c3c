"""`llmcost verify`: prove that what is derived equals the calls, and that the tables are those of the migrations."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otel_llmcost.cli.exits import ExitCode
from otel_llmcost.cli.options import DataDir, Dsn, TableOrJson, TableOrJsonOption, data_dir_of

if TYPE_CHECKING:
    from otel_llmcost.ledger.verify import Fault, Verification
    from otel_llmcost.store import Difference


def verify(
    since: Annotated[str, typer.Option("--since", help="The first day: a duration, a date, yesterday.")] = "30d",
    until: Annotated[str, typer.Option("--until", help="The first moment after the last day, likewise.")] = "now",
    repair: Annotated[bool, typer.Option("--repair", help="Derive anew what differs.")] = False,
    form: TableOrJsonOption = TableOrJson.TABLE,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> ExitCode:
    """Prove that every rollup equals the calls, every call is one row, no hour was left out, no table was changed."""
    from otel_llmcost.cli.exits import say
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.cli.progress import SlowProgress
    from otel_llmcost.cli.when import window_of
    from otel_llmcost.ledger.verify import DAY_NS, Verification
    from otel_llmcost.ledger.verify import verify as run

    window = window_of(since, until, timezone="UTC", now_ns=time.time_ns())
    days = (window.until_ns - window.since_ns) // DAY_NS + 1
    changed = _changed_by_hand(dsn, data_dir_of(data_dir))
    if any(difference.is_gone for difference in changed):
        say("calls were not compared: make what is gone first")
        found = Verification(0, ())
    else:
        place = data_dir_of(data_dir)
        with opened(dsn, place, changes=repair) as store, SlowProgress("comparing", days) as progress:
            found = run(store, window, repairs=repair, on_progress=progress.advance_to)
    if form is TableOrJson.JSON:
        print(json.dumps(_told(found) | {"definitions": [asdict(difference) for difference in changed]}, indent=2))
    else:
        _show(found, changed)
    return ExitCode.FINDINGS if found.faults or changed else ExitCode.OK


def _changed_by_hand(dsn: str, data_dir: Path) -> "tuple[Difference, ...]":
    """Return what the migrations make otherwise. It is asked first: a store that lacks a view cannot be opened."""
    from otel_llmcost.cli.exits import say
    from otel_llmcost.cli.opened import asked_elsewhere, connected
    from otel_llmcost.cli.progress import SlowProgress
    from otel_llmcost.errors import StoreRefusedError

    if asked_elsewhere(dsn, data_dir):
        say("tables were not compared with the migrations: another process owns the store")
        return ()
    with connected(dsn, data_dir) as store, SlowProgress("comparing tables with the migrations"):
        try:
            return store.changed_by_hand()
        except StoreRefusedError as exc:
            say(f"tables were not compared with the migrations: {exc}")
            return ()


def _show_changed(changed: "tuple[Difference, ...]") -> None:
    for difference in changed:
        print(f"changed by hand: {difference.subject}" + (" is gone" if not difference.found else ""))
        if difference.found and "\n" not in difference.found + difference.wanted:
            print(f"  it is: {difference.found}\n  migrations make: {difference.wanted or 'nothing'}")
        print("  mend:", *(f"    {statement};" for statement in difference.mend), sep="\n")


def _show(found: "Verification", changed: "tuple[Difference, ...]") -> None:
    from otel_llmcost.cli.amounts import plural

    _show_changed(changed)
    for fault in found.repaired:
        print(f"repaired: {_line(fault)}")
    for fault in found.faults:
        print(f"fault: {_line(fault)}")
    if not found.faults and not any(difference.is_gone for difference in changed):
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
