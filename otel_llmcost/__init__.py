"""OpenTelemetry-native cost accounting for LLM calls."""

from __future__ import annotations

import importlib

from otel_llmcost.attribution import attribution, feature, request, session

# A submodule becomes an attribute of its package when it is first imported. `instrument` is a room and a public
# function; importing the (empty) room first leaves the name to the function, as `attribution` to the class.
importlib.import_module("otel_llmcost.instrument")

__all__ = ["attribution", "feature", "instrument", "request", "session", "uninstrument"]


def instrument(tracer_provider: object | None = None) -> None:
    """Patch every supported SDK that is installed. Needs no environment; calling it again changes nothing.

    Args:
        tracer_provider: Where the spans go; None means the global provider, also one that is set later.
    """
    from otel_llmcost.instrument import registry

    registry.instrument(tracer_provider)


def uninstrument() -> None:
    """Undo `instrument`: every patched function is the one it was before."""
    from otel_llmcost.instrument import registry

    registry.uninstrument()
