"""The digests tell what the dashboards show, and what adding the calls up in Python gives."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.digest import Weekly, daily, weekly
from otel_llmcost.digest.asked import Panels, change, table, usd
from otel_llmcost.reports.grafana import ALL
from tests.dashboards.test_queries import asked_of
from tests.support.boards import shown
from tests.support.months import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_llmcost.store import PricedCall, Store

OWNERS = {"search": "Grace", "chat": "Barbara", "summarize": "Linus"}


def spent(calls: Iterable[PricedCall]) -> float:
    return sum(call.pricing.effective_cost or 0 for call in calls) / 10**12


@pytest.fixture
def panels(seeded: Store, until_ns: int) -> Panels:
    return Panels(store=seeded, at_ms=until_ns // 10**6)


@pytest.fixture(scope="module")
def production(calls: list[PricedCall]) -> list[PricedCall]:
    return [call for call in calls if call.call.attribution.environment == "production"]


@pytest.fixture(scope="module")
def last_week(production: list[PricedCall], until_ns: int) -> list[PricedCall]:
    """Monday to Sunday before the Wednesday on which the month ends."""
    monday = until_ns // DAY_NS - 9
    return [call for call in production if monday <= call.call.started_at_ns // DAY_NS < monday + 7]


def test_the_line_says_what_yesterday_cost_against_normal_why_and_whom_to_ask(
    panels: Panels, production: list[PricedCall], until_ns: int
) -> None:
    yesterday = until_ns // DAY_NS - 1
    by_day = {day: spent(c for c in production if c.call.started_at_ns // DAY_NS == day) for day in weekdays(yesterday)}
    normal = sorted(cost for day, cost in by_day.items() if day != yesterday)[1]
    told = daily(panels)
    assert told.day == dt.date(1970, 1, 1) + dt.timedelta(yesterday)
    assert told.yesterday["yesterday_usd"] == pytest.approx(by_day[yesterday], rel=1e-12)
    assert told.yesterday["normal_usd"] == pytest.approx(normal, rel=1e-12)
    percent = round(100 * (by_day[yesterday] / normal - 1))
    assert told.subject == (
        f"LLM cost of Tuesday, {told.day}: ${by_day[yesterday]:.2f}, +{percent} % against a normal Tuesday"
    )
    lines = dict(told.lines())
    assert lines[""].endswith("Ask Grace in #growth.")
    assert "mostly model mix (+$" in lines[""]
    assert lines["Firing"] == "search costs 5 times as usual"
    assert " of $1,500.00 so far, $" in lines["Month"]
    assert " a month (" in lines["Largest saving"]
    assert lines["Look at"].startswith("llmcost dashboard overview --to 20")


def weekdays(yesterday: int) -> list[int]:
    return [yesterday - 7 * weeks for weeks in range(5)]


def test_its_sentence_is_the_one_of_the_overview(panels: Panels, seeded: Store, until_ns: int) -> None:
    [(board, asked)] = [(b, a) for b in shown() for a in b.asked if a.title == "In one sentence"]
    [row] = asked_of(seeded, board, asked, until_ns).dicts()
    assert daily(panels).sentence == row["sentence"]


def test_each_owner_is_told_their_own_features_and_the_sum_is_the_week(
    panels: Panels, last_week: list[PricedCall]
) -> None:
    by_owner: dict[str, float] = defaultdict(float)
    for call in last_week:
        by_owner[OWNERS.get(call.call.attribution.feature, "nobody")] += spent([call])
    weeks = weekly(panels)
    assert {week.owner: week.spend_usd for week in weeks} == pytest.approx(dict(by_owner), rel=1e-9)
    assert [week.owner for week in weeks] == sorted(by_owner, key=lambda owner: -by_owner[owner])
    features = {row["feature"]: row["spend_usd"] for week in weeks for row in week.features}
    for name in ("search", "chat", "summarize"):
        wanted = spent(call for call in last_week if call.call.attribution.feature == name)
        assert features[name] == pytest.approx(wanted, rel=1e-9)


def test_the_numbers_are_those_of_the_weekly_review(panels: Panels, seeded: Store, until_ns: int) -> None:
    for title, part in {
        "Five numbers a feature": "features",
        "Rising three weeks": "rising",
        "What fired": "fired",
        "Last week's wins": "wins",
    }.items():
        [(board, asked)] = [(b, a) for b in shown() for a in b.asked if (b.name, a.title) == ("weekly", title)]
        wanted = asked_of(seeded, board, asked, until_ns).dicts()
        found = [row for week in weekly(panels) for row in getattr(week, part)]
        assert sorted(map(str, found)) == sorted(map(str, wanted))


def test_the_cost_of_a_session_is_that_of_its_calls(
    panels: Panels, production: list[PricedCall], until_ns: int
) -> None:
    monday = until_ns // DAY_NS - 9
    sessions: dict[str, float] = defaultdict(float)
    last: dict[str, int] = defaultdict(int)
    for call in production:
        if name := call.call.attribution.session_id:
            sessions[name] += spent([call])
            last[name] = max(last[name], call.call.started_at_ns)
    costs = sorted(cost for name, cost in sessions.items() if monday <= last[name] // DAY_NS < monday + 7)
    [week] = [week for week in weekly(panels) if week.owner == "Barbara"]
    [chat] = week.features
    assert chat["median_a_session_usd"] == pytest.approx(costs[int(0.5 * len(costs))], rel=1e-12)
    assert chat["p95_a_session_usd"] == pytest.approx(costs[int(0.95 * len(costs))], rel=1e-12)


def test_the_week_says_what_rises_what_is_open_what_to_save_and_what_was_saved(panels: Panels) -> None:
    """Chat grows by a seventh a week, search fired this week, and the prompts of summarize became shorter."""
    weeks = {week.owner: week for week in weekly(panels)}
    assert [row["feature"] for row in weeks["Barbara"].rising] == ["chat"]
    said = {owner: week.message().text for owner, week in weeks.items()}
    assert "Rising three weeks: chat $" in said["Barbara"]
    assert "Open alerts: search costs 5 times as usual (1 h)" in said["Grace"]
    largest = max(weeks["Grace"].savings, key=lambda row: row["a_month_usd"])
    assert (
        f"Largest unclaimed saving: search, {largest['lever']}: ${largest['a_month_usd']:.2f} a month" in said["Grace"]
    )
    assert "Wins: summarize saved $" in said["Linus"]
    assert "Open alerts: none" in said["Linus"]
    monday = panels.today - dt.timedelta(days=panels.today.weekday() + 7)
    assert weeks["Linus"].subject.startswith(
        f"LLM cost of the week {monday} to {monday + dt.timedelta(days=6)}, Linus: $"
    )


def test_slack_reads_the_five_numbers_as_a_list(panels: Panels) -> None:
    [week] = [week for week in weekly(panels) if week.owner == "Grace"]
    [search] = week.features
    first = week.message().mrkdwn.splitlines()[0]
    assert first.startswith(f"• *search* ${search['spend_usd']:.2f} (")
    assert first.endswith("no sessions; 0 alerts; 0 stopped")


def test_other_environments_can_be_told(panels: Panels, calls: list[PricedCall], until_ns: int) -> None:
    everywhere = Panels(store=panels.store, at_ms=panels.at_ms, values={"environment": ALL})
    yesterday = until_ns // DAY_NS - 1
    wanted = spent(call for call in calls if call.call.started_at_ns // DAY_NS == yesterday)
    assert daily(everywhere).yesterday["yesterday_usd"] == pytest.approx(wanted, rel=1e-12)


def test_amounts_and_changes_are_words() -> None:
    assert [usd(1234.5), usd(0.01234), usd(0), usd(-2), usd(None)] == ["$1,234.50", "$0.0123", "$0.00", "-$2.00", "-"]
    assert [change(0.126), change(-0.5), change(-0.001), change(None)] == ["+13 %", "-50 %", "+0 %", "-"]
    assert table([("a", "1"), ("bcd", "22")]) == "a     1\nbcd  22"


def test_a_week_of_no_calls_is_none() -> None:
    nothing: dict[str, list[dict[str, Any]]] = {part: [] for part in ("features", "rising", "fired", "savings", "wins")}
    week = Weekly(owner="Ann", first_day=dt.date(2026, 11, 9), link="x", **nothing)
    assert week.subject == "LLM cost of the week 2026-11-09 to 2026-11-15, Ann: $0.00"
    assert "Wins: none" in week.message().text
