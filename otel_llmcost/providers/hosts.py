"""Which provider answers at a host, in semconv's spelling. The SDK says only whose wire format is spoken."""

from __future__ import annotations

import re
from itertools import chain
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
    "api-inference.together.ai": "together",
    "api.mistral.ai": "mistral_ai",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.cerebras.ai": "cerebras",
    "api.perplexity.ai": "perplexity",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.fireworks.ai": "fireworks",
    "ai-gateway.vercel.sh": "vercel_ai_gateway",
    "api.arcee.ai": "arcee",
    "api.avian.io": "avian",
    "api.deepinfra.com": "deepinfra",
    "api.doubleword.ai": "doubleword",
    "api.githubcopilot.com": "github-copilot",
    "api.meta.ai": "meta",
    "api.minimax.io": "minimax",
    "api.minimaxi.com": "minimax",
    "api.novita.ai": "novita",
    "api.sambanova.ai": "sambanova",
    "api.studio.nebius.com": "nebius",
    "api.voyageai.com": "voyageai",
    "api.z.ai": "zai",
    "dashscope.aliyuncs.com": "dashscope",
    "dashscope-intl.aliyuncs.com": "dashscope",
    "inference.baseten.co": "baseten",
    "integrate.api.nvidia.com": "nvidia_nim",
    "models.github.ai": "github",
    "oai.endpoints.kepler.ai.cloud.ovh.net": "ovhcloud",
    "open.bigmodel.cn": "zhipuai",
    "router.huggingface.co": "huggingface",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "claude.googleapis.com": "gcp.vertex_ai",
    "ollama.com": "ollama",
    "codestral.mistral.ai": "mistral_ai",
}

_SUFFIXES: Final = {
    ".openai.azure.com": "azure.ai.openai",
    ".openai.azure.us": "azure.ai.openai",
    ".cognitiveservices.azure.com": "azure.ai.openai",
    ".services.ai.azure.com": "azure.ai.inference",
    ".api.openai.com": "openai",
    ".api.x.ai": "x_ai",
    ".azuredatabricks.net": "databricks",
    ".cloud.databricks.com": "databricks",
    ".gcp.databricks.com": "databricks",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
}

_PATTERNS: Final = (
    (
        re.compile(r"bedrock-runtime(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?|bedrock-mantle\..*\.api\.aws"),
        "aws.bedrock",
    ),
    (re.compile(r"aiplatform\.[a-z]+\.rep\.googleapis\.com"), "gcp.vertex_ai"),
    (re.compile(r"aws-external-anthropic\..*\.api\.aws"), "anthropic"),
)

_OLLAMA_PORT: Final = 11434
"""Where Ollama listens unless told otherwise, and nobody else."""


def provider_at(host: str, port: int | None = None) -> str:
    """Return the provider that answers at `host`, empty where nobody knows the host.

    Args:
        host: The host, without its port.
        port: The port, if it was given.
    """
    host = host.lower()
    if known := _EXACT.get(host):
        return known
    if port == _OLLAMA_PORT:
        return "ollama"
    by_pattern = (provider for pattern, provider in _PATTERNS if pattern.fullmatch(host))
    by_suffix = (provider for suffix, provider in _SUFFIXES.items() if host.endswith(suffix))
    return next(chain(by_pattern, by_suffix), "")
