"""Bedrock: the input stands beside its cached parts, in bodies, headers and metrics alike."""

from __future__ import annotations

import pytest

from otel_llmcost.providers.bedrock import (
    fold_converse,
    fold_invoke,
    read_any,
    read_converse,
    read_invoke,
    read_usage,
    with_headers,
)
from otel_llmcost.providers.reading import Reading
from otel_llmcost.usage import Usage


def test_the_input_is_the_sum_of_uncached_read_and_written() -> None:
    usage = {
        "inputTokens": 500,
        "outputTokens": 300,
        "totalTokens": 26800,
        "cacheReadInputTokens": 20000,
        "cacheWriteInputTokens": 6000,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 4000}, {"ttl": "5m", "inputTokens": 2000}],
    }
    assert read_usage(usage) == Usage(
        input_tokens=26500,
        cache_read_tokens=20000,
        cache_write_5m_tokens=2000,
        cache_write_1h_tokens=4000,
        output_tokens=300,
    )


def test_both_spellings_of_the_cache_are_one_count() -> None:
    twice = {"inputTokens": 3, "cacheReadInputTokens": 7, "cacheReadInputTokenCount": 7, "outputTokens": 1}
    assert read_usage(twice).input_tokens == 10
    assert read_usage({"inputTokens": 3, "cacheWriteInputTokenCount": 7}).cache_write_5m_tokens == 7


def test_converse_tells_tier_reason_and_tools() -> None:
    reading = read_converse(
        {
            "output": {"message": {"content": [{"text": "a"}, {"toolUse": {}}, {"toolUse": {}}]}},
            "stopReason": "tool_use",
            "serviceTier": {"type": "priority"},
            "usage": {"inputTokens": 1, "outputTokens": 2},
        }
    )
    assert (reading.service_tier, reading.finish_reason, reading.tool_call_count) == ("priority", "tool_use", 2)


def test_the_metadata_event_ends_a_stream() -> None:
    events = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockStart": {"start": {"toolUse": {"name": "f"}}, "contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": {"inputTokens": 8, "outputTokens": 10}, "serviceTier": {"type": "flex"}}},
    ]
    reading = fold_converse(events)
    assert (reading.service_tier, reading.finish_reason, reading.tool_call_count) == ("flex", "tool_use", 1)
    assert reading.usage == Usage(input_tokens=8, output_tokens=10)
    assert fold_converse(events[:2]).usage is None
    assert fold_converse([{"throttlingException": {"message": "slow"}}]).error_type == "throttlingException"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"type": "message", "usage": {"input_tokens": 3, "cache_read_input_tokens": 9, "output_tokens": 4}}, (12, 4)),
        ({"usage": {"inputTokens": 3, "cacheReadInputTokenCount": 9, "outputTokens": 4}}, (12, 4)),
        ({"generation": "a", "prompt_token_count": 3, "generation_token_count": 4, "stop_reason": "stop"}, (3, 4)),
        ({"inputTextTokenCount": 3, "results": [{"tokenCount": 4, "completionReason": "FINISH"}]}, (3, 4)),
        ({"embedding": [0.5], "inputTextTokenCount": 3}, (3, 0)),
        ({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}, (3, 4)),
    ],
    ids=["claude", "nova", "llama", "titan", "titan embeddings", "mistral and others in OpenAI's format"],
)
def test_each_model_answers_invoke_in_its_own_shape(body: dict[str, object], expected: tuple[int, int]) -> None:
    reading = read_invoke(body)
    assert reading.usage is not None
    assert (reading.usage.input_tokens, reading.usage.output_tokens) == expected
    assert read_any(body).usage == reading.usage


def test_the_path_names_the_model_and_not_the_body() -> None:
    body = {"type": "message", "model": "claude-haiku-4-5", "usage": {"input_tokens": 3, "output_tokens": 4}}
    assert (read_invoke(body).model, read_any(body).model) == ("", "")


HEADERS = {
    "x-amzn-bedrock-input-token-count": "10",
    "x-amzn-bedrock-output-token-count": "4",
    "x-amzn-bedrock-cache-read-input-token-count": "2300",
    "x-amzn-bedrock-service-tier": "flex",
}


def test_headers_tell_what_the_body_does_not_and_exclude_the_cache() -> None:
    reading = with_headers(read_invoke({"outputs": [{"text": "a"}]}), HEADERS)
    assert reading.usage == Usage(input_tokens=2310, cache_read_tokens=2300, output_tokens=4)
    assert reading.service_tier == "flex"
    assert read_any({"ResponseMetadata": {"HTTPHeaders": HEADERS}, "outputs": []}).usage == reading.usage


def test_the_body_wins_over_the_headers() -> None:
    told = Usage(input_tokens=1, cache_write_1h_tokens=1)
    assert with_headers(Reading(usage=told), HEADERS).usage == told


def test_a_header_that_is_no_number_is_a_fault() -> None:
    reading = with_headers(Reading(), HEADERS | {"x-amzn-bedrock-input-token-count": "-3"})
    assert (reading.usage, reading.fault) == (None, "inputTokens is '-3', not a count")


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 6}}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [
                {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}},
                {"type": "message_delta", "usage": {"output_tokens": 9}},
                {"type": "message_stop"} | METRICS,
            ],
            (3, 9),
        ),
        ([{"messageStop": {}}, {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 9}}} | METRICS], (3, 9)),
        ([{"prompt_token_count": 3, "generation_token_count": 1}, {"generation_token_count": 9} | METRICS], (3, 9)),
        ([{"inputTextTokenCount": 3.0, "totalOutputTextTokenCount": 9.0}], (3, 9)),
        ([{"outputs": [{"text": "a"}]}, {"outputs": [{"text": ""}]} | METRICS], (5, 6)),
        ([{"text": "a"}, {"is_finished": True} | METRICS], (5, 6)),
    ],
    ids=["claude", "nova", "llama", "titan", "mistral", "cohere"],
)
def test_each_model_streams_in_its_own_shape(events: list[dict[str, object]], expected: tuple[int, int]) -> None:
    usage = fold_invoke(events).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == expected


def test_images_of_invoke_are_counted() -> None:
    reading = read_invoke({"images": ["iVBOR…", "iVBOR…"], "error": None})
    assert (reading.usage, reading.fault) == (Usage(image=2), "")


@pytest.mark.parametrize(
    "body",
    [
        {"outputs": [{"text": "a", "stop_reason": "stop"}]},
        {"generations": [{"text": "a", "finish_reason": "stop"}]},
        {"text": "a", "finish_reason": "stop"},
    ],
    ids=["mistral", "cohere command", "cohere command-r"],
)
def test_bodies_without_counts_tell_why_they_ended(body: dict[str, object]) -> None:
    reading = read_invoke(body)
    assert (reading.usage, reading.finish_reason, reading.fault) == (None, "stop", "")
