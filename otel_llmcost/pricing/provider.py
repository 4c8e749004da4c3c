"""Whose prices: the names that telemetry gives a provider, mapped to the one that the rate table uses."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_OTHER_SPELLINGS: Final = {
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "az.ai.openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.openai",
    "azure.ai.inference": "azure.ai.openai",
    "azure_ai": "azure.ai.openai",
    "aws": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "gemini": "gcp.gemini",
    "gcp.gen_ai": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google-genai": "gcp.gemini",
    "google_generativeai": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "xai": "x_ai",
    "x-ai": "x_ai",
    "x.ai": "x_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "mistral-ai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "together_ai": "together",
    "together-ai": "together",
    "togetherai": "together",
    "fireworks_ai": "fireworks",
    "fireworks-ai": "fireworks",
    "open_router": "openrouter",
    "claude": "anthropic",
}


@lru_cache(maxsize=1024)
def canonical_provider(name: str) -> str:
    """Return the spelling under which the rate table knows a provider; a name nobody knows comes back in lower case.

    Args:
        name: A provider as semconv, its earlier versions, other instrumentations or gateways call it.
    """
    spelled = name.strip().lower()
    return _OTHER_SPELLINGS.get(spelled, spelled)
