"""Cohere: what was processed and what is billed are two counts."""

from __future__ import annotations

import pytest

from otel_llmcost.providers.cohere import fold_answer, read_answer, read_any
from otel_llmcost.providers.registry import read_answer as answer_of
from otel_llmcost.usage import Usage

USAGE = {
    "billed_units": {"input_tokens": 33, "output_tokens": 22},
    "tokens": {"input_tokens": 1452, "output_tokens": 33},
    "cached_tokens": 144,
}


def test_processed_and_billed_are_told_apart() -> None:
    reading = read_answer({"id": "c", "finish_reason": "COMPLETE", "usage": USAGE})
    assert reading.usage == Usage(input_tokens=1452, cache_read_tokens=144, output_tokens=33)
    assert reading.billed == Usage(input_tokens=33, output_tokens=22)
    assert (reading.response_id, reading.finish_reason) == ("c", "COMPLETE")


@pytest.mark.parametrize("body", [{"usage": USAGE}, USAGE, {"meta": USAGE}])
def test_every_shape_tells_both(body: dict[str, object]) -> None:
    reading = answer_of("cohere", body)
    assert (reading.billed, reading.usage and reading.usage.input_tokens) == (
        Usage(input_tokens=33, output_tokens=22),
        1452,
    )


def test_what_is_billed_as_it_was_processed_is_told_once() -> None:
    reading = read_answer({"usage": {"billed_units": {"input_tokens": 5}, "tokens": {"input_tokens": 5}}})
    assert (reading.usage, reading.billed) == (Usage(input_tokens=5), None)


def test_billed_units_alone_are_the_usage() -> None:
    reading = read_answer({"id": "e", "meta": {"billed_units": {"input_tokens": 208}}})
    assert (reading.usage, reading.billed) == (Usage(input_tokens=208), None)
    assert answer_of("cohere", {"input_tokens": 208}).usage == Usage(input_tokens=208)


def test_search_units_are_requests() -> None:
    assert read_any({"meta": {"billed_units": {"search_units": 2}}}).usage == Usage(request=2)


def test_tokens_of_images_are_a_part_of_the_input() -> None:
    reading = read_any({"meta": {"billed_units": {"image_tokens": 300, "input_tokens": 7}}})
    assert reading.usage == Usage(input_tokens=307, input_image_tokens=300)


def test_both_versions_end_their_streams_with_the_usage() -> None:
    second = [
        {"type": "message-start", "id": "m"},
        {"type": "tool-call-start", "delta": {}},
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": USAGE}},
    ]
    reading = fold_answer(second)
    assert (reading.response_id, reading.finish_reason, reading.tool_call_count) == ("m", "TOOL_CALL", 1)
    assert reading.billed == Usage(input_tokens=33, output_tokens=22)
    first = [{"event_type": "text-generation"}, {"event_type": "stream-end", "response": {"meta": USAGE}}]
    assert fold_answer(first).billed == reading.billed
    assert fold_answer(first[:1]).usage is None


def test_a_bad_count_in_either_leaves_neither() -> None:
    for part in ("billed_units", "tokens"):
        reading = read_answer({"usage": USAGE | {part: {"input_tokens": -1}}})
        assert (reading.usage, reading.billed, bool(reading.fault)) == (None, None, True)
