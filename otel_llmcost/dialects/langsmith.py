"""LangSmith's OTel exporter: the conventions' words, usage details in JSON. Only runs of type `llm` are calls.

LangChain's usage is inclusive, as `usage_metadata` defines it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost.dialects import genai

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "langsmith"
SCOPES: Final = ("langsmith",)
_RUN_TYPE: Final = "langsmith.span.kind"


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a run of LangSmith tells of."""
    return genai.read(telling, NAME, known="inclusive") if telling.text(_RUN_TYPE) in ("", "llm") else None
