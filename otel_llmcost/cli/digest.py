"""`llmcost digest`: the line for the standup, and the week to each owner."""

import json
import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from otel_llmcost.cli.check import GRAFANA, configured_points
from otel_llmcost.cli.exits import ExitCode, say
from otel_llmcost.cli.options import DataDir, Dsn, data_dir_of
from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from otel_llmcost.digest import Daily, Weekly
    from otel_llmcost.notify import Message
    from otel_llmcost.store import Store


class Form(StrEnum):
    """How a digest is written."""

    TEXT = "text"
    SLACK = "slack"
    JSON = "json"


def digest(
    daily: Annotated[
        bool, typer.Option("--daily", help="What yesterday cost against normal, why, what to do.")
    ] = False,
    weekly: Annotated[bool, typer.Option("--weekly", help="The last whole week, a part for each owner.")] = False,
    notify: Annotated[bool, typer.Option("--notify", help="Send it to the contact points, too.")] = False,
    to_owners: Annotated[
        bool, typer.Option("--to-owners", help="Mail each part of the week to its owner, where that is an address.")
    ] = False,
    until: Annotated[
        str, typer.Option("--to", help="The day on which it is told; an earlier one tells that day's.")
    ] = "now",
    environment: Annotated[
        list[str] | None, typer.Option("--env", help="Environments; `all` for all.", show_default="production")
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", case_sensitive=False, help="Plain text, Slack's mark-up, or every number.")
    ] = Form.TEXT,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> ExitCode:
    """Tell what was spent and why, from the dashboards' own questions: --daily or --weekly."""
    from otel_llmcost.cli.opened import opened

    if daily == weekly:
        msg = "say which: --daily or --weekly"
        raise ConfigError(msg)
    if to_owners and not (weekly and notify):
        msg = "--to-owners mails the parts of a week, so it goes with --weekly and --notify"
        raise ConfigError(msg)
    points = configured_points() if notify else []
    with opened(dsn, data_dir_of(data_dir)) as store:
        told = _told(store, is_daily=daily, until=until, environments=environment or [])
    messages = [_message(each, to_owners=to_owners) for each in told]
    if form is Form.JSON:
        found = [each.json() for each in told]
        print(json.dumps(found[0] if daily else found))
    else:
        parts = [
            f"{each.subject}\n{each.text}" if form is Form.TEXT else f"*{each.subject}*\n{each.mrkdwn}"
            for each in messages
        ]
        print("\n\n".join(parts) or "no calls in the last whole week")
    if not notify or not messages:
        return ExitCode.OK
    from otel_llmcost.notify import deliver

    outcomes = deliver(points, messages)
    for outcome in outcomes:
        if not outcome.is_whole:
            say(f"{outcome.name} ({outcome.where}): {outcome.answer}")
    if not outcomes:
        say("no contact point takes a digest: PagerDuty is told only what is critical")
    is_well = bool(outcomes) and all(outcome.is_whole for outcome in outcomes)
    return ExitCode.OK if is_well else ExitCode.FINDINGS


def _told(store: "Store", *, is_daily: bool, until: str, environments: "list[str]") -> "list[Daily | Weekly]":
    from otel_llmcost.cli.when import window_of
    from otel_llmcost.digest import daily, weekly
    from otel_llmcost.digest.asked import Panels
    from otel_llmcost.reports.grafana import ALL

    window = window_of("1900-01-01", until, timezone="UTC", now_ns=time.time_ns(), names=("--from", "--to"))
    chosen = {"environment": ALL if environments == ["all"] else tuple(environments)} if environments else {}
    panels = Panels(store=store, at_ms=window.until_ns // 10**6, values=chosen)
    grafana = os.environ.get(GRAFANA, "")
    return [daily(panels, grafana=grafana)] if is_daily else [*weekly(panels, grafana=grafana)]


def _message(told: "Daily | Weekly", *, to_owners: bool) -> "Message":
    from otel_llmcost.digest import Weekly
    from otel_llmcost.notify.points import is_address

    if isinstance(told, Weekly):
        return told.message(to=(told.owner,) if to_owners and is_address(told.owner) else ())
    return told.message()
