"""Logfire's spans of SDKs, and those of pydantic-ai: the conventions' words, inclusive.

Logfire keeps the provider's own usage beside them (`usage.raw`), which tells what the words cannot. Agent runs of
pydantic-ai repeat the sums of their calls; they name another operation and are none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import genai
from otel_llmcost.dialects.reading import from_json
from otel_llmcost.providers.registry import read_answer

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "logfire"
SCOPES: Final = ("logfire", "pydantic-ai")
RAW: Final = "raw"
_PYDANTIC_AI: Final = "pydantic-ai"


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of Logfire or pydantic-ai tells of."""
    name = _PYDANTIC_AI if telling.scope_name.startswith(_PYDANTIC_AI) else NAME
    call = genai.read(telling, name, known="inclusive")
    raw = from_json(telling.attributes.get(semconv.GEN_AI_USAGE_RAW))
    if call is None or not raw:
        return call
    reading = read_answer(call.provider, {"usage": raw})
    if reading.usage is None or reading.fault:
        return call
    return replace(
        call,
        usage=reading.usage,
        billed=reading.billed,
        service_tier=reading.service_tier or call.service_tier,
        input_semantics=RAW,
    )
