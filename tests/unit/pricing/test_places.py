from __future__ import annotations

import pytest

from otel_llmcost.pricing.places import azure_tier, place_of, region_at


@pytest.mark.parametrize(
    ("provider", "region", "place"),
    [
        ("openai", "EU", "eu"),
        ("openai", "global", ""),
        ("anthropic", "not_available", ""),
        ("gcp.gemini", "us-central1", ""),
        ("gcp.vertex_ai", "us-central1", "us-central1"),
        ("azure.ai.openai", "GlobalStandard", ""),
        ("azure.ai.openai", "GlobalBatch", ""),
        ("azure.ai.openai", "DataZoneStandard", "datazone"),
        ("azure.ai.openai", "Data Zone:eu", "datazone_eu"),
        ("azure.ai.openai", "DataZoneProvisionedManaged:us", "datazone_us"),
        ("azure.ai.openai", "us", "datazone_us"),
        ("azure.ai.openai", "Standard", "regional"),
        ("azure.ai.openai", "swedencentral", ""),
    ],
)
def test_a_region_is_told_in_the_words_of_the_price_list(provider, region, place):
    assert place_of(provider, region) == place


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("api.openai.com", ""),
        ("EU.api.openai.com", "eu"),
        ("us.api.x.ai", "us"),
        ("us-central1-aiplatform.googleapis.com", "us-central1"),
        ("aiplatform.googleapis.com", ""),
        ("aiplatform.eu.rep.googleapis.com", "eu"),
        ("bedrock-runtime.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("eu.api.openai.com.evil.example", ""),
        ("", ""),
    ],
)
def test_a_host_stands_for_a_region(host, region):
    assert region_at(host) == region


@pytest.mark.parametrize(
    ("deployment", "tier"),
    [
        ("GlobalStandard", ""),
        ("DataZoneBatch", "batch"),
        ("ProvisionedManaged", "provisioned"),
        ("", ""),
        ("my-own", ""),
    ],
)
def test_a_type_of_deployment_may_be_a_tier(deployment, tier):
    assert azure_tier(deployment) == tier
