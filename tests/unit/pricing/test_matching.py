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
