"""What the demo shows: what each feature cost, what was out of the ordinary, and what to type next."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from rich.text import Text

from otel_llmcost.cli.amounts import count, money, plural, rounded_money
from otel_llmcost.cli.report_view import print_report
from otel_llmcost.cli.when import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from otel_llmcost.reports import Incident, Measures, SpendReport

_CALLS: Final = frozenset({"answered", "aborted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What a run of the demo gave.

    Attributes:
        data_dir: Where it keeps its calls.
        dsn: The store, empty for the embedded one of `data_dir`.
        days: The days of the past that were filled.
        answers: The calls of this run that the pretended provider wrote into its own log.
        log: That log.
        now: What was spent by feature in this run, and in the days before it.
        ever: All calls of every run.
        incidents: What was out of the ordinary.
        page: The dashboards of all of it, as one page.
    """

    data_dir: Path
    dsn: str
    days: int
    answers: int
    log: Path
    now: SpendReport
    ever: Measures
    incidents: Sequence[Incident]
    page: Path


def answers_in(log: Path, *, since_ns: int) -> int:
    """Return how many calls a log of the simulator tells of; what it refused is no call of its own."""
    lines = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    return sum(line["outcome"] in _CALLS and line["time_unix_ns"] >= since_ns for line in lines)


def print_demo(result: DemoResult, console: Console) -> None:
    """Print all of it."""
    total = result.now.coverage.total
    past = f", and {count(result.days)} days of its past" if result.days else ""
    console.print(Text("A small support product, its real SDKs, a pretended provider", style="bold"))
    console.print(
        f"It made {plural(result.answers, 'call')} just now{past}. The SDKs were instrumented by "
        "opentelemetry-instrument; nothing left this machine.\n"
    )
    print_report(result.now, console, title="What each feature cost")
    if result.ever.calls > total.calls:
        console.print(
            f"with earlier runs: {plural(result.ever.calls, 'call')}, {money(result.ever.list_cost)}", style="dim"
        )
    if result.incidents:
        console.print(Text("\nWorth a look", style="bold"))
        alike = Counter((incident.kind, incident.feature) for incident in result.incidents)
        first = {(incident.kind, incident.feature): incident for incident in reversed(result.incidents)}
        for key, incident in reversed(first.items()):
            console.print(_told(incident, result, alike[key] - 1))
    _print_next(result, console)


def sentence_of(incident: Incident) -> str:
    """Return what happened, in one sentence without its feature and its cost."""
    return _SENTENCES[incident.kind](incident)


def _told(incident: Incident, result: DemoResult, more: int) -> Text:
    line = Text("  ")
    line.append(incident.feature or "an unnamed feature", style="bold yellow")
    line.append(f" {sentence_of(incident)}")
    if result.days:
        line.append(f", since {shown(incident.since_ns, result.now.window.timezone)}")
    line.append(f": {rounded_money(incident.list_cost)}", style="green")
    if more:
        line.append(f" ({more} more like it)", style="dim")
    return line


def _retry_loop(incident: Incident) -> str:
    reason = f" ({incident.was})" if incident.was else ""
    return (
        f"asked {count(incident.calls)} times for one action of {incident.tenant}, and was answered each time{reason}"
    )


def _long_prompt(incident: Incident) -> str:
    usual, now = count(int(incident.was)), count(int(incident.became))
    return f"sent {plural(incident.calls, 'prompt')} of about {now} tokens where {usual} are usual"


def _dearer_model(incident: Incident) -> str:
    return f"slid from {incident.was} to {incident.became}, {incident.factor:.0f} times the cost a call"


def _tenant_surge(incident: Incident) -> str:
    asked = count(int(incident.became))
    return f"was asked {asked} times by {incident.tenant}, the others asked {incident.was} times each"


_SENTENCES: Final[dict[str, Callable[[Incident], str]]] = {
    "retry_loops": _retry_loop,
    "long_prompts": _long_prompt,
    "dearer_models": _dearer_model,
    "tenant_surges": _tenant_surge,
}


def _print_next(result: DemoResult, console: Console) -> None:
    """Print what to type next, so that it can be copied as it stands."""
    llmcost = _program()
    query = "SELECT feature, sum(list_cost) FROM spend_hourly GROUP BY feature"
    where = f"LLMCOST_DSN={_shown_dsn(result.dsn)} " if result.dsn else ""
    since = f"{result.days}d" if result.days else "1h"
    console.print(Text("\nWhat to type next", style="bold"))
    for line in (
        f"export {where}LLMCOST_DATA_DIR={_for_shell(result.data_dir)}",
        f"{llmcost} report --by tenant,feature --since {since}",
        f"{llmcost} report --by feature,model --since {since} --format csv",
        f"{llmcost} tail",
        f'{llmcost} sql "{query}"',
    ):
        console.print(f"  {line}", soft_wrap=True)
    console.print(f"The provider's own log of what it answered: {result.log}", style="dim", soft_wrap=True)
    console.print(Text("\nYour own app", style="bold"))
    for line in (
        f"unset {'LLMCOST_DSN ' if result.dsn else ''}LLMCOST_DATA_DIR",
        "opentelemetry-instrument python your_app.py",
        f"{llmcost} report",
    ):
        console.print(f"  {line}", soft_wrap=True)
    more = "" if result.days else f"; {llmcost} demo --days 30 has a month to show"
    console.print(Text.assemble(("\nThe dashboards, in a browser", "bold"), (more, "dim")), soft_wrap=True)
    console.print(f"  {_for_shell(result.page)}", soft_wrap=True)


def _shown_dsn(dsn: str) -> str:
    """Return a DSN as one would type it; one that holds a password is not shown."""
    return "…" if urlsplit(dsn).password else shlex.quote(dsn)


def _for_shell(path: Path) -> str:
    """Return a path as one would type it after a `=`."""
    quoted = shlex.quote(str(path))
    at_home = path.is_relative_to(Path.home()) and quoted == str(path)
    return f"~/{path.relative_to(Path.home())}" if at_home else quoted


def _program() -> str:
    """Return how this program is called from here."""
    called = Path(sys.argv[0]).absolute()
    if shutil.which("llmcost") == str(called):
        return "llmcost"
    return str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)
