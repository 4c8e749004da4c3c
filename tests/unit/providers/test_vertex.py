"""Vertex: Google's format, publishers' own, and predictions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from otel_llmcost.providers.formats.google import read_predictions, second_in
from otel_llmcost.providers.registry import route_of
from otel_llmcost.providers.vertex import fold_raw, read_any, read_raw
from otel_llmcost.usage import Usage


def test_claude_on_vertex_counts_as_anthropic_does() -> None:
    message = {"type": "message", "usage": {"input_tokens": 1, "cache_read_input_tokens": 9, "output_tokens": 2}}
    expected = Usage(input_tokens=10, cache_read_tokens=9, output_tokens=2)
    assert read_raw(message).usage == expected
    assert read_any(message).usage == expected
    start = {"type": "message_start", "message": message}
    assert fold_raw([start]).usage == expected


def test_other_publishers_count_as_openai_does() -> None:
    body = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    assert read_raw(body).usage == read_any(body).usage == Usage(input_tokens=3, output_tokens=4)
    assert fold_raw([body]).usage == Usage(input_tokens=3, output_tokens=4)


def test_thinking_is_missing_from_the_completion_where_vertex_speaks_as_openai_does() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 566,
        "completion_tokens_details": {"reasoning_tokens": 946},
        "total_tokens": 1521,
        "extra_properties": {"google": {"traffic_type": "ON_DEMAND"}},
    }
    body = {"object": "chat.completion", "model": "google/gemini-3.1-pro-preview", "choices": [{}], "usage": usage}
    route = route_of("gcp.vertex_ai", "/v1/projects/p/locations/global/endpoints/openapi/chat/completions")
    assert route is not None
    assert route.surface.fold is not None
    for reading in (read_any(body), route.surface.read(body), route.surface.fold([body])):
        assert reading.usage == Usage(input_tokens=9, output_tokens=1512, reasoning_tokens=946)  # 566 + 946
        assert reading.service_tier == "ON_DEMAND"


def test_responses_of_vertex_hold_the_reasoning() -> None:
    route = route_of("gcp.vertex_ai", "/v1/projects/p/locations/global/endpoints/openapi/responses")
    assert route is not None
    usage = {"input_tokens": 462, "output_tokens": 187, "output_tokens_details": {"reasoning_tokens": 175}}
    reading = route.surface.read({"usage": usage | {"extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}})
    assert reading.usage == Usage(input_tokens=462, output_tokens=187, reasoning_tokens=175)
    assert reading.service_tier == "ON_DEMAND"


def test_predictions_tell_the_tokens_of_each_embedding() -> None:
    predictions = [{"embeddings": {"statistics": {"token_count": count}}} for count in (4, 5.0)]
    assert read_predictions({"predictions": predictions}).usage == Usage(input_tokens=9)


def test_generated_images_are_counted() -> None:
    image = {"mimeType": "image/png", "bytesBase64Encoded": "…"}
    assert read_any({"predictions": [image, image]}).usage == Usage(image=2)
    assert read_any({"predictions": [{"content": "a"}]}).usage is None


def test_the_path_names_model_and_region() -> None:
    start = "/v1/projects/p/locations/us-east5/publishers"
    for path, model in [
        (f"{start}/google/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"),
        (f"{start}/google/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro"),
        (f"{start}/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict", "claude-sonnet-4-5@20250929"),
        ("/v1/projects/p/locations/us-east5/endpoints/openapi/chat/completions", ""),
    ]:
        route = route_of("gcp.vertex_ai", path)
        assert route is not None
        assert (route.model, route.region) == (model, "us-east5")


@pytest.mark.parametrize(
    ("response_id", "second"),
    [
        ("sO6Tac7pEKWSq7UPsvSeuQY", datetime(2026, 2, 17, 4, 29, 36, tzinfo=UTC).timestamp()),
        ("T9--adqvDqL4vdIPz7X2iQ4", datetime(2026, 3, 21, 18, 11, 27, tzinfo=UTC).timestamp()),
        ("", 0),
        ("sO6", 0),
        ("answer-ä", 0),
    ],
)
def test_an_id_begins_with_the_second_that_create_time_told(response_id: str, second: int) -> None:
    assert second_in(response_id) == second
