"""The host says who sells; the SDK only whose wire format is spoken."""

from __future__ import annotations

import pytest

from otel_llmcost.providers.hosts import provider_at


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("Acme-East.OpenAI.Azure.com", "azure.ai.openai"),
        ("api.groq.com", "groq"),
        ("api.x.ai", "x_ai"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("eu-west-1.api.x.ai", "x_ai"),
        ("api.z.ai", "zai"),
        ("router.huggingface.co", "huggingface"),
        ("acme.cloud.databricks.com", "databricks"),
        ("127.0.0.1", ""),
        ("notopenai.azure.com.evil.example", ""),
        ("", ""),
    ],
)
def test_a_host_names_its_provider(host: str, provider: str) -> None:
    assert provider_at(host) == provider
