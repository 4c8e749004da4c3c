from __future__ import annotations

import pytest

from otel_llmcost.pricing import canonical_provider, load_rate_table


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("openai", "openai"),
        (" OpenAI ", "openai"),
        ("azure", "azure.ai.openai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("azure.ai.inference", "azure.ai.openai"),
        ("aws_bedrock", "aws.bedrock"),
        ("bedrock", "aws.bedrock"),
        ("xai", "x_ai"),
        ("x-ai", "x_ai"),
        ("google", "gcp.gemini"),
        ("gcp.gen_ai", "gcp.gemini"),
        ("gemini", "gcp.gemini"),
        ("vertex", "gcp.vertex_ai"),
        ("mistralai", "mistral_ai"),
        ("someone-new", "someone-new"),
    ],
)
def test_every_spelling_leads_to_ours(name, ours):
    assert canonical_provider(name) == ours
    assert canonical_provider(ours) == ours


def test_the_table_knows_the_providers_under_our_names():
    ours = {
        "openai",
        "anthropic",
        "aws.bedrock",
        "azure.ai.openai",
        "cerebras",
        "cohere",
        "deepseek",
        "fireworks",
        "gcp.gemini",
        "gcp.vertex_ai",
        "groq",
        "mistral_ai",
        "moonshot_ai",
        "openrouter",
        "perplexity",
        "together",
        "x_ai",
    }
    assert ours <= set(load_rate_table().providers)
    assert all(canonical_provider(provider) == provider for provider in load_rate_table().providers)
