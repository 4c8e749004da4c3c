"""Who owns a feature, what may be spent, and which tags are reported: `features`, `limits` and `tags` of the file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from otel_llmcost.money import PicoUSD, pico_usd
from otel_llmcost.owners import EVER_SINCE, Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_llmcost.config.reading import Value

TEXTS: Final = (
    "family", "owner", "lead", "sponsor", "team", "cost_center", "channel", "runbook", "expected_model_tier",
    "shared_cost_rule",
)  # fmt: skip
SCOPE: Final = ("feature", "team", "environment", "tenant", "workload", "agent")
WINDOWS: Final = ("hour", "day", "week", "month")
PER: Final = ("tenant", "user", "session", "request")
MIN_DAYS, MAX_DAYS = 2, 36_500
"""A day is summed up whole for as long as its first hour is kept, so yesterday has to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Who answers for a feature; the texts are those of the table `features`.

    Attributes:
        name: As calls name it.
        since: The first day on which this holds; None for the day on which it is loaded.
        texts: What is said of it, by column.
        expected_calls_per_request: Calls that one user action takes when all is well; None where nobody says.
    """

    name: str
    since: date | None
    texts: tuple[tuple[str, str], ...]
    expected_calls_per_request: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What may be spent.

    Attributes:
        scope: What it is about, by dimension; empty for everything.
        per: For each of what by itself; empty for all together.
        window: Over which time; empty for the life of a session or user action.
        since: The first day on which this holds; None for the day on which it is loaded.
        warn: Pico-USD at which somebody is told; None for never.
        cap: Pico-USD not to be passed; None for none.
        reason: Why.
    """

    scope: tuple[tuple[str, str], ...]
    per: str
    window: str
    since: date | None
    warn: PicoUSD | None
    cap: PicoUSD | None
    reason: str = ""

    @property
    def scope_text(self) -> str:
        """The scope as one text, which names it in the store."""
        return ",".join(f"{name}={value}" for name, value in self.scope)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of it; a section that the file does not have is None, which is not the same as an empty one."""

    features: tuple[Feature, ...] | None = None
    limits: tuple[Limit, ...] | None = None
    tags: tuple[str, ...] | None = None
    retention: tuple[tuple[str, int], ...] | None = None
    """Days for which calls are kept, by environment; "" stands for all that are not named."""

    def owners(self) -> Iterator[Owned]:
        """Yield which team the file says owns each feature; without a day of its own, since ever."""
        for feature in self.features or ():
            if team := dict(feature.texts).get("team"):
                yield Owned(feature.name, team, feature.since or EVER_SINCE)


def read_features(section: Value) -> tuple[Feature, ...]:
    """Return the features of a file."""
    return tuple(_feature(name, value) for name, value in section.entries().items())


def _feature(name: str, value: Value) -> Feature:
    said = value.fields((*TEXTS, "from", "expected_calls_per_request"))
    calls = (
        said["expected_calls_per_request"].read(_count, "a number such as 3")
        if _has(said, "expected_calls_per_request")
        else None
    )
    return Feature(
        name=name,
        since=_since(said),
        texts=tuple((each, said[each].text()) for each in TEXTS if _has(said, each)),
        expected_calls_per_request=calls,
    )


def read_limits(section: Value) -> tuple[Limit, ...]:
    """Return the limits of a file."""
    return tuple(map(_limit, section.rows()))


def _limit(value: Value) -> Limit:
    said = value.fields(("scope", "per", "window", "from", "warn", "cap", "reason"))
    scope = said["scope"].fields(SCOPE) if _has(said, "scope") else {}
    per = said["per"].one_of(PER) if _has(said, "per") else ""
    window = said["window"].one_of(WINDOWS) if _has(said, "window") else ""
    if not window and per not in ("session", "request"):
        value.fault("window is missing; write hour, day, week or month")
    warn, cap = (
        said[name].read(_usd, "an amount of USD such as 25") if _has(said, name) else None for name in ("warn", "cap")
    )
    if warn is not None and cap is not None and warn > cap:
        said["warn"].fault("is above cap")
    return Limit(
        scope=tuple((name, scope[name].text()) for name in SCOPE if name in scope),
        per=per,
        window=window,
        since=_since(said),
        warn=warn,
        cap=cap,
        reason=said["reason"].text() if _has(said, "reason") else "",
    )


def read_retention(section: Value) -> tuple[tuple[str, int], ...]:
    """Return the days for which calls are kept, by environment; "" for all that are not named, where that is said."""
    said = section.fields(("days", "environments"))
    days = {"": said["days"]} if _has(said, "days") else {}
    days |= said["environments"].entries() if _has(said, "environments") else {}
    read = {name: value.read(_days, f"a number of days from {MIN_DAYS} to {MAX_DAYS}") for name, value in days.items()}
    return tuple((name, kept) for name, kept in read.items() if kept is not None)


def _since(said: dict[str, Value]) -> date | None:
    found: date | None = (
        said["from"].read(date.fromisoformat, "a date such as 2026-11-01") if _has(said, "from") else None
    )
    return found


def _has(said: dict[str, Value], name: str) -> bool:
    return name in said and not said[name].is_empty


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _days(text: str) -> int:
    if not MIN_DAYS <= (days := int(text)) <= MAX_DAYS:
        raise ValueError(text)
    return days


def _usd(text: str) -> PicoUSD:
    amount = pico_usd(text)
    if amount < 0:
        raise ValueError(text)
    return amount
