"""`llmcost dashboard`: the dashboards as one page on the disk, for where there is no Grafana."""

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otel_llmcost.cli.options import DataDir, Dsn, data_dir_of
from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.pages import Board
    from otel_llmcost.store import Store

_VARIABLE = re.compile(r"(\w+)=(.*)", re.DOTALL)
_MS_A_NS = 10**6


def dashboard(
    name: Annotated[
        str, typer.Argument(help="overview, feature, savings, weekly, sessions, customers, month, trust or calls.")
    ] = "",
    out: Annotated[
        str, typer.Option("--out", "-o", help="The file to write; `-` writes to the terminal.")
    ] = "llm-cost.html",
    since: Annotated[str, typer.Option("--from", help="7d, a date, a time.", show_default="each dashboard's own")] = "",
    until: Annotated[str, typer.Option("--to", help="The end, likewise; an earlier day shows that day.")] = "now",
    environment: Annotated[
        list[str] | None, typer.Option("--env", help="Environments; `all` for all.", show_default="production")
    ] = None,
    team: Annotated[list[str] | None, typer.Option("--team", help="Only these teams.")] = None,
    feature: Annotated[list[str] | None, typer.Option("--feature", help="Only these features.")] = None,
    tenant: Annotated[list[str] | None, typer.Option("--tenant", help="Only these customers.")] = None,
    provider: Annotated[list[str] | None, typer.Option("--provider", help="Only these providers.")] = None,
    model: Annotated[list[str] | None, typer.Option("--model", help="Only these models.")] = None,
    var: Annotated[
        list[str] | None, typer.Option("--var", help="Any variable of a dashboard: session_id=conv_17, tag=tier.")
    ] = None,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Write a dashboard, or all nine, as one HTML page that needs no Grafana, no server and no network.

    Every option for what to show may be given several times.
    """
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.pages import board_named, load_boards

    boards = [board_named(name)] if name else load_boards()
    named = {
        "environment": environment,
        "team": team,
        "feature": feature,
        "tenant": tenant,
        "provider": provider,
        "model": model,
    }
    values = values_of(named, var or [], boards)
    span = _range_ms(since, until)
    with opened(dsn, data_dir_of(data_dir)) as store:
        if not store.is_read_only:
            store.forbid_writes()
        page = page_of(store, boards, values=values, since_ms=span[0], until_ms=span[1])
    if out == "-":
        sys.stdout.write(page)
    else:
        Path(out).write_text(page, encoding="utf-8")
        print(f"{out}: {', '.join(board.title for board in boards)}")


def page_of(
    store: "Store",
    boards: "Sequence[Board]",
    *,
    values: "Mapping[str, tuple[str, ...]] | None" = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
) -> str:
    """Return dashboards as one page.

    Args:
        store: Where to ask.
        boards: The dashboards.
        values: What is chosen, by variable; the dashboards' own choice for others.
        since_ms: The start of the range, in Unix milliseconds; None for each dashboard's own.
        until_ms: Its end; None for now.
    """
    from datetime import UTC, datetime

    from otel_llmcost.cli.progress import SlowProgress
    from otel_llmcost.pages import Asker, answer, chosen_first, offline_page

    now_ns = time.time_ns()
    asker, answered = Asker(store), []
    with SlowProgress("asking the dashboards' questions", len(boards)) as progress:
        for done, board in enumerate(boards, start=1):
            chosen = chosen_first(board, now_ms=now_ns // _MS_A_NS, since_ms=since_ms, until_ms=until_ms, values=values)
            answered.append(answer(asker, board, chosen, with_offers=False))
            progress.advance_to(done)
    return offline_page(answered, made_at=datetime.fromtimestamp(now_ns // 10**9, UTC))


def values_of(
    named: "Mapping[str, Sequence[str] | None]", others: "Sequence[str]", boards: "Sequence[Board]"
) -> dict[str, tuple[str, ...]]:
    """Return what was chosen, by variable.

    Args:
        named: What the options for single variables say.
        others: What `--var` says, as `name=value`.
        boards: The dashboards, of which at least one has to know each variable.

    Raises:
        ConfigError: One of `others` cannot be read, or no dashboard has the variable.
    """
    from otel_llmcost.pages import ALL

    found = {name: list(values) for name, values in named.items() if values}
    for text in others:
        said = _VARIABLE.fullmatch(text)
        if said is None:
            msg = f"--var cannot be {text!r}; write name=value"
            raise ConfigError(msg)
        found.setdefault(said[1], []).append(said[2])
    known = {variable.name for board in boards for variable in board.variables}
    for name in found.keys() - known:
        msg = f"{', '.join(board.name for board in boards)} cannot be filtered by {name}; by {', '.join(sorted(known))}"
        raise ConfigError(msg)
    return {name: ALL if values == ["all"] else tuple(values) for name, values in found.items()}


def _range_ms(since: str, until: str) -> tuple[int | None, int | None]:
    """Return the start and the end of the range in Unix milliseconds; None for what was not said."""
    from otel_llmcost.cli.when import window_of

    if not since and until == "now":
        return None, None
    window = window_of(since or "1900-01-01", until, timezone="UTC", now_ns=time.time_ns(), names=("--from", "--to"))
    return (window.since_ns // _MS_A_NS if since else None), window.until_ns // _MS_A_NS
