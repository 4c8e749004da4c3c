"""What Deskhand's features did in the past: one user action as the calls it made, without dates or ids.

The numbers are those of `demo.product`, drawn instead of run: a month takes seconds. An action draws
as many random numbers at any moment, so that an incident changes what the calls cost and not which there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

_CACHED: Final = 1920
"""The tokens of the house rules that OpenAI's cache keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is out of the ordinary at a time.

    Attributes:
        prompt_factor: How many times as long as usual the threads to summarize are.
        draft_model: The model that drafts campaigns.
    """

    prompt_factor: int = 1
    draft_model: str = "gpt-4o-mini"


@dataclass(slots=True, kw_only=True)
class Draft:
    """A call that will be dated and named: `usage` is None where the provider never told it."""

    model: str
    usage: Usage | None
    operation: str = "chat"
    is_stream: bool = False
    attempt_kind: str = "first"
    attempt_reason: str = ""
    rejected: str = ""
    service_tier: str = "default"
    workload: str = ""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature of the product.

    Attributes:
        name: Empty for the one that nobody named.
        team: Who answers for it.
        provider: Who sells its models.
        call_site: Where the application makes its calls.
        actions_a_day: User actions on a weekday of today.
        launch: The day of its launch, after which it grows for a week, as days before the last Monday; None: long ago.
        is_session: Whether one action is a conversation.
        act: Draws one action.
    """

    name: str
    team: str
    provider: str
    call_site: str
    actions_a_day: int
    act: Callable[[Random, Moment], Iterator[Draft]]
    launch: int | None = None
    is_session: bool = False


def _detect_language(random: Random, _moment: Moment) -> Iterator[Draft]:
    yield Draft(model="gpt-4o-mini", usage=Usage(input_tokens=random.randrange(26, 60), output_tokens=12))


def _triage(random: Random, _moment: Moment) -> Iterator[Draft]:
    small, large, is_broken = _triage_usage(random), _triage_usage(random), _happens(random, 0.15)
    yield Draft(model="gpt-5-mini", usage=small, rejected="json_parse" if is_broken else "")
    if is_broken:
        yield Draft(model="gpt-5.4", usage=large, attempt_kind="fallback", attempt_reason="json_parse", delay_s=4)


def retry_triage(random: Random, _moment: Moment) -> Iterator[Draft]:
    """Draw one more turn of a loop whose calls all succeed."""
    usage = _triage_usage(random)
    reason = "schema_mismatch"
    yield Draft(model="gpt-5-mini", usage=usage, attempt_kind="retry", attempt_reason=reason, rejected=reason)


def _triage_usage(random: Random) -> Usage:
    reasoning = random.randrange(2, 12) * 64
    return Usage(
        input_tokens=random.randrange(2080, 2140),
        cache_read_tokens=_CACHED if _happens(random, 0.9) else 0,
        output_tokens=reasoning + random.randrange(14, 20),
        reasoning_tokens=reasoning,
    )


def _answer(random: Random, _moment: Moment) -> Iterator[Draft]:
    read = 2010 if _happens(random, 0.8) else 0
    delay_s = 0.0
    for _ in range(random.randrange(1, 6)):
        written, output = random.randrange(20, 40) + (0 if read else 2010), random.randrange(300, 500)
        usage = Usage(
            input_tokens=read + written,
            cache_read_tokens=read,
            cache_write_5m_tokens=written,
            output_tokens=output,
            web_search=int(_happens(random, 0.05)),
        )
        yield Draft(model="claude-sonnet-4-6", usage=usage, is_stream=True, service_tier="standard", delay_s=delay_s)
        read += written + output
        delay_s += random.uniform(20, 120)


def _summarize(random: Random, moment: Moment) -> Iterator[Draft]:
    thread, is_new = random.randrange(500, 900) * moment.prompt_factor, _happens(random, 0.05)
    usage = Usage(
        input_tokens=2010 + thread,
        cache_read_tokens=0 if is_new else 2010,
        cache_write_1h_tokens=2010 if is_new else 0,
        output_tokens=random.randrange(130, 200),
    )
    yield Draft(model="claude-haiku-4-5", usage=usage, service_tier="standard")


def _search_help(random: Random, _moment: Moment) -> Iterator[Draft]:
    query, searches, found = random.randrange(18, 30), random.choice((0, 0, 1, 2)), random.randrange(900, 2400)
    output, is_cached = random.randrange(250, 900), _happens(random, 0.9)
    embedded = Usage(input_tokens=query)
    yield Draft(model="text-embedding-3-small", usage=embedded, operation="embeddings", service_tier="")
    usage = Usage(
        input_tokens=2020 + query + searches * found,
        cache_read_tokens=_CACHED if is_cached else 0,
        cache_write_5m_tokens=0 if is_cached else _CACHED,
        output_tokens=output,
        reasoning_tokens=output // 2,
        web_search=searches,
    )
    yield Draft(model="gpt-5.6-luna", usage=usage, delay_s=0.2)


def _draft_campaign(random: Random, moment: Moment) -> Iterator[Draft]:
    reasoning, is_left, is_polished = random.randrange(2, 12) * 64, _happens(random, 0.01), _happens(random, 0.25)
    told = Usage(input_tokens=random.randrange(28, 60), output_tokens=random.randrange(270, 400))
    yield Draft(model=moment.draft_model, usage=None if is_left else told, is_stream=True)
    if is_polished and not is_left:
        output = reasoning + told.output_tokens
        usage = Usage(input_tokens=told.output_tokens + 8, output_tokens=output, reasoning_tokens=reasoning)
        yield Draft(
            model="gpt-5-mini", usage=usage, is_stream=True, service_tier="flex", workload="background", delay_s=1800
        )


def _happens(random: Random, share: float) -> bool:
    """Say whether what happens in `share` of all cases happens in this one."""
    return random.random() < share


FEATURES: Final = (
    Feature(
        name="",
        team="",
        provider="openai",
        call_site="deskhand.inbox:Inbox.detect_language:31",
        actions_a_day=900,
        act=_detect_language,
    ),
    Feature(
        name="triage_ticket",
        team="support",
        provider="openai",
        call_site="deskhand.triage:Triage.ask:58",
        actions_a_day=1500,
        act=_triage,
    ),
    Feature(
        name="answer_ticket",
        team="support",
        provider="anthropic",
        call_site="deskhand.answers:Conversation.turn:44",
        actions_a_day=260,
        act=_answer,
        is_session=True,
    ),
    Feature(
        name="summarize_thread",
        team="support",
        provider="anthropic",
        call_site="deskhand.threads:summarize:22",
        actions_a_day=700,
        act=_summarize,
    ),
    Feature(
        name="search_help",
        team="growth",
        provider="openai",
        call_site="deskhand.search:Search.answer:71",
        actions_a_day=900,
        act=_search_help,
    ),
    Feature(
        name="draft_campaign",
        team="growth",
        provider="openai",
        call_site="deskhand.campaigns:Editor.draft:39",
        actions_a_day=600,
        act=_draft_campaign,
        launch=20,
    ),
)
