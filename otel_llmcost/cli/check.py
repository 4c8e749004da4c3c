"""`llmcost check`: look for what is wrong, by the rules that Grafana's alerts have."""

import json
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from otel_llmcost.cli.exits import ExitCode, say
from otel_llmcost.cli.options import DataDir, Dsn, TableOrJson, TableOrJsonOption, data_dir_of
from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from otel_llmcost.notify import ContactPoint
    from otel_llmcost.reports.alerts.check import Firing
    from otel_llmcost.store import Store

    Keep = Callable[[Sequence[Mapping[str, object]]], None]
    """Keeps rows of `cost_events_log`."""

GRAFANA: Final = "LLMCOST_GRAFANA_URL"
_HOUR_NS: Final = 3600 * 10**9


def check(
    notify: Annotated[
        bool, typer.Option("--notify", help="Send what is new to the contact points, and keep it in cost_events.")
    ] = False,
    repeat: Annotated[
        float, typer.Option("--repeat-after", min=0, help="Hours after which the same is sent again.")
    ] = 4,
    form: TableOrJsonOption = TableOrJson.TABLE,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> ExitCode:
    """Look for what is wrong now: every alert rule, once. The exit code is 1 where something is."""
    from otel_llmcost.cli.opened import keep_events, opened
    from otel_llmcost.reports.alerts.check import check as look

    points, place = configured_points() if notify else [], data_dir_of(data_dir)
    with opened(dsn, place) as store:
        keep = partial(keep_events, store, dsn=dsn, data_dir=place)
        at_ns = time.time_ns()
        found = look(store, at_ns=at_ns)
        if notify:
            keep([firing.event() for firing in found])
        told = [_tell(store, point, found, at_ns, round(repeat * _HOUR_NS), keep) for point in points]
    _show(found, form)
    return ExitCode.OK if all(told) and not found else ExitCode.FINDINGS


def configured_points() -> "list[ContactPoint]":
    """Return the contact points that the environment names.

    Raises:
        ConfigError: There is none, or one of them cannot be used.
    """
    from otel_llmcost.notify import contact_points

    points, missing = contact_points(os.environ)
    if not points:
        msg = f"there is nowhere to send to: set {', '.join(missing.values())}, one of them or several"
        raise ConfigError(msg)
    return points


def _tell(
    store: "Store", point: "ContactPoint", found: "Sequence[Firing]", at_ns: int, repeat_ns: int, keep: "Keep"
) -> bool:
    """Tell a contact point what it does not know yet, keep what it took, and return whether it took it."""
    from otel_llmcost.notify import deliver
    from otel_llmcost.reports.alerts.told import event_of, to_tell, told_before

    before = told_before(store, at_ns=at_ns)
    grafana = os.environ.get(GRAFANA, "")
    messages = to_tell(point.name, found, before, at_ns=at_ns, repeat_ns=repeat_ns, grafana=grafana)
    taken = [message for message in messages if point.takes(message)]
    for outcome in deliver([point], taken):
        if not outcome.is_whole:
            say(f"{outcome.name} ({outcome.where}): {outcome.answer}")
        if not outcome.is_sent:  # the next check tries again
            return False
        keep([event_of(point.name, message, at_ns=at_ns) for message in taken])
    return True


def _show(found: "Sequence[Firing]", form: TableOrJson) -> None:
    grafana = os.environ.get(GRAFANA, "")
    if form is TableOrJson.JSON:
        told = [(firing, firing.message(grafana)) for firing in found]
        print(
            json.dumps(
                [
                    dict(message.details) | {"fingerprint": firing.fingerprint, "link": firing.link(grafana)}
                    for firing, message in told
                ]
            )
        )
        return
    messages = [(firing.rule.severity, firing.message(grafana)) for firing in found]
    print("\n\n".join(f"[{severity}] {each.subject}\n{each.text}" for severity, each in messages) or "nothing is wrong")
