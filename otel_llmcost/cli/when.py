"""Times as people write them: `7d`, `2026-11-01`, `yesterday`, an ISO 8601 time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from otel_llmcost.errors import ConfigError
from otel_llmcost.reports.window import Window

_UNITS_NS: Final = {
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
}
_DURATION: Final = re.compile(r"(?:\d{1,9}[smhdw])+")
_PART: Final = re.compile(r"(\d+)([smhdw])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_AGO: Final = {"today": 0, "yesterday": 1}
_EXAMPLES: Final = "write a duration such as 30m, 24h or 7d, a date such as 2026-11-01, or today, yesterday, now"


def window_of(
    since: str, until: str, *, timezone: str, now_ns: int, names: tuple[str, str] = ("--since", "--until")
) -> Window:
    """Return the window that two texts name.

    Args:
        since: The first moment; a duration counts back from now.
        until: The first moment after the window, likewise.
        timezone: An IANA zone: where days begin, and of times without an offset.
        now_ns: The present, in Unix nanoseconds.
        names: What the two options are called.

    Raises:
        ConfigError: One of them cannot be read, or the window is empty.
    """
    zone = zone_of(timezone)
    begin = _moment(names[0], since, zone, now_ns)
    end = _moment(names[1], until, zone, now_ns)
    if begin >= end:
        msg = f"{names[0]} {since} is not before {names[1]} {until}; give an earlier {names[0]}"
        raise ConfigError(msg)
    return Window(since_ns=begin, until_ns=end, timezone=timezone)


def zone_of(name: str) -> ZoneInfo:
    """Return an IANA time zone.

    Raises:
        ConfigError: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"--timezone or LLMCOST_TIMEZONE: there is no time zone {name!r}; write one such as UTC or Europe/Berlin"
        raise ConfigError(msg) from error


def duration_ns(text: str) -> int | None:
    """Return a duration such as `90s` or `1d12h` in nanoseconds, None if it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(int(count) * _UNITS_NS[unit] for count, unit in _PART.findall(text))


def at_ns_of(text: str) -> int:
    """Return the moment that `--at` names, in Unix nanoseconds; without an offset it is UTC.

    Raises:
        ConfigError: It is no moment.
    """
    from otel_llmcost.pricing.compiled import unix_ns

    try:
        return unix_ns(text)
    except ValueError as error:
        msg = f"--at cannot be {text!r}; write a date such as 2026-11-01 or an ISO 8601 time"
        raise ConfigError(msg) from error


def shown(unix_ns: int, timezone: str, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return a moment as it reads on a clock in a zone."""
    return (_EPOCH + timedelta(microseconds=unix_ns // 1000)).astimezone(zone_of(timezone)).strftime(form)


def iso(unix_ns: int, timezone: str) -> str:
    """Return a moment as an ISO 8601 time with its offset, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=unix_ns // 1000)).astimezone(zone_of(timezone)).isoformat()


def _require_one(option: str, text: str, time: datetime, zone: ZoneInfo) -> None:
    """Refuse a time that the clock of the zone shows twice or never; a day begins with the first moment of it."""
    if time.tzinfo is None and time.time() != datetime.min.time():
        first, second = (time.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
        if first != second:
            often = "never" if first is not None and second is not None and first < second else "twice"
            msg = (
                f"{option} {text} is {often} in {zone.key}, where the clock changes; write its offset, such as {text}Z"
            )
            raise ConfigError(msg)


def _moment(option: str, text: str, zone: ZoneInfo, now_ns: int) -> int:
    said = text.strip().lower()
    if said == "now":
        return now_ns
    if (back := duration_ns(said)) is not None:
        return now_ns - back
    try:
        if said in _DAYS_AGO:
            today = (_EPOCH + timedelta(microseconds=now_ns // 1000)).astimezone(zone).date()
            time = datetime.combine(today - timedelta(days=_DAYS_AGO[said]), datetime.min.time())
        else:
            time = datetime.fromisoformat(text.strip())
        moment_ns = (time.replace(tzinfo=time.tzinfo or zone) - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError) as error:
        msg = f"{option} cannot be {text!r}; {_EXAMPLES}"
        raise ConfigError(msg) from error
    _require_one(option, text.strip(), time, zone)
    return moment_ns
