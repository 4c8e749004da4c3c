"""OpenTelemetry's own instrumentations: the genai packages of today, openai-v2, google-genai and botocore before.

Their input is inclusive, but for the two that see Bedrock: those pass AWS's `inputTokens` on, which is what was not
cached. Some counts are taken for an estimate: botocore's for Cohere and Mistral models, which are counted words and no
tokens, and for Claude through InvokeModel, where the cached part is not told at all, and before 0.66 for what Converse
answers of Claude and Nova likewise; and those of a streamed Gemini answer with thoughts, which google-genai's adds up
from different events.
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
_GOOGLE: Final = "opentelemetry.instrumentation.google_genai"
_ESTIMATED: Final = ("cohere.", "mistral.")
_CACHING: Final = ("anthropic.", "amazon.nova")
_METHOD: Final = "rpc.method"


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of an official instrumentation tells of."""
    known: Meaning = "exclusive" if telling.scope_name.startswith(_EXCLUSIVE) else "inclusive"
    is_estimate = _is_estimated(telling)
    quality = UsageQuality.ESTIMATED if is_estimate else UsageQuality.REPORTED
    return genai.read(telling, NAME, known=known, quality=quality)


def _is_estimated(telling: Telling) -> bool:
    """Whether some counts are known to be off."""
    if telling.scope_name.startswith(_GOOGLE):
        return telling.flag(*semconv.TOLD_STREAM) and bool(telling.count(*semconv.TOLD_REASONING))
    if not telling.scope_name.startswith(_BOTOCORE):
        return False
    family = _family_of(telling)
    is_early = family.startswith(_CACHING) and telling.is_before(0, 66)
    lacks_cache = is_early or (family.startswith("anthropic.") and telling.text(_METHOD).startswith("InvokeModel"))
    return lacks_cache or family.startswith(_ESTIMATED)


def _family_of(telling: Telling) -> str:
    """Return the model's name without the region before it."""
    model = telling.text(semconv.GEN_AI_REQUEST_MODEL)
    head, _, rest = model.partition(".")
    return rest if head in ("us", "eu", "apac", "global") else model
