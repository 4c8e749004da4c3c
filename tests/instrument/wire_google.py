"""Answers of the Gemini API and Vertex AI, written by hand: the counts are the ones that the tests expect."""

from __future__ import annotations

import json
from typing import Any

from otel_llmcost.usage import Usage

USAGE = {
    "promptTokenCount": 1200,
    "cachedContentTokenCount": 1000,
    "candidatesTokenCount": 60,
    "thoughtsTokenCount": 40,
    "toolUsePromptTokenCount": 250,
    "totalTokenCount": 1550,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 900},
        {"modality": "AUDIO", "tokenCount": 100},
        {"modality": "VIDEO", "tokenCount": 200},
    ],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 900}, {"modality": "AUDIO", "tokenCount": 100}],
    "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 250}],
}
READ = Usage(
    input_tokens=1200 + 250,
    cache_read_tokens=1000,
    cache_read_audio_tokens=100,
    input_audio_tokens=100,
    input_video_tokens=200,
    output_tokens=60 + 40,
    reasoning_tokens=40,
)
BEGUN = Usage(input_tokens=1200, output_tokens=3)
"""What the first event of `stream` tells."""


def content(*parts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a GenerateContentResponse; its parts are a word by default."""
    candidate = {"index": 0, "content": {"role": "model", "parts": list(parts) or [{"text": "Já."}]}}
    return {
        "candidates": [{**candidate, "finishReason": "STOP"}],
        "usageMetadata": USAGE,
        "modelVersion": "gemini-3-flash-preview",
        "responseId": "resp-1",
        **changes,
    }


def call_of(name: str, **arguments: Any) -> dict[str, Any]:
    """Return the part that asks to call a function."""
    return {"functionCall": {"name": name, "args": arguments}}


def stream(*words: str, is_whole: bool = True, error: dict[str, Any] | None = None) -> str:
    """Return the events of a streamed answer, each with a running total; the last one leaves the cache out."""
    told = {"promptTokenCount": 1200, "candidatesTokenCount": 3, "totalTokenCount": 1203}
    events = []
    for word in words or ("Über", " den", " Wolken"):
        event = content({"text": word}, usageMetadata=told)
        del event["candidates"][0]["finishReason"]
        events.append(event)
    if is_whole:
        without = {key: value for key, value in USAGE.items() if "ache" not in key}
        events += [content({"text": " ☁"}), content({"text": ""}, usageMetadata=without)]
        del events[-2]["candidates"][0]["finishReason"]
    if error:
        events.append({"error": error})
    return "".join(f"data: {json.dumps(event, ensure_ascii=False)}\r\n\r\n" for event in events)


def embeddings(dimensions: int = 8, texts: int = 1) -> dict[str, Any]:
    """Return the answer of batchEmbedContents; the counts stand behind the numbers."""
    told = {"promptTokenCount": 7, "promptTokenDetails": [{"modality": "TEXT", "tokenCount": 7}]}
    return {"embeddings": [{"values": [-0.25] * dimensions}] * texts, "usageMetadata": told}


def error(status: int, name: str) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": {"code": status, "message": "no", "status": name}}


# --- interactions ---

INTERACTION: dict[str, Any] = {
    "id": "v1_abc",
    "object": "interaction",
    "model": "gemini-3-flash-preview",
    "status": "completed",
    "service_tier": "priority",
    "created": "2026-09-28T21:25:18Z",
    "updated": "2026-09-28T21:25:18Z",
    "steps": [{"type": "model_output", "content": [{"type": "text", "text": "Já."}]}],
    "usage": {
        "total_input_tokens": 1200,
        "total_cached_tokens": 1000,
        "total_output_tokens": 60,
        "total_thought_tokens": 40,
        "total_tool_use_tokens": 250,
        "total_tokens": 1550,
        "input_tokens_by_modality": [{"modality": "text", "tokens": 1100}, {"modality": "audio", "tokens": 100}],
        "grounding_tool_count": [{"type": "google_search", "count": 2}],
    },
}
INTERACTION_BEGUN = {key: INTERACTION[key] for key in ("id", "object", "model", "created", "updated")} | {
    "status": "in_progress"
}
INTERACTION_EVENTS: list[dict[str, Any]] = [
    {"event_type": "interaction.created", "interaction": INTERACTION_BEGUN},
    {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Já."}},
    {"event_type": "interaction.completed", "interaction": INTERACTION},
]
INTERACTION_STREAM = (
    "".join(f"event: {each['event_type']}\ndata: {json.dumps(each)}\n\n" for each in INTERACTION_EVENTS)
    + "data: [DONE]\n\n"
)
