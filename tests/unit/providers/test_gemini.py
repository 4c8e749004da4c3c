"""Google's format: parts that stand beside their wholes."""

from __future__ import annotations

import pytest

from otel_llmcost.providers.formats.google import essence_of, fold_content, read_content, read_usage
from otel_llmcost.providers.gemini import read_any
from otel_llmcost.usage import Usage


def test_thoughts_are_added_to_the_output_and_tool_prompts_to_the_input() -> None:
    usage = {
        "promptTokenCount": 1000,
        "toolUsePromptTokenCount": 250,
        "cachedContentTokenCount": 400,
        "candidatesTokenCount": 60,
        "thoughtsTokenCount": 340,
        "totalTokenCount": 1650,
    }
    assert read_usage(usage) == Usage(input_tokens=1250, cache_read_tokens=400, output_tokens=400, reasoning_tokens=340)


def test_modalities_are_told_apart_and_a_document_is_an_image() -> None:
    usage = {
        "promptTokenCount": 1000,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 100},
            {"modality": "AUDIO", "tokenCount": 400},
            {"modality": "DOCUMENT", "tokenCount": 258},
            {"modality": "IMAGE", "tokenCount": 42},
            {"modality": "VIDEO", "tokenCount": 200},
        ],
        "cachedContentTokenCount": 100,
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}],
        "candidatesTokenCount": 1290,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
    }
    assert read_usage(usage) == Usage(
        input_tokens=1000,
        input_audio_tokens=400,
        input_image_tokens=300,
        input_video_tokens=200,
        cache_read_tokens=100,
        cache_read_audio_tokens=100,
        output_tokens=1290,
        output_image_tokens=1290,
    )


def test_clients_that_speak_protobuf_write_numbers() -> None:
    body = {
        "candidates": [{"finishReason": 1}],
        "usageMetadata": {
            "promptTokenCount": 9,
            "trafficType": 1,
            "promptTokensDetails": [{"modality": 4, "tokenCount": 9}],
        },
    }
    reading = read_content(body)
    assert (reading.service_tier, reading.finish_reason) == ("1", "1")
    assert reading.usage == Usage(input_tokens=9, input_audio_tokens=9)


@pytest.mark.parametrize("key", ["serviceTier", "trafficType"])
def test_the_tier_is_told_by_either_api(key: str) -> None:
    assert read_content({"usageMetadata": {"promptTokenCount": 1, key: "flex"}}).service_tier == "flex"


def test_the_last_event_may_leave_out_what_an_earlier_one_told() -> None:
    events = [
        {"responseId": "r", "modelVersion": "gemini-3-pro", "usageMetadata": {"promptTokenCount": 9}},
        {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 21, "thoughtsTokenCount": 35}},
        {
            "candidates": [{"finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 87, "thoughtsTokenCount": 78, "candidatesTokenCount": None},
        },
    ]
    reading = fold_content(events)
    assert reading.usage == Usage(input_tokens=87, output_tokens=99, reasoning_tokens=78)
    assert (reading.response_id, reading.model, reading.finish_reason) == ("r", "gemini-3-pro", "STOP")
    assert fold_content(events[:1]).usage == Usage(input_tokens=9)


def grounded(model: str, queries: list[str]) -> Usage | None:
    grounding = {"groundingMetadata": {"webSearchQueries": queries}}
    body = {"modelVersion": model, "candidates": [grounding], "usageMetadata": {"promptTokenCount": 1}}
    return read_content(body).usage


def test_newer_models_are_billed_by_the_query_and_older_ones_by_the_prompt() -> None:
    assert grounded("gemini-3.5-flash", ["a", "b"]) == Usage(input_tokens=1, grounded_query=2)
    assert grounded("gemini-2.5-flash", ["a", "b"]) == Usage(input_tokens=1, grounded_prompt=1)
    assert grounded("gemini-2.5-flash", []) == Usage(input_tokens=1)


def test_empty_and_repeated_queries_are_not_billed() -> None:
    assert grounded("gemini-3.5-flash", ["", "a", "a", ""]) == Usage(input_tokens=1, grounded_query=1)
    grounding = {"candidates": [{"groundingMetadata": {"webSearchQueries": ["a"]}}]}
    events = [grounding, grounding, {"modelVersion": "gemini-3-pro", "usageMetadata": {"promptTokenCount": 1}}]
    assert fold_content(events).usage == Usage(input_tokens=1, grounded_query=1)


def test_calls_of_functions_are_counted() -> None:
    candidate = {"content": {"parts": [{"functionCall": {"name": "f"}}, {"text": ""}, {"functionCall": {}}]}}
    assert read_content({"candidates": [candidate]}).tool_call_count == 2


def test_embeddings_of_newer_models_tell_their_prompt() -> None:
    told = {"promptTokenCount": 7, "promptTokenDetails": [{"modality": "IMAGE", "tokenCount": 7}]}
    expected = Usage(input_tokens=7, input_image_tokens=7)
    assert read_any({"embeddings": [{"values": []}], "usageMetadata": told}).usage == expected
    assert read_any({"embedding": {"values": []}}).usage is None


def test_a_batch_line_holds_the_answer_under_response() -> None:
    line = {"key": "a", "response": {"modelVersion": "gemini-2.5-pro", "usageMetadata": {"promptTokenCount": 3}}}
    assert (read_any(line).model, read_any(line).usage) == ("gemini-2.5-pro", Usage(input_tokens=3))


def test_in_openais_format_the_thoughts_are_what_the_total_has_more() -> None:
    body = {"object": "chat.completion", "choices": []}
    usage = {"completion_tokens": 6, "prompt_tokens": 66, "total_tokens": 100}
    expected = Usage(input_tokens=66, output_tokens=34, reasoning_tokens=28)
    assert read_any(body | {"usage": usage}).usage == expected


def test_each_candidate_has_one_reason_however_often_a_stream_says_it() -> None:
    said = [{"finishReason": "STOP"}, {"index": 1, "finishReason": "MAX_TOKENS"}]
    events = [{"candidates": said[:1]}, {"candidates": said[1:]}, {"candidates": said}]
    assert fold_content(list(map(essence_of, events))).finish_reason == "STOP,MAX_TOKENS"
    assert read_content({"candidates": said}).finish_reason == "STOP,MAX_TOKENS"
