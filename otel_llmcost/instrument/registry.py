"""Every instrumentor there is: a new provider is one reader, one module beside this one, and one line here."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._instrumentor import disabled
from otel_llmcost.telemetry import runtime

if TYPE_CHECKING:
    from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

INSTRUMENTORS: Final = {
    "threads": ("concurrent.futures", "ThreadsInstrumentor"),
    "incoming": ("opentelemetry.baggage", "IncomingInstrumentor"),
    "openai": ("openai", "OpenAIInstrumentor"),
    "anthropic": ("anthropic", "AnthropicInstrumentor"),
    "mistral": ("mistralai", "MistralInstrumentor"),
    "cohere": ("cohere", "CohereInstrumentor"),
    "litellm": ("litellm", "LiteLLMInstrumentor"),
    "bedrock": ("botocore", "BedrockInstrumentor"),
    "groq": ("groq", "GroqInstrumentor"),
    "together": ("together", "TogetherInstrumentor"),
    "cerebras": ("cerebras", "CerebrasInstrumentor"),
    "google_genai": ("google.genai", "GoogleGenAIInstrumentor"),
    "ollama": ("ollama", "OllamaInstrumentor"),
    "lm15": ("lm15", "LM15Instrumentor"),
    "dspy": ("dspy", "DSPyInstrumentor"),
    "langsmith": ("langsmith", "LangSmithInstrumentor"),
}
"""Our module → the package that it instruments, and its instrumentor."""


def instrument(tracer_provider: Any = None) -> None:
    """Patch every supported SDK that is installed; what is patched already stays as it is.

    Args:
        tracer_provider: Where the spans go; None means the global provider, also one that is set later.
    """
    runtime.started(tracer_provider)
    off = disabled(os.environ)
    for name, (package, _) in INSTRUMENTORS.items():
        if name not in off and _is_installed(package):
            instrumentor = instrumentor_of(name)
            if not instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.instrument(tracer_provider=tracer_provider)


def uninstrument() -> None:
    """Undo every patch, and deliver what was recorded."""
    for name in INSTRUMENTORS:
        instrumentor = instrumentor_of(name)
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
    runtime.stop()


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # of a package inside another one that is missing itself
        return False


def instrumentor_of(name: str) -> BaseInstrumentor:
    """Return the one instrumentor of a module of ours."""
    module = importlib.import_module(f"otel_llmcost.instrument.{name}")
    instrumentor: BaseInstrumentor = getattr(module, INSTRUMENTORS[name][1])()
    return instrumentor
