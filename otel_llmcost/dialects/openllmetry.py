"""OpenLLMetry (Traceloop): the conventions' words, current or former by provider.

Its Bedrock input is exclusive. Of a streamed Anthropic answer it adds up what is already a sum, and misses what the
end of the stream says of the input, so those counts are taken for an estimate. For Gemini it leaves thoughts out of the
output and shows them in the total alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import genai
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.counts import Counts, Meaning
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "openllmetry"
_PACKAGES: Final = (
    "alephalpha", "anthropic", "bedrock", "cohere", "crewai", "google_generativeai", "groq", "haystack", "langchain",
    "llamaindex", "mistralai", "ollama", "openai", "replicate", "sagemaker", "together", "transformers", "vertexai",
    "watsonx", "writer",
)  # fmt: skip
SCOPES: Final = (
    *(f"opentelemetry.instrumentation.{package}" for package in _PACKAGES),
    "@traceloop/instrumentation-",
    "traceloop.",
)
_GOOGLE: Final = ("google_generativeai", "vertexai", "google-generativeai")
_KINDS: Final = "traceloop.span.kind"


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of OpenLLMetry tells of."""
    if telling.text(_KINDS):  # workflow, task, agent, tool
        return None
    package = telling.scope_name.removeprefix("opentelemetry.instrumentation.").removeprefix(
        "@traceloop/instrumentation-"
    )
    known: Meaning = "exclusive" if package.startswith("bedrock") else "inclusive"
    is_added_up = package.startswith("anthropic") and telling.flag(*semconv.TOLD_STREAM)
    return genai.read(
        telling,
        NAME,
        known=known,
        amend=_add_thoughts if package.startswith(_GOOGLE) else None,
        quality=UsageQuality.ESTIMATED if is_added_up else UsageQuality.REPORTED,
    )


def _add_thoughts(_: Telling, counts: Counts) -> None:
    if counts.total is not None and counts.input is not None and counts.output is not None:
        unseen = counts.total - counts.input - counts.output
        if unseen > 0:
            counts.output += unseen
            counts.reasoning = unseen
