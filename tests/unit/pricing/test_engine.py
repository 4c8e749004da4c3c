"""What the engine charges, against arithmetic done by hand from the published prices."""

from __future__ import annotations

import pytest

from otel_llmcost.call import LLMCall
from otel_llmcost.money import PicoUSD, pico_usd
from otel_llmcost.pricing import PriceStatus, Pricing, RateTable, Served, load_rate_table, price, price_usage
from otel_llmcost.pricing.compiled import unix_ns
from otel_llmcost.usage import Usage, UsageMeter
from tests.unit.pricing.tables import AT, card, model, table_of


def priced(
    usage: Usage | None,
    name: str,
    *,
    provider: str = "openai",
    at: str = "2026-11-20T12:00:00Z",
    served: Served | None = None,
    table: RateTable | None = None,
) -> Pricing:
    return price_usage(
        usage,
        table or load_rate_table(),
        provider=provider,
        models=(name,),
        at_ns=unix_ns(at),
        served=served or Served(),
    )


# --- published prices ---


def test_cached_tokens_and_reasoning_are_billed_once():
    usage = Usage(input_tokens=12345, cache_read_tokens=8192, output_tokens=678, reasoning_tokens=512)
    # gpt-5: 1.25 input, 0.125 cached input, 10 output, USD a million
    by_hand = (12345 - 8192) * 1_250_000 + 8192 * 125_000 + 678 * 10_000_000
    answer = priced(usage, "gpt-5")
    assert answer.list_cost == by_hand == pico_usd("0.01299525")
    assert answer.effective_cost == answer.list_cost
    assert answer.status is PriceStatus.PRICED


def test_each_lifetime_of_a_cache_write_has_its_price():
    usage = Usage(
        input_tokens=100 + 50_000 + 20_000, cache_write_1h_tokens=50_000, cache_write_5m_tokens=20_000, output_tokens=50
    )
    # claude-haiku-4-5: 1 input, 1.25 written for 5 minutes, 2 for an hour, 5 output
    by_hand = 100 * 1_000_000 + 20_000 * 1_250_000 + 50_000 * 2_000_000 + 50 * 5_000_000
    assert priced(usage, "claude-haiku-4-5-20251001", provider="anthropic").list_cost == by_hand


@pytest.mark.parametrize(
    ("input_tokens", "input_price", "output_price"),
    [(272_000, 2_500_000, 15_000_000), (272_001, 5_000_000, 22_500_000)],
)
def test_a_long_prompt_changes_the_price_of_every_token(input_tokens, input_price, output_price):
    usage = Usage(input_tokens=input_tokens, output_tokens=1000)
    assert priced(usage, "gpt-5.4").list_cost == input_tokens * input_price + 1000 * output_price


@pytest.mark.parametrize(("input_tokens", "input_price"), [(199_999, 1_250_000), (200_000, 2_500_000)])
def test_grok_is_dear_from_the_threshold_on(input_tokens, input_price):
    assert (
        priced(Usage(input_tokens=input_tokens), "grok-4.20", provider="x_ai").list_cost == input_tokens * input_price
    )


def test_the_threshold_counts_cached_tokens_too():
    usage = Usage(input_tokens=100_001, cache_read_tokens=100_000, output_tokens=0)
    # claude-haiku-5-5 above 100,000: 0.5 input, 0.05 cached
    assert priced(usage, "claude-haiku-5-5", provider="anthropic").list_cost == 1 * 500_000 + 100_000 * 50_000


@pytest.mark.parametrize(
    ("at", "input_price"),
    [("2026-08-20T23:59:59.999999Z", 5_000_000), ("2026-08-21T00:00:00Z", 4_000_000)],
)
def test_a_new_price_holds_from_its_first_instant(at, input_price):
    assert priced(Usage(input_tokens=1000), "gpt-5.6-sol", at=at).list_cost == 1000 * input_price


def test_a_searched_call_pays_for_tokens_and_searches():
    usage = Usage(input_tokens=10_000, output_tokens=100, web_search=3)
    # claude-opus-5: 5 input, 25 output, 10 USD a thousand searches
    by_hand = 10_000 * 5_000_000 + 100 * 25_000_000 + 3 * 10_000_000_000
    answer = priced(usage, "claude-opus-5", provider="anthropic")
    assert answer.list_cost == by_hand
    assert [(line.meter, line.quantity, line.per) for line in answer.lines] == [
        (UsageMeter.INPUT, 10_000, 1_000_000),
        (UsageMeter.OUTPUT, 100, 1_000_000),
        (UsageMeter.WEB_SEARCH, 3, 1000),
    ]


def test_audio_and_image_tokens_have_their_own_prices():
    usage = Usage(
        input_tokens=1000,
        cache_read_tokens=400,
        input_audio_tokens=800,
        cache_read_audio_tokens=300,
        output_tokens=500,
        output_audio_tokens=400,
    )
    # gpt-realtime: text 4, cached 0.4, audio 32, cached audio 0.4, text out 16, audio out 64
    by_hand = 100 * 4_000_000 + 100 * 400_000 + 500 * 32_000_000 + 300 * 400_000 + 100 * 16_000_000 + 400 * 64_000_000
    assert priced(usage, "gpt-realtime").list_cost == by_hand


def test_the_peak_hours_of_deepseek_are_dear_on_workdays_only():
    usage = Usage(input_tokens=1000)
    at = {
        "Friday, peak": "2026-11-20T09:59:59Z",
        "after it": "2026-11-20T10:00:00Z",
        "Saturday": "2026-11-21T02:00:00Z",
    }
    costs = [priced(usage, "deepseek-flash", provider="deepseek", at=moment).list_cost for moment in at.values()]
    assert costs == [1000 * 300_000, 1000 * 150_000, 1000 * 150_000]


def test_a_price_that_nobody_published_is_not_guessed():
    """DeepSeek had peak hours from 2026-08-17, and no source of ours tells this model's peak price before V4.1."""
    answer = priced(Usage(input_tokens=1000), "deepseek-v4-flash", provider="deepseek", at="2026-08-24T02:00:00Z")
    assert (answer.status, answer.list_cost) == (PriceStatus.UNPRICED_MODEL, None)
    assert answer.detail == "no rate in effect for deepseek/deepseek-v4-flash at 2026-08-24T02:00:00+00:00"


# --- the tier that served ---


@pytest.mark.parametrize(
    ("served", "input_price", "output_price"),
    [
        (Served(service_tier="flex"), 625_000, 5_000_000),
        (Served(service_tier="priority"), 2_500_000, 20_000_000),
        (Served(service_tier="default"), 1_250_000, 10_000_000),
        (Served(service_tier="auto"), 1_250_000, 10_000_000),
        (Served(service_tier="flex", is_batch=True), 625_000, 5_000_000),
    ],
)
def test_the_tier_that_served_is_billed(served, input_price, output_price):
    answer = priced(Usage(input_tokens=1000, output_tokens=10), "gpt-5", served=served)
    assert answer.list_cost == 1000 * input_price + 10 * output_price
    assert answer.status is PriceStatus.PRICED


@pytest.mark.parametrize("served", [Served(is_batch=True), Served(service_tier="batch")])
def test_a_batch_halves_the_cache_too(served):
    usage = Usage(input_tokens=51_000, cache_read_tokens=40_000, cache_write_5m_tokens=10_000, output_tokens=2000)
    # claude-sonnet-4-6, half of 3, 0.30, 3.75 and 15
    by_hand = 1000 * 1_500_000 + 40_000 * 150_000 + 10_000 * 1_875_000 + 2000 * 7_500_000
    assert priced(usage, "claude-sonnet-4-6", provider="anthropic", served=served).list_cost == by_hand


def test_fast_mode_is_a_tier_of_its_own():
    answer = priced(Usage(input_tokens=1000), "claude-opus-4-8", provider="anthropic", served=Served(speed="fast"))
    assert answer.list_cost == 1000 * 10_000_000
    assert answer.rate_id == "anthropic/claude-opus-4-8@first#fast"


def test_a_speed_without_rates_is_billed_as_standard_and_says_so():
    """Bedrock's latency-optimized inference costs more, and the table has no rates of it."""
    served = Served(speed="optimized", service_tier="default")
    answer = priced(Usage(input_tokens=1000), "amazon.nova-pro-v1:0", provider="aws.bedrock", served=served)
    assert (answer.status, answer.list_cost) == (PriceStatus.FALLBACK, 1000 * 800_000)  # 0.80 USD per million
    assert "optimized" in answer.detail


def test_ordinary_speed_is_no_tier():
    served = Served(speed="standard", service_tier="standard", region="not_available")
    answer = priced(Usage(input_tokens=1), "claude-opus-4-8", provider="anthropic", served=served)
    assert (answer.status, answer.list_cost) == (PriceStatus.PRICED, 5_000_000)


@pytest.mark.parametrize(
    ("served", "at", "said"),
    [
        (Served(service_tier="hyper"), "2026-11-20T12:00:00Z", "no hyper rate of openai/gpt-5 at that time"),
        (Served(service_tier="flex"), "2026-01-22T00:00:00Z", "no flex rate of openai/gpt-5 at that time"),
    ],
)
def test_what_the_table_does_not_know_is_billed_as_standard_and_says_so(served, at, said):
    answer = priced(Usage(input_tokens=1000), "gpt-5", at=at, served=served)
    assert (answer.status, answer.list_cost) == (PriceStatus.FALLBACK, 1000 * 1_250_000)
    assert said in answer.detail


# --- the place that served ---


@pytest.mark.parametrize(
    ("provider", "name", "region", "input_price"),
    [
        # OpenAI: residency costs 1.1 times for models since 2026-03-05, nothing for older ones
        ("openai", "gpt-5.4", "eu", 2_750_000),
        ("openai", "gpt-5.4", "us", 2_750_000),
        ("openai", "gpt-5", "eu", 1_250_000),
        # Anthropic: 1.1 times in the US from Opus and Sonnet 4.6 on
        ("anthropic", "claude-sonnet-4-6", "us", 3_300_000),
        ("anthropic", "claude-sonnet-4-6", "global", 3_000_000),
        ("x_ai", "grok-4.6", "us", 2_200_000),
        # Vertex: 1.1 times wherever it is not global, for the models that say so
        ("gcp.vertex_ai", "gemini-3.5-flash", "us-central1", 1_650_000),
        ("gcp.vertex_ai", "gemini-3.5-flash", "global", 1_500_000),
        ("gcp.gemini", "gemini-3.5-flash", "us-central1", 1_500_000),
        # Azure: prices of their own for data zones, 1.2 times for the European one of GPT-6
        ("azure", "gpt-4o-2024-08-06", "DataZoneStandard:eu", 2_750_000),
        ("azure", "gpt-6-sol", "DataZoneStandard:us", 2_200_000),
        ("azure", "gpt-6-sol", "DataZoneStandard:eu", 2_400_000),
        ("azure", "gpt-6-sol", "GlobalStandard", 2_000_000),
        # Bedrock: the name of the profile says it all
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1", 3_300_000),
        ("aws.bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1", 3_000_000),
        ("aws.bedrock", "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "us-gov-west-1", 3_600_000),
        ("aws.bedrock", "amazon.nova-pro-v1:0", "us-gov-west-1", 960_000),
        ("aws.bedrock", "eu.amazon.nova-pro-v1:0", "", 1_050_000),
    ],
)
def test_a_place_has_its_price(provider, name, region, input_price):
    answer = priced(Usage(input_tokens=1000), name, provider=provider, served=Served(region=region))
    assert (answer.status, answer.list_cost) == (PriceStatus.PRICED, 1000 * input_price), answer


@pytest.mark.parametrize(
    ("provider", "name", "region"),
    [
        ("azure", "gpt-4o-2024-08-06", "Standard"),
        ("azure", "gpt-6-sol", "DataZoneStandard"),
        ("anthropic", "claude-sonnet-4-6", "eu"),
        ("mistral_ai", "mistral-large-4", "eu"),
    ],
)
def test_a_place_of_which_nothing_is_known_is_billed_as_standard_and_says_so(provider, name, region):
    answer = priced(Usage(input_tokens=1000), name, provider=provider, served=Served(region=region))
    assert answer.status is PriceStatus.FALLBACK
    assert "for the region" in answer.detail


def test_a_surcharge_is_on_tokens_and_not_on_searches():
    usage = Usage(input_tokens=1000, web_search=2)
    # gpt-5.4 in the EU: 2.50 × 1.1 a million tokens, 10 USD a thousand searches as everywhere
    answer = priced(usage, "gpt-5.4", served=Served(region="eu"))
    assert answer.list_cost == 1000 * 2_750_000 + 2 * 10_000_000_000
    assert answer.rate_id == "openai/gpt-5.4@first~*"


def test_a_call_is_placed_by_the_host_that_answered():
    answer = price(call(request_model="gpt-5.4", server_address="eu.api.openai.com"), load_rate_table())
    assert answer.list_cost == 1000 * 2_750_000


def test_a_path_says_where_the_model_is_sold():
    path = "projects/p/locations/europe-west1/publishers/google/models/gemini-3.5-flash"
    assert priced(Usage(input_tokens=1000), path, provider="vertex_ai").list_cost == 1000 * 1_650_000


@pytest.mark.parametrize("tier", ["PROVISIONED_THROUGHPUT", "reserved", "scale"])
def test_capacity_paid_for_beforehand_adds_nothing(tier):
    answer = priced(Usage(input_tokens=1000), "gpt-5", served=Served(service_tier=tier))
    assert (answer.status, answer.list_cost, answer.lines) == (PriceStatus.INCLUDED, 0, ())


# --- what is sold by the hour ---


@pytest.mark.parametrize(
    ("seconds", "cost"), [(3600, 40_000_000_000), (1, 11_111_111), (2, 22_222_222), (5, 55_555_556)]
)
def test_an_hour_costs_what_is_published_and_a_second_the_nearest_pico(seconds, cost):
    # whisper-large-v3-turbo: 0.04 USD an hour, which is 11,111,111.1… pico-USD a second
    assert priced(Usage(audio_second=seconds), "whisper-large-v3-turbo", provider="groq").list_cost == cost


# --- history and tiers of the second source ---


@pytest.mark.parametrize(
    ("at", "input_price", "output_price"),
    [("2026-04-29T23:59:59Z", 6_000_000, 22_500_000), ("2026-04-30T00:00:00Z", 3_000_000, 15_000_000)],
)
def test_the_long_context_of_sonnet_was_dear_until_it_ended(at, input_price, output_price):
    usage = Usage(input_tokens=250_000, output_tokens=1000)
    answer = priced(usage, "claude-sonnet-4-5-20250929", provider="anthropic", at=at)
    assert answer.list_cost == 250_000 * input_price + 1000 * output_price


@pytest.mark.parametrize(
    ("provider", "name", "served", "input_price", "output_price"),
    [
        ("aws.bedrock", "amazon.nova-pro-v1:0", Served(is_batch=True), 400_000, 1_600_000),
        ("aws.bedrock", "amazon.nova-pro-v1:0", Served(service_tier="priority"), 1_400_000, 5_600_000),
        ("aws.bedrock", "amazon.nova-pro-v1:0", Served(service_tier="flex"), 400_000, 1_600_000),
        ("gcp.gemini", "gemini-3.5-flash", Served(service_tier="flex"), 750_000, 4_500_000),
        ("gcp.gemini", "gemini-3.5-flash", Served(service_tier="priority"), 2_700_000, 16_200_000),
        ("azure", "gpt-5.4", Served(service_tier="priority"), 5_000_000, 30_000_000),
        ("azure", "gpt-5.4", Served(is_batch=True, region="DataZoneBatch:us"), 1_375_000, 8_250_000),
    ],
)
def test_a_tier_that_one_source_only_tells_of_is_priced(provider, name, served, input_price, output_price):
    answer = priced(Usage(input_tokens=1000, output_tokens=10), name, provider=provider, served=served)
    assert (answer.status, answer.list_cost) == (PriceStatus.PRICED, 1000 * input_price + 10 * output_price), answer


# --- models ---


@pytest.mark.parametrize(
    ("name", "kind"),
    [("gpt-5", "exact"), ("GPT-5", "exact"), ("gpt-5-chat-latest", "alias"), ("gpt-5-2027-01-31", "dated_suffix")],
)
def test_how_a_model_was_found_is_told(name, kind):
    assert priced(Usage(input_tokens=1), name).match_kind == kind


def test_an_unknown_model_has_no_price_and_three_near_names():
    answer = priced(Usage(input_tokens=1000), "gpt-5.4-foo")
    assert (answer.status, answer.list_cost, answer.lines) == (PriceStatus.UNPRICED_MODEL, None, ())
    fact, hint = answer.detail.split("; nearest names: ")
    assert fact == "no rate card for openai/gpt-5.4-foo"
    assert len(hint.split(", ")) == 3


def test_a_fine_tuned_model_is_not_its_base():
    usage = Usage(input_tokens=1000)
    assert priced(usage, "ft:gpt-4o-2024-08-06:acme::abc123").list_cost == 1000 * 3_750_000
    assert priced(usage, "ft:gpt-5:acme::abc123").status is PriceStatus.UNPRICED_MODEL


def call(**fields) -> LLMCall:
    whole = {"provider": "openai", "started_at_ns": AT, "usage": Usage(input_tokens=1000)} | fields
    return LLMCall(trace_id="a" * 32, span_id="b" * 16, **whole)


def test_the_model_that_answered_comes_before_the_one_asked_for():
    answer = price(call(request_model="gpt-5", response_model="gpt-5-mini-2025-08-07"), load_rate_table())
    assert answer.rate_id == "openai/gpt-5-mini@first"


def test_the_model_asked_for_helps_out():
    assert price(call(request_model="gpt-5", response_model=""), load_rate_table()).rate_id == "openai/gpt-5@first"


def test_bedrock_bills_the_profile_asked_for():
    """The answer of a `global.` profile names the bare model, which is the dearer regional one."""
    answered = {"provider": "aws.bedrock", "response_model": "claude-sonnet-4-5-20250929"}
    asked = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert price(call(**answered, request_model=asked), load_rate_table()).list_cost == 1000 * 3_000_000
    assert price(call(**answered), load_rate_table()).list_cost == 1000 * 3_300_000


def test_every_fact_of_a_call_reaches_the_price():
    answer = price(call(request_model="claude-opus-4-8", provider="anthropic", speed="fast"), load_rate_table())
    assert answer.list_cost == 1000 * 10_000_000
    batch = price(call(request_model="gpt-5", is_batch=True), load_rate_table())
    assert batch.list_cost == 1000 * 625_000
    assert batch.rate_table_version == load_rate_table().version


# --- no price is not zero ---


def test_no_usage_has_no_cost():
    answer = priced(None, "gpt-5")
    assert (answer.status, answer.list_cost, answer.effective_cost) == (PriceStatus.NO_USAGE, None, None)


def test_usage_that_contradicts_itself_is_never_priced():
    answer = priced(Usage(input_tokens=800, cache_read_tokens=900), "gpt-5")
    assert (answer.status, answer.list_cost) == (PriceStatus.INVALID_USAGE, None)
    assert answer.detail == "cache_read_tokens (900) exceeds input_tokens (800)"


def test_zero_usage_of_a_known_model_costs_zero():
    answer = priced(Usage(), "gpt-5")
    assert (answer.status, answer.list_cost, answer.lines) == (PriceStatus.PRICED, 0, ())


def test_a_model_that_costs_nothing_is_free():
    answer = priced(Usage(input_tokens=1000), "omni-moderation-latest")
    assert (answer.status, answer.list_cost) == (PriceStatus.FREE, 0)


def test_whatever_runs_on_ones_own_machine_is_free():
    answer = priced(Usage(input_tokens=1000, cache_read_tokens=10, output_tokens=5), "qwen3:0.6b", provider="ollama")
    assert (answer.status, answer.list_cost, answer.match_kind) == (PriceStatus.FREE, 0, "provider")


def test_a_search_unit_of_a_reranker_has_its_price():
    # rerank-v3.5: 2 USD a thousand search units
    assert priced(Usage(request=3), "rerank-v3.5", provider="cohere").list_cost == 3 * 2_000_000_000


def test_a_cost_beyond_the_row_is_refused():
    # one million USD, the first amount too many: 400 thousand million tokens at 2.50 USD a million
    table = table_of(model("openai", "m", card({"input": "2.5"})))
    last = priced(Usage(input_tokens=400_000_000_000 - 1), "m", table=table)
    assert last.list_cost == 999_999_999_997_500_000
    beyond = priced(Usage(input_tokens=400_000_000_000), "m", table=table)
    assert (beyond.status, beyond.list_cost, beyond.lines) == (PriceStatus.INVALID_USAGE, None, ())
    assert beyond.detail == "a cost of 1000000 USD is not below the 1000000 USD that one call can hold"


@pytest.mark.parametrize("at_ns", [-(10**30), 0, 10**30])
def test_no_moment_is_too_strange(at_ns):
    table = table_of(model("openai", "m", card({"input": "1"}, **{"from": "2026-01-01T00:00:00Z"})))
    answer = price_usage(Usage(), table, provider="openai", models=("m",), at_ns=at_ns, served=Served(region="eu"))
    assert answer.status in {PriceStatus.UNPRICED_MODEL, PriceStatus.FALLBACK}


# --- meters without a rate ---

PLAIN = {"input": "1", "output": "4"}


@pytest.mark.parametrize(
    ("usage", "rates", "by_hand"),
    [
        (Usage(input_tokens=10, cache_read_tokens=4), PLAIN, 10 * 1_000_000),
        (Usage(input_tokens=10, cache_write_5m_tokens=4), PLAIN, 10 * 1_000_000),
        (Usage(input_tokens=10, cache_write_1h_tokens=4), PLAIN, 10 * 1_000_000),
        (Usage(input_tokens=10, input_audio_tokens=4), PLAIN, 10 * 1_000_000),
        (Usage(output_tokens=10, reasoning_tokens=4), PLAIN, 10 * 4_000_000),
        (Usage(output_tokens=10, output_image_tokens=4), PLAIN, 10 * 4_000_000),
        (
            Usage(input_tokens=10, cache_read_tokens=4, input_audio_tokens=4, cache_read_audio_tokens=4),
            PLAIN | {"cache_read": "0.5", "input_audio": "8"},
            6 * 1_000_000 + 4 * 500_000,
        ),
        (
            Usage(input_tokens=10, cache_read_tokens=4, input_image_tokens=4, cache_read_image_tokens=4),
            PLAIN | {"input_image": "8"},
            6 * 1_000_000 + 4 * 8_000_000,
        ),
        (Usage(output_tokens=10, reasoning_tokens=4), PLAIN | {"reasoning": "3"}, 6 * 4_000_000 + 4 * 3_000_000),
    ],
)
def test_a_meter_without_a_rate_is_billed_as_what_it_is_a_part_of(usage, rates, by_hand):
    answer = priced(usage, "m", table=table_of(model("openai", "m", card(rates))))
    assert (answer.status, answer.list_cost) == (PriceStatus.PRICED, by_hand)


def test_an_hour_in_the_cache_is_not_billed_as_five_minutes():
    table = table_of(model("openai", "m", card(PLAIN | {"cache_write_5m": "1.25"})))
    answer = priced(Usage(input_tokens=10, cache_write_1h_tokens=4), "m", table=table)
    assert (answer.status, answer.list_cost) == (PriceStatus.PARTIAL, 6 * 1_000_000)
    assert answer.detail == "no rate of openai/m@first for cache_write_1h"


def test_a_price_known_to_be_unknown_has_no_stand_in():
    table = table_of(model("openai", "m", card(PLAIN | {"cache_write_5m": None})))
    answer = priced(Usage(input_tokens=10, cache_write_5m_tokens=4), "m", table=table)
    assert (answer.status, answer.list_cost) == (PriceStatus.PARTIAL, 6 * 1_000_000)


def test_a_cost_of_which_nothing_is_known_is_none():
    table = table_of(model("openai", "m", card(PLAIN)))
    answer = priced(Usage(web_search=2), "m", table=table)
    assert (answer.status, answer.list_cost) == (PriceStatus.PARTIAL, None)


def test_partial_outranks_fallback_and_both_are_told():
    table = table_of(model("openai", "m", card(PLAIN)))
    answer = priced(Usage(input_tokens=1, web_search=2), "m", table=table, served=Served(service_tier="flex"))
    assert (answer.status, answer.list_cost) == (PriceStatus.PARTIAL, 1_000_000)
    assert "no flex rate of openai/m" in answer.detail
    assert "no rate of openai/m@first for web_search" in answer.detail


def test_the_cost_of_a_line_is_its_quantity_times_its_unit_price():
    answer = priced(Usage(input_tokens=7, output_tokens=3), "gpt-5")
    assert all(line.cost == PicoUSD(line.quantity * line.unit_price) for line in answer.lines)
