"""The calls that the crash test sends, and what they add up to, worked out by whoever sends them.

Half of the calls are told by us, a quarter by OpenLLMetry and a quarter by both, in spans that travel each for itself:
such a call counts once, wherever and whenever its two tellings arrive.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from otel_llmcost.attribution import Attribution
from otel_llmcost.usage import Usage
from tests.collector.telling import a_call, request_of, request_of_others

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from otel_llmcost.call import LLMCall
    from otel_llmcost.store import Store

INPUT_USD: Final = Decimal("0.0000025")
OUTPUT_USD: Final = Decimal("0.00001")
"""The published price of gpt-4o: 2.50 and 10 USD for a million."""

PAID: Final = Decimal("0.9")
OVERLAY: Final = "rates:\n  discounts:\n    - {provider: openai, percent: 10}\n"

HOUR_NS: Final = 3_600_000_000_000
FEATURES: Final = ("search", "summary", "chat", "")
SESSIONS: Final = 500


@dataclass(slots=True)
class Sum:
    """What a group of calls adds up to."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    list_cost: Decimal = Decimal(0)
    effective_cost: Decimal = Decimal(0)

    def add(self, call: LLMCall) -> None:
        assert call.usage is not None
        cost = call.usage.input_tokens * INPUT_USD + call.usage.output_tokens * OUTPUT_USD
        self.calls += 1
        self.input_tokens += call.usage.input_tokens
        self.output_tokens += call.usage.output_tokens
        self.list_cost += cost
        self.effective_cost += cost * PAID


def written_by(rng: Random, count: int) -> list[LLMCall]:
    """Return calls over the last hours, of a few features and many sessions; by their `dialect`, who tells of them."""
    now_ns = time.time_ns()
    return [
        a_call(
            rng,
            started_at_ns=now_ns - rng.randrange(3 * HOUR_NS),
            usage=Usage(input_tokens=rng.randrange(1, 5_000), output_tokens=rng.randrange(1, 1_000)),
            attribution=Attribution(feature=rng.choice(FEATURES), session_id=f"s{rng.randrange(SESSIONS)}"),
            response_id=f"chatcmpl-{number}",
            dialect="openllmetry" if number % 4 == 0 else "",
        )
        for number in range(count)
    ]


def told_again(rng: Random, calls: Iterable[LLMCall]) -> list[LLMCall]:
    """Return what OpenLLMetry tells of a quarter of the calls, all of them ours: a span of its own in each."""
    return [
        replace(
            call,
            span_id=rng.randbytes(8).hex(),
            parent_span_id=call.span_id,
            started_at_ns=call.started_at_ns + 1,
            duration_ns=call.duration_ns - 2,
            dialect="openllmetry",
        )
        for number, call in enumerate(calls)
        if number % 4 == 1
    ]


def request_of_all(tellings: Sequence[LLMCall]) -> bytes:
    """Return the request that tells of calls, each by whoever tells of it."""
    ours, theirs = ([call for call in tellings if bool(call.dialect) is others] for others in (False, True))
    return (request_of(ours) if ours else b"") + (request_of_others(theirs) if theirs else b"")


Sums = dict[tuple[str, ...], Sum]


@dataclass(frozen=True, slots=True)
class Book:
    """The same calls in three ways."""

    calls: Sums
    hours: Sums
    sessions: Sums


def told_by(calls: Iterable[LLMCall]) -> Book:
    """Return what calls add up to."""
    book = Book(defaultdict(Sum), defaultdict(Sum), defaultdict(Sum))
    for call in calls:
        who = call.attribution
        book.calls[("all",)].add(call)
        book.hours[str(call.started_at_ns // HOUR_NS), who.feature].add(call)
        book.sessions[who.session_id, who.feature].add(call)
    return book


_MEASURES: Final = (
    "sum({0}calls), sum({0}input_tokens), sum({0}output_tokens), sum({0}list_cost), sum({0}effective_cost)"
)
_CALLS: Final = """
SELECT 'all', count(), sum(input_tokens), sum(output_tokens), sum(c.list_cost), sum(c.effective_cost)
FROM llm_calls AS c
"""
_HOURS: Final = f"""
SELECT toString(intDiv(toUnixTimestamp(hour), 3600)), feature, {_MEASURES.format("r.")}
FROM spend_hourly AS r GROUP BY ALL
"""
_SESSIONS: Final = f"SELECT session_id, feature, {_MEASURES.format('r.')} FROM session_spend AS r GROUP BY ALL"


def said_by(store: Store) -> Book:
    """Return what the store says they add up to, in the same shape."""
    return Book(*(_sums(store, sql) for sql in (_CALLS, _HOURS, _SESSIONS)))


def _sums(store: Store, sql: str) -> Sums:
    measures = 5
    return {tuple(map(str, row[:-measures])): Sum(*row[-measures:]) for row in store.query(sql)}  # type: ignore[arg-type]
