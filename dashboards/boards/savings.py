"""Savings: feature by lever, what it would bring in a month, and the arithmetic."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.boards.links import SAVINGS, TO_FEATURE, the_feature
from dashboards.panels import Panel

_NO_CALLS: Final = "No calls in these days for what is chosen above."

_OPEN: Final = (
    Panel(
        kind="table",
        title="What could be saved",
        says="By feature and lever, for a month of 30 days at the last week's pace. Confidence: high where this "
        "feature did it before, medium where its own calls show it, low where it rests on a ratio.",
        sql="savings",
        empty="Nothing found that would save a dollar a month.",
        link=TO_FEATURE,
        cells={"feature": the_feature()},
        width=24,
        height=10,
    ),
)

_DETAILS: Final = (
    Panel(
        kind="table",
        title="Caches",
        says="The last seven whole days. Saved: cached input at the price of plain input, less what it cost and less "
        "the price of writing it.",
        sql="savings_cache",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        cells={"feature": the_feature()},
        width=12,
        height=10,
    ),
    Panel(
        kind="table",
        title="Shape of calls",
        says="The last seven whole days. Small model first with fallback costs small + f * large, so it pays while f "
        "< 1 - small / large. Halving the output halves its part of the cost.",
        sql="savings_shape",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        cells={"feature": the_feature()},
        width=12,
        height=10,
    ),
)

BOARD: Final = Board(
    uid=SAVINGS,
    title="Savings",
    says="What could be saved, and by which lever.",
    variables=("environment", "team", "feature"),
    rows={"Open": _OPEN, "Details": _DETAILS},
)
