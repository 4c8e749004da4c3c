"""OpenAI's wire format, which many other hosts speak too: wholes with parts inside.

`prompt_tokens` (chat, embeddings) and `input_tokens` (responses) hold all input, cached and cache-written tokens
included; `completion_tokens` and `output_tokens` hold all output, reasoning included. The service tier stands
beside the usage, executed tools among the output items.
Source: OpenAI API reference, objects ChatCompletion, Response and CreateEmbeddingResponse; checked 2026-11-22
against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.reading import Reading, Surface, count, error_in, objects, section, usage_or_fault, word
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a `usage` object of chat, responses or embeddings.

    Raises:
        InvalidUsageError: A count is no number.
    """
    given = section(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    made = section(usage, "completion_tokens_details", "output_tokens_details", "output_token_details")
    cached = section(given, "cached_tokens_details")
    total = count(usage, "total_tokens")
    output = count(usage, "completion_tokens") or count(usage, "output_tokens")
    return Usage(
        input_tokens=count(usage, "prompt_tokens") or count(usage, "input_tokens") or max(total - output, 0),
        cache_read_tokens=count(given, "cached_tokens"),
        cache_write_5m_tokens=count(given, "cache_write_tokens"),
        input_audio_tokens=count(given, "audio_tokens"),
        input_image_tokens=count(given, "image_tokens"),
        cache_read_audio_tokens=count(cached, "audio_tokens"),
        cache_read_image_tokens=count(cached, "image_tokens"),
        output_tokens=output,
        reasoning_tokens=count(made, "reasoning_tokens"),
        output_audio_tokens=count(made, "audio_tokens"),
        output_image_tokens=count(made, "image_tokens"),
    )


def read_chat(body: Mapping[str, Any]) -> Reading:
    """Return what a ChatCompletion tells."""
    choices = objects(body, "choices")
    usage, fault = usage_or_fault(read_usage, section(body, "usage"))
    return Reading(
        model=word(body, "model"),
        response_id=word(body, "id"),
        usage=usage,
        service_tier=word(body, "service_tier"),
        finish_reason=",".join(filter(None, (word(choice, "finish_reason") for choice in choices))),
        tool_call_count=sum(len(objects(section(choice, "message"), "tool_calls")) for choice in choices),
        fault=fault,
    )


def fold_chat(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the chunks of a chat completion tell: each names id, model and tier, the last one the usage."""
    whole: dict[str, Any] = {}
    reasons: dict[int, str] = {}
    for event in events:
        whole |= {key: event[key] for key in ("id", "model", "service_tier", "usage") if event.get(key)}
        for choice in objects(event, "choices"):
            if reason := word(choice, "finish_reason"):
                reasons[index if isinstance(index := choice.get("index"), int) else 0] = reason
    usage, fault = usage_or_fault(read_usage, section(whole, "usage"))
    return Reading(
        error_type=next(filter(None, map(error_in, events)), ""),
        model=word(whole, "model"),
        response_id=word(whole, "id"),
        usage=usage,
        service_tier=word(whole, "service_tier"),
        finish_reason=",".join(reasons[index] for index in sorted(reasons)),
        fault=fault,
    )


def read_responses(body: Mapping[str, Any]) -> Reading:
    """Return what a Response tells. A background one has no usage until it is retrieved."""
    items = objects(body, "output")
    kinds = [word(item, "type") for item in items]
    containers = {word(item, "container_id") for item in items if word(item, "type") == "code_interpreter_call"}

    def with_tools(usage: Mapping[str, Any]) -> Usage:
        return replace(
            read_usage(usage),
            web_search=kinds.count("web_search_call"),
            file_search=kinds.count("file_search_call"),
            code_session=len(containers),
        )

    usage, fault = usage_or_fault(with_tools, section(body, "usage"))
    cut, status = section(body, "incomplete_details"), word(body, "status")
    return Reading(
        model=word(body, "model"),
        response_id=word(body, "id"),
        usage=usage,
        service_tier=word(body, "service_tier"),
        finish_reason=word(cut, "reason") if cut else status if status in _FINAL else "",
        tool_call_count=kinds.count("function_call"),
        error_type=error_in(body),
        fault=fault,
    )


def fold_responses(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the last event that carries the whole response tells."""
    wholes = [whole for event in events if (whole := section(event, "response"))]
    reading = read_responses(wholes[-1]) if wholes else Reading()
    error = next((word(event, "code") or "error" for event in events if event.get("type") == "error"), "")
    return replace(reading, error_type=reading.error_type or error)


def read_embeddings(body: Mapping[str, Any]) -> Reading:
    """Return what a list of embeddings tells."""
    usage, fault = usage_or_fault(read_usage, section(body, "usage"))
    return Reading(model=word(body, "model"), usage=usage, service_tier=word(body, "service_tier"), fault=fault)


_FINAL: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})

SURFACES: Final = {
    "/chat/completions": Surface(
        operation="chat",
        read=read_chat,
        fold=fold_chat,
        marks=(b'"prompt_tokens"', b'"finish_reason":"', b'"finish_reason": "', b'"error"'),
    ),
    "/responses": Surface(
        operation="chat",
        read=read_responses,
        fold=fold_responses,
        marks=(b'"response.completed"', b'"response.incomplete"', b'"response.failed"', b'"type":"error"'),
    ),
    "/embeddings": Surface(operation="embeddings", read=read_embeddings, tail=True),
}
"""How each path of the API is read."""
