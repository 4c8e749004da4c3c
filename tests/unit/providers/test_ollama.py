"""Ollama: counts stand in the answer itself, in the last line of a stream."""

from __future__ import annotations

from otel_llmcost.providers.ollama import fold_answer, read_any
from otel_llmcost.usage import Usage

DONE = {"model": "qwen3", "done": True, "done_reason": "stop", "prompt_eval_count": 310, "eval_count": 145}


def test_evaluations_are_tokens() -> None:
    reading = read_any(DONE | {"message": {"tool_calls": [{}]}})
    assert reading.usage == Usage(input_tokens=310, output_tokens=145)
    assert (reading.model, reading.finish_reason, reading.tool_call_count) == ("qwen3", "stop", 1)


def test_a_prompt_that_was_cached_whole_has_no_count() -> None:
    assert read_any({"model": "m", "done": True, "eval_count": 5}).usage == Usage(output_tokens=5)


def test_a_stream_that_was_cut_names_its_model_and_no_usage() -> None:
    line = {"model": "qwen3", "message": {"content": "a"}, "done": False}
    assert fold_answer([line, DONE]).usage == Usage(input_tokens=310, output_tokens=145)
    assert (fold_answer([line]).model, fold_answer([line]).usage) == ("qwen3", None)


def test_openais_format_is_read_too() -> None:
    body = {"choices": [], "usage": {"prompt_tokens": 136, "completion_tokens": 15}}
    assert read_any(body).usage == Usage(input_tokens=136, output_tokens=15)
