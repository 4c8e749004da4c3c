"""How an entry of litellm's file is read; none of these needs the package."""

from __future__ import annotations

from decimal import Decimal

import pytest

from otel_llmcost.errors import RateTableError
from otel_llmcost.pricing.importer.litellm import price_list


def entry(provider: str, **prices) -> dict:
    return {"litellm_provider": provider, "mode": "chat"} | {
        key: Decimal(value) if isinstance(value, str) else value for key, value in prices.items()
    }


def test_a_key_says_meter_threshold_and_tier():
    told = price_list(
        "gpt-x",
        entry(
            "openai",
            input_cost_per_token="2e-06",
            input_cost_per_token_above_272k_tokens_flex="1.5e-06",
            cache_creation_input_token_cost_above_1hr_above_200k_tokens="1e-05",
            output_cost_per_token_batches="4e-06",
        ),
    )
    assert told.prices == {
        ("standard", "", "input", None): Decimal(2),
        ("flex", "", "input", 272_000): Decimal("1.5"),
        ("standard", "", "cache_write_1h", 200_000): Decimal(10),
        ("batch", "", "output", None): Decimal(4),
    }


def test_the_noise_of_a_double_is_cut():
    told = price_list("gpt-x", entry("openai", input_cost_per_token="5.0000000000000004e-08"))
    assert told.prices["standard", "", "input", None] == Decimal("0.05")


def test_a_price_that_is_no_whole_pico_usd_stops_the_import():
    with pytest.raises(RateTableError, match=r"gpt-x: input_cost_per_token 1\.5E-12 of openai is not a whole number"):
        price_list("gpt-x", entry("openai", input_cost_per_token="1.5e-12"))


@pytest.mark.parametrize(
    ("key", "seller", "provider", "model", "place"),
    [
        ("azure/gpt-x", "azure", "azure.ai.openai", "gpt-x", ""),
        ("azure/eu/gpt-x", "azure", "azure.ai.openai", "gpt-x", "datazone_eu"),
        ("azure/global/gpt-x", "azure", "azure.ai.openai", "gpt-x", ""),
        ("us.amazon.nova-x", "bedrock_converse", "aws.bedrock", "us.amazon.nova-x", ""),
        ("bedrock/us-gov-west-1/amazon.nova-x", "bedrock", "aws.bedrock", "amazon.nova-x", "us-gov-west-1"),
        ("vertex_ai/gemini-x", "vertex_ai-language-models", "gcp.vertex_ai", "gemini-x", ""),
        ("together_ai/Qwen/Qwen-X", "together_ai", "together", "qwen/qwen-x", ""),
        ("groq/openai/gpt-oss-x", "groq", "groq", "openai/gpt-oss-x", ""),
    ],
)
def test_a_key_says_provider_model_and_place(key, seller, provider, model, place):
    told = price_list(key, entry(seller, input_cost_per_token="1e-06"))
    assert (told.provider, told.model) == (provider, model)
    assert set(told.prices) == {("standard", place, "input", None)}


@pytest.mark.parametrize(
    ("key", "seller"),
    [
        ("deepinfra/x", "deepinfra"),
        ("bedrock/us-east-1/1-month-commitment/x", "bedrock"),
        ("bedrock/*/1-month-commitment/x", "bedrock"),
        ("azure/high/1024-x-1024/gpt-image", "azure"),
        ("1024-x-1024/dall-e-x", "openai"),
        ("ft:gpt-4-0613", "openai"),
    ],
)
def test_what_is_no_price_list_of_a_model_is_passed_over(key, seller):
    assert price_list(key, entry(seller, input_cost_per_token="1e-06")) is None


def test_searches_are_taken_over_where_they_have_one_price():
    sizes = {"low": Decimal("0.014"), "medium": Decimal("0.014"), "high": Decimal("0.014")}
    by_query = entry("gemini", search_context_cost_per_query=sizes) | {"web_search_billing_unit": "per_query"}
    by_prompt = entry("gemini", search_context_cost_per_query=sizes)
    by_size = entry("openai", search_context_cost_per_query=sizes | {"high": Decimal("0.05")})
    assert price_list("gemini/g", by_query).prices == {("standard", "", "grounded_query", None): Decimal("0.014")}
    assert price_list("gemini/g", by_prompt).prices == {("standard", "", "grounded_prompt", None): Decimal("0.014")}
    assert price_list("gpt-x", by_size) is None


def test_an_hour_of_audio_is_told_by_the_second():
    told = price_list("groq/w", entry("groq", input_cost_per_second="1.111e-05") | {"mode": "audio_transcription"})
    assert told.prices == {("standard", "", "audio_second", None): Decimal("0.0400")}


def test_factors_are_kept_by_place():
    uplift = {"regional_processing_uplift_multiplier_eu": "1.1", "regional_processing_uplift_multiplier_us": "1.1"}
    assert price_list("gpt-x", entry("openai", input_cost_per_token="1e-06", **uplift)).places == {
        "eu": "1.1",
        "us": "1.1",
    }
    vertex = entry("vertex_ai", input_cost_per_token="1e-06", regional_endpoint_uplift_multiplier="1.1")
    assert price_list("vertex_ai/g", vertex).places == {"*": "1.1"}
    assert price_list("vertex_ai/g", entry("vertex_ai", input_cost_per_token="1e-06")).places == {"*": "1"}
