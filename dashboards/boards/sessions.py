"""Sessions and agents: calls a user action, loops, the dearest sessions, tools."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.boards.links import SESSIONS, TO_CUSTOMERS, TO_FEATURE, TO_WEEKLY, the_calls, the_feature
from dashboards.panels import Panel

_NO_CALLS: Final = "No calls in these days for what is chosen above."

_NOW: Final = (
    Panel(
        kind="stat",
        title="Sessions",
        says="Sessions whose last call is in the range. Calls without a session are in none of them.",
        sql="sessions_now",
        empty="No sessions: wrap conversations in `session(...)`.",
        link=TO_WEEKLY,
        width=12,
        height=5,
    ),
    Panel(
        kind="ranking",
        title="By agent",
        says="What each agent cost; `session(agent=...)` names it.",
        sql="agents",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        width=12,
        height=5,
    ),
)

_USER_ACTIONS: Final = (
    Panel(
        kind="lines",
        title="Calls a user action takes",
        says="Within an hour: mean, 95 % and most. More users do not move these lines, a retry loop does.",
        sql="actions",
        empty="No user actions: wrap them in `request()`.",
        link=TO_FEATURE,
        unit="short",
        interval="1h",
        width=9,
    ),
    Panel(
        kind="table",
        title="Loops",
        says="User actions with the same request three times and more, or several times the calls that the catalogue "
        "expects (3 where it says nothing). Every call of a loop may have succeeded.",
        sql="loops",
        empty="No user action looks like a loop.",
        link=TO_FEATURE,
        cells={"feature": the_feature(), "request_id": the_calls(request_id="request_id")},
        width=15,
    ),
)

_DEAREST: Final = (
    Panel(
        kind="table",
        title="Dearest sessions",
        says="The 20 dearest sessions of the range; a click shows their calls.",
        sql="dearest_sessions",
        empty="No sessions: wrap conversations in `session(...)`.",
        link=TO_CUSTOMERS,
        cells={"feature": the_feature(), "session_id": the_calls(session_id="session_id")},
        width=15,
    ),
    Panel(
        kind="table",
        title="Tools",
        says="Of the range's last day: tools that models asked for, searches and code sessions that providers bill "
        "by the piece.",
        sql="tools",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        cells={"feature": the_feature()},
        width=9,
    ),
)

BOARD: Final = Board(
    uid=SESSIONS,
    title="Sessions and agents",
    says="What one conversation, one user action and one agent cost.",
    variables=("environment", "team", "feature", "tenant"),
    rows={"Now": _NOW, "User actions": _USER_ACTIONS, "Dearest": _DEAREST},
    since="now-2d",
)
