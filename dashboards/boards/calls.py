"""Calls: the last step down, from any total to its calls and their traces."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.boards.links import CALLS, THE_TRACE, TO_FEATURE, TO_OVERVIEW, the_calls, the_feature
from dashboards.panels import Panel

_NO_CALLS: Final = "No calls in these days for what is chosen above."

_TOGETHER: Final = (
    Panel(
        kind="stat",
        title="All of them",
        says="The calls that are chosen above, together.",
        sql="calls_sum",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        width=24,
        height=4,
    ),
)

_ONE_BY_ONE: Final = (
    Panel(
        kind="table",
        title="Calls",
        says="The newest 500. A click on a trace, session or request shows its calls alone; the arrow behind a trace "
        "opens it where your traces are.",
        sql="calls",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        cells={
            "feature": the_feature(),
            "trace_id": THE_TRACE,
            "session_id": the_calls(session_id="session_id"),
            "request_id": the_calls(request_id="request_id"),
        },
        width=24,
        height=20,
    ),
)

BOARD: Final = Board(
    uid=CALLS,
    title="Calls",
    says="The calls behind a total, one by one.",
    variables=("environment", "feature", "tenant", "model"),
    rows={"Together": _TOGETHER, "One by one": _ONE_BY_ONE},
    since="now-24h",
    texts={
        "trace_id": ("Trace", ""),
        "session_id": ("Session", ""),
        "request_id": ("Request", ""),
        "call_site": ("Call site", ""),
        "trace_url": ("Traces are at", "/explore?left="),
    },
)
