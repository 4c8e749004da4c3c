"""Who is measured, and how each is set up: as its own documentation says, with content capture off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

OURS: Final = "otel-llmcost"
BARE: Final = ("bare", "bare again")
"""Without instrumentation, twice: what the two differ by is what the method cannot see."""

RIVALS: Final = {
    "genai-openai": ("opentelemetry-instrumentation-genai-openai", "1.3b0"),
    "openinference": ("openinference-instrumentation-openai", "0.1.66"),
    "openllmetry": ("opentelemetry-instrumentation-openai", "0.62.4"),
}
"""The newest of each on 2026-11-22: package and version."""

BEDROCK_RIVALS: Final = {
    "otel-botocore": ("opentelemetry-instrumentation-botocore", "0.66b2"),
    "openinference-bedrock": ("openinference-instrumentation-bedrock", "0.1.61"),
    "openllmetry-bedrock": ("opentelemetry-instrumentation-bedrock", "0.62.4"),
}
"""The same for calls of Bedrock through boto3."""

SDK_OF: Final = {**dict.fromkeys(RIVALS, "openai"), **dict.fromkeys(BEDROCK_RIVALS, "boto3")}
"""What each rival instruments."""

INPUT_TOKENS: Final = 1_337
"""What every answer counts, so that one can see that it was read."""

ENVIRONMENT: Final = {
    "TRACELOOP_TRACE_CONTENT": "false",  # OpenLLMetry writes prompts to spans unless told not to
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "no_content",
    "LLMCOST_SUMMARY": "false",
    "PYTHONHASHSEED": "0",
}
"""Given to every worker alike."""


def _bare(_provider: Any) -> None:
    pass


def _ours(provider: Any) -> None:
    import otel_llmcost

    otel_llmcost.instrument(provider)


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


SET_UP: Final[dict[str, Callable[[Any], None]]] = {
    OURS: _ours,
    **dict.fromkeys(BARE, _bare),
    "genai-openai": _genai_openai,
    "openinference": _openinference,
    "openllmetry": _openllmetry,
    "otel-botocore": _otel_botocore,
    "openinference-bedrock": _openinference_bedrock,
    "openllmetry-bedrock": _openllmetry_bedrock,
}
