"""`llmcost sql`: a question in SQL, the answer in any format of ClickHouse's own."""

import re
import sys
from typing import Annotated, Final

import typer

from otel_llmcost.cli.options import DataDir, Dsn, data_dir_of
from otel_llmcost.errors import ConfigError, StoreRefusedError

QUERIES: Final = ("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN")
"""What a query may begin with."""

_OUR_NAMES: Final = {"table": "PrettyCompact", "json": "JSON", "csv": "CSVWithNames"}
_COMMENT: Final = re.compile(r"\s+|--[^\n]*\n?|#[^\n]*\n?|/\*.*?\*/", re.DOTALL)
_WORD: Final = re.compile(r"[\s(]*([A-Za-z]+)")
_FORMAT_AT_END: Final = re.compile(r"\bFORMAT\s+(\w+)\s*$", re.IGNORECASE)


def sql(
    query: Annotated[str, typer.Argument(help="One query; `-` reads it from stdin. Tables: llm_calls, spend_hourly …")],
    form: Annotated[
        str, typer.Option("--format", help="table, json, csv or a format of ClickHouse: JSONEachRow, Parquet …")
    ] = "table",
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Ask the store a question in ClickHouse's SQL. Nothing can be changed this way.

    In JSON formats decimals are written as text, so that no reader makes floats of them.
    """
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.cli.progress import SlowProgress

    text, form = readable(sys.stdin.read() if query == "-" else query, form)
    with opened(dsn, data_dir_of(data_dir)) as store:
        store.forbid_writes()
        try:
            with SlowProgress("asking the store"):
                answer = store.query_bytes(text, form=form)
        except StoreRefusedError as error:
            msg = f"the query cannot be answered: {error}"
            raise ConfigError(msg) from error
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()


def readable(query: str, form: str) -> tuple[str, str]:
    """Return a query without its own FORMAT clause, and the format to answer in; the query's own one wins.

    Raises:
        ConfigError: It is no query.
    """
    text = query.strip().rstrip(";").rstrip()
    word = _WORD.match(text, _end_of_comments(text))
    first = word[1].upper() if word else ""
    if first not in QUERIES:
        said = f"{first} is not allowed" if first else "there is no query"
        msg = f"{said}: `llmcost sql` only reads, so begin with one of {', '.join(QUERIES)}"
        raise ConfigError(msg)
    form = _OUR_NAMES.get(form.lower(), form)
    if at_end := _FORMAT_AT_END.search(text):
        text, form = text[: at_end.start()].rstrip(), at_end[1]
    return text, form


def _end_of_comments(text: str) -> int:
    position = 0
    while comment := _COMMENT.match(text, position):
        position = comment.end()
    return position
