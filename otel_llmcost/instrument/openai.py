"""The `openai` SDK: chat completions, responses, embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from otel_llmcost.instrument._stainless import SDK, Patch

if TYPE_CHECKING:
    from collections.abc import Collection

_PATCH: Final = Patch(
    SDK(
        package="openai",
        provider="openai",
        clients={
            "AzureOpenAI": "azure.ai.openai",
            "AsyncAzureOpenAI": "azure.ai.openai",
            "BedrockOpenAI": "aws.bedrock",
            "AsyncBedrockOpenAI": "aws.bedrock",
        },
        account_headers=("openai-organization", "openai-project"),
    )
)


class OpenAIInstrumentor(BaseInstrumentor):
    """Instruments every client of the `openai` package, sync and async."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the oldest release that works. There is no newest: a missing release would silently go unbilled."""
        return ("openai >= 1.66",)

    def _instrument(self, **kwargs: Any) -> None:
        _PATCH.apply(kwargs.get("tracer_provider"))

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - the signature is OpenTelemetry's
        _PATCH.remove()
