"""`llmcost check`: look for what is wrong, by the rules that Grafana's alerts have."""

import json
import os
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from otel_llmcost.cli.exits import ExitCode
from otel_llmcost.cli.options import DataDir, Dsn, Format, FormatOption, data_dir_of
from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.reports.alerts.check import Firing

WEBHOOK: Final = "LLMCOST_WEBHOOK_URL"
_ANSWERS_WITHIN_S: Final = 10


def check(
    notify: Annotated[
        bool, typer.Option("--notify", help=f"Send what is wrong to {WEBHOOK}, and keep it in cost_events.")
    ] = False,
    form: FormatOption = Format.TABLE,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> ExitCode:
    """Look for what is wrong now: every alert rule, once. The exit code is 1 where something is."""
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.reports.alerts.check import check as look

    address = _webhook() if notify else ""
    with opened(dsn, data_dir_of(data_dir), must_own=notify) as store:
        found = look(store, at_ns=time.time_ns())
        if notify and found:
            store.record("cost_events_log", [firing.event() for firing in found])
    if notify and found:
        _send(address, found)
    if form is Format.JSON:
        print(json.dumps([{"rule": each.rule.name, "severity": each.rule.severity} | each.row for each in found]))
    else:
        print("\n\n".join(f"[{each.rule.severity}] {each.message}" for each in found) or "nothing is wrong")
    return ExitCode.FINDINGS if found else ExitCode.OK


def _webhook() -> str:
    address = os.environ.get(WEBHOOK, "")
    if not address.startswith(("https://", "http://")):
        msg = f"{WEBHOOK} is {address!r}; --notify needs an http(s) address there"
        raise ConfigError(msg)
    return address


def _send(address: str, found: "Sequence[Firing]") -> None:
    from urllib.request import Request, urlopen

    from otel_llmcost.reports.alerts.check import payload

    body = json.dumps(payload(found)).encode()
    request = Request(address, data=body, headers={"Content-Type": "application/json"})  # noqa: S310 # http(s), see above
    urlopen(request, timeout=_ANSWERS_WITHIN_S).close()  # noqa: S310 # likewise
