"""`llmcost reprice`: give calls the price that today's rates, or those of another table, give them."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from otel_llmcost.cli.options import DataDir, Dsn, Timezone, data_dir_of
from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from otel_llmcost.ledger.reprice import Repricing
    from otel_llmcost.reports import Dimension


def reprice(
    since: Annotated[str, typer.Option("--from", help="The first moment: 2026-11-01, 30d, yesterday.")],
    until: Annotated[str, typer.Option("--to", help="The first moment after it, likewise.")] = "now",
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Only calls with this value, such as provider=openai; repeatable."),
    ] = None,
    table: Annotated[
        str, typer.Option("--table", help="Another rate table: `shipped`, a version of `llmcost rates update`, a file.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever reads the corrections.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")] = False,
    timezone: Timezone = "UTC",
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Post what calls cost more or less by other rates, after showing it by team and model.

    A call is never changed: signed corrections are written beside it. Calls that had no price get one where the rates
    know it now. Months that are closed stay as they are. To run it again changes nothing; to run it after it was cut
    short finishes it.
    """
    from otel_llmcost.cli.opened import opened, pricer_of
    from otel_llmcost.cli.progress import SlowProgress
    from otel_llmcost.cli.when import window_of
    from otel_llmcost.config.pricer import path_of
    from otel_llmcost.ledger.reprice import reprice as run

    place = data_dir_of(data_dir)
    conditions = [_condition(text) for text in where or []]
    window = window_of(since, until, timezone=timezone, now_ns=time.time_ns(), names=("--from", "--to"))
    pricer = pricer_of(place, path_of(table, place) if table else None)
    with opened(dsn, place, changes=not dry_run) as store:
        with SlowProgress("pricing") as progress:
            found = run(store, window, pricer, where=conditions, is_dry_run=True, on_progress=progress.advance_to)
        _show(found, pricer.table.version)
        if dry_run or not found.differences:
            return
        with SlowProgress("posting corrections", found.looked_at) as progress:
            done = run(store, window, pricer, where=conditions, reason=reason, on_progress=progress.advance_to)
        with SlowProgress("summing up"):
            store.derive()
    print(f"posted {done.posted:,} corrections")


def _condition(text: str) -> "tuple[Dimension, str]":
    from otel_llmcost.reports import dimension_of

    name, equals, value = text.partition("=")
    if not equals:
        msg = f"--where cannot be {text!r}; write a dimension and its value, such as provider=openai"
        raise ConfigError(msg)
    return dimension_of(name), value


def _show(found: "Repricing", version: str) -> None:
    from otel_llmcost.cli.amounts import count, money_column, plural
    from otel_llmcost.cli.tables import Column, console, table_of
    from otel_llmcost.money import PicoUSD

    out = console()
    print(f"looked at {plural(found.looked_at, 'call')} by rate table {version}")
    rows = sorted(found.differences.items(), key=lambda item: -abs(item[1].list_cost))
    if rows:
        keys, changes = zip(*rows, strict=True)
        listed = money_column([PicoUSD(each.list_cost) for each in changes])
        effective = money_column([PicoUSD(each.effective_cost) for each in changes])
        columns = [
            Column(header="team", values=[key[0] or "(no team)" for key in keys]),
            Column(header="model", values=[f"{key[1]}/{key[2]}" for key in keys]),
            Column(header="calls", values=[count(each.calls) for each in changes], is_number=True),
            Column(header="unpriced before", values=[count(each.newly_priced) for each in changes], is_number=True),
            Column(header="list cost", values=listed, is_number=True),
            Column(header="effective", values=effective, is_number=True, rank=1),
        ]
        out.print(table_of(columns, width=out.width))
    else:
        print("nothing changes")
    if found.kept:
        print(f"{plural(found.kept, 'call')} keep their price, since these rates know none")
    if found.too_old:
        print(
            f"{plural(found.too_old, 'call')} would change and stay as they are: calls of their days are gone already"
        )
    for month, calls in sorted(found.closed.items()):
        print(f"{month} is closed: {plural(calls, 'call')} would change and stay as they are")
