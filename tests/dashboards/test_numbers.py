"""The main numbers are those that one gets by adding the calls up in Python."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.dashboards.test_queries import asked_of
from tests.support.boards import shown
from tests.support.months import DAY_NS, HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_llmcost.store import PricedCall, Store

ASKED = {(board.name, asked.title): (board, asked) for board in shown() for asked in board.asked}


def answers(store: Store, board: str, title: str, until_ns: int, **chosen: tuple[str, ...]) -> list[dict[str, Any]]:
    on, asked = ASKED[board, title]
    return asked_of(store, on, asked, until_ns, **chosen).dicts()


def usd(calls: Iterable[PricedCall]) -> float:
    """Return what calls cost: exact in pico-USD, rounded once."""
    return sum(call.pricing.effective_cost or 0 for call in calls) / 10**12


@pytest.fixture(scope="module")
def today(until_ns: int) -> int:
    return until_ns // DAY_NS


@pytest.fixture(scope="module")
def by_day(calls: list[PricedCall], until_ns: int) -> dict[int, list[PricedCall]]:
    """The calls of production by their day (UTC). Calls of the last hour that reach over the end are still to come."""
    days = defaultdict(list)
    for call in calls:
        if call.call.attribution.environment == "production":
            days[call.call.started_at_ns // DAY_NS].append(call)
    return days


@pytest.fixture(scope="module")
def normal_day(by_day: dict[int, list[PricedCall]], today: int) -> int:
    weekdays = sorted((today - 1 - 7 * week for week in (1, 2, 3, 4)), key=lambda day: usd(by_day[day]))
    return weekdays[1]


def test_yesterday_stands_beside_the_median_of_the_last_four_same_weekdays(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int, normal_day: int
) -> None:
    [row] = answers(seeded, "overview", "Yesterday", until_ns)
    assert row["yesterday_usd"] == pytest.approx(usd(by_day[today - 1]), rel=1e-12)
    assert row["normal_usd"] == pytest.approx(usd(by_day[normal_day]), rel=1e-12)


def test_the_bars_between_two_days_sum_exactly(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int, normal_day: int
) -> None:
    bars = {
        row["step"]: row["usd"] for row in answers(seeded, "overview", "From the normal day to yesterday", until_ns)
    }
    normal, yesterday = bars.pop("normal day"), bars.pop("yesterday")
    assert normal == pytest.approx(usd(by_day[normal_day]), rel=1e-12)
    assert yesterday == pytest.approx(usd(by_day[today - 1]), rel=1e-12)
    assert sum(bars.values()) == pytest.approx(yesterday - normal, abs=1e-9)
    assert set(bars) == {
        "new features",
        "ended features",
        "volume",
        "tokens a call",
        "cache mix",
        "model mix",
        "price and fees",
    }


def test_a_dearer_model_is_named_as_what_moved_search(seeded: Store, until_ns: int) -> None:
    """From yesterday's midnight on, search was served by a model at four times the price."""
    moved = {row["feature"]: row for row in answers(seeded, "overview", "What moved", until_ns)}
    assert moved["search"]["main_driver"] == "model mix"
    assert moved["search"]["owner"] == "Grace"
    assert abs(moved["chat"]["change_usd"]) < moved["search"]["change_usd"]
    [row] = answers(seeded, "overview", "In one sentence", until_ns)
    assert "above a normal Tuesday, mostly model mix (+$" in row["sentence"]
    assert "search moved most: +$" in row["sentence"]
    assert "since the " in row["sentence"]
    assert row["sentence"].endswith("Ask Grace in #growth.")


def test_each_day_is_the_sum_of_its_features(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    rows = answers(seeded, "overview", "By day and feature", until_ns)
    found: dict[tuple[int, str], float] = {
        (int(row["time"].timestamp()) * 10**9 // DAY_NS, row["feature"]): row["usd"] for row in rows
    }
    wanted: dict[tuple[int, str], float] = defaultdict(float)
    for day in range(today - 14, today + 1):
        for call in by_day[day]:
            wanted[day, call.call.attribution.feature or "(unattributed)"] += usd([call])
    assert found == pytest.approx(dict(wanted), rel=1e-9)


def test_a_team_is_charged_what_its_calls_cost(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    rows = {row["team"]: row["usd"] for row in answers(seeded, "overview", "By team", until_ns)}
    calls = [call for day in range(today - 14, today + 1) for call in by_day[day]]
    wanted = {
        team or "(no team)": usd(call for call in calls if call.call.attribution.team == team)
        for team in ("growth", "support", "")
    }
    assert rows == pytest.approx(wanted, rel=1e-9)


def test_a_variable_leaves_out_what_was_not_chosen(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    [row] = answers(seeded, "overview", "Yesterday", until_ns, feature=("chat", "summarize"))
    chosen = [call for call in by_day[today - 1] if call.call.attribution.feature in ("chat", "summarize")]
    assert row["yesterday_usd"] == pytest.approx(usd(chosen), rel=1e-12)


def test_the_month_to_date_and_its_plan(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    [row] = answers(seeded, "overview", "Month to date", until_ns)
    assert row["month_to_date_usd"] == pytest.approx(usd(this_month(by_day, today)), rel=1e-9)
    assert row["plan_usd"] == 1500


def test_what_burns_now_is_read_from_the_calls(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    [row] = answers(seeded, "overview", "Burning now", until_ns)
    last = [call for call in by_day[today] if until_ns - HOUR_NS < call.call.started_at_ns <= until_ns]
    assert row["last_hour_usd_per_hour"] == pytest.approx(usd(last), rel=1e-12)


def test_what_was_asked_again_yesterday_is_a_saving(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    """Yesterday stands for each of thirty days. Chat asked in a loop; of a request asked again the first stays."""
    found = {(row["feature"], row["lever"]): row for row in answers(seeded, "savings", "What could be saved", until_ns)}
    asked = defaultdict(list)
    for call in sorted(by_day[today - 1], key=lambda each: each.call.started_at_ns):
        if call.call.attribution.feature == "chat":
            asked[call.call.attribution.tenant, call.call.request_hash].append(call)
    again = [call for calls in asked.values() for call in calls[1:]]
    assert found["chat", "de-duplication"]["a_month_usd"] == pytest.approx(30 * usd(again), rel=1e-9)
    said = f"{len(again)} calls of yesterday asked what the same tenant had asked before"
    assert found["chat", "de-duplication"]["arithmetic"] == said


def test_a_saving_is_found_where_a_dearer_model_took_over(seeded: Store, until_ns: int) -> None:
    largest = answers(seeded, "overview", "Largest open saving", until_ns)
    assert [row["a_month_usd"] for row in largest] == sorted((row["a_month_usd"] for row in largest), reverse=True)
    assert ("search", "smaller model") in {(row["feature"], row["lever"]) for row in largest}


def this_month(by_day: dict[int, list[PricedCall]], today: int) -> list[PricedCall]:
    first = (dt.date(1970, 1, 1) + dt.timedelta(today)).replace(day=1)
    return [call for day in range((first - dt.date(1970, 1, 1)).days, today + 1) for call in by_day[day]]


def wasted(calls: Iterable[PricedCall]) -> dict[str, list[PricedCall]]:
    """Return the calls whose answers were of no use, each under one reason, and the second attempts that were."""
    found = defaultdict(list)
    for each in calls:
        call = each.call
        is_cut = call.finish_reason == "length"
        again = "retried" if call.attempt_kind != "first" else ""
        found[
            "rejected" if call.rejected else "failed" if call.error_type else "truncated" if is_cut else again
        ].append(each)
    return found


def test_waste_is_what_was_rejected_failed_or_cut_off_and_no_call_twice(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    [row] = answers(seeded, "overview", "Saved and wasted yesterday", until_ns)
    of_yesterday = wasted(by_day[today - 1])
    assert all(of_yesterday[reason] for reason in ("rejected", "failed", "truncated", "retried"))
    assert any(each.call.rejected and each.call.finish_reason == "length" for each in of_yesterday["rejected"])
    for reason in ("rejected", "failed", "truncated", "retried"):
        assert row[f"{reason}_usd"] == pytest.approx(usd(of_yesterday[reason]), rel=1e-12)

    week = wasted(call for day in range(today - 7, today) for call in by_day[day])
    by_feature: dict[str, list[PricedCall]] = defaultdict(list)
    for reason in ("rejected", "failed", "truncated"):
        for call in week[reason]:
            by_feature[call.call.attribution.feature or "(unattributed)"].append(call)
    table = {row["feature"]: row["wasted_usd"] for row in answers(seeded, "overview", "By feature", until_ns)}
    assert table == {feature: pytest.approx(usd(by_feature[feature]), rel=1e-12) for feature in table}
    assert sum(table.values()) > 0
    shape = answers(seeded, "savings", "Shape of calls", until_ns)
    assert sum(row["wasted_usd"] for row in shape) == pytest.approx(sum(table.values()), rel=1e-9)


def test_the_lines_of_the_showback_sum_to_the_cent(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    lines = answers(seeded, "month", "By team and cost center", until_ns)
    assert {line["kind"] for line in lines} == {"direct", "unallocated", "rounding"}
    cents = [round(line["usd"] * 100) for line in lines]
    assert [line["usd"] * 100 for line in lines] == pytest.approx(cents, abs=1e-9)
    assert sum(cents) == round(usd(this_month(by_day, today)) * 100)
    centers = {line["team"]: line["cost_center"] for line in lines if line["kind"] == "direct"}
    assert centers["support"] == "CC-2"


def test_the_bars_between_two_months_sum_exactly(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    bars = [row["usd"] for row in answers(seeded, "month", "From last month to this", until_ns)]
    assert sum(bars[:-1]) == pytest.approx(bars[-1], abs=1e-9)
    assert bars[-1] == pytest.approx(usd(this_month(by_day, today)), rel=1e-12)


def test_what_customers_cost_sums_to_the_whole(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    calls = [call for day in range(today - 14, today + 1) for call in by_day[day]]
    rows = {row["tenant"]: row for row in answers(seeded, "customers", "Customers", until_ns)}
    for tenant in ("acme", "hooli"):
        wanted = usd(call for call in calls if call.call.attribution.tenant == tenant)
        assert rows[tenant]["usd"] == pytest.approx(wanted, rel=1e-9)
    assert sum(row["of_all_share"] for row in rows.values()) == pytest.approx(1)
    [together] = answers(seeded, "customers", "Concentration", until_ns)
    assert together["all_usd"] == pytest.approx(usd(calls), rel=1e-9)
    assert together["tenants_count"] == 5


def test_the_half_and_the_95th_percentile_of_a_session(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    sessions: dict[str, float] = defaultdict(float)
    ended: dict[str, int] = defaultdict(int)
    for day in by_day.values():
        for call in day:
            name = call.call.attribution.session_id
            if name:
                sessions[name] += usd([call])
                ended[name] = max(ended[name], call.call.started_at_ns)
    costs = sorted(cost for name, cost in sessions.items() if until_ns - 14 * DAY_NS <= ended[name] <= until_ns)
    [row] = answers(seeded, "sessions", "Sessions", until_ns)
    assert row["sessions_count"] == len(costs)
    assert row["p50_a_session_usd"] == pytest.approx(costs[int(0.5 * len(costs))], rel=1e-12)
    assert row["p95_a_session_usd"] == pytest.approx(costs[int(0.95 * len(costs))], rel=1e-12)


def test_the_percentiles_of_the_week_are_those_of_all_its_sessions(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    """The last whole week, Monday to Sunday: 1 January 1970 was a Thursday."""
    week = today - (today + 3) % 7 - 7
    sessions: dict[tuple[str, str], float] = defaultdict(float)
    ended: dict[tuple[str, str], int] = defaultdict(int)
    for day in range(week - 8, week + 8):
        for call in by_day[day]:
            who = call.call.attribution
            if who.feature == "chat" and who.session_id:
                sessions[who.tenant, who.session_id] += usd([call])
                ended[who.tenant, who.session_id] = max(ended[who.tenant, who.session_id], call.call.started_at_ns)
    costs = sorted(cost for name, cost in sessions.items() if week <= ended[name] // DAY_NS < week + 7)
    rows = {row["feature"]: row for row in answers(seeded, "weekly", "Five numbers a feature", until_ns)}
    assert len(costs) > 100
    assert rows["chat"]["median_a_session_usd"] == pytest.approx(costs[int(0.5 * len(costs))], rel=1e-12)
    assert rows["chat"]["p95_a_session_usd"] == pytest.approx(costs[int(0.95 * len(costs))], rel=1e-12)


def test_of_very_many_sessions_a_part_tells_what_one_costs(seeded: Store, until_ns: int) -> None:
    board, asked = ASKED["weekly", "Five numbers a feature"]
    assert "sum(d.calls), 2000000)" in asked.sql
    fewer = replace(asked, sql=asked.sql.replace("sum(d.calls), 2000000)", "sum(d.calls), 2000)"))
    whole, part = (
        {row["feature"]: row for row in asked_of(seeded, board, each, until_ns).dicts()} for each in (asked, fewer)
    )
    assert part["chat"]["spend_usd"] == whole["chat"]["spend_usd"]
    assert part["chat"]["median_a_session_usd"] != whole["chat"]["median_a_session_usd"]
    for name in ("median_a_session_usd", "p95_a_session_usd"):
        assert part["chat"][name] == pytest.approx(whole["chat"][name], rel=0.1)


def test_what_a_user_action_takes_is_counted_by_the_hour(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    """Drawn by the day: over all actions of all its hours."""
    taken: dict[tuple[Any, ...], int] = defaultdict(int)
    for call in by_day[today - 2]:
        who = call.call.attribution
        taken[call.call.started_at_ns // HOUR_NS, who.tenant, who.feature, who.request_id] += 1
    counts = sorted(taken.values())
    rows = answers(seeded, "sessions", "Calls a user action takes", until_ns)
    [row] = [row for row in rows if row["time"].timestamp() == (today - 2) * 86_400]
    assert row["mean"] == pytest.approx(sum(counts) / len(counts), rel=1e-12)
    assert (row["p95"], row["most"]) == (counts[int(0.95 * len(counts))], counts[-1])


def test_a_loop_is_shown_with_its_calls(seeded: Store, until_ns: int) -> None:
    """Thirty hours before the end, chat asked the same 40 times in a request."""
    loops = answers(seeded, "sessions", "Loops", until_ns)
    assert loops
    assert {(row["feature"], row["calls"], row["distinct_calls"]) for row in loops} == {("chat", 40, 1)}


def test_every_token_stands_in_one_bar(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    rows = answers(seeded, "feature", "Tokens by what they are billed as", until_ns)
    calls = [call for day in by_day.values() for call in day]
    used = [call.call.usage for call in calls if until_ns - 14 * DAY_NS <= call.call.started_at_ns <= until_ns]
    wanted = sum(usage.input_tokens + usage.output_tokens for usage in used if usage)
    assert sum(value for row in rows for name, value in row.items() if name != "time") == wanted


def test_calls_can_be_reached_one_by_one(seeded: Store, until_ns: int, calls: list[PricedCall]) -> None:
    wanted = next(call for call in calls if call.call.attribution.feature == "chat" and call.pricing.effective_cost)
    on, asked = ASKED["calls", "Calls"]
    end_ns = wanted.call.started_at_ns + HOUR_NS
    [row] = asked_of(seeded, on, asked, end_ns, trace_id=(wanted.call.trace_id,)).dicts()
    assert row["usd"] == pytest.approx(usd([wanted]), rel=1e-12)
    assert row["session_id"] == wanted.call.attribution.session_id


def test_trust_counts_what_is_unnamed_and_unpriced(
    seeded: Store, until_ns: int, by_day: dict[int, list[PricedCall]], today: int
) -> None:
    last = [
        c for day in (today - 1, today) for c in by_day[day] if until_ns - DAY_NS < c.call.started_at_ns <= until_ns
    ]
    [row] = answers(seeded, "trust", "The last day", until_ns)
    assert row["all_calls"] == len(last)
    assert row["named_share"] == pytest.approx(sum(bool(c.call.attribution.feature) for c in last) / len(last))
    assert row["priced_share"] == pytest.approx(sum(c.pricing.list_cost is not None for c in last) / len(last))
    unpriced = {row["status"]: row["calls"] for row in answers(seeded, "trust", "No price", until_ns)}
    assert unpriced["unpriced_model"] == sum(c.call.response_model == "novel-1" and not c.call.error_type for c in last)
