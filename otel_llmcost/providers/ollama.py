"""Ollama: models of one's own, told in evaluations; also in OpenAI's format under `/v1`.

`prompt_eval_count` is the prompt as far as it had to be evaluated, `eval_count` all that was generated, thinking
included. A stream is a document a line, the last of which (`done`) has the counts. Models that score questions tell
theirs as OpenAI's responses do.
Source: Ollama API documentation, "Generate a chat completion" and "Generate embeddings"; checked 2026-11-22 against
recorded exchanges; of scoring the types of its SDK 0.6.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.reading import Reading, Surface, count, objects, section, usage_or_fault, word
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COUNTS: Final = ("prompt_eval_count", "eval_count")


def read_usage(answer: Mapping[str, Any]) -> Usage:
    """Return the counts of an answer, which stand in the answer itself. A prompt that was cached whole has none.

    Raises:
        InvalidUsageError: A count is no number.
    """
    return Usage(input_tokens=count(answer, "prompt_eval_count"), output_tokens=count(answer, "eval_count"))


def read_answer(body: Mapping[str, Any]) -> Reading:
    """Return what an answer of chat, generate or embed tells."""
    has_counts = any(key in body for key in _COUNTS)
    usage, fault = usage_or_fault(read_usage, body if has_counts else None)
    return Reading(
        model=word(body, "model"),
        usage=usage,
        finish_reason=word(body, "done_reason"),
        tool_call_count=len(objects(section(body, "message"), "tool_calls")),
        error_type="error" if word(body, "error") else "",
        fault=fault,
    )


def fold_answer(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the lines of a stream tell: each names the model, the last one has the counts."""
    whole: dict[str, Any] = {}
    for event in events:
        whole |= {key: value for key, value in event.items() if key in _KEPT}
        if objects(section(event, "message"), "tool_calls"):
            whole["message"] = event["message"]
    return read_answer(whole)


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape: Ollama's own, or OpenAI's."""
    is_own = any(key in body for key in (*_COUNTS, "done"))
    return read_answer(body) if is_own else openai.read_any(body)


_KEPT: Final = frozenset({"model", "done_reason", "error", *_COUNTS})
_CHAT: Final = Surface(
    operation="chat",
    read=read_answer,
    fold=fold_answer,
    marks=(b'"done":true', b'"done": true', b'"tool_calls"', b'"error"'),
)

SURFACES: Final = openai.surfaces() | {
    "/api/chat": _CHAT,
    "/api/generate": replace(_CHAT, operation="text_completion"),
    "/api/embed": Surface(operation="embeddings", read=read_answer),
    "/api/embeddings": Surface(operation="embeddings", read=read_answer),
    "/v1/systemone": Surface(operation="chat", read=openai.read_any),
}
"""How each path of the API is read, by its ending."""
