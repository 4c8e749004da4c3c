"""Anthropic's wire format: the input stands beside its cached parts."""

from __future__ import annotations

from otel_llmcost.providers.anthropic import fold_message, read_any, read_batch_line, read_message, read_usage
from otel_llmcost.usage import Usage


def test_the_input_is_the_sum_of_uncached_read_and_written() -> None:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 1000,
        "output_tokens": 7,
    }
    assert read_usage(usage) == Usage(
        input_tokens=1110, cache_read_tokens=100, cache_write_5m_tokens=1000, output_tokens=7
    )


def test_writes_are_split_by_lifetime() -> None:
    split = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 70}
    read = read_usage({"input_tokens": 1, "cache_creation_input_tokens": 100, "cache_creation": split})
    assert (read.cache_write_5m_tokens, read.cache_write_1h_tokens, read.input_tokens) == (30, 70, 101)


def test_a_split_without_its_total_counts_all_the_same() -> None:
    read = read_usage({"input_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 70}})
    assert (read.cache_write_5m_tokens, read.cache_write_1h_tokens, read.input_tokens) == (0, 70, 71)


def test_thinking_is_a_part_of_the_output_and_searches_are_counted() -> None:
    usage = {
        "input_tokens": 1,
        "output_tokens": 9000,
        "output_tokens_details": {"thinking_tokens": 8200},
        "server_tool_use": {"web_search_requests": 3},
    }
    assert read_usage(usage) == Usage(input_tokens=1, output_tokens=9000, reasoning_tokens=8200, web_search=3)


def test_tier_speed_and_place_are_told_in_the_providers_words() -> None:
    usage = {"input_tokens": 1, "service_tier": "batch", "speed": "fast", "inference_geo": "us"}
    reading = read_message({"usage": usage})
    assert (reading.service_tier, reading.speed, reading.region) == ("batch", "fast", "us")
    assert read_message({"usage": {"inference_geo": "not_available"}}).region == ""


def test_the_running_totals_of_a_stream_replace_and_do_not_add() -> None:
    start = {"id": "m", "model": "c", "usage": {"input_tokens": 2694, "output_tokens": 1, "service_tier": "standard"}}
    events = [
        {"type": "message_start", "message": start},
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 90}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"input_tokens": 11665, "output_tokens": 186},
        },
    ]
    reading = fold_message(events)
    assert reading.usage == Usage(input_tokens=11665, output_tokens=186)
    assert (reading.finish_reason, reading.service_tier, reading.response_id) == ("end_turn", "standard", "m")


def test_a_stream_that_was_cut_keeps_its_input() -> None:
    start = {"id": "m", "model": "c", "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1}}
    reading = fold_message([{"type": "message_start", "message": start}])
    assert reading.usage == Usage(input_tokens=100, cache_read_tokens=90, output_tokens=1)
    assert reading.finish_reason == ""


def test_tools_that_a_stream_asks_for_are_counted() -> None:
    block = {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "f"}}
    assert fold_message([block, block]).tool_call_count == 2


def test_a_batch_line_that_succeeded_holds_a_message() -> None:
    usage = {"input_tokens": 11, "output_tokens": 36, "service_tier": "batch"}
    line = {"custom_id": "a", "result": {"type": "succeeded", "message": {"id": "m", "usage": usage}}}
    for reading in (read_batch_line(line), read_any(line)):
        assert (reading.response_id, reading.service_tier) == ("m", "batch")
        assert reading.usage == Usage(input_tokens=11, output_tokens=36)


def test_a_batch_line_that_did_not_costs_nothing_and_says_why() -> None:
    errored = {"type": "errored", "error": {"type": "error", "error": {"type": "invalid_request_error"}}}
    assert read_batch_line({"result": errored}).error_type == "invalid_request_error"
    assert read_batch_line({"result": {"type": "expired"}}).error_type == "expired"
    assert read_batch_line({"result": {"type": "expired"}}).usage is None


def test_a_usage_without_any_count_is_not_zero() -> None:
    assert read_message({"usage": {"service_tier": "standard"}}).fault == (
        "the usage has none of input_tokens, output_tokens"
    )


_ITERATION = {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}


def test_compactions_are_billed_beside_the_totals_that_leave_them_out() -> None:
    compaction = {
        "type": "compaction",
        "input_tokens": 180_000,
        "cache_read_input_tokens": 5_000,
        "cache_creation_input_tokens": 400,
        "cache_creation": {"ephemeral_1h_input_tokens": 300, "ephemeral_5m_input_tokens": 100},
        "output_tokens": 3_500,
    }
    message = {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000, **_ITERATION}
    usage = {"input_tokens": 23_000, "output_tokens": 1_000, "iterations": [compaction, message]}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 23_000, "output_tokens": 1}}}
    for reading in (read_message({"usage": usage}), fold_message([start, delta])):
        assert reading.usage == Usage(input_tokens=23_000, output_tokens=1_000)
        assert reading.billed == Usage(
            input_tokens=208_400,  # 23,000 + 180,000 + 5,000 + 400
            cache_read_tokens=5_000,
            cache_write_5m_tokens=100,
            cache_write_1h_tokens=300,
            output_tokens=4_500,
        )
        assert not reading.is_partial


def test_a_compaction_that_cannot_be_believed_makes_the_usage_unbelievable() -> None:
    usage = {"input_tokens": 1, "output_tokens": 1, "iterations": [{"type": "compaction", "input_tokens": -1}]}
    reading = read_message({"usage": usage})
    assert (reading.usage, reading.billed, reading.fault) == (None, None, "input_tokens is -1, not a count")


def test_what_an_advisor_used_is_flagged_since_it_has_rates_of_its_own() -> None:
    own = {"type": "message", "input_tokens": 1_195, "output_tokens": 60, **_ITERATION}
    advice = {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 2_518, "output_tokens": 22}
    usage = {"input_tokens": 2_390, "output_tokens": 120, "iterations": [own, advice, own]}
    reading = read_message({"model": "claude-sonnet-5", "usage": usage})
    assert (reading.usage, reading.billed) == (Usage(input_tokens=2_390, output_tokens=120), None)
    assert reading.is_partial


def test_sampling_again_for_its_own_tools_is_in_the_totals() -> None:
    own = {"type": "message", "model": "claude-sonnet-5-20260901", "input_tokens": 10, "output_tokens": 5}
    usage = {"input_tokens": 20, "output_tokens": 10, "iterations": [own, own]}
    reading = read_message({"model": "claude-sonnet-5", "usage": usage})
    assert (reading.usage, reading.billed) == (Usage(input_tokens=20, output_tokens=10), None)
    assert not reading.is_partial


def test_a_stream_that_fell_back_is_told_at_the_model_that_served_it() -> None:
    start = {"type": "message_start", "message": {"model": "claude-fable-5", "usage": {"input_tokens": 9}}}
    hop = {"type": "fallback", "from": {"model": "claude-fable-5"}, "to": {"model": "claude-opus-4-8"}}
    block = {"type": "content_block_start", "content_block": hop}
    declined = {"type": "message", "model": "claude-fable-5", "input_tokens": 9, "output_tokens": 578}
    served = {"type": "fallback_message", "model": "claude-opus-4-8", "input_tokens": 9, "output_tokens": 70}
    usage = {"input_tokens": 9, "output_tokens": 70, "iterations": [declined, served]}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    assert fold_message([start, block]).model == "claude-opus-4-8"
    for events in ([start, block, delta], [start, delta]):
        reading = fold_message(events)
        assert (reading.model, reading.usage) == ("claude-opus-4-8", Usage(input_tokens=9, output_tokens=70))
        assert reading.is_partial


def test_a_request_refused_before_any_output_is_not_billed() -> None:
    usage = {"input_tokens": 106, "output_tokens": 1}
    message = {"id": "m", "content": [], "stop_reason": "refusal", "usage": usage}
    start = {"type": "message_start", "message": {"id": "m", "usage": usage}}
    block = {"type": "content_block_start", "content_block": {"type": "text", "text": ""}}
    delta = {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": 1}}
    line = {"custom_id": "a", "result": {"type": "succeeded", "message": message}}
    for reading in (read_message(message), read_any(message), read_any(line), fold_message([start, delta])):
        assert reading.usage == Usage(input_tokens=106, output_tokens=1)
        assert reading.billed == Usage()
    said = {**message, "content": [{"type": "text", "text": "Hello.."}]}
    for reading in (read_message(said), fold_message([start, block, delta])):
        assert reading.billed is None
