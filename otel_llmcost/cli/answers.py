"""Which reader reads an answer: composed here, since pricing and providers do not know each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_llmcost.errors import ConfigError
from otel_llmcost.providers import registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.providers.reading import Reading


def read_answer(provider: str, answer: Mapping[str, Any]) -> Reading:
    """Return what an answer tells.

    Args:
        provider: Who gave it, in the rate table's spelling.
        answer: The JSON object that the provider answered, or only its `usage`.

    Raises:
        ConfigError: It is no object.
    """
    if not isinstance(answer, dict):
        msg = f"usage is a {type(answer).__name__}, not the JSON object that the provider answered"
        raise ConfigError(msg)
    return registry.read_answer(provider, answer)
