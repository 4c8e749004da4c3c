"""The libraries that are run, in one environment: they get on with each other and with our pins."""

from __future__ import annotations

from typing import Final, NamedTuple


class Library(NamedTuple):
    """One of them.

    Attributes:
        title: Its name for readers, with the versions that are installed.
        dialect: The dialect in which its spans are read.
        instrumentors: Module and class of each instrumentor; none for what an SDK does by itself.
    """

    title: str
    dialect: str
    instrumentors: tuple[tuple[str, str], ...]


REQUIREMENTS: Final = (
    "opentelemetry-instrumentation-genai-openai==1.3b0",
    "opentelemetry-instrumentation-genai-anthropic==1.3b0",
    "opentelemetry-instrumentation-openai==0.62.4",
    "opentelemetry-instrumentation-anthropic==0.62.4",
    "openinference-instrumentation-openai==0.1.66",
    "openinference-instrumentation-anthropic==3.1.0",
    "openai",
    "anthropic",
)

LIBRARIES: Final = {
    "sdk": Library("the anthropic SDK itself 2.12", "sdk", ()),
    "opentelemetry": Library(
        "OpenTelemetry genai 1.3b0",
        "opentelemetry",
        (
            ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
            ("opentelemetry.instrumentation.genai.anthropic", "AnthropicInstrumentor"),
        ),
    ),
    "openllmetry": Library(
        "OpenLLMetry 0.62.4",
        "openllmetry",
        (
            ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
            ("opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
        ),
    ),
    "openinference": Library(
        "OpenInference openai 0.1.66, anthropic 3.1.0",
        "openinference",
        (
            ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
            ("openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
        ),
    ),
}
