"""LangSmith's OTel exporter: the conventions' words, details as Python or JSON. Only runs of type `llm` are calls.

LangChain's usage is inclusive, as `usage_metadata` defines it. Where LangSmith does not know a model's name, it takes
LangChain for the provider; the run's metadata say who it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import genai

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "langsmith"
SCOPES: Final = ("langsmith",)
_RUN_TYPE: Final = "langsmith.span.kind"
_PROVIDER: Final = "langsmith.metadata.ls_provider"


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a run of LangSmith tells of."""
    if telling.text(_RUN_TYPE) not in ("", "llm"):
        return None
    return genai.read(telling, NAME, known="inclusive", provider=telling.text(_PROVIDER, *semconv.TOLD_PROVIDER))
