"""Google's wire format, which the Gemini API and Vertex share: parts that stand beside their wholes.

`promptTokenCount` holds the cached content, but neither what tools put into the prompt (`toolUsePromptTokenCount`)
nor is the thinking (`thoughtsTokenCount`) in `candidatesTokenCount`: both are added here. Each count may be split by
modality, documents being read as images. Every event of a stream tells running totals, and the last of them may leave
out a count that an earlier one told.

Searches: "When you use Grounding with Google Search with Gemini 3, your project is billed for each search query that
the model decides to execute", empty and repeated ones apart; up to Gemini 2.5 for each prompt that was grounded.
Clients that speak protobuf write enumerations as numbers.
Source: Gemini API reference, objects UsageMetadata and GroundingMetadata; "Grounding with Google Search", pricing;
checked 2026-11-22 against recorded exchanges.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import InvalidUsageError
from otel_llmcost.providers.reading import (
    Reading,
    Surface,
    count,
    error_in,
    first_error,
    known,
    objects,
    section,
    spelled,
    usage_or_fault,
    whole,
    word,
)
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_COUNTS: Final = ("promptTokenCount", "candidatesTokenCount", "responseTokenCount", "thoughtsTokenCount")
_PROMPT: Final = ("promptTokensDetails", "promptTokenDetails", "toolUsePromptTokensDetails")
_CACHE: Final = ("cacheTokensDetails",)
_OUTPUT: Final = ("candidatesTokensDetails", "responseTokensDetails")

_IMAGE: Final = frozenset({"IMAGE", "DOCUMENT", "2", "5"})
_VIDEO: Final = frozenset({"VIDEO", "3"})
_AUDIO: Final = frozenset({"AUDIO", "4"})
"""The modalities, by name and by number of the enumeration."""

_BILLED_BY_PROMPT: Final = ("gemini-1.", "gemini-2.")
"""Models whose grounding is billed by the prompt; all newer ones are billed by the query."""


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a `usageMetadata` object.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    known(usage, *_COUNTS)
    thoughts = count(usage, "thoughtsTokenCount")
    cached = partial(_of_modality, usage, _CACHE)
    given = partial(_of_modality, usage, _PROMPT)
    made = partial(_of_modality, usage, _OUTPUT)
    return Usage(
        input_tokens=count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount"),
        cache_read_tokens=count(usage, "cachedContentTokenCount"),
        input_audio_tokens=max(given(_AUDIO), cached(_AUDIO)),
        input_image_tokens=max(given(_IMAGE), cached(_IMAGE)),
        input_video_tokens=max(given(_VIDEO), cached(_VIDEO)),
        cache_read_audio_tokens=cached(_AUDIO),
        cache_read_image_tokens=cached(_IMAGE),
        cache_read_video_tokens=cached(_VIDEO),
        output_tokens=count(usage, "candidatesTokenCount", "responseTokenCount") + thoughts,
        reasoning_tokens=thoughts,
        output_audio_tokens=made(_AUDIO),
        output_image_tokens=made(_IMAGE),
        output_video_tokens=made(_VIDEO),
    )


def _of_modality(usage: Mapping[str, Any], splits: tuple[str, ...], modality: frozenset[str]) -> int:
    """Return the tokens of a modality in some splits of a usage."""
    parts = (part for split in splits for part in objects(usage, split))
    return sum(count(part, "tokenCount") for part in parts if spelled(part, "modality") in modality)


def read_content(body: Mapping[str, Any]) -> Reading:
    """Return what a GenerateContentResponse tells."""
    return _reading(body, objects(body, "candidates"))


def fold_content(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of a streamed answer tell, cut short or complete."""
    whole: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    candidates: list[Mapping[str, Any]] = []
    for event in events:
        whole |= {key: event[key] for key in ("modelVersion", "responseId") if event.get(key)}
        told = event.get("usageMetadata")
        if isinstance(told, dict):
            usage |= {key: value for key, value in told.items() if value is not None}
        elif told is not None:
            whole["usageMetadata"] = told
        candidates += objects(event, "candidates")
    whole |= {"usageMetadata": usage} if usage else {}
    return _reading(whole, candidates, first_error(events))


def fold_live(model: str, messages: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the messages of one turn of a Live session tell; of several usages the last counts.

    Args:
        model: The one that the session was opened with, since no message names it.
        messages: Those of the server, without the pieces of the answer.
    """
    told = [found for each in messages if (found := each.get("usageMetadata")) is not None]
    whole = {"modelVersion": model, "usageMetadata": told[-1] if told else None}
    return _reading(whole, [_candidate_in(each) for each in messages])


def _candidate_in(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a message of a Live session tells, as a candidate would."""
    said = section(message, "serverContent")
    calls = objects(section(message, "toolCall"), "functionCalls")
    return {
        "finishReason": spelled(said, "turnCompleteReason"),
        "groundingMetadata": section(said, "groundingMetadata"),
        "content": {"parts": [{"functionCall": call} for call in calls]},
    }


def essence_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what `fold_content` reads of an event, without what was generated.

    It shares no object with the event from which a key may be taken: older SDKs take out what they do not know.
    """
    kept = {key: _copy(event[key]) for key in _READ_OF_EVENT if key in event}
    kept["candidates"] = [_essence_of_candidate(each) for each in objects(event, "candidates")]
    return kept


def _essence_of_candidate(candidate: Mapping[str, Any]) -> Mapping[str, Any]:
    kept: dict[str, Any] = {key: _copy(candidate[key]) for key in _READ_OF_CANDIDATE if key in candidate}
    parts = objects(section(candidate, "content"), "parts")
    calls = [part for part in parts if section(part, "functionCall") is not None]
    if calls:
        kept["content"] = {"parts": [{"functionCall": {}} for _ in calls]}
    return kept


def _copy(value: object) -> object:
    return dict(value) if isinstance(value, dict) else value


def _reading(body: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]], error: str = "") -> Reading:
    model = word(body, "modelVersion")
    searches = _searches(model, [found for each in candidates if (found := section(each, "groundingMetadata"))])

    def with_searches(usage: Mapping[str, Any]) -> Usage:
        return replace(read_usage(usage), **searches)

    usage, fault = usage_or_fault(with_searches, body.get("usageMetadata"))
    told = section(body, "usageMetadata")
    reasons = {whole(each, "index"): said for each in candidates if (said := spelled(each, "finishReason"))}
    parts = [part for each in candidates for part in objects(section(each, "content"), "parts")]
    return Reading(
        model=model,
        response_id=word(body, "responseId"),
        usage=usage,
        service_tier=spelled(told, "serviceTier") or spelled(told, "trafficType"),
        finish_reason=",".join(reasons[index] for index in sorted(reasons)),
        tool_call_count=sum(section(part, "functionCall") is not None for part in parts),
        error_type=error or error_in(body),
        fault=fault,
    )


def _searches(model: str, groundings: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return what grounding is billed by, and how many of it."""
    queries: set[str] = set()
    is_grounded = False
    for grounding in groundings:
        told = grounding.get("webSearchQueries")
        queries |= {query for query in told if isinstance(query, str) and query} if isinstance(told, list) else set()
        is_grounded = is_grounded or bool(objects(grounding, "groundingChunks"))
    return billed_searches(model, len(queries), is_grounded=is_grounded)


def billed_searches(model: str, queries: int, *, is_grounded: bool = False) -> dict[str, int]:
    """Return what so many queries of a model are billed as."""
    if model.startswith(_BILLED_BY_PROMPT):
        return {"grounded_prompt": int(is_grounded or queries > 0)}
    return {"grounded_query": queries}


def read_embedding(body: Mapping[str, Any]) -> Reading:
    """Return what an answer of embedContent or batchEmbedContents tells; older models tell no usage.

    A result of a batch tells its only count beside the embedding, perhaps as text, as protobuf writes long integers.
    """
    told, alone = body.get("usageMetadata"), body.get("tokenCount")
    if told is None and alone is not None:
        told = {"promptTokenCount": int(alone) if isinstance(alone, str) and alone.isdecimal() else alone}
    usage, fault = usage_or_fault(read_usage, told)
    return Reading(usage=usage, error_type=error_in(body), fault=fault)


def read_predictions(body: Mapping[str, Any]) -> Reading:
    """Return what a list of predictions tells: the tokens of embeddings, or how many images there are."""
    predictions = objects(body, "predictions")
    embeddings = [found for each in predictions if (found := section(each, "embeddings"))]
    images = sum(word(each, "mimeType").startswith("image/") for each in predictions)
    try:
        tokens = sum(count(section(each, "statistics"), "token_count") for each in embeddings)
    except InvalidUsageError as error:
        return Reading(fault=str(error))
    usage = Usage(input_tokens=tokens, image=images) if embeddings or images else None
    return Reading(usage=usage, error_type=error_in(body))


def second_in(response_id: str) -> int:
    """Return the Unix second that an answer's id begins with, 0 where it is too short to hold one.

    No documentation says so. In all recorded answers of Vertex AI that tell `createTime` too, it is the same second
    (one apart, whose date was changed), and those of the Gemini API are made alike; checked 2026-11-22.
    """
    try:
        (second,) = struct.unpack_from("<I", base64.urlsafe_b64decode(response_id[:8]))
    except (ValueError, struct.error):
        return 0
    return int(second)


def with_tier(reading: Reading, headers: Mapping[str, str]) -> Reading:
    """Add the tier that served, which only a header tells of some answers.

    Source: Gemini API docs, "Priority inference"; checked 2026-11-22.
    """
    tier = headers.get("x-gemini-service-tier")
    return replace(reading, service_tier=tier) if tier and not reading.service_tier else reading


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape; a line of a batch's results holds it under `response`."""
    if inner := section(body, "response"):
        body = inner
    if "embedding" in body or "embeddings" in body:
        return read_embedding(body)
    is_bare = "usageMetadata" not in body and any(key in body for key in _COUNTS)
    return read_content({"usageMetadata": body} if is_bare else body)


_READ_OF_EVENT: Final = ("modelVersion", "responseId", "usageMetadata", "error")
_READ_OF_CANDIDATE: Final = ("index", "finishReason", "groundingMetadata")
_CONTENT: Final = Surface(
    operation="generate_content",
    read=read_content,
    fold=fold_content,
    marks=(b'"usageMetadata"', b'"finishReason"', b'"functionCall"', b'"groundingMetadata"', b'"error"'),
    essence=essence_of,
    complete=with_tier,
)
_EMBEDDING: Final = Surface(operation="embeddings", read=read_embedding, tail=True)

EMBEDDED: Final = Surface(operation="embeddings", read=read_predictions)
IMAGES: Final = Surface(operation="image_generation", read=read_predictions)
"""`predict`, by what it is asked for, which its path does not tell."""

LIVE: Final = Surface(operation="generate_content", read=read_content)
"""A turn of a session over a WebSocket, which has no path of its own."""

SURFACES: Final = {
    ":generateContent": _CONTENT,
    ":streamGenerateContent": _CONTENT,
    ":embedContent": _EMBEDDING,
    ":batchEmbedContents": _EMBEDDING,
    ":predict": EMBEDDED,
}
"""How each method of the API is read, by the ending of its path."""
