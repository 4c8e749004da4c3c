"""OpenLIT: the conventions' words. For Anthropic and Bedrock its input is exclusive, for the others inclusive.

For Gemini its output lacks the thoughts. Where a stream told no usage it counts words and does not say so, so the
counts of a stream are taken for an estimate. Of embeddings it calls the model that was asked for the one that answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import genai
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.counts import Counts
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "openlit"
SCOPES: Final = ("openlit",)
_EXCLUSIVE: Final = ("anthropic", "aws.bedrock")
_GOOGLE: Final = ("gcp.gemini", "gcp.vertex_ai")


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of OpenLIT tells of."""
    provider = canonical_provider(telling.text(*semconv.TOLD_PROVIDER))
    is_repeated = genai.operation_of(telling) == "embeddings"
    return genai.read(
        telling,
        NAME,
        known="exclusive" if provider in _EXCLUSIVE else "inclusive",
        amend=_add_thoughts if provider in _GOOGLE else None,
        quality=UsageQuality.ESTIMATED if telling.flag(*semconv.TOLD_STREAM) else UsageQuality.REPORTED,
        response_model="" if is_repeated else telling.text(semconv.GEN_AI_RESPONSE_MODEL),
    )


def _add_thoughts(_: Telling, counts: Counts) -> None:
    if counts.reasoning and counts.output is not None:
        counts.output += counts.reasoning
