"""OpenAI's images, audio, realtime events and batches: usages of several kinds, and pieces."""

from __future__ import annotations

from typing import Any

import pytest

from otel_llmcost.providers.openai import (
    fold_images,
    fold_speech,
    fold_transcription,
    read_any,
    read_batch_line,
    read_images,
    read_realtime_event,
    read_transcription,
)
from otel_llmcost.usage import Usage


def test_all_output_of_an_image_model_is_image_where_it_is_not_split() -> None:
    usage = {"input_tokens": 50, "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}, "output_tokens": 4160}
    assert read_images({"usage": usage}).usage == Usage(
        input_tokens=50, input_image_tokens=40, output_tokens=4160, output_image_tokens=4160
    )


def test_a_split_of_the_output_is_taken_as_it_is() -> None:
    usage = {"input_tokens": 5, "output_tokens": 100, "output_tokens_details": {"image_tokens": 90, "text_tokens": 10}}
    assert read_images({"usage": usage}).usage == Usage(input_tokens=5, output_tokens=100, output_image_tokens=90)


def test_images_without_a_usage_are_counted() -> None:
    assert read_images({"created": 1, "data": [{"url": "a"}, {"url": "b"}]}).usage == Usage(image=2)
    assert read_any({"created": 1, "data": [{"url": "a"}]}).usage == Usage(image=1)
    assert read_images({"error": {"code": "moderation_blocked"}}).usage is None


def test_the_last_event_of_a_streamed_image_has_the_usage() -> None:
    events = [
        {"type": "image_generation.partial_image"},
        {"type": "image_generation.completed", "usage": {"input_tokens": 1, "output_tokens": 9}},
    ]
    assert fold_images(events).usage == Usage(input_tokens=1, output_tokens=9, output_image_tokens=9)


@pytest.mark.parametrize(("seconds", "billed"), [(60, 60), (8.5, 9), (8.4, 8), (0.2, 0)])
def test_time_is_billed_to_the_nearest_second(seconds: float, billed: int) -> None:
    body: dict[str, Any] = {"text": "", "usage": {"type": "duration", "seconds": seconds}}
    assert read_transcription(body).usage == Usage(audio_second=billed)
    assert read_any(body).usage == Usage(audio_second=billed)
    assert read_any(body["usage"]).usage == Usage(audio_second=billed)


def test_a_transcription_billed_by_tokens_tells_its_audio() -> None:
    usage = {"type": "tokens", "input_tokens": 14, "input_token_details": {"audio_tokens": 14}, "output_tokens": 45}
    expected = Usage(input_tokens=14, input_audio_tokens=14, output_tokens=45)
    assert read_transcription({"usage": usage}).usage == expected
    assert fold_transcription([{"delta": "a"}, {"type": "transcript.text.done", "usage": usage}]).usage == expected


def test_what_streamed_speech_puts_out_is_audio() -> None:
    done = {"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}}
    assert fold_speech([{"audio": "…"}, done]).usage == Usage(
        input_tokens=14, output_tokens=101, output_audio_tokens=101
    )


def test_a_realtime_response_tells_cached_audio_apart() -> None:
    usage = {
        "input_tokens": 1000,
        "input_token_details": {
            "audio_tokens": 800,
            "cached_tokens": 400,
            "cached_tokens_details": {"audio_tokens": 300},
        },
        "output_tokens": 500,
        "output_token_details": {"audio_tokens": 400},
    }
    event = {"type": "response.done", "response": {"id": "r", "status": "completed", "output": [], "usage": usage}}
    reading = read_realtime_event(event)
    assert (reading.response_id, reading.finish_reason) == ("r", "completed")
    assert reading.usage == Usage(
        input_tokens=1000,
        input_audio_tokens=800,
        cache_read_tokens=400,
        cache_read_audio_tokens=300,
        output_tokens=500,
        output_audio_tokens=400,
    )


def test_the_transcription_of_realtime_input_has_a_usage_of_its_own() -> None:
    event = {
        "type": "conversation.item.input_audio_transcription.completed",
        "usage": {"type": "duration", "seconds": 3},
    }
    assert read_realtime_event(event).usage == Usage(audio_second=3)


def test_a_batch_line_holds_the_answer_two_levels_down() -> None:
    body = {"id": "c", "model": "gpt-5", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    line = {"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None}
    for reading in (read_batch_line(line), read_any(line)):
        assert (reading.model, reading.response_id, reading.error_type) == ("gpt-5", "c", "")
        assert reading.usage == Usage(input_tokens=3, output_tokens=4)


def test_a_batch_line_that_failed_names_its_error() -> None:
    line = {"custom_id": "a", "response": None, "error": {"code": "batch_expired"}}
    assert (read_batch_line(line).usage, read_batch_line(line).error_type) == (None, "batch_expired")
