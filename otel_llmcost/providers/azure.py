"""Azure: OpenAI's format at deployments and in the AI inference API, Anthropic's for Claude.

A deployment's name stands where the model would in the path; the answer names the model. The results of content
filters stand in chunks and choices of their own and tell no usage. The first chunk of a stream may have an empty id
and model.
Source: Azure OpenAI REST API reference and Azure AI Model Inference reference; checked 2026-11-22 against recorded
exchanges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import anthropic, openai
from otel_llmcost.providers.reading import section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.providers.reading import Reading


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape: OpenAI's or Anthropic's."""
    told = section(body, "usage") or {}
    is_message = body.get("type") == "message" or any(key in told for key in _ONLY_ANTHROPIC)
    return anthropic.read_any(body) if is_message else openai.read_any(body)


_ONLY_ANTHROPIC: Final = ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation")

SURFACES: Final = openai.surfaces()
"""How each path of the API is read, by its ending."""
