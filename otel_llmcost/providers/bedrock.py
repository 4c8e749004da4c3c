"""Bedrock: Converse, whose input stands beside its cached parts, and InvokeModel, which speaks as each model does.

"When prompt caching is enabled, the `inputTokens` field represents only the non-cached input tokens": the whole is the
sum of the three, in Converse, in InvokeModel's headers and in the metrics that end its streams. What a body of
InvokeModel says of its usage wins over headers and metrics, which know no lifetimes.
No reading names a model: the path does, with the region and profile that make the price. The one exception is a prompt
router, of which the path tells only that it chose, and the trace whom.

A stream comes as botocore names its events, `{"metadata": {…}}`; a chunk of InvokeModel as the JSON inside it.
Source: Amazon Bedrock API reference, objects TokenUsage, CacheDetail and ServiceTier; user guide, "Prompt caching" and
"Model inference parameters"; checked 2026-11-22 against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import anthropic, openai
from otel_llmcost.providers.reading import (
    Reading,
    Surface,
    count,
    error_in,
    known,
    objects,
    section,
    usage_or_fault,
    word,
)
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from otel_llmcost.providers.reading import UsageReader

_COUNTS: Final = ("inputTokens", "outputTokens")
_METRICS: Final = "amazon-bedrock-invocationMetrics"
_HEADERS: Final = {
    "x-amzn-bedrock-input-token-count": "inputTokens",
    "x-amzn-bedrock-output-token-count": "outputTokens",
    "x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokens",
    "x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokens",
}
_TIER_HEADER: Final = "x-amzn-bedrock-service-tier"
_SPEED_HEADER: Final = "x-amzn-bedrock-performanceconfig-latency"


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a TokenUsage, in any of the spellings that Bedrock gives it.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    known(usage, *_COUNTS, "inputTokenCount", "outputTokenCount")
    read = count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")
    details = objects(usage, "cacheDetails")
    for_an_hour = sum(count(part, "inputTokens") for part in details if word(part, "ttl") == "1h")
    in_all = sum(count(part, "inputTokens") for part in details)
    written = max(count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount"), in_all)
    return Usage(
        input_tokens=count(usage, "inputTokens", "inputTokenCount") + read + written,
        cache_read_tokens=read,
        cache_write_5m_tokens=written - for_an_hour,
        cache_write_1h_tokens=for_an_hour,
        output_tokens=count(usage, "outputTokens", "outputTokenCount"),
    )


def read_converse(body: Mapping[str, Any]) -> Reading:
    """Return what an answer of Converse tells. Nova answers in this shape to InvokeModel too."""
    usage, fault = usage_or_fault(read_usage, body.get("usage"))
    blocks = objects(section(section(body, "output"), "message"), "content")
    return Reading(
        model=word(section(section(body, "trace"), "promptRouter"), "invokedModelId"),
        usage=usage,
        service_tier=word(section(body, "serviceTier"), "type"),
        speed=word(section(body, "performanceConfig"), "latency"),
        finish_reason=word(body, "stopReason"),
        tool_call_count=sum("toolUse" in block for block in blocks),
        error_type=error_in(body),
        fault=fault,
    )


def fold_converse(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of ConverseStream tell: `metadata`, the last one, has usage and tier."""
    whole: dict[str, Any] = {}
    blocks: list[Any] = []
    error = ""
    for event in events:
        whole |= section(event, "metadata") or {}
        whole |= section(event, "messageStop") or {}
        blocks.append(section(section(event, "contentBlockStart"), "start") or {})
        error = error or next((key for key in event if key.endswith("Exception")), "")
    reading = read_converse(whole | {"output": {"message": {"content": blocks}}})
    return replace(reading, error_type=error)


def read_invoke(body: Mapping[str, Any]) -> Reading:
    """Return what an answer of InvokeModel tells, by the shape that its model gives it."""
    read = next((read for is_one, read in _SHAPES if is_one(body)), _without_usage)
    return replace(read(body), model="")


def fold_invoke(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the chunks of InvokeModelWithResponseStream tell; metrics of Bedrock's own end the last one."""
    if any(word(event, "type") == "message_start" for event in events):
        reading = anthropic.fold_message(events)
    elif any("choices" in event for event in events):
        reading = openai.fold_chat(events)
    elif any("metadata" in event or "messageStop" in event for event in events):
        reading = fold_converse(events)
    else:
        reading = _fold_counts(events)
    error = next((key for event in events for key in event if key.endswith("Exception")), "")
    metrics = next((found for event in reversed(events) if (found := section(event, _METRICS))), None)
    reading = replace(reading, model="", error_type=reading.error_type or error)
    return reading if reading.fault else _with_metrics(reading, metrics)


def _fold_counts(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what chunks of running counts tell (Llama, Titan): the last of each holds."""
    whole: dict[str, Any] = {}
    for event in events:
        whole |= {key: value for key, value in event.items() if value is not None}
    return read_invoke(whole)


def _with_metrics(reading: Reading, metrics: Mapping[str, Any] | None) -> Reading:
    """Return a reading whose usage, unless the body told it, is what Bedrock counted."""
    if metrics is None or reading.usage is not None:
        return reading
    usage, fault = usage_or_fault(read_usage, metrics)
    return replace(reading, usage=usage, fault=fault)


def with_headers(reading: Reading, headers: Mapping[str, str]) -> Reading:
    """Return a reading with what the headers of InvokeModel tell and the body did not.

    Args:
        reading: What the body told.
        headers: The headers of the answer, their names in lower case.
    """
    told = {key: _number(headers[name]) for name, key in _HEADERS.items() if name in headers}
    reading = replace(
        reading,
        service_tier=reading.service_tier or headers.get(_TIER_HEADER, ""),
        speed=reading.speed or headers.get(_SPEED_HEADER, ""),
    )
    return reading if reading.fault else _with_metrics(reading, told or None)


def _number(text: str) -> int | str:
    """Return a header's number; what is none stays as it is, for `count` to refuse."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else text


_MAX_DIGITS: Final = 18


# --- the shapes of InvokeModel ---


def _llama(body: Mapping[str, Any]) -> Usage:
    known(body, "prompt_token_count", "generation_token_count")
    return Usage(input_tokens=count(body, "prompt_token_count"), output_tokens=count(body, "generation_token_count"))


def _titan(body: Mapping[str, Any]) -> Usage:
    results = sum(count(result, "tokenCount") for result in objects(body, "results"))
    return Usage(
        input_tokens=count(body, "inputTextTokenCount"),
        output_tokens=results or count(body, "totalOutputTextTokenCount"),
    )


def _images(body: Mapping[str, Any]) -> Usage:
    made = body["images"]
    return Usage(image=len(made) if isinstance(made, list) else 0)


def _counted(body: Mapping[str, Any], read: UsageReader, reason: str) -> Reading:
    """Return what a body tells that holds its counts itself."""
    usage, fault = usage_or_fault(read, body)
    results = objects(body, "results") or [body]
    return Reading(usage=usage, finish_reason=word(results[0], reason), error_type=error_in(body), fault=fault)


def _without_usage(body: Mapping[str, Any]) -> Reading:
    """Return what a body tells that has no counts: those of Mistral's and Cohere's older models."""
    outputs = objects(body, "outputs") or objects(body, "generations")
    reasons = (word(each, "stop_reason") or word(each, "finish_reason") for each in (*outputs, body))
    return Reading(finish_reason=next(filter(None, reasons), ""), error_type=error_in(body))


def _has_usage(*keys: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda body: any(key in (section(body, "usage") or {}) for key in keys)


_SHAPES: Final[tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Reading]], ...]] = (
    (_has_usage(*_COUNTS), read_converse),
    (lambda body: body.get("type") == "message", anthropic.read_message),
    (_has_usage("prompt_tokens", "completion_tokens"), openai.read_any),
    (_has_usage(*anthropic.COUNTS), anthropic.read_message),
    (lambda body: "prompt_token_count" in body, partial(_counted, read=_llama, reason="stop_reason")),
    (lambda body: "inputTextTokenCount" in body, partial(_counted, read=_titan, reason="completionReason")),
    (lambda body: "images" in body, partial(_counted, read=_images, reason="")),
    (lambda body: "choices" in body, openai.read_chat),
    (lambda body: "usage" in body, read_converse),
)
"""How a body of InvokeModel is known, and read. Mistral's and Cohere's older ones tell nothing: headers do."""


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape, or its usage object alone; with the headers that botocore puts in."""
    headers = section(section(body, "ResponseMetadata"), "HTTPHeaders") or {}
    if metadata := section(body, "metadata"):
        body = metadata
    elif "usage" not in body and any(key in body for key in (*_COUNTS, *anthropic.COUNTS)):
        body = {"usage": body}
    reading = read_invoke(body)
    reading = reading if reading.fault else _with_metrics(reading, section(body, _METRICS))
    return with_headers(reading, {name: text for name, text in headers.items() if isinstance(text, str)})


_OPENAI: Final = openai.surfaces()
_EVENTS: Final = (b"metadata", b"messageStop", b"toolUse", b"xception")
"""What the events of Converse that matter have in their frames, names of events included."""

SURFACES: Final = _OPENAI | {
    "/converse": Surface(operation="chat", read=read_converse, fold=fold_converse),
    "/converse-stream": Surface(operation="chat", read=read_converse, fold=fold_converse, marks=_EVENTS),
    "/invoke": Surface(operation="chat", read=read_invoke, complete=with_headers),
    "/invoke-with-response-stream": Surface(
        operation="chat",
        read=read_invoke,
        fold=fold_invoke,
        marks=(*_EVENTS, _METRICS.encode(), *anthropic.MESSAGES.marks, *_OPENAI["/chat/completions"].marks),
        complete=with_headers,
    ),
}
"""How each operation is read, by the ending of its path. OpenAI's paths are those of the Mantle endpoint."""

EMBEDDINGS: Final = replace(SURFACES["/invoke"], operation="embeddings")
"""InvokeModel of a model that embeds, which only its name tells."""
