"""The options that several commands share, each with the variable that sets it once for all."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

DSN_VARIABLE: Final = "LLMCOST_DSN"

Dsn = Annotated[
    str,
    typer.Option(
        "--dsn",
        envvar=DSN_VARIABLE,
        show_default="the embedded store of the data directory",
        help="The store: chdb:///absolute/directory or clickhouse://user:password@host:8123/database.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="LLMCOST_DATA_DIR",
        show_default="the user's own data directory",
        help="Where applications spool their calls and the embedded store lives.",
    ),
]
Timezone = Annotated[
    str, typer.Option("--timezone", envvar="LLMCOST_TIMEZONE", help="Where days begin, such as Europe/Berlin.")
]


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TableOrJson(StrEnum):
    """How an answer is written that has no rows."""

    TABLE = "table"
    JSON = "json"


TableOrJsonOption = Annotated[
    TableOrJson, typer.Option("--format", case_sensitive=False, help="How the answer is written.")
]
FormatOption = Annotated[Format, typer.Option("--format", case_sensitive=False, help="How the answer is written.")]


def data_dir_of(given: Path | None) -> Path:
    """Return the data directory that was given, or that of the user."""
    from otel_llmcost.spool import default_data_dir

    return (given.expanduser() if given is not None else default_data_dir(os.environ)).absolute()
