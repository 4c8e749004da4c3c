"""A month of Deskhand's calls, drawn by seed: weekends, growth, a launch and four incidents that cost money.

Rule 1: a call's ids come from the seed, its hour, its feature and its number in that hour, from nothing else. So
filling the same month again books nothing twice.
Rule 2: the shape (growth, launch, incidents) hangs on the Monday of the week in which the month ends, so that every
month has its incidents, and filling it again within the week adds only what has happened since.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.demo.past import FEATURES, Draft, Feature, Moment, retry_triage
from otel_llmcost.demo.pretend import SERVED_AS
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOUR_NS: Final = 3600 * 10**9
DAY_NS: Final = 24 * HOUR_NS
DAILY_GROWTH: Final = 1.015

# Days before that Monday.
SURGE: Final = 13
LONG_PROMPTS: Final = frozenset({10, 11, 12})
SLIDE: Final = 5
RUNAWAY: Final = 3

SURGE_FACTOR: Final = 5
RUNAWAY_HOURS: Final = (2, 3)
RUNAWAY_CALLS_AN_HOUR: Final = 900

_TENANTS: Final = ("acme", "acme", "acme", "globex", "globex", "initech")
_FIRST_MONDAY: Final = 4
"""1970-01-01 was a Thursday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hour:
    """An hour: its number since 1970 (UTC), and how many days before the Monday its day is (negative: after it)."""

    number: int
    day: int

    @property
    def of_day(self) -> int:
        return self.number % 24

    @property
    def is_weekend(self) -> bool:
        return self.day % 7 in (1, 2)


def month(*, until_ns: int, days: int = 30, seed: int = 1) -> Iterator[LLMCall]:
    """Yield the calls of the `days` days before `until_ns`, about 4,000 a day, hour by hour.

    Args:
        until_ns: Unix nanoseconds UTC; no call starts at or after it.
        days: How many days, at least 1; 30 show every incident.
        seed: Another seed gives another month with other ids.
    """
    since_ns = until_ns - days * DAY_NS
    last_day = (until_ns - 1) // DAY_NS
    monday = last_day - (last_day - _FIRST_MONDAY) % 7
    # An action takes less than an hour, so the hour before the first may reach into it.
    for number in range(since_ns // HOUR_NS - 1, (until_ns - 1) // HOUR_NS + 1):
        hour = _Hour(number=number, day=monday - number // 24)
        for feature in FEATURES:
            for call in _calls_of(feature, hour, seed):
                if since_ns <= call.started_at_ns < until_ns:
                    yield call


def _calls_of(feature: Feature, hour: _Hour, seed: int) -> Iterator[LLMCall]:
    moment = Moment(
        prompt_factor=10 if hour.day in LONG_PROMPTS else 1,
        draft_model="gpt-5.4" if hour.day <= SLIDE else "gpt-4o-mini",
    )
    yield from _Writer(feature, hour, seed, "usual").write(_count(feature, hour, seed), feature.act, moment)
    if feature.name == "search_help" and hour.day == SURGE:
        surge = _count(feature, hour, seed) * SURGE_FACTOR
        yield from _Writer(feature, hour, seed, "surge").write(surge, feature.act, moment, tenant="globex")
    if feature.name == "triage_ticket" and hour.day == RUNAWAY and hour.of_day in RUNAWAY_HOURS:
        writer = _Writer(feature, hour, seed, "runaway")
        yield from writer.write(RUNAWAY_CALLS_AN_HOUR, retry_triage, moment, tenant="initech", is_one_action=True)


def _count(feature: Feature, hour: _Hour, seed: int) -> int:
    """Return how many actions an hour had: more by day than by night, fewer at weekends, more every week."""
    by_day = 1 + 0.85 * math.sin((hour.of_day - 8) / 24 * 2 * math.pi)
    growth = DAILY_GROWTH**-hour.day
    if feature.launch is not None:
        growth *= min(1.0, max(0, feature.launch - hour.day + 1) / 7)
    noise = Random(f"{seed}:{hour.number}:{feature.name}:count").uniform(0.85, 1.15)
    return round(feature.actions_a_day / 24 * by_day * growth * noise * (0.35 if hour.is_weekend else 1))


class _Writer:
    """Dates and names the drafts of one feature in one hour."""

    def __init__(self, feature: Feature, hour: _Hour, seed: int, purpose: str) -> None:
        self._feature, self._hour = feature, hour
        self._random = Random(f"{seed}:{hour.number}:{feature.name}:{purpose}")
        self._version = f"1.{hour.number // 96 % 100}.0"

    def write(
        self,
        actions: int,
        act: Callable[[Random, Moment], Iterator[Draft]],
        moment: Moment,
        *,
        tenant: str = "",
        is_one_action: bool = False,
    ) -> Iterator[LLMCall]:
        """Yield the calls of so many actions; as one action, they share their request."""
        random = self._random
        shared = f"{random.getrandbits(64):016x}"
        for _ in range(actions):
            payer, drawn = random.choice(_TENANTS), f"{random.getrandbits(64):016x}"
            started_at_ns = self._hour.number * HOUR_NS + random.randrange(HOUR_NS)
            action = shared if is_one_action else drawn
            for draft in act(random, moment):
                who = self._attribution(tenant or payer, action, draft.workload)
                yield self._call(draft, who, started_at_ns + round(draft.delay_s * 1e9))

    def _attribution(self, tenant: str, action: str, workload: str) -> Attribution:
        """Return who pays; of a conversation each call is an action of its own."""
        if not self._feature.name:
            return _NOBODY
        is_session = self._feature.is_session
        return Attribution(
            feature=self._feature.name,
            team=self._feature.team,
            tenant=tenant,
            environment="production",
            session_id=f"conv_{action}" if is_session else "",
            request_id="" if is_session else action,
            workload=workload or "interactive",
        )

    def _call(self, draft: Draft, who: Attribution, started_at_ns: int) -> LLMCall:
        random, feature = self._random, self._feature
        output = draft.usage.output_tokens if draft.usage else 40
        duration_ns = 300_000_000 + output * random.randrange(9_000_000, 14_000_000)
        trace, answer = random.getrandbits(192), random.getrandbits(96)
        return LLMCall(
            trace_id=f"{trace >> 64:032x}",
            span_id=f"{trace & (1 << 64) - 1:016x}",
            started_at_ns=started_at_ns,
            duration_ns=duration_ns,
            provider=feature.provider,
            provider_source="host",
            operation=draft.operation,
            request_model=draft.model,
            response_model=SERVED_AS.get(draft.model, draft.model),
            response_id="" if draft.operation == "embeddings" else f"{_id_prefix(feature, draft)}{answer:024x}",
            usage=draft.usage,
            usage_quality=UsageQuality.REPORTED if draft.usage else UsageQuality.MISSING,
            attribution=who,
            feature_source="span" if who.feature else "",
            call_site=feature.call_site,
            service_name="deskhand",
            service_version=self._version,
            server_address=f"api.{feature.provider}.com",
            finish_reason=_finish(feature, draft),
            is_stream=draft.is_stream,
            time_to_first_token_ns=duration_ns // 8 if draft.is_stream else None,
            service_tier=draft.service_tier,
            service_tier_requested="flex" if draft.service_tier == "flex" else "",
            attempt_kind=draft.attempt_kind,
            attempt_reason=draft.attempt_reason,
            rejected=draft.rejected,
            request_hash=f"{answer & 0xFFFFFFFF:08x}" if draft.attempt_kind != "retry" else "5c4e3a7b",
            scope_name=f"otel_llmcost.{feature.provider}",
        )


_NOBODY: Final = Attribution(environment="production")
"""The calls that nobody named still say where they ran."""


def _id_prefix(feature: Feature, draft: Draft) -> str:
    if feature.provider == "anthropic":
        return "msg_01"
    return "resp_" if draft.model == "gpt-5.6-luna" or draft.service_tier == "flex" else "chatcmpl-"


def _finish(feature: Feature, draft: Draft) -> str:
    if draft.usage is None or draft.operation == "embeddings":
        return ""
    return "end_turn" if feature.provider == "anthropic" else "stop"
