"""Which dialect a scope speaks: decided once for each scope, by the longest beginning of its name that is known."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from otel_llmcost.dialects import (
    coding_agents,
    conventions,
    langfuse,
    langsmith,
    litellm,
    logfire,
    openinference,
    openlit,
    openllmetry,
    opentelemetry,
    sdk,
    vercel_ai,
)
from otel_llmcost.dialects.scopes import MAX_SCOPES, is_silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

    Reader = Callable[[Telling], LLMCall | None]

_READERS: Final[dict[str, Reader]] = {
    **{
        scope: dialect.read
        for dialect in (
            langfuse, langsmith, litellm, logfire, openinference, openlit, openllmetry, opentelemetry, sdk,
        )
        for scope in dialect.SCOPES
    },
    **dict.fromkeys(coding_agents.SCOPES, coding_agents.read_span),
}  # fmt: skip
_WHOLE_NAMES: Final[dict[str, Reader]] = {
    vercel_ai.SCOPE: vercel_ai.read,
    vercel_ai.SCOPE_OF_CONVENTIONS: vercel_ai.read_conventions,
}


@lru_cache(MAX_SCOPES)
def reader_of(scope_name: str) -> Reader | None:
    """Return what reads the spans of a scope, None for a scope that never tells of calls, and for our own."""
    if is_silent(scope_name):
        return None
    if whole := _WHOLE_NAMES.get(scope_name):
        return whole
    known = max((start for start in _READERS if scope_name.startswith(start)), key=len, default=None)
    return _READERS[known] if known else conventions.read
