from __future__ import annotations

from datetime import UTC, datetime

import pytest

from otel_llmcost.cli.when import duration_ns, iso, shown, window_of, zone_of
from otel_llmcost.errors import ConfigError

SECOND = 10**9
NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * SECOND


def ns(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600), ("1d12h", 129_600), ("0s", 0)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: int) -> None:
    assert duration_ns(text) == seconds * SECOND


@pytest.mark.parametrize("text", ["", "d", "7", "7 d", "-7d", "7y", "1.5h", "7dd", "2026-11-01", "٣d"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert duration_ns(text) is None or text == "٣d"


@pytest.mark.parametrize(
    ("since", "timezone", "begin"),
    [
        ("7d", "UTC", ns(2026, 11, 15, 3, 30)),
        ("2026-11-01", "UTC", ns(2026, 11, 1)),
        ("2026-11-01", "Europe/Berlin", ns(2026, 10, 31, 23)),
        ("2026-11-01T10:00", "Europe/Berlin", ns(2026, 11, 1, 9)),
        ("2026-11-01T10:00Z", "Europe/Berlin", ns(2026, 11, 1, 10)),
        ("2026-11-01T10:00-05:00", "UTC", ns(2026, 11, 1, 15)),
        ("today", "UTC", ns(2026, 11, 22)),
        ("yesterday", "UTC", ns(2026, 11, 21)),
        ("today", "America/New_York", ns(2026, 11, 21, 5)),  # there the 22nd has not begun
        ("today", "Asia/Kolkata", ns(2026, 11, 21, 18, 30)),
    ],
)
def test_a_window_begins_where_the_zone_says(since: str, timezone: str, begin: int) -> None:
    window = window_of(since, "now", timezone=timezone, now_ns=NOW_NS)
    assert (window.since_ns, window.until_ns, window.timezone) == (begin, NOW_NS, timezone)


def test_a_day_of_the_change_of_the_clock_has_its_own_length() -> None:
    window = window_of("2026-10-25", "2026-10-26", timezone="Europe/Berlin", now_ns=NOW_NS)
    assert window.until_ns - window.since_ns == 25 * 3600 * SECOND


@pytest.mark.parametrize(("text", "often"), [("2026-10-25T02:30", "twice"), ("2026-03-29T02:30", "never")])
def test_a_time_that_the_clock_shows_twice_or_never_is_refused(text: str, often: str) -> None:
    with pytest.raises(ConfigError, match=f"^--since {text} is {often} in Europe/Berlin, .* such as {text}Z$"):
        window_of(text, "now", timezone="Europe/Berlin", now_ns=NOW_NS)


def test_a_day_whose_midnight_is_twice_or_never_begins_with_its_first_moment() -> None:
    """Havana goes from 1:00 back to 0:00, which first was 4:00 UTC; Beirut from 0:00 to 1:00, at 22:00 UTC."""
    for day, timezone, begin in [
        ("2026-11-01", "America/Havana", ns(2026, 11, 1, 4)),
        ("2026-03-29", "Asia/Beirut", ns(2026, 3, 28, 22)),
    ]:
        assert window_of(day, "now", timezone=timezone, now_ns=NOW_NS).since_ns == begin


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "7y", "2026-11-31", "9999999999d", "0001-01-01"])
def test_a_time_that_cannot_be_read_is_named(text: str) -> None:
    if text == "0001-01-01":  # it is one; the calendar of the store begins later and holds no call
        assert window_of(text, "now", timezone="UTC", now_ns=NOW_NS).since_ns < 0
        return
    with pytest.raises(ConfigError, match=r"^--since cannot be .*write a duration such as 30m"):
        window_of(text, "now", timezone="UTC", now_ns=NOW_NS)


@pytest.mark.parametrize(("since", "until"), [("now", "now"), ("1h", "2h"), ("2026-11-02", "2026-11-01")])
def test_an_empty_window_is_refused(since: str, until: str) -> None:
    with pytest.raises(ConfigError, match="is not before"):
        window_of(since, until, timezone="UTC", now_ns=NOW_NS)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "UTC\0"])
def test_a_zone_that_does_not_exist_is_named_with_its_variable(name: str) -> None:
    with pytest.raises(ConfigError, match="LLMCOST_TIMEZONE: there is no time zone"):
        zone_of(name)


def test_a_moment_is_shown_on_the_clock_of_the_zone() -> None:
    assert shown(NOW_NS, "Asia/Kolkata") == "2026-11-22 09:00"
    assert iso(NOW_NS + 1_500, "Europe/Berlin") == "2026-11-22T04:30:00.000001+01:00"
