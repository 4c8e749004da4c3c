"""OpenTelemetry-native cost accounting for LLM calls."""

from __future__ import annotations

from otel_llmcost.attribution import attribution, feature, request, session

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
