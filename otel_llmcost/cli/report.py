"""`llmcost report`: what was spent, split by anything."""

import sys
import time
from typing import Annotated

import typer

from otel_llmcost.cli.options import DataDir, Dsn, Format, FormatOption, Timezone, data_dir_of


def report(
    by: Annotated[
        str, typer.Option("--by", help="Dimensions, separated by commas: feature, team, tenant, model, day, tag.KEY …")
    ] = "feature",
    since: Annotated[
        str, typer.Option("--since", help="The first moment: a duration (30m, 24h, 7d), a date, today, yesterday.")
    ] = "7d",
    until: Annotated[str, typer.Option("--until", help="The first moment after it, likewise.")] = "now",
    form: FormatOption = Format.TABLE,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many rows at most, the dearest first.")] = 100,
    timezone: Timezone = "UTC",
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Show what calls cost, split by feature, team, tenant, model or anything else.

    Amounts are exact. A call without a price counts as unpriced, never as 0; a call that nobody named is shown as
    (unattributed), with the place in the code it came from.
    """
    from otel_llmcost.cli import report_view
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.cli.progress import SlowProgress
    from otel_llmcost.cli.tables import console
    from otel_llmcost.cli.when import window_of
    from otel_llmcost.reports import dimension_of, spend

    dimensions = [dimension_of(name) for name in by.split(",")]
    window = window_of(since, until, timezone=timezone, now_ns=time.time_ns())
    with opened(dsn, data_dir_of(data_dir)) as store, SlowProgress("asking the store"):
        found = spend(store, dimensions, window, limit=limit)
    if form is Format.TABLE:
        report_view.print_report(found, console())
    else:
        shown = report_view.report_json(found) if form is Format.JSON else report_view.report_csv(found)
        sys.stdout.write(shown + "\n")
