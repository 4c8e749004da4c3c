"""Which reader reads an answer: composed here, since pricing and providers do not know each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import ConfigError
from otel_llmcost.providers import anthropic, openai
from otel_llmcost.providers.reading import Reading, section

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN_FORMATS: Final = frozenset({"aws.bedrock", "gcp.gemini", "gcp.vertex_ai", "cohere", "ollama"})
"""Providers that answer in a wire format for which there is no reader yet; all others speak OpenAI's."""


def read_answer(provider: str, answer: Mapping[str, Any]) -> Reading:
    """Return what an answer tells.

    Args:
        provider: Who gave it, in the rate table's spelling.
        answer: The JSON object that the provider answered, or only its `usage`.

    Raises:
        ConfigError: It is no object, or there is no reader for this provider.
    """
    if not isinstance(answer, dict):
        msg = f"usage is a {type(answer).__name__}, not the JSON object that the provider answered"
        raise ConfigError(msg)
    if provider == "anthropic":
        return anthropic.read_message(_whole(answer))
    if provider in _OWN_FORMATS:
        msg = f"there is no reader for the answers of {provider} yet"
        raise ConfigError(msg)
    return _read_openai(_whole(answer))


def _read_openai(answer: Mapping[str, Any]) -> Reading:
    """Read by shape: an event that carries a response, a response, a list of embeddings, or else a chat completion."""
    if event := section(answer, "response"):
        answer = {"model": answer.get("model"), **event}
    if answer.get("object") == "response" or isinstance(answer.get("output"), list):
        return openai.read_responses(answer)
    if answer.get("object") == "list":
        return openai.read_embeddings(answer)
    return openai.read_chat(answer)


def _whole(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answer; a bare usage object is put where an answer has it."""
    is_bare = "usage" not in answer and any(key in answer for key in _COUNTS)
    return {"usage": answer} if is_bare else answer


_COUNTS: Final = ("input_tokens", "prompt_tokens", "output_tokens", "completion_tokens")
