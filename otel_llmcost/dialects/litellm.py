"""LiteLLM's callback: the conventions' words; it sums what Anthropic and Bedrock count apart, so input is inclusive.

The raw request that it shows below a call is the same call. Guardrails, MCP tools and vector stores are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost.dialects import genai

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "litellm"
SCOPES: Final = ("litellm",)
_NO_CALLS: Final = ("raw_gen_ai_request", "execute_guardrail", "guardrail")


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of LiteLLM tells of."""
    return None if telling.name.startswith(_NO_CALLS) else genai.read(telling, NAME, known="inclusive")
