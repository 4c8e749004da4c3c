"""Spend overview: how much yesterday, and why, in ten seconds."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.boards.links import (
    OVERVIEW,
    TO_CALLS,
    TO_FEATURE,
    TO_MONTH,
    TO_SAVINGS,
    TO_TRUST,
    TO_WEEKLY,
    the_feature,
)
from dashboards.panels import Panel

_NO_CALLS: Final = "No calls in these days. Run `llmcost doctor` where the application runs."

_NOW: Final = (
    Panel(
        kind="stat",
        title="Yesterday",
        says="What yesterday (UTC) cost, and the normal day: of the last four same weekdays, the one with the median "
        "spend. End the range on another day to look at the day before it.",
        sql="yesterday",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        width=6,
        height=5,
    ),
    Panel(
        kind="stat",
        title="Today so far",
        says="Today, what the last four same weekdays had cost by this time, and what midnight (UTC) will bring if "
        "the rest of the day goes as theirs did.",
        sql="today",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        width=6,
        height=5,
    ),
    Panel(
        kind="stat",
        title="Month to date",
        says="The month so far, its plan, and what it comes to at the mean of the last seven whole days. The plan is "
        "the month's limit in llmcost.yaml; without one there is none to compare with.",
        sql="month",
        empty=_NO_CALLS,
        link=TO_MONTH,
        width=6,
        height=5,
    ),
    Panel(
        kind="stat",
        title="Burning now",
        says="What the calls of the last five minutes and of the last hour cost, by the hour. Read from the calls "
        "themselves, seconds old.",
        sql="burning",
        empty="No call in the last hour.",
        link=TO_CALLS,
        width=6,
        height=5,
    ),
    Panel(
        kind="stat",
        title="Can you trust it",
        says="Since yesterday: the share of calls that have a feature, the share whose price is known, and how long "
        "after its end a call arrived here (95 % of the last hour's).",
        sql="trust",
        empty=_NO_CALLS,
        link=TO_TRUST,
        width=8,
        height=5,
    ),
    Panel(
        kind="table",
        title="Firing now",
        says="Alerts of the last day, told by `llmcost check`. Those that Grafana evaluates stand under Alerting.",
        sql="firing",
        empty="Nothing fired in the last day, or `llmcost check` does not run yet.",
        link=TO_WEEKLY,
        cells={"feature": the_feature()},
        width=16,
        height=5,
    ),
)

_WHY: Final = (
    Panel(
        kind="sentence",
        title="In one sentence",
        says="How far yesterday was from the normal day, which feature moved most, by what, since which release, "
        "prompt or price, and whom to ask. The owner is the catalogue's, in llmcost.yaml.",
        sql="why",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        width=24,
        height=3,
    ),
    Panel(
        kind="bridge",
        title="From the normal day to yesterday",
        says="The bars between the two days sum exactly to their difference. Volume: more calls at the old cost a "
        "call. Tokens and cache: weighed as providers charge them (input 1, cache read 0.1, writes 1.25 and 2, output "
        "5). Price and fees: what is left, searches and tiers included.",
        sql="bridge",
        empty="There is no earlier same weekday to compare yesterday with.",
        link=TO_FEATURE,
        width=12,
        height=9,
    ),
    Panel(
        kind="table",
        title="What moved",
        says="The features that moved most between the normal day and yesterday, the largest part of that move, and "
        "who answers for it.",
        sql="movers",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        cells={"feature": the_feature()},
        width=12,
        height=9,
    ),
)

_WHERE: Final = (
    Panel(
        kind="bars",
        title="By day and feature",
        says="Each day (UTC) by feature; the last bar is today so far. Marks show releases, prompt and price changes.",
        sql="days_by_feature",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        interval="1d",
        width=24,
        height=9,
    ),
    Panel(
        kind="table",
        title="By feature",
        says="Limit state: today's spend against the day's limits. Cost and input tokens a call: the last seven whole "
        "days, the change against the seven before. Wasted: what answers cost in those days that were rejected, failed "
        "or cut off.",
        sql="features_table",
        empty=_NO_CALLS,
        link=TO_FEATURE,
        cells={"feature": the_feature()},
        width=24,
        height=9,
    ),
    Panel(
        kind="ranking",
        title="By team",
        says="The range by team. Calls without a team are named by a catalogue in llmcost.yaml.",
        sql="by_team",
        empty=_NO_CALLS,
        link=TO_MONTH,
        width=8,
    ),
    Panel(
        kind="ranking",
        title="By environment and workload",
        says="The range by where it ran and why. Choose all environments above to see development and CI, too.",
        sql="by_workload",
        empty=_NO_CALLS,
        link=TO_MONTH,
        width=8,
    ),
    Panel(
        kind="ranking",
        title="By served model",
        says="The range by the model that answered, whatever was asked for.",
        sql="by_model",
        empty=_NO_CALLS,
        link=TO_SAVINGS,
        width=8,
    ),
)

_SHOULD: Final = (
    Panel(
        kind="stat",
        title="Saved and wasted yesterday",
        says="Saved by caches: what cached input would have cost more uncached, less what writing it cost. "
        "Wasted: answers that the application rejected, calls that failed and cost money, answers cut off by their "
        "limit; no call counts twice. Retried: what second attempts cost whose answer was used.",
        sql="saved_and_wasted",
        empty=_NO_CALLS,
        link=TO_SAVINGS,
        width=12,
        height=5,
    ),
    Panel(
        kind="table",
        title="Largest open saving",
        says="The three largest of the Savings dashboard, by what they would bring in a month.",
        sql="largest_savings",
        empty="Nothing found that would save a dollar a month.",
        link=TO_SAVINGS,
        cells={"feature": the_feature()},
        width=12,
        height=5,
    ),
)

BOARD: Final = Board(
    uid=OVERVIEW,
    title="Spend overview",
    says="How much yesterday, and why.",
    variables=("environment", "team", "feature", "provider", "model"),
    rows={"Now": _NOW, "Why": _WHY, "Where": _WHERE, "What it should have been": _SHOULD},
)
