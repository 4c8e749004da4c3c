"""The `anthropic` SDK: messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from otel_llmcost.instrument._stainless import SDK, Patch

if TYPE_CHECKING:
    from collections.abc import Collection

_PATCH: Final = Patch(
    SDK(
        package="anthropic",
        provider="anthropic",
        clients={
            "BaseBedrockClient": "aws.bedrock",
            "BaseMantleClient": "aws.bedrock",
            "BaseVertexClient": "gcp.vertex_ai",
            "BaseGoogleCloudClient": "gcp.vertex_ai",
            "BaseFoundryClient": "azure.ai.inference",
        },
        account_headers=("anthropic-organization-id", "anthropic-workspace-id"),
        # Since 1.14 the SDK makes a span of its own for each call, which would be told, and billed, twice.
        native_span="start_api_call_span",
    )
)


class AnthropicInstrumentor(BaseInstrumentor):
    """Instruments every client of the `anthropic` package, sync and async."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the oldest release that works. There is no newest: a missing release would silently go unbilled."""
        return ("anthropic >= 0.51",)

    def _instrument(self, **kwargs: Any) -> None:
        _PATCH.apply(kwargs.get("tracer_provider"))

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - the signature is OpenTelemetry's
        _PATCH.remove()
