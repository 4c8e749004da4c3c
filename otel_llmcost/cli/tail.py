"""`llmcost tail`: the newest calls, one line each."""

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from otel_llmcost.cli.options import DataDir, Dsn, TableOrJson, TableOrJsonOption, Timezone, data_dir_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.reports import CallLine

FOLLOWED_NS: Final = 15 * 60 * 10**9
"""How far back a call that came in late may have started and still be shown."""

FOLLOWED_CALLS: Final = 1_000


def tail(
    number: Annotated[int, typer.Option("-n", "--number", min=1, max=100_000, help="How many calls.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with the calls that come in.")] = False,
    interval: Annotated[float, typer.Option("--interval", min=0.1, help="Seconds between two looks, following.")] = 2.0,
    form: TableOrJsonOption = TableOrJson.TABLE,
    timezone: Timezone = "UTC",
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Show the newest calls, the newest last. In JSON each is one line."""
    from otel_llmcost.cli.opened import drain_again, opened, pricer_of
    from otel_llmcost.cli.up import Stop
    from otel_llmcost.cli.when import zone_of
    from otel_llmcost.reports import newest_calls

    zone_of(timezone)
    place = data_dir_of(data_dir)
    stop = Stop() if follow else None
    pricer = pricer_of(place)
    with opened(dsn, place, pricer) as store:
        calls = newest_calls(store, since_ns=0, limit=number)
        write_calls(calls, form, timezone)
        known = {(call.trace_id, call.span_id) for call in calls}
        while stop is not None and not stop.wait(interval):
            drain_again(store, place, pricer)
            calls = newest_calls(store, since_ns=time.time_ns() - FOLLOWED_NS, limit=FOLLOWED_CALLS)
            write_calls([call for call in calls if (call.trace_id, call.span_id) not in known], form, timezone)
            known = {(call.trace_id, call.span_id) for call in calls} or known


def write_calls(calls: "Sequence[CallLine]", form: TableOrJson, timezone: str) -> None:
    """Write a line for every call, at once."""
    from otel_llmcost.cli.amounts import text_of
    from otel_llmcost.cli.tables import printable

    for call in calls:
        if form is TableOrJson.JSON:
            line = json.dumps(asdict(call) | {"list_cost": text_of(call.list_cost)}, ensure_ascii=False)
        else:
            line = printable(line_of(call, timezone))
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def line_of(call: "CallLine", timezone: str) -> str:
    """Return a call as one line: when, who pays, what model, tokens, how long, what it cost, what was odd."""
    from otel_llmcost.cli.amounts import UNATTRIBUTED, count, money
    from otel_llmcost.cli.when import shown
    from otel_llmcost.pricing import PriceStatus

    def told(tokens: int) -> str:
        return "?" if call.price_status == PriceStatus.NO_USAGE else count(tokens)

    payer = call.feature or UNATTRIBUTED
    odd = [call.error_type, "" if call.attempt_kind == "first" else call.attempt_kind]
    if call.list_cost is None or call.price_status not in ("priced", "free"):
        odd.append(call.price_status)
    parts = (
        shown(call.started_at_ns, timezone, "%Y-%m-%d %H:%M:%S"),
        f"{payer + (f' [{call.tenant}]' if call.tenant else ''):30}",
        f"{call.model or call.operation:28}",
        f"{told(call.input_tokens):>9} in {told(call.output_tokens):>8} out",
        f"{call.duration_ns / 1e9:7.2f} s",
        f"{money(call.list_cost):>14}",
        " ".join(filter(None, odd)),
    )
    return " ".join(parts).rstrip()
