"""Loads the questions of `queries/` and puts a dashboard's variables into them.

Two marks are replaced while generating, so that no rule stands in two files:

- `{include:day_bridge}` by the text of `queries/parts/day_bridge.sql`;
- `{filters:s}` by one condition for each variable of the dashboard, on the columns of the table `s`. A table that lacks
  a column of the dashboard's makes the query fail in the tests, so no panel ever ignores a variable silently.

Whatever else stands in braces or behind a dollar is Grafana's.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

QUERIES: Final = Path(__file__).parent / "queries"

ALL: Final = "'__all__'"
"""What a variable holds when everything is chosen. Grafana puts it in as it stands, so it carries its own quotes."""

COLUMNS: Final = {"model": "response_model"}
"""The columns that are not called as their variable."""

NAMELESS: Final = {"feature": "(unattributed)", "team": "(no team)", "tenant": "(no tenant)"}
"""What stands for an empty value: Grafana can neither offer nor link to nothing."""

_INCLUDE: Final = re.compile(r"^([ ]*)\{include:(\w+)\}(?=,?$)", re.MULTILINE)
_FILTERS: Final = re.compile(r"^([ ]*)\{filters:(\w+)\}$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^--.*\n", re.MULTILINE)


def query(name: str, variables: Sequence[str] = ()) -> str:
    """Return the SQL of `queries/<name>.sql`, ready for Grafana.

    Args:
        name: The file without its suffix; `alerts/velocity` for one in a folder.
        variables: The dashboard's variables by which it filters.
    """
    text = _INCLUDE.sub(lambda mark: _indented(_text_of(f"parts/{mark[2]}"), mark[1]), _text_of(name))
    text = _FILTERS.sub(lambda mark: _indented(_filters(mark[2], variables), mark[1]), text)
    return text.strip()


def _filters(table: str, variables: Sequence[str]) -> str:
    return "\n".join(
        f"AND ({ALL} IN (${{{name}:singlequote}}) OR {_column(table, name)} IN (${{{name}:singlequote}}))"
        for name in variables
    )


def _column(table: str, variable: str) -> str:
    column = f"{table}.{COLUMNS.get(variable, variable)}"
    return f"if({column} = '', '{NAMELESS[variable]}', {column})" if variable in NAMELESS else column


def _indented(text: str, indent: str) -> str:
    return "\n".join(indent + line if line else line for line in text.splitlines())


@cache
def _text_of(name: str) -> str:
    text = (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    return _COMMENT.sub("", text).strip().rstrip(";")
