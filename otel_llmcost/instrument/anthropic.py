"""The `anthropic` SDK: messages, at Anthropic, Bedrock, Vertex and Azure."""

from __future__ import annotations

from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._stainless import SDK, Patch


class AnthropicInstrumentor(Instrumentor):
    """Instruments every client of the `anthropic` package, sync and async."""

    name = "anthropic"
    requires = "anthropic >= 0.51"
    tested = "2.12.0"
    patch = Patch(
        SDK(
            name="anthropic",
            package="anthropic",
            provider="anthropic",
            clients={
                "BaseBedrockClient": "aws.bedrock",
                "BaseMantleClient": "aws.bedrock",
                "BaseVertexClient": "gcp.vertex_ai",
                "BaseGoogleCloudClient": "gcp.vertex_ai",
                "BaseFoundryClient": "azure.ai.inference",
            },
            request_id_headers=("request-id", "x-request-id", "x-amzn-requestid"),
            account_headers=("anthropic-organization-id", "anthropic-workspace-id"),
            # Since 1.14 the SDK makes a span of its own for each call, which would be told, and billed, twice.
            native_span="start_api_call_span",
        )
    )
