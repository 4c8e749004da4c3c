"""`llmcost alert`: the contact points, and whether they answer."""

import json
import os
import uuid
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from otel_llmcost.cli.exits import ExitCode
from otel_llmcost.cli.options import TableOrJson, TableOrJsonOption
from otel_llmcost.errors import ConfigError

alert: Final = typer.Typer(
    name="alert",
    help="Where alerts and digests go.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@alert.callback()
def _alert() -> None:
    """Where alerts and digests go."""


@alert.command(name="test")
def send_test(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this one: slack, pagerduty, email or webhook.")
    ] = None,
    form: TableOrJsonOption = TableOrJson.TABLE,
) -> ExitCode:
    """Send one message through each contact point that is configured, and say what it answered."""
    from otel_llmcost.notify import Message, contact_points, deliver

    points, missing = contact_points(os.environ)
    known = {point.name for point in points} | set(missing)
    if wrong := [name for name in only or () if name not in known]:
        msg = f"there is no contact point {wrong[0]!r}; there are {', '.join(sorted(known))}"
        raise ConfigError(msg)
    chosen = [point for point in points if not only or point.name in only]
    absent = {name: variable for name, variable in missing.items() if not only or name in only}
    said = f"Sent by `llmcost alert test` at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC. Nothing is wrong."
    message = Message(
        kind="test", subject="A test of llmcost", text=said, mrkdwn=said, key=f"llmcost-test-{uuid.uuid4().hex}"
    )
    outcomes = deliver(chosen, [message])
    if form is TableOrJson.JSON:
        rows = [
            {"name": each.name, "where": each.where, "is_whole": each.is_whole, "answer": each.answer}
            for each in outcomes
        ]
        print(json.dumps({"sent": rows, "not_configured": absent}))
    else:
        for each in outcomes:
            print(f"{each.name:<10} {'sent' if each.is_whole else 'FAILED':<7} {each.where}: {each.answer}")
        for name, variable in absent.items():
            print(f"{name:<10} not configured: {variable} is not set")
    is_well = bool(outcomes) and all(each.is_whole for each in outcomes)
    return ExitCode.OK if is_well else ExitCode.FINDINGS
