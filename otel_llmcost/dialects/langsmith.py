"""LangSmith's OTel exporter: the conventions' words, details as Python or JSON. Only runs of type `llm` are calls.

LangChain's usage is inclusive, as `usage_metadata` defines it. Where LangSmith does not know a model's name, it takes
LangChain for the provider; the run's metadata say who it was. The provider's id of an answer that LangChain asked for
stands in what the run returned alone, and of a stream nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import genai
from otel_llmcost.dialects.reading import from_json
from otel_llmcost.providers.reading import section, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "langsmith"
SCOPES: Final = ("langsmith",)
_RUN_TYPE: Final = "langsmith.span.kind"
_PROVIDER: Final = "langsmith.metadata.ls_provider"
_RETURNED: Final = semconv.TOLD_COMPLETION


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a run of LangSmith tells of."""
    if telling.text(_RUN_TYPE) not in ("", "llm"):
        return None
    return genai.read(
        telling,
        NAME,
        known="inclusive",
        provider=telling.text(_PROVIDER, *semconv.TOLD_PROVIDER),
        response_id=telling.text(semconv.GEN_AI_RESPONSE_ID) or _id_in(from_json(telling.attributes.get(_RETURNED))),
    )


def _id_in(returned: Mapping[str, Any]) -> str:
    """Return the provider's id of what LangChain returned, empty for none and for several."""
    prompts = returned.get("generations")
    answers = (
        [answer for each in prompts if isinstance(each, list) for answer in each] if isinstance(prompts, list) else []
    )
    messages = [section(answer, "message") for answer in answers if isinstance(answer, dict)]
    said = [section(section(message, "kwargs"), "response_metadata") for message in messages]
    ids = {word(each, "id") for each in said}
    return ids.pop() if len(ids) == 1 else ""
