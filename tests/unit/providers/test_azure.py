"""Azure: other paths and additions, the same usage."""

from __future__ import annotations

from otel_llmcost.providers.azure import read_any
from otel_llmcost.providers.registry import route_of
from otel_llmcost.usage import Usage


def test_a_deployment_stands_for_the_model_and_the_answer_names_it() -> None:
    route = route_of("azure.ai.openai", "/openai/deployments/my-prod-gpt/chat/completions")
    assert route is not None
    body = {"model": "gpt-4.1-mini-2025-04-14", "prompt_filter_results": [{}], "choices": [{"finish_reason": "stop"}]}
    reading = route.surface.read(body | {"usage": {"prompt_tokens": 16, "completion_tokens": 33}})
    assert (route.model, reading.model) == ("my-prod-gpt", "gpt-4.1-mini-2025-04-14")
    assert reading.usage == Usage(input_tokens=16, output_tokens=33)


def test_the_empty_names_of_the_first_chunk_take_nothing_back() -> None:
    route = route_of("azure.ai.openai", "/openai/deployments/d/chat/completions")
    assert route is not None
    assert route.surface.fold is not None
    chunks = [
        {"id": "c", "model": "gpt-4o", "choices": [{"index": 0, "finish_reason": "stop"}]},
        {"id": "", "model": "", "choices": [], "prompt_filter_results": [{}]},
    ]
    reading = route.surface.fold(chunks)
    assert (reading.response_id, reading.model, reading.usage) == ("c", "gpt-4o", None)


def test_a_refused_prompt_names_its_error_and_no_usage() -> None:
    reading = read_any({"error": {"code": "content_filter", "type": None, "message": "no"}})
    assert (reading.error_type, reading.usage, reading.fault) == ("content_filter", None, "")


def test_claude_on_azure_counts_as_anthropic_does() -> None:
    message = {"type": "message", "usage": {"input_tokens": 1, "cache_read_input_tokens": 9, "output_tokens": 2}}
    expected = Usage(input_tokens=10, cache_read_tokens=9, output_tokens=2)
    assert read_any(message).usage == expected
    route = route_of("azure.ai.inference", "/anthropic/v1/messages")
    assert route is not None
    assert route.surface.read(message).usage == expected


def test_the_inference_api_is_read_as_openai() -> None:
    for path in ("/models/chat/completions", "/openai/v1/chat/completions", "/openai/v1/responses"):
        route = route_of("azure.ai.inference", path)
        assert route is not None
        assert route.model == ""
