"""OpenAI's wire format: wholes with parts inside."""

from __future__ import annotations

import pytest

from otel_llmcost.errors import InvalidUsageError
from otel_llmcost.providers.openai import fold_chat, fold_responses, read_any, read_chat, read_responses, read_usage
from otel_llmcost.usage import Usage


def test_cached_and_reasoning_tokens_are_parts_of_their_wholes() -> None:
    usage = {
        "prompt_tokens": 12345,
        "completion_tokens": 678,
        "prompt_tokens_details": {"cached_tokens": 8192},
        "completion_tokens_details": {"reasoning_tokens": 512},
    }
    read = read_usage(usage)
    assert read == Usage(input_tokens=12345, cache_read_tokens=8192, output_tokens=678, reasoning_tokens=512)


def test_cache_writes_are_a_part_of_the_input_too() -> None:
    usage = {"input_tokens": 4020, "input_tokens_details": {"cache_write_tokens": 4012}, "output_tokens": 5}
    assert read_usage(usage) == Usage(input_tokens=4020, cache_write_5m_tokens=4012, output_tokens=5)


def test_audio_and_images_are_told_apart() -> None:
    usage = {
        "input_tokens": 1000,
        "input_token_details": {
            "text_tokens": 200,
            "audio_tokens": 800,
            "cached_tokens": 400,
            "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 300},
        },
        "output_tokens": 500,
        "output_token_details": {"text_tokens": 100, "audio_tokens": 400},
    }
    assert read_usage(usage) == Usage(
        input_tokens=1000,
        input_audio_tokens=800,
        cache_read_tokens=400,
        cache_read_audio_tokens=300,
        output_tokens=500,
        output_audio_tokens=400,
    )


def test_a_total_alone_is_all_input() -> None:
    assert read_usage({"total_tokens": 9}) == Usage(input_tokens=9)


@pytest.mark.parametrize("count", ["12", -1, 1.5, True, []])
def test_what_is_no_count_is_an_error_that_names_it(count: object) -> None:
    with pytest.raises(InvalidUsageError, match=r"prompt_tokens is .*, not a count"):
        read_usage({"prompt_tokens": count})


def test_only_executed_tools_count() -> None:
    body = {
        "tools": [{"type": "web_search"}, {"type": "file_search"}],
        "output": [
            {"type": "web_search_call"},
            {"type": "web_search_call"},
            {"type": "file_search_call"},
            {"type": "code_interpreter_call", "container_id": "c1"},
            {"type": "code_interpreter_call", "container_id": "c1"},
            {"type": "function_call"},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    reading = read_responses(body)
    assert reading.usage == Usage(input_tokens=3, output_tokens=4, web_search=2, file_search=1, code_session=1)
    assert reading.tool_call_count == 1


def _searches(*actions: str) -> list[dict[str, object]]:
    return [{"type": "web_search_call", "action": {"type": action}} for action in actions]


def test_searches_that_open_a_page_are_counted_and_not_billed() -> None:
    body = {
        "output": _searches("search", "open_page", "find_in_page", "search"),
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    reading = read_responses(body)
    assert reading.usage == Usage(input_tokens=3, output_tokens=4, web_search=4)
    assert reading.billed == Usage(input_tokens=3, output_tokens=4, web_search=2)


def test_as_many_searches_are_billed_as_the_answer_says() -> None:
    body = {
        "output": _searches("search", "search", "search"),
        "tool_usage": {"image_gen": {"total_tokens": 0}, "web_search": {"num_requests": 1}},
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    reading = read_responses(body)
    assert reading.billed == Usage(input_tokens=3, output_tokens=4, web_search=1)
    body["tool_usage"] = {"web_search": {"num_requests": 3}}
    assert (read_responses(body).billed, reading.is_partial) == (None, False)


def test_a_model_that_searches_for_each_answer_is_billed_a_search() -> None:
    body = {"model": "gpt-4o-search-preview-2025-03-11", "usage": {"prompt_tokens": 8, "completion_tokens": 400}}
    for reading in (read_chat(body), fold_chat([body]), read_any(body)):
        assert reading.usage == Usage(input_tokens=8, output_tokens=400)
        assert reading.billed == Usage(input_tokens=8, output_tokens=400, web_search=1)
    assert read_chat(body | {"model": "gpt-4o"}).billed is None


def test_images_that_a_tool_made_are_flagged_since_they_have_rates_of_their_own() -> None:
    tools = {"image_gen": {"input_tokens": 90, "output_tokens": 4160, "total_tokens": 4250}}
    usage = {"input_tokens": 3, "output_tokens": 4}
    assert read_responses({"tool_usage": tools, "usage": usage}).is_partial
    made = {"type": "image_generation_call", "status": "completed", "result": "AAAA"}
    assert read_responses({"output": [made], "usage": usage}).is_partial  # the sum may be left out
    assert read_responses({"output": [made | {"svg_usage": {"total_tokens": 9}}], "usage": usage}).is_partial
    assert not read_responses({"output": [made | {"status": "failed"}], "usage": usage}).is_partial


def test_a_background_response_has_no_usage_yet() -> None:
    reading = read_responses({"id": "resp_1", "status": "queued", "usage": None, "output": []})
    assert (reading.usage, reading.finish_reason) == (None, "")


def test_the_last_usage_of_a_stream_holds_and_a_null_does_not_take_it_back() -> None:
    events = [
        {"id": "c", "model": "m", "service_tier": "default", "choices": [], "usage": None},
        {"id": "c", "choices": [{"index": 1, "finish_reason": "length"}, {"index": 0, "finish_reason": "stop"}]},
        {"id": "c", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
        {"id": "c", "choices": [], "usage": None},
    ]
    reading = fold_chat(events)
    assert (reading.response_id, reading.model, reading.service_tier) == ("c", "m", "default")
    assert (reading.finish_reason, reading.usage) == ("stop,length", Usage(input_tokens=5, output_tokens=6))


def test_a_response_stream_that_was_cut_tells_its_id_but_no_usage() -> None:
    reading = fold_responses([{"type": "response.created", "response": {"id": "r", "status": "in_progress"}}])
    assert (reading.response_id, reading.usage, reading.finish_reason) == ("r", None, "")


def test_an_error_in_a_stream_is_named() -> None:
    assert fold_chat([{"error": {"type": "server_error", "message": "no"}}]).error_type == "server_error"
    assert fold_responses([{"type": "error", "code": "rate_limit_exceeded"}]).error_type == "rate_limit_exceeded"


def test_several_choices_ask_for_tools_together() -> None:
    choice = {"message": {"tool_calls": [{}, {}]}, "finish_reason": "tool_calls"}
    reading = read_chat({"choices": [choice, choice]})
    assert (reading.tool_call_count, reading.finish_reason) == (4, "tool_calls,tool_calls")
