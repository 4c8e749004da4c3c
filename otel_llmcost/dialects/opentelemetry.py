"""OpenTelemetry's own instrumentations: the genai packages of today, openai-v2, google-genai and botocore before.

Their input is inclusive, but for the two that see Bedrock: those pass AWS's `inputTokens` on, which is what was not
cached. Botocore's counts for Cohere and Mistral models are counted words, not tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import genai
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.counts import Meaning
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "opentelemetry"
SCOPES: Final = (
    "opentelemetry.instrumentation.genai.",
    "opentelemetry.instrumentation.openai_v2",
    "opentelemetry.instrumentation.google_genai",
    "opentelemetry.instrumentation.botocore",
    "opentelemetry.util.genai",
    "@opentelemetry/instrumentation-openai",
)
_EXCLUSIVE: Final = ("opentelemetry.instrumentation.genai.bedrock", "opentelemetry.instrumentation.botocore")
_BOTOCORE: Final = "opentelemetry.instrumentation.botocore"
_ESTIMATED: Final = ("cohere.", "mistral.")


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of an official instrumentation tells of."""
    known: Meaning = "exclusive" if telling.scope_name.startswith(_EXCLUSIVE) else "inclusive"
    is_counted = telling.scope_name.startswith(_BOTOCORE) and _family_of(telling).startswith(_ESTIMATED)
    quality = UsageQuality.ESTIMATED if is_counted else UsageQuality.REPORTED
    return genai.read(telling, NAME, known=known, quality=quality)


def _family_of(telling: Telling) -> str:
    """Return the model's name without the region before it."""
    model = telling.text(semconv.GEN_AI_REQUEST_MODEL)
    head, _, rest = model.partition(".")
    return rest if head in ("us", "eu", "apac", "global") else model
