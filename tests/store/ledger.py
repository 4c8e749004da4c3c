"""Calls to write, and what they must add up to, counted by hand in Python."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.money import PicoUSD
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.store import PricedCall
from otel_llmcost.usage import Usage, UsageQuality
from tests.support.moment import NOW_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_llmcost.store import Store

HOUR_NS: Final = 3_600_000_000_000
MIDNIGHT_NS: Final = NOW_NS // (24 * HOUR_NS) * (24 * HOUR_NS) - 24 * HOUR_NS
"""A midnight (UTC) that lies over a day back."""

PICO: Final = Decimal(10) ** -12


def a_call(
    number: int = 1, *, received_at_ns: int = NOW_NS, cost: int | None = 18_000_000_000, **said: Any
) -> PricedCall:
    """Return a call of its own identity for each number; `said` are fields of Attribution, LLMCall or Usage."""
    who = {name: said.pop(name) for name in tuple(said) if name in Attribution.__slots__}
    used = {name: said.pop(name) for name in tuple(said) if name in Usage.__slots__}
    fields: dict[str, Any] = {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "started_at_ns": MIDNIGHT_NS,
        "provider": "openai",
        "response_model": "gpt-5.2",
        "attribution": Attribution(**who),
        "usage": Usage(**(used or {"input_tokens": 100, "output_tokens": 10})),
        "usage_quality": UsageQuality.REPORTED,
    }
    status = PriceStatus.UNPRICED_MODEL if cost is None else PriceStatus.PRICED
    amount = None if cost is None else PicoUSD(cost)
    return PricedCall(
        call=LLMCall(**(fields | said)),
        pricing=Pricing(status=status, list_cost=amount, effective_cost=amount, rate_table_version="0123456789ab"),
        received_at_ns=received_at_ns,
    )


def many_calls(count: int, seed: int, *, hours: int = 6) -> list[PricedCall]:
    """Return calls of a few features, tenants and sessions over some hours, some without a price, some failed."""
    rng = random.Random(seed)
    return [
        a_call(
            number + 1,
            received_at_ns=NOW_NS + number,
            cost=None if rng.random() < 0.05 else rng.randrange(10**11),
            started_at_ns=MIDNIGHT_NS + rng.randrange(-hours * HOUR_NS // 2, hours * HOUR_NS // 2),
            feature=rng.choice(["", "search", "summary", "chat"]),
            tenant=rng.choice(["acme", "globex", "initech"]),
            session_id=rng.choice(["", *(f"s{n}" for n in range(50))]),
            error_type=rng.choice(["", "", "", "RateLimitError"]),
            attempt_kind=rng.choice(["first", "first", "retry"]),
            input_tokens=rng.randrange(10_000),
            output_tokens=rng.randrange(2_000),
        )
        for number in range(count)
    ]


@dataclass(slots=True)
class Sum:
    """What a group of calls adds up to."""

    calls: int = 0
    errors: int = 0
    unpriced_calls: int = 0
    retries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    list_cost: Decimal | None = None

    def add(self, row: PricedCall) -> None:
        self.calls += 1
        self.errors += bool(row.call.error_type)
        self.unpriced_calls += row.pricing.list_cost is None
        self.retries += row.call.attempt_kind != "first"
        assert row.call.usage is not None
        self.input_tokens += row.call.usage.input_tokens
        self.output_tokens += row.call.usage.output_tokens
        if row.pricing.list_cost is not None:
            self.list_cost = (self.list_cost or Decimal(0)) + row.pricing.list_cost * PICO


@dataclass(slots=True)
class Truth:
    """What the store must say of calls of which each is told once."""

    hourly: dict[tuple[int, str, str], Sum] = field(default_factory=lambda: defaultdict(Sum))
    sessions: dict[tuple[str, str, str], Sum] = field(default_factory=lambda: defaultdict(Sum))
    whole: Sum = field(default_factory=Sum)


def truth_of(rows: Iterable[PricedCall]) -> Truth:
    truth = Truth()
    for row in rows:
        who = row.call.attribution
        truth.whole.add(row)
        truth.hourly[row.call.started_at_ns // HOUR_NS, who.feature, who.tenant].add(row)
        if who.session_id:
            truth.sessions[who.tenant, who.session_id, who.feature].add(row)
    return truth


_MEASURES: Final = "calls, errors, unpriced_calls, retries, input_tokens, output_tokens, list_cost"
_SUMS: Final = ", ".join(f"sum({name})" for name in _MEASURES.split(", "))
_RAW: Final = """
    SELECT count(), countIf(error_type != ''), countIf(list_cost IS NULL), countIf(attempt_kind != 'first'),
           sum(input_tokens), sum(output_tokens), sum(c.list_cost)
    FROM llm_calls AS c WHERE correction_id = ''
"""


SAID = ("spend_hourly", "session_spend")
"""The rollups that `said_by` reads."""


def said_by(store: Store) -> Truth:
    """Return what the store says, in the shape of the truth."""
    hour = "intDiv(toUnixTimestamp(hour), 3600)"
    hourly = store.query(f"SELECT {hour}, feature, tenant, {_SUMS} FROM spend_hourly GROUP BY ALL")
    sessions = store.query(f"SELECT tenant, session_id, feature, {_MEASURES} FROM session_spend")
    return Truth(
        {row[:3]: Sum(*row[3:]) for row in hourly},  # type: ignore[misc, arg-type]  # untyped rows
        {row[:3]: Sum(*row[3:]) for row in sessions},  # type: ignore[misc, arg-type]  # untyped rows
        Sum(*store.query(_RAW).rows[0]),  # type: ignore[arg-type]  # untyped rows
    )
