"""What panels show of answers, made here by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from otel_llmcost.pages import board_named
from otel_llmcost.pages.asking import Answered, Chosen, Fault
from otel_llmcost.pages.links import InPage
from otel_llmcost.pages.views import View, views_of
from otel_llmcost.store import Rows

UNTIL = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNTIL_MS = int(UNTIL.timestamp()) * 1000
OVERVIEW = board_named("overview")
DAY_MS = 86_400_000


def view(title: str, names: tuple[str, ...], *rows: tuple[Any, ...]) -> View:
    """Return what a panel of the overview shows of these rows."""
    panel = next(panel for panel in OVERVIEW.panels if panel.title == title)
    answered = Answered(
        board=OVERVIEW,
        chosen=Chosen(since_ms=UNTIL_MS - 2 * DAY_MS, until_ms=UNTIL_MS, values={}),
        panels={each.id: Rows((), (), ()) for each in OVERVIEW.panels}
        | {panel.id: Rows(names, ("",) * len(names), rows)},
        offers={},
        events=((OVERVIEW.events[0], Rows(("time", "text", "tags"), ("",) * 3, ((UNTIL, "v2", "release"),))),),
    )
    return views_of(answered, InPage({"llmcost-feature"}))[panel.id]


def test_each_number_of_a_stat_has_its_own_scale() -> None:
    shown = view("Yesterday", ("yesterday_usd", "normal_usd", "change_share"), (1234.5, 0.0671, 0.4808))
    assert [(title, cell.text, cell.tone) for title, cell in shown.figures] == [
        ("Yesterday", "$1,234.50", ""),
        ("Normal", "$0.067", ""),
        ("Change", "+48.1\N{NARROW NO-BREAK SPACE}%", "up"),
    ]


def test_what_is_missing_is_said() -> None:
    assert view("Firing now", ()).said.startswith("Nothing fired")
    assert view("Yesterday", ("yesterday_usd",), (None,)).kind == "empty"
    assert view("By day and feature", ("time", "feature", "usd")).kind == "empty"


def test_a_question_that_was_refused_is_no_empty_answer() -> None:
    answered = Answered(
        board=OVERVIEW,
        chosen=Chosen(since_ms=0, until_ms=DAY_MS, values={}),
        panels={panel.id: Fault("no right to read") for panel in OVERVIEW.panels},
        offers={},
        events=(),
    )
    views = views_of(answered, InPage(()))
    assert {(each.kind, each.said) for each in views.values()} == {("fault", "no right to read")}


def test_the_bars_of_a_bridge_begin_where_the_one_before_ended() -> None:
    """10 + 4 - 6 = 8, and the highest point is 14."""
    steps = (("normal day", 10.0), ("volume", 4.0), ("cache mix", -6.0), ("yesterday", 8.0))
    bars = view("From the normal day to yesterday", ("step", "usd"), *steps).bars
    assert [(bar.label, bar.tone) for bar in bars] == [
        ("normal day", "total"),
        ("volume", "up"),
        ("cache mix", "down"),
        ("yesterday", "total"),
    ]
    assert [(round(bar.begin * 14 / 100, 2), round(bar.length * 14 / 100, 2)) for bar in bars] == [
        (0, 10),
        (10, 4),
        (8, 6),
        (0, 8),
    ]


def test_a_bridge_may_fall_below_zero() -> None:
    """1 - 3 + 4 = 2: from -2 to 2 are 4."""
    steps = (("before", 1.0), ("down", -3.0), ("up", 4.0), ("after", 2.0))
    bars = view("From the normal day to yesterday", ("step", "usd"), *steps).bars
    assert [(bar.begin, bar.length) for bar in bars] == [(50, 25), (0, 75), (0, 100), (50, 50)]


def test_a_ranking_is_shares_of_its_longest_bar() -> None:
    bars = view("By team", ("team", "usd"), ("growth", 8.0), ("", 2.0), ("support", None)).bars
    assert [(bar.label, bar.length, bar.cell.text) for bar in bars] == [
        ("growth", 100, "$8.00"),
        ("\N{EN DASH}", 25, "$2.00"),
        ("support", 0, "\N{EN DASH}"),
    ]


def test_series_share_their_times_and_the_largest_comes_first() -> None:
    first, second = (datetime(2026, 11, day) for day in (21, 22))  # noqa: DTZ001 - as the store gives them, in UTC
    chart = view(
        "By day and feature",
        ("time", "feature", "usd"),
        (first, "chat", 1.5),
        (second, "chat", 2.0),
        (second, "search", 7.25),
    ).chart
    at = [int(day.replace(tzinfo=UTC).timestamp()) for day in (first, second)]
    assert chart["times"] == at
    assert chart["series"] == [{"name": "search", "values": [None, 7.25]}, {"name": "chat", "values": [1.5, 2.0]}]
    assert chart["step"] == 86_400
    assert [(event["text"], event["kind"], event["at"]) for event in chart["events"]] == [
        ("v2", "Releases", int(UNTIL.timestamp()))
    ]


def span(*times: datetime) -> tuple[int, int]:
    chart = view("By day and feature", ("time", "feature", "usd"), *((time, "chat", 1.0) for time in times)).chart
    return chart["since"], chart["until"]


def test_a_panel_shows_the_chosen_days() -> None:
    """The range is 20 November 12:00 to 22 November 12:00; days begin at midnight."""
    midnight = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
    assert span(UNTIL.replace(day=20, hour=0), UNTIL.replace(hour=0)) == (midnight, midnight + 2 * 86_400)


def test_a_month_that_is_not_over_is_shown_to_its_end() -> None:
    first, last = UNTIL.replace(day=1, hour=0), UNTIL.replace(day=30, hour=0)
    assert span(first, last) == (int(first.timestamp()), int(last.timestamp()))


def test_one_day_of_many_is_shown_as_one() -> None:
    alone = UNTIL.replace(hour=0) - timedelta(days=1)
    assert span(alone) == (int(alone.timestamp()), int(alone.timestamp()))


def test_a_state_that_needs_somebody_has_a_tone() -> None:
    shown = view("By feature", ("feature", "limit_state"), ("chat", "over cap"), ("search", "ok"), ("evals", "warned"))
    assert [row[1].tone for row in shown.rows] == ["up", "", "warned"]


def test_a_table_knows_numbers_times_and_texts() -> None:
    shown = view("Firing now", ("last_fired", "alert", "feature", "usd"), (UNTIL, "velocity", "", None))
    assert [(column.title, column.kind) for column in shown.columns] == [
        ("Last fired", "time"),
        ("Alert", "text"),
        ("Feature", "text"),
        ("Cost", "number"),
    ]
    [row] = shown.rows
    assert [cell.text for cell in row] == ["22 Nov 12:00", "velocity", "", "\N{EN DASH}"]
