"""Which provider answers at a host, in semconv's spelling. The SDK says only whose wire format is spoken."""

from __future__ import annotations

from typing import Final

_EXACT: Final = {
    "api.openai.com": "openai",
    "eu.api.openai.com": "openai",
    "us.api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "x_ai",
    "openrouter.ai": "openrouter",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.mistral.ai": "mistral_ai",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.cerebras.ai": "cerebras",
    "api.perplexity.ai": "perplexity",
    "api.moonshot.ai": "moonshot_ai",
    "api.fireworks.ai": "fireworks",
    "generativelanguage.googleapis.com": "gcp.gemini",
}

_SUFFIXES: Final = {
    ".openai.azure.com": "azure.ai.openai",
    ".cognitiveservices.azure.com": "azure.ai.openai",
    ".services.ai.azure.com": "azure.ai.inference",
    ".api.openai.com": "openai",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
}


def provider_at(host: str) -> str:
    """Return the provider that answers at `host`, empty where nobody knows the host."""
    host = host.lower()
    if known := _EXACT.get(host):
        return known
    if host.startswith("bedrock-runtime.") and host.endswith(".amazonaws.com"):
        return "aws.bedrock"
    return next((provider for suffix, provider in _SUFFIXES.items() if host.endswith(suffix)), "")
