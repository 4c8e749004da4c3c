"""From told counts to a `Usage`: does the input that was told hold its cached part, the output its reasoning?

OTel's own packages mean both by one name, so what a scope is known to mean goes first. Where nobody knows, the counts
may show it; else they are read as the conventions say, and it is written down that this was assumed. The rules, in
their order, as they stand in `input_semantics`:

    exclusive:cache_exceeds_input  the cached part is larger than the input: it cannot be inside
    inclusive:scope, exclusive:scope  the scope is known to mean it so
    inclusive:total, exclusive:total  the total that was told adds up in one of the two ways only
    exclusive:assumed  the provider counts so itself, and this library is known to pass on what providers say
    inclusive:assumed  nothing speaks for either: the conventions' meaning
    uncached  no cached tokens were told, so both mean the same
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from otel_llmcost.usage import Usage

Meaning = Literal["inclusive", "exclusive", ""]

UNCACHED: Final = "uncached"


@dataclass(slots=True, kw_only=True)
class Counts:
    """What was told. None where nothing was.

    Attributes:
        input: Input tokens, with or without cached ones.
        output: Output tokens, with or without reasoning.
        total: All tokens.
        cache_read: Tokens served from cache.
        cache_write: Tokens written to cache, those for an hour included.
        cache_write_1h: The part of cache_write that lives for an hour.
        reasoning: Reasoning tokens.
        more: Other counts, by their field of `Usage`.
    """

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    more: dict[str, int] = field(default_factory=dict)


def usage_of(counts: Counts, *, known: Meaning = "", assumed: Meaning = "inclusive") -> tuple[Usage | None, str]:
    """Return the usage, None where no counts were told, and the rule by which its input was read.

    Args:
        counts: What was told.
        known: What the scope is known to mean; empty where that is not known.
        assumed: What is taken to be meant where the counts do not show it.
    """
    if counts.input is None and counts.output is None:
        return None, ""
    told, output = counts.input or 0, counts.output or 0
    read, written = counts.cache_read or 0, counts.cache_write or 0
    for_an_hour = min(counts.cache_write_1h or 0, written)
    rule = _rule(counts, known, assumed)
    usage = Usage(
        input_tokens=told + read + written if rule.startswith("exclusive") else told,
        cache_read_tokens=read,
        cache_write_5m_tokens=written - for_an_hour,
        cache_write_1h_tokens=for_an_hour,
        output_tokens=output,
        reasoning_tokens=counts.reasoning or 0,
        **counts.more,
    )
    return usage, rule


def _rule(counts: Counts, known: Meaning, assumed: Meaning) -> str:
    told, output = counts.input or 0, counts.output or 0
    cached = (counts.cache_read or 0) + (counts.cache_write or 0)
    if not cached:
        return UNCACHED
    if cached > told and known != "exclusive":
        return "exclusive:cache_exceeds_input"
    if known:
        return f"{known}:scope"
    sums = {told + output: "inclusive:total", told + cached + output: "exclusive:total"}
    return sums.get(counts.total or 0, f"{assumed}:assumed")
