"""Trust: how far the other dashboards can be believed, and what to do about it."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.boards.links import TO_CALLS, TO_MONTH, TO_OVERVIEW, TRUST, the_calls
from dashboards.panels import Panel

_NO_CALLS: Final = "No calls in these days for what is chosen above."

_NOW: Final = (
    Panel(
        kind="stat",
        title="The last day",
        says="Shares of the last day's calls: with a feature, with a price, priced at the standard rate for want of "
        "the right one, with usage told by the provider; and how long ago the last call arrived.",
        sql="trust_now",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        width=24,
        height=4,
    ),
)

_WHAT_IS_MISSING: Final = (
    Panel(
        kind="table",
        title="Nobody named them",
        says="Call sites without a feature in the last day, the dearest first: what to name next.",
        sql="unattributed_sites",
        empty="Every call of the last day has a feature.",
        link=TO_CALLS,
        cells={"call_site": the_calls(call_site="call_site")},
        width=12,
    ),
    Panel(
        kind="table",
        title="No price",
        says="Models without a price in the last day, and why. `llmcost rates` and an overlay in llmcost.yaml give "
        "them one.",
        sql="unpriced_models",
        empty="Every call of the last day has a price.",
        link=TO_CALLS,
        width=12,
    ),
    Panel(
        kind="lines",
        title="Unattributed and unpriced",
        says="Shares of each day's calls that have no feature, and no price.",
        sql="trust_days",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        unit="percentunit",
        interval="1d",
        width=12,
    ),
    Panel(
        kind="table",
        title="How calls are priced",
        says="Fallback: the standard rate for an unknown tier or region. Partial: one of the meters had no rate.",
        sql="price_statuses",
        empty=_NO_CALLS,
        link=TO_CALLS,
        width=12,
    ),
)

_MACHINERY: Final = (
    Panel(
        kind="lines",
        title="Lag",
        says="How long after its end a call arrived, over the last day.",
        sql="lag",
        empty=_NO_CALLS,
        link=TO_CALLS,
        unit="s",
        interval="10m",
        width=12,
    ),
    Panel(
        kind="table",
        title="Freshness",
        says="How long ago each table of sums was derived, the oldest first.",
        sql="freshness",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        width=12,
    ),
    Panel(
        kind="table",
        title="Rate tables",
        says="The tables that priced the last day's calls, and how old their rates are here.",
        sql="rate_tables",
        empty=_NO_CALLS,
        link=TO_MONTH,
        width=12,
        height=5,
    ),
    Panel(
        kind="stat",
        title="Told again",
        says="Rows of the last day that tell of a call already told: by a resend or a second collector. They are "
        "counted once all the same.",
        sql="duplicates",
        empty=_NO_CALLS,
        link=TO_CALLS,
        width=12,
        height=5,
    ),
)

BOARD: Final = Board(
    uid=TRUST,
    title="Trust",
    says="How far the numbers can be believed.",
    variables=("environment", "provider"),
    rows={"Now": _NOW, "What is missing": _WHAT_IS_MISSING, "Machinery": _MACHINERY},
)
