"""Who is measured, and how each is set up: as its own documentation says, with content capture off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

OURS: Final = "otel-llmcost"
BARE: Final = ("bare", "bare again")
"""Without instrumentation, twice: what the two differ by is what the method cannot see."""

BY_HAND: Final = "by hand"
"""OpenTelemetry alone: a span that tells what ours does, and our metrics, written around the call."""


class Rival(NamedTuple):
    """Whom we are measured beside.

    Attributes:
        sdk: What it instruments.
        package: Its distribution, and the newest version of it on 2026-11-22.
        set_up: Instruments the SDK.
    """

    sdk: str
    package: str
    version: str
    set_up: Callable[[Any], None]


INPUT_TOKENS: Final = 1_337
"""What every answer counts, so that one can see that it was read."""

ENVIRONMENT: Final = {
    "TRACELOOP_TRACE_CONTENT": "false",  # OpenLLMetry writes prompts to spans unless told not to
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "no_content",
    "ANTHROPIC_OPEN_TELEMETRY": "false",  # the SDK's own spans, which it makes beside everybody's else
    "LLMCOST_SUMMARY": "false",
    "PYTHONHASHSEED": "0",
}
"""Given to every worker alike."""


def _bare(_provider: Any) -> None:
    pass


def _ours(provider: Any) -> None:
    import otel_llmcost

    otel_llmcost.instrument(provider)


def _by_hand(provider: Any) -> None:
    from openai.resources.chat.completions import Completions

    from tests.bench.by_hand import traced

    Completions.create = traced(Completions.create, provider)


def _genai_openai(provider: Any) -> None:
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)


def _openinference(provider: Any) -> None:
    from openinference.instrumentation import TraceConfig
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider, config=TraceConfig(hide_inputs=True, hide_outputs=True))


def _openllmetry(provider: Any) -> None:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)


def _genai_anthropic(provider: Any) -> None:
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=provider)


def _openinference_anthropic(provider: Any) -> None:
    from openinference.instrumentation import TraceConfig
    from openinference.instrumentation.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument(
        tracer_provider=provider, config=TraceConfig(hide_inputs=True, hide_outputs=True)
    )


def _openllmetry_anthropic(provider: Any) -> None:
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=provider)


def _otel_botocore(provider: Any) -> None:
    from opentelemetry.instrumentation.botocore import BotocoreInstrumentor

    BotocoreInstrumentor().instrument(tracer_provider=provider)


def _openinference_bedrock(provider: Any) -> None:
    from openinference.instrumentation import TraceConfig
    from openinference.instrumentation.bedrock import BedrockInstrumentor

    BedrockInstrumentor().instrument(tracer_provider=provider, config=TraceConfig(hide_inputs=True, hide_outputs=True))


def _openllmetry_bedrock(provider: Any) -> None:
    from opentelemetry.instrumentation.bedrock import BedrockInstrumentor

    BedrockInstrumentor().instrument(tracer_provider=provider)


RIVALS: Final = {
    "genai-openai": Rival("openai", "opentelemetry-instrumentation-genai-openai", "1.3b0", _genai_openai),
    "openinference": Rival("openai", "openinference-instrumentation-openai", "0.1.66", _openinference),
    "openllmetry": Rival("openai", "opentelemetry-instrumentation-openai", "0.62.4", _openllmetry),
    "genai-anthropic": Rival("anthropic", "opentelemetry-instrumentation-genai-anthropic", "1.3b0", _genai_anthropic),
    "openinference-anthropic": Rival(
        "anthropic", "openinference-instrumentation-anthropic", "3.1.0", _openinference_anthropic
    ),
    "openllmetry-anthropic": Rival(
        "anthropic", "opentelemetry-instrumentation-anthropic", "0.62.4", _openllmetry_anthropic
    ),
    "otel-botocore": Rival("boto3", "opentelemetry-instrumentation-botocore", "0.66b2", _otel_botocore),
    "openinference-bedrock": Rival("boto3", "openinference-instrumentation-bedrock", "0.1.61", _openinference_bedrock),
    "openllmetry-bedrock": Rival("boto3", "opentelemetry-instrumentation-bedrock", "0.62.4", _openllmetry_bedrock),
}

SET_UP: Final[dict[str, Callable[[Any], None]]] = {
    OURS: _ours,
    **dict.fromkeys(BARE, _bare),
    BY_HAND: _by_hand,
    **{name: rival.set_up for name, rival in RIVALS.items()},
}


def rivals_of(sdk: str) -> tuple[str, ...]:
    """Return the names of those that instrument an SDK."""
    return tuple(name for name, rival in RIVALS.items() if rival.sdk == sdk)
