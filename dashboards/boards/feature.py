"""Feature: what one feature costs, why, and how to stop it; also the page for whoever is on call."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.boards.links import FEATURE, TO_CUSTOMERS, TO_OVERVIEW, TO_SAVINGS, TO_SESSIONS, TO_TRUST, the_calls
from dashboards.panels import Panel

_NO_CALLS: Final = "No calls in these days for what is chosen above."

_NOW: Final = (
    Panel(
        kind="stat",
        title="Today and midnight",
        says="Today so far, what midnight (UTC) brings if the day goes on as the last four same weekdays did, the "
        "last hour, and the day's limits of the chosen features.",
        sql="feature_now",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        width=12,
        height=5,
    ),
    Panel(
        kind="table",
        title="Whose it is and how to stop it",
        says="From the catalogue in llmcost.yaml: owner, channel, runbook. To stop it: the service, version and key "
        "that called in the last day.",
        sql="feature_owner",
        empty="No calls in the last day.",
        link=TO_OVERVIEW,
        width=12,
        height=5,
    ),
)

_SPEND: Final = (
    Panel(
        kind="bars",
        title="Spend by model",
        says="Read from the calls, so zooming in shows minutes. Marks show releases, prompt and price changes.",
        sql="feature_spend",
        empty=_NO_CALLS,
        link=the_calls(),
        interval="1m",
        width=24,
        height=9,
    ),
    Panel(
        kind="lines",
        title="Cost a call",
        says="Half of the calls cost less than p50, 95 % less than p95. A step at a mark names its cause.",
        sql="feature_call_cost",
        empty=_NO_CALLS,
        link=the_calls(),
        unit="currencyUSD",
        interval="1m",
        width=12,
    ),
    Panel(
        kind="lines",
        title="Cost a session",
        says="Sessions by the day of their last call; the feature needs `session()` around its conversations.",
        sql="feature_sessions",
        empty="No sessions: wrap conversations in `session(...)`.",
        link=TO_SESSIONS,
        unit="currencyUSD",
        interval="1d",
        width=12,
    ),
)

_CALLS: Final = (
    Panel(
        kind="bars",
        title="Tokens by what they are billed as",
        says="Every token stands in one of them: input that no cache served, read from cache, written to cache, "
        "output, reasoning.",
        sql="feature_tokens",
        empty=_NO_CALLS,
        link=TO_SAVINGS,
        unit="short",
        interval="1m",
        width=12,
    ),
    Panel(
        kind="lines",
        title="Latency",
        says="Until the last byte, and until the first token of a stream.",
        sql="feature_latency",
        empty=_NO_CALLS,
        link=the_calls(),
        unit="s",
        interval="1m",
        width=12,
    ),
    Panel(
        kind="bars",
        title="Errors, retries, unusable answers",
        says="Failed calls, calls that tried again, and answers rejected or cut off by their limit. A call may be in "
        "several.",
        sql="feature_errors",
        empty=_NO_CALLS,
        link=the_calls(),
        unit="short",
        interval="1m",
        width=12,
    ),
    Panel(
        kind="ranking",
        title="Top customers",
        says="Who asked, the dearest first. A customer who jumped here is shown by Customers day by day.",
        sql="feature_tenants",
        empty=_NO_CALLS,
        link=TO_CUSTOMERS,
        width=12,
    ),
)

_WHAT_CHANGED: Final = (
    Panel(
        kind="table",
        title="Versions",
        says="The versions of the services that called, the newest first: cost and input a call tell what a release "
        "changed.",
        sql="feature_versions",
        empty=_NO_CALLS,
        link=TO_OVERVIEW,
        width=12,
    ),
    Panel(
        kind="table",
        title="System prompts",
        says="By their keyed hash, the newest first. No text is kept; cost and input a call tell what a new prompt "
        "changed.",
        sql="feature_prompts",
        empty=_NO_CALLS,
        link=TO_SAVINGS,
        width=12,
    ),
    Panel(
        kind="table",
        title="Call sites",
        says="Where in the code the calls are made, the dearest first.",
        sql="feature_call_sites",
        empty=_NO_CALLS,
        link=TO_TRUST,
        cells={"call_site": the_calls(call_site="call_site")},
        width=8,
    ),
    Panel(
        kind="table",
        title="Dearest calls",
        says="The 50 dearest calls of the range, in whole days where it is more than one. The trace shows all calls of "
        "the same trace.",
        sql="dearest_calls",
        empty=_NO_CALLS,
        link=the_calls(),
        cells={"trace_id": the_calls(trace_id="trace_id")},
        width=16,
    ),
)

BOARD: Final = Board(
    uid=FEATURE,
    title="Feature",
    says="What one feature costs, what changed, and how to stop it.",
    variables=("environment", "feature", "tenant"),
    rows={"Now": _NOW, "Spend": _SPEND, "Calls": _CALLS, "What changed": _WHAT_CHANGED},
    since="now-2d",
)
