"""What SDKs tell by themselves: anthropic from 1.14 (on by default), mistralai, xai-sdk.

They speak the conventions' words; the input is inclusive. Batches, sessions and counted tokens are no calls: those
spans name no operation that is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost.dialects import genai

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "sdk"
SCOPES: Final = ("com.anthropic.sdk", "mistralai_sdk", "xai_sdk")


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of an SDK tells of."""
    return genai.read(telling, NAME, known="inclusive")
