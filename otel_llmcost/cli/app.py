"""The commands, and what `llmcost --help` says."""

import io
import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from otel_llmcost.cli.alert import alert
from otel_llmcost.cli.backfill import backfill
from otel_llmcost.cli.catalog import catalog
from otel_llmcost.cli.check import check
from otel_llmcost.cli.close import close
from otel_llmcost.cli.dashboard import dashboard
from otel_llmcost.cli.demo import demo
from otel_llmcost.cli.digest import digest
from otel_llmcost.cli.doctor import doctor
from otel_llmcost.cli.erase import erase
from otel_llmcost.cli.exits import exit_code_of
from otel_llmcost.cli.migrate import migrate
from otel_llmcost.cli.price import price
from otel_llmcost.cli.rates import rates
from otel_llmcost.cli.report import report
from otel_llmcost.cli.reprice import reprice
from otel_llmcost.cli.sql import sql
from otel_llmcost.cli.tail import tail
from otel_llmcost.cli.up import up
from otel_llmcost.cli.verify import verify

EPILOG: Final = (
    "Exit codes: 0 done, 1 done but something needs attention, 2 wrong argument or setting, "
    "3 store or spool cannot be used, 70 a fault of ours, 130 interrupted."
)

app: Final = typer.Typer(
    name="llmcost",
    help="What LLM calls cost, by feature, to the last digit.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (
    demo,
    up,
    report,
    dashboard,
    check,
    digest,
    tail,
    sql,
    price,
    reprice,
    verify,
    close,
    erase,
    backfill,
    migrate,
    doctor,
):
    app.command(epilog=EPILOG)(_command)
app.add_typer(rates, epilog=EPILOG)
app.add_typer(catalog, epilog=EPILOG)
app.add_typer(alert, epilog=EPILOG)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        print(version("otel-llmcost"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """What LLM calls cost, by feature, to the last digit."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: What stands behind `llmcost`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a character that a terminal lacks must not end the answer
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # what it logs, it raises as well
    return exit_code_of(lambda: app(args=list(arguments), prog_name="llmcost", standalone_mode=False))
