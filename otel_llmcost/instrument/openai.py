"""The `openai` SDK, its Azure and Bedrock clients, and whatever host a client of it is pointed at."""

from __future__ import annotations

from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._realtime import RealtimePatch
from otel_llmcost.instrument._stainless import SDK, Patch


class OpenAIInstrumentor(Instrumentor):
    """Instruments every client of the `openai` package, sync and async."""

    name = "openai"
    requires = "openai >= 1.66"
    tested = "3.54.0"
    patch = Patch(
        SDK(
            name="openai",
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
    also = (RealtimePatch(),)
