"""Which cells of the coverage table a test fills: the marker `cell`, and the page that is made of those that passed.

    @pytest.mark.cell(provider="openai", surface="chat", mode="sync", shape="stream")

says that the test runs the real SDK and asserts the tokens. A mark that names only some of the four is put together
with the other partial marks of the test, so that a parameter can bring its own part. What stays partial claims nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection


PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
MODES = ("sync", "async")
SHAPES = ("plain", "stream", "raw", "abort", "error")

_FILLED = "✓"
_INTRODUCTION = """# What is covered

A cell is filled only by a test that ran the real SDK of that provider, instrumented, and compared the tokens of the
record with those that the provider told. `plain`: one answer; `stream`: a whole stream; `raw`: the SDK's raw or
streaming response; `abort`: a stream left, abandoned or cancelled; `error`: an answer or a stream that fails.
An empty cell is not tested: the surface may lack the shape, or nobody has written the test.

Written by `LLMCOST_REWRITE=1 pytest tests/instrument` from the tests that passed.

"""


class Cell(NamedTuple):
    """One cell of the table."""

    provider: str
    surface: str
    mode: str
    shape: str


COLLECTED = pytest.StashKey[list[pytest.Item]]()
"""The tests that were collected, those included that the run leaves out by their marks or names."""


def cells_of(item: pytest.Item) -> set[Cell]:
    """Return the cells that a test claims to fill."""
    cells: set[Cell] = set()
    parts: dict[str, str] = {}
    for mark in item.iter_markers("cell"):
        if set(mark.kwargs) == set(Cell._fields):
            cells.add(Cell(**mark.kwargs))
        else:
            parts = {**mark.kwargs, **parts}  # the closest mark comes first, and wins
    if set(parts) == set(Cell._fields):
        cells.add(Cell(**parts))
    wrong = [cell for cell in cells if cell.mode not in MODES or cell.shape not in SHAPES]
    if wrong:
        msg = f"{item.nodeid} claims a cell that the table does not have: {wrong}"
        raise ValueError(msg)
    return cells


def page_of(cells: Collection[Cell]) -> str:
    """Return the page that shows `cells` as filled."""
    columns = [(mode, shape) for mode in MODES for shape in SHAPES]
    lines = [
        "| provider | surface | " + " | ".join(f"{mode} {shape}" for mode, shape in columns) + " |",
        "|---|---|" + ":-:|" * len(columns),
    ]
    for provider, surface in sorted({(cell.provider, cell.surface) for cell in cells}):
        marks = (_FILLED if Cell(provider, surface, *column) in cells else "" for column in columns)
        lines.append(f"| {provider} | {surface} | " + " | ".join(marks) + " |")
    return _INTRODUCTION + "\n".join(lines) + "\n"


def cells_on(page: str) -> set[Cell]:
    """Return the cells that a page shows as filled."""
    cells: set[Cell] = set()
    columns = [(mode, shape) for mode in MODES for shape in SHAPES]
    for line in re.findall(r"^\| (?!provider)(.*) \|$", page, re.MULTILINE):
        provider, surface, *marks = (text.strip() for text in line.split("|"))
        cells |= {
            Cell(provider, surface, *column) for column, mark in zip(columns, marks, strict=True) if mark == _FILLED
        }
    return cells
