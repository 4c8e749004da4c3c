"""Hosts that speak OpenAI's format with an accent: Together, Moonshot, Groq, DeepSeek, xAI, Perplexity."""

from __future__ import annotations

import pytest

from otel_llmcost.providers import compatible, deepseek, groq, perplexity, xai
from otel_llmcost.usage import Usage


def test_cached_tokens_may_stand_on_the_usage_itself() -> None:
    usage = {"prompt_tokens": 46, "completion_tokens": 45, "cached_tokens": 32}
    assert compatible.read_usage(usage) == Usage(input_tokens=46, cache_read_tokens=32, output_tokens=45)


def test_a_stream_may_end_with_a_choice_that_has_the_usage() -> None:
    fold = compatible.SURFACES["/chat/completions"].fold
    assert fold is not None
    choice = {"index": 0, "finish_reason": "stop", "usage": {"prompt_tokens": 19, "completion_tokens": 13}}
    assert fold([{"id": "c", "choices": [choice]}]).usage == Usage(input_tokens=19, output_tokens=13)


def test_groq_ends_a_stream_with_the_usage_under_its_own_name() -> None:
    fold = groq.SURFACES["/chat/completions"].fold
    assert fold is not None
    usage = {"prompt_tokens": 18, "completion_tokens": 73, "queue_time": 0.28}
    chunks = [
        {"id": "c", "model": "llama3", "x_groq": {"id": "req"}},
        {"id": "c", "choices": [{"finish_reason": "stop"}], "x_groq": {"id": "req", "usage": usage}},
    ]
    assert fold(chunks).usage == Usage(input_tokens=18, output_tokens=73)
    assert fold([chunks[0], chunks[1] | {"usage": usage}]).usage == Usage(input_tokens=18, output_tokens=73)


def test_an_error_in_the_middle_of_a_stream_is_named() -> None:
    fold = groq.SURFACES["/chat/completions"].fold
    assert fold is not None
    reading = fold([{"id": "c"}, {"error": {"type": "invalid_request_error", "code": "tool_use_failed"}}])
    assert (reading.error_type, reading.usage) == ("invalid_request_error", None)


def test_hits_and_misses_of_deepseek_sum_to_the_prompt() -> None:
    usage = {"prompt_cache_hit_tokens": 512, "prompt_cache_miss_tokens": 51, "completion_tokens": 116}
    expected = Usage(input_tokens=563, cache_read_tokens=512, output_tokens=116)
    assert deepseek.read_usage(usage) == expected
    whole = usage | {"prompt_tokens": 563, "prompt_tokens_details": {"cached_tokens": 512}}
    assert deepseek.read_usage(whole) == expected


@pytest.mark.parametrize(
    ("total", "output"),
    [({}, 387), ({"total_tokens": 399}, 387), ({"total_tokens": 12 + 1}, 387)],
    ids=["untold", "with reasoning", "of prompt and completion, which are less than the reasoning"],
)
def test_reasoning_of_xai_is_added_to_the_completion(total: dict[str, int], output: int) -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 386}}
    assert xai.read_usage(usage | total) == Usage(input_tokens=12, output_tokens=output, reasoning_tokens=386)


def test_reasoning_that_the_total_shows_to_be_inside_is_not_added_twice() -> None:
    usage = {"prompt_tokens": 687, "completion_tokens": 187, "total_tokens": 874}
    read = xai.read_usage(usage | {"completion_tokens_details": {"reasoning_tokens": 118}})
    assert (read.output_tokens, read.reasoning_tokens) == (187, 118)


def test_responses_of_xai_count_as_openai_does() -> None:
    usage = {"input_tokens": 32, "output_tokens": 151, "output_tokens_details": {"reasoning_tokens": 142}}
    reading = xai.read_any({"object": "response", "usage": usage})
    assert reading.usage == Usage(input_tokens=32, output_tokens=151, reasoning_tokens=142)


def test_a_tick_is_a_hundred_pico() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "cost_in_usd_ticks": 37_756_000}
    assert xai.read_any({"usage": usage}).reported_cost == 3_775_600_000  # 0.0037756 USD
    assert xai.read_any({"usage": usage | {"cost_in_usd_ticks": -1}}).reported_cost is None
    assert xai.read_any({"usage": {"prompt_tokens": 1}}).reported_cost is None


def test_tools_that_xai_ran_are_billed() -> None:
    details = {"web_search_calls": 2, "x_search_calls": 1, "code_interpreter_calls": 0, "mcp_calls": 4}
    usage = {"input_tokens": 1, "output_tokens": 1, "server_side_tool_usage_details": details}
    for body in ({"object": "response", "usage": usage}, {"choices": [], "usage": usage}):
        reading = xai.read_any(body)
        assert reading.usage == Usage(input_tokens=1, output_tokens=1)
        assert reading.billed == Usage(input_tokens=1, output_tokens=1, web_search=3)
    usage["server_side_tool_usage_details"] = {"web_search_calls": -1, "x_search_calls": None}
    assert (xai.read_any({"usage": usage}).usage, xai.read_any({"usage": usage}).billed) == (reading.usage, None)


def test_images_of_xai_tell_their_cost_and_no_tokens() -> None:
    read = xai.SURFACES["/images/generations"].read
    reading = read({"data": [{"url": "…"}, {"url": "…"}], "usage": {"cost_in_usd_ticks": 400_000_000}})
    assert (reading.usage, reading.reported_cost) == (Usage(image=2), 40_000_000_000)  # 0.04 USD
    assert reading.fault == ""


def test_pages_that_a_search_of_xai_opened_are_billed_as_searches() -> None:
    opened = {"type": "web_search_call", "action": {"type": "open_page"}}
    reading = xai.read_any({"object": "response", "output": [opened], "usage": {"input_tokens": 1, "output_tokens": 1}})
    assert (reading.usage, reading.billed) == (Usage(input_tokens=1, output_tokens=1, web_search=1), None)


def test_perplexity_bills_searches_or_else_the_request() -> None:
    deep = {"prompt_tokens": 33, "completion_tokens": 7163, "reasoning_tokens": 73997, "num_search_queries": 18}
    assert perplexity.read_usage(deep) == Usage(
        input_tokens=33, output_tokens=81160, reasoning_tokens=73997, web_search=18
    )
    usage = {"prompt_tokens": 8, "completion_tokens": 439, "cost": {"request_cost": 0.006, "total_cost": 0.013}}
    reading = perplexity.read_any({"usage": usage})
    assert reading.usage == Usage(input_tokens=8, output_tokens=439, request=1)
    assert reading.reported_cost == 13_000_000_000
