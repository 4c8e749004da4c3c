"""Month and showback: plan, actual, projection, and who pays."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.boards.links import MONTH, TO_FEATURE, TO_OVERVIEW, TO_TRUST
from dashboards.panels import Panel

_NO_CALLS: Final = "No calls in these days for what is chosen above."

_MONTH: Final = (
    Panel(
        kind="stat",
        title="The month",
        says="Estimate: the month runs, or its books are open. Beside it last month, by the same day and whole.",
        sql="month_state",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        width=12,
        height=5,
    ),
    Panel(
        kind="stat",
        title="Plan and projection",
        says="The month so far, its plan (the month's limit in llmcost.yaml), and the mean of the last seven whole "
        "days carried on.",
        sql="month",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        width=12,
        height=5,
    ),
    Panel(
        kind="lines",
        title="Plan, actual, projection",
        says="Summed up over the month of the range's end; end the range in an earlier month to see that one. The "
        "plan is spread evenly.",
        sql="month_days",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        unit="currencyUSD",
        interval="1d",
        width=12,
        height=9,
    ),
    Panel(
        kind="bridge",
        title="From last month to this",
        says="The same days of last month, the five features that changed most, all others. The bars sum exactly.",
        sql="month_bridge",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        width=12,
        height=9,
    ),
)

_WHO_PAYS: Final = (
    Panel(
        kind="table",
        title="By team and cost center",
        says="To the cent. Shared: features with a rule for shared cost in the catalogue. Unallocated: calls without "
        "a team. Rounding: what the other lines' rounding left, so that all sum to the month.",
        sql="showback",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        width=12,
    ),
    Panel(
        kind="table",
        title="List and effective",
        says="Published prices, and after the negotiated ones of llmcost.yaml.",
        sql="list_and_effective",
        empty=_NO_CALLS,
        link=TO_TRUST,
        width=12,
    ),
    Panel(
        kind="ranking",
        title="By tag",
        says="The month by the tag chosen above. llmcost.yaml names the tags that are summed up (`reported_tags`).",
        sql="by_tag",
        empty="No tag is summed up: name some under `reported_tags` in llmcost.yaml.",
        link=TO_OVERVIEW,
        width=24,
    ),
)

BOARD: Final = Board(
    uid=MONTH,
    title="Month and showback",
    says="Plan, actual and projection, and who pays.",
    variables=("environment", "team", "feature"),
    rows={"Month": _MONTH, "Who pays": _WHO_PAYS},
    since="now-30d",
    choices={"tag": "Tag"},
)
