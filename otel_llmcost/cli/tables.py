"""Tables on a terminal, in a pipe, and on a narrow screen."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

PIPE_WIDTH: Final = 200
"""A pipe has no width of its own; this much keeps every amount whole."""

_BETWEEN: Final = 3
"""The cells between two columns; the two edges take two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        header: Its title.
        values: A text for every row.
        is_number: Whether it stands at the right.
        rank: On a narrow screen the columns of the highest rank are left out first; those of rank 0 stay.
        style: How it looks, in the words of rich.
        total: What stands below the rows, where the table has such a line.
    """

    header: str
    values: Sequence[str]
    is_number: bool = False
    rank: int = 0
    style: str = ""
    total: str = ""

    @property
    def width(self) -> int:
        """The cells it needs."""
        return max(map(cell_len, (self.header, self.total, *self.values)))


def console() -> Console:
    """Return stdout, on which what callers named is text and nothing else: no markup, no emoji."""
    out = Console(highlight=False, markup=False, emoji=False)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = PIPE_WIDTH
    return out


def table_of(columns: Sequence[Column], *, width: int, title: str = "", has_total: bool = False) -> Table:
    """Return a table that fits into `width` as far as its columns can be left out."""
    shown = fitting(columns, width)
    table = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        title_style="bold",
        show_footer=has_total,
        footer_style="bold",
        header_style="bold",
        pad_edge=False,
        padding=(0, 1),
    )
    for column in shown:
        table.add_column(
            column.header,
            column.total,
            justify="right" if column.is_number else "left",
            style=column.style,
            no_wrap=column.is_number,
            overflow="fold",
        )
    for row in zip(*(column.values for column in shown), strict=True):
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns that fit side by side; of equal rank the last is left out first."""
    shown = list(columns)
    while sum(column.width + _BETWEEN for column in shown) - 1 > width:
        rank = max(column.rank for column in shown)
        if not rank:
            break
        shown.remove([column for column in shown if column.rank == rank][-1])
    return shown


def printable(text: str) -> str:
    """Return a text without the characters that would move a terminal's cursor or change its colors."""
    return (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    )
