"""The uids of the dashboards, and the ways between them."""

from __future__ import annotations

from typing import Final

from dashboards.panels import Address, Link

OVERVIEW: Final = "llmcost-overview"
FEATURE: Final = "llmcost-feature"
SAVINGS: Final = "llmcost-savings"
WEEKLY: Final = "llmcost-weekly"
SESSIONS: Final = "llmcost-sessions"
CUSTOMERS: Final = "llmcost-customers"
MONTH: Final = "llmcost-month"
TRUST: Final = "llmcost-trust"
CALLS: Final = "llmcost-calls"

TO_OVERVIEW: Final = Link(title="Spend overview", uid=OVERVIEW)
TO_FEATURE: Final = Link(title="Feature", uid=FEATURE)
TO_SAVINGS: Final = Link(title="Savings", uid=SAVINGS)
TO_WEEKLY: Final = Link(title="Weekly review", uid=WEEKLY)
TO_SESSIONS: Final = Link(title="Sessions and agents", uid=SESSIONS)
TO_CUSTOMERS: Final = Link(title="Customers", uid=CUSTOMERS)
TO_MONTH: Final = Link(title="Month and showback", uid=MONTH)
TO_TRUST: Final = Link(title="Trust", uid=TRUST)
TO_CALLS: Final = Link(title="Calls", uid=CALLS)


def the_feature(column: str = "feature") -> Link:
    """Return the way from a row to its feature."""
    return Link(title="This feature", uid=FEATURE, variables={"feature": f"${{__data.fields.{column}}}"})


def the_tenant() -> Link:
    """Return the way from a row to its tenant's calls."""
    return Link(title="This customer", uid=CUSTOMERS, variables={"tenant": "${__data.fields.tenant}"})


THE_TRACE: Final = Address(title="Where your traces are", url="${trace_url:raw}${__data.fields.trace_id}")


def the_calls(**by: str) -> Link:
    """Return the way from a row to its calls: which columns of the row choose them, by variable."""
    variables = {name: f"${{__data.fields.{column}}}" for name, column in by.items()}
    return Link(title="Its calls", uid=CALLS, variables=variables)
