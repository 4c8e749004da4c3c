"""Weekly review: five numbers a feature, what rises, what fired, what to save, what was saved. Nothing else."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.boards.links import TO_FEATURE, TO_OVERVIEW, TO_SAVINGS, WEEKLY, the_feature
from dashboards.panels import Panel

_NO_CALLS: Final = "No calls in these days for what is chosen above."

_THE_WEEK: Final = (
    Panel(
        kind="table",
        title="Five numbers a feature",
        says="The last whole week, Monday to Sunday (UTC): spend, median and 95 % cost a session, anomalies (an "
        "alert counts once a day), calls stopped by a limit; changes against the week before. Of very many sessions "
        "a part is asked.",
        sql="weekly",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        cells={"feature": the_feature()},
        width=24,
        height=9,
    ),
    Panel(
        kind="table",
        title="What fired",
        says="Alerts told by `llmcost check` since the Monday before last, and their root cause, or open.",
        sql="anomalies",
        empty="Nothing fired, or `llmcost check` does not run yet.",
        link=TO_OVERVIEW,
        cells={"feature": the_feature()},
        width=24,
    ),
    Panel(
        kind="table",
        title="Rising three weeks",
        says="Features whose spend rose by 2 % and more in each of the last three whole weeks.",
        sql="rising",
        empty="No feature rose in each of the last three weeks.",
        link=TO_FEATURE,
        cells={"feature": the_feature()},
        width=12,
    ),
    Panel(
        kind="table",
        title="Last week's wins",
        says="Features whose cost a call fell by a tenth and more last week, and what that saved on last week's calls.",
        sql="wins",
        empty="No feature's cost a call fell by a tenth last week.",
        link=TO_FEATURE,
        cells={"feature": the_feature()},
        width=12,
    ),
    Panel(
        kind="table",
        title="Largest unclaimed saving",
        says="The three largest of the Savings dashboard, and whose they are.",
        sql="largest_savings",
        empty="Nothing found that would save a dollar a month.",
        link=TO_SAVINGS,
        cells={"feature": the_feature()},
        width=24,
    ),
)

BOARD: Final = Board(
    uid=WEEKLY,
    title="Weekly review",
    says="The week in five numbers a feature.",
    variables=("environment", "team", "feature"),
    rows={"The week": _THE_WEEK},
    since="now-30d",
)
