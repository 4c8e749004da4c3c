"""The month is the same whenever it is drawn, and has in it what dashboards and alerts are meant to show."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from otel_llmcost.demo.month import DAY_NS, HOUR_NS, month

SUNDAY_NOON_NS = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture(scope="module")
def calls():
    return list(month(until_ns=SUNDAY_NOON_NS))


def day(call):
    return f"{datetime.fromtimestamp(call.started_at_ns / 1e9, UTC):%m-%d}"


def keys(calls):
    """The key of a call in the store: nothing with the same key is booked twice."""
    return {(call.started_at_ns // HOUR_NS, call.trace_id, call.span_id) for call in calls}


def test_a_month_is_full_and_ends_when_told(calls):
    assert 100_000 < len(calls) < 200_000
    assert min(call.started_at_ns for call in calls) >= SUNDAY_NOON_NS - 30 * DAY_NS
    assert max(call.started_at_ns for call in calls) < SUNDAY_NOON_NS
    assert len({call.attribution.feature for call in calls}) == 6
    assert {call.attribution.tenant for call in calls} == {"", "acme", "globex", "initech"}
    assert {call.attribution.team for call in calls} == {"", "support", "growth"}


def test_every_call_has_ids_of_its_own_and_usage_that_adds_up(calls):
    assert len({(call.trace_id, call.span_id) for call in calls}) == len(calls)
    answered = [call.response_id for call in calls if call.response_id]
    assert len(set(answered)) == len(answered)
    assert all(len(call.trace_id) == 32 and len(call.span_id) == 16 for call in calls)
    for call in calls:
        if call.usage is not None:
            call.usage.disjoint()


def test_drawing_it_again_draws_the_same(calls):
    again = list(month(until_ns=SUNDAY_NOON_NS, days=5))
    assert again == [call for call in calls if call.started_at_ns >= SUNDAY_NOON_NS - 5 * DAY_NS]
    assert not keys(month(until_ns=SUNDAY_NOON_NS, days=5, seed=2)) & keys(calls)


def test_an_hour_later_only_the_hour_is_new(calls):
    later = list(month(until_ns=SUNDAY_NOON_NS + HOUR_NS, days=5))
    new = keys(later) - keys(calls)
    assert {hour for hour, _, _ in new} == {SUNDAY_NOON_NS // HOUR_NS}


def test_there_are_weekends_and_growth(calls):
    by_day = Counter(map(day, calls))
    assert by_day["11-14"] < by_day["11-13"] / 2
    assert by_day["11-18"] > by_day["10-28"] * 1.3


def test_a_feature_is_launched_on_the_way(calls):
    by_day = Counter(day(call) for call in calls if call.attribution.feature == "draft_campaign")
    assert min(by_day) == "10-27"
    assert by_day["10-27"] < by_day["11-06"] / 4


def test_the_four_incidents_show(calls):
    surge = Counter(
        day(call) for call in calls if call.attribution.feature == "search_help" and call.attribution.tenant == "globex"
    )
    assert surge["11-03"] > surge["11-10"] * 5
    prompts = {
        when: max(c.usage.input_tokens for c in calls if day(c) == when and c.attribution.feature == "summarize_thread")
        for when in ("11-03", "11-04")
    }
    assert prompts["11-04"] > prompts["11-03"] * 2.5
    drafts = {
        when: {c.request_model for c in calls if day(c) == when and c.attribution.feature == "draft_campaign"}
        for when in ("11-10", "11-11")
    }
    assert ("gpt-4o-mini" in drafts["11-10"], "gpt-4o-mini" in drafts["11-11"]) == (True, False)
    assert "gpt-5.4" in drafts["11-11"]
    retries = [call for call in calls if call.attempt_reason == "schema_mismatch"]
    assert (len(retries), {day(call) for call in retries}) == (1800, {"11-13"})
    assert len({call.attribution.request_id for call in retries}) == 2


def test_conversations_have_several_turns(calls):
    turns = Counter(call.attribution.session_id for call in calls if call.attribution.session_id)
    assert max(turns.values()) == 5
    assert len(turns) > 3000
