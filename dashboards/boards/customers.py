"""Customers: what each costs, who moved, and which are demos."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.boards.links import CUSTOMERS, TO_FEATURE, TO_OVERVIEW, the_calls, the_tenant
from dashboards.panels import Panel

_NO_CALLS: Final = "No calls in these days for what is chosen above."

_NOW: Final = (
    Panel(
        kind="stat",
        title="Concentration",
        says="How many customers there are, how much of the spend the largest and the ten largest are, and how much "
        "names none.",
        sql="tenants_now",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        width=24,
        height=4,
    ),
)

_WHERE: Final = (
    Panel(
        kind="bars",
        title="By day and customer",
        says="Each day (UTC) by customer, the nine dearest by name.",
        sql="tenant_days",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        interval="1d",
        width=12,
        height=9,
    ),
    Panel(
        kind="table",
        title="Who moved",
        says="Yesterday against the mean of the seven days before it.",
        sql="tenant_movers",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        cells={"tenant": the_tenant()},
        width=12,
        height=9,
    ),
)

_EACH: Final = (
    Panel(
        kind="table",
        title="Customers",
        says="The range, share of all, the share of customers that cost no more, and the last seven whole days "
        "against the seven before. Demo: its name holds demo, trial, test, sandbox or poc.",
        sql="tenants",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        cells={"tenant": the_calls(tenant="tenant")},
        width=24,
        height=12,
    ),
)

BOARD: Final = Board(
    uid=CUSTOMERS,
    title="Customers",
    says="What each customer costs.",
    variables=("environment", "team", "feature", "tenant"),
    rows={"Now": _NOW, "Where": _WHERE, "Each": _EACH},
)
