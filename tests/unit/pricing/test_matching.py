from __future__ import annotations

import pytest

from otel_llmcost.pricing import load_rate_table
from otel_llmcost.pricing.matching import spellings


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        ("gpt-5.4", ["gpt-5.4"]),
        (" GPT-5.4 ", ["gpt-5.4"]),
        ("m-2025-08-07", ["m-2025-08-07", "m-2025-08-07", "m-20250807", "m@20250807", "m"]),
        ("m-20250807", ["m-20250807", "m-2025-08-07", "m-20250807", "m@20250807", "m"]),
        ("m@20250807", ["m@20250807", "m-2025-08-07", "m-20250807", "m@20250807", "m"]),
        ("m-latest", ["m-latest", "m"]),
        ("m-20251332", ["m-20251332"]),
        ("m-2508", ["m-2508"]),
        ("m-latest-foo", ["m-latest-foo"]),
        ("ft:m:org::id", ["ft:m:org::id", "ft:m"]),
        ("", [""]),
    ],
)
def test_a_name_may_lose_its_date_and_nothing_else(name, tried):
    assert [spelled for spelled, _ in spellings(name)] == tried


@pytest.mark.parametrize(
    ("provider", "name", "found"),
    [
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai", "gpt-4o-20240513", "gpt-4o-2024-05-13"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("openai", "gpt-5.4-mini-2026-03-17", "gpt-5.4-mini"),
        ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-0"),
        ("anthropic", "claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("anthropic", "claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("gcp.vertex_ai", "claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet"),
        ("gcp.gemini", "gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("gcp.gemini", "gemini-flash-lite-latest", "gemini-3.5-flash-lite"),
        ("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("azure.ai.openai", "gpt-4o-2024-11-20", "gpt-4o"),
        ("azure", "gpt-5", "gpt-5"),
    ],
)
def test_names_that_providers_answer_with(provider, name, found):
    hit = load_rate_table().find(provider, name)
    assert hit is not None
    assert hit[0].model == found


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "gpt-5.4-foo"),
        ("openai", "gpt-5."),
        ("openai", "ft:gpt-5.4:acme::1"),
        ("openai", "ft:gpt-4-0613:acme::1"),
        ("gcp.gemini", "gemini-flash"),
        ("gcp.gemini", "gemini-2.5-flash-foo"),
        ("anthropic", "claude-opus-5-5-turbo"),
        ("azure.ai.openai", "my-prod-gpt"),
        ("nobody", "gpt-5"),
        ("", ""),
    ],
)
def test_a_name_that_only_begins_like_a_known_one_is_another_model(provider, name):
    assert load_rate_table().find(provider, name) is None


CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.mark.parametrize(
    ("provider", "name", "sold_by", "found", "kind"),
    [
        ("aws.bedrock", f"arn:aws:bedrock:us-east-1:1:inference-profile/us.{CLAUDE}", "aws.bedrock", CLAUDE, "arn"),
        ("aws.bedrock", f"arn:aws:bedrock:eu-west-1::foundation-model/{CLAUDE}", "aws.bedrock", CLAUDE, "arn"),
        ("aws.bedrock", "us.amazon.nova-pro-v1:0", "aws.bedrock", "amazon.nova-pro-v1:0", "geo_profile"),
        ("aws.bedrock", "eu.amazon.nova-pro-v1:0", "aws.bedrock", "eu.amazon.nova-pro-v1:0", "exact"),
        ("aws.bedrock", f"global.{CLAUDE}", "aws.bedrock", f"global.{CLAUDE}", "exact"),
        ("gcp.gemini", "models/gemini-2.5-flash", "gcp.gemini", "gemini-2.5-flash", "path"),
        ("gcp.vertex_ai", "google/gemini-2.5-flash", "gcp.vertex_ai", "gemini-2.5-flash", "path"),
        (
            "gcp.gemini",
            "projects/p/locations/global/publishers/google/models/gemini-2.5-flash",
            "gcp.vertex_ai",
            "gemini-2.5-flash",
            "path",
        ),
        (
            "vertex_ai",
            "publishers/anthropic/models/claude-opus-4-6@default",
            "gcp.vertex_ai",
            "claude-opus-4-6",
            "path",
        ),
        ("litellm", "azure/gpt-4o", "azure.ai.openai", "gpt-4o", "gateway"),
        ("litellm", "bedrock/us.amazon.nova-pro-v1:0", "aws.bedrock", "amazon.nova-pro-v1:0", "gateway"),
        ("openai", "gemini/gemini-2.5-flash", "gcp.gemini", "gemini-2.5-flash", "gateway"),
        ("openrouter", "openrouter/openai/gpt-5", "openrouter", "openai/gpt-5", "gateway"),
        ("x_ai", "xai/grok-4.6", "x_ai", "grok-4.6", "gateway"),
    ],
)
def test_a_model_is_found_in_its_wrapping(provider, name, sold_by, found, kind):
    hit = load_rate_table().locate(provider, name)
    assert hit is not None
    assert (hit.rates.provider, hit.rates.model, hit.kind) == (sold_by, found, kind)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2c3"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:provisioned-model/a1b2c3"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:custom-model/amazon.nova-pro-v1:0/a1b2c3"),
        ("aws.bedrock", "global.amazon.nova-pro-v1:0"),
        ("gcp.vertex_ai", "projects/p/locations/us-central1/endpoints/123"),
        ("gcp.gemini", "tunedModels/gemini-2.5-flash"),
        ("groq", "openai/gpt-5"),
        ("together", "openai/gpt-5"),
        ("openrouter", "azure/gpt-4o"),
        ("openai", "mistralai/mistral-large-2512"),
        ("litellm", "deepseek-ai/deepseek-chat"),
        ("openai", "azure/" * 1000 + "gpt-4o"),
    ],
)
def test_a_wrapping_that_hides_the_model_gives_no_price(provider, name):
    assert load_rate_table().locate(provider, name) is None
