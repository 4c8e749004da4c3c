"""Mistral: OpenAI's format with counts of its own."""

from __future__ import annotations

from otel_llmcost.providers.mistral import SURFACES, fold_conversation, read_any, read_usage
from otel_llmcost.providers.registry import route_of
from otel_llmcost.usage import Usage


def test_cached_tokens_are_a_part_of_the_prompt() -> None:
    usage = {"prompt_tokens": 100, "num_cached_tokens": 99, "completion_tokens": 29, "total_tokens": 129}
    assert read_usage(usage) == Usage(input_tokens=100, cache_read_tokens=99, output_tokens=29)


def test_audio_is_told_in_seconds_beside_the_text() -> None:
    usage = {"prompt_audio_seconds": 203, "prompt_tokens": 4, "total_tokens": 3264, "completion_tokens": 635}
    assert read_usage(usage) == Usage(input_tokens=4, output_tokens=635, audio_second=203)
    assert read_usage(usage | {"prompt_tokens": 0}) == Usage(output_tokens=635, audio_second=203)


def test_pages_are_counted() -> None:
    body = {"model": "mistral-ocr-latest", "pages": [], "usage_info": {"pages_processed": 12, "doc_size_bytes": 9}}
    assert (read_any(body).model, read_any(body).usage) == ("mistral-ocr-latest", Usage(page=12))
    assert read_any({"pages_processed": 3}).usage == Usage(page=3)


def test_a_conversation_counts_what_its_connectors_read() -> None:
    usage = {
        "prompt_tokens": 10,
        "connector_tokens": 500,
        "completion_tokens": 7,
        "total_tokens": 517,
        "connectors": {"web_search": 2},
    }
    events = [
        {"type": "conversation.response.started", "conversation_id": "v"},
        {"type": "conversation.response.done", "usage": usage},
    ]
    reading = fold_conversation(events)
    assert reading.usage == Usage(input_tokens=510, output_tokens=7, web_search=2)
    assert reading.response_id == "v"


def test_the_tier_that_served_stands_inside_the_usage() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "service_tier": "priority"}
    chunk = {
        "id": "c",
        "model": "mistral-large-latest",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    }
    chat = SURFACES["/chat/completions"]
    assert chat.fold is not None
    assert chat.read({"id": "c", "choices": [], "usage": usage}).service_tier == "priority"
    assert chat.fold([chunk, chunk | {"usage": usage}]).service_tier == "priority"
    assert read_any({"id": "c", "choices": [], "usage": usage}).service_tier == "priority"
    assert chat.read({"id": "c", "choices": [], "usage": usage | {"service_tier": None}}).service_tier == ""


def test_a_conversation_that_goes_on_is_read_as_one_that_begins() -> None:
    begun = route_of("mistral_ai", "/v1/conversations")
    assert begun is not None
    assert route_of("mistral_ai", "/v1/conversations/conv_1") == begun
    assert route_of("mistral_ai", "/v1/conversations/conv_1/restart") == begun
    assert route_of("mistral_ai", "/v1/conversations/conv_1/history") is None
