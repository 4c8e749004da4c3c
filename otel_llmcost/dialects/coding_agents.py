"""Coding agents tell what they consumed in log records: Claude Code, Gemini CLI and Codex.

A log record has no span of its own, so the call's ids are made of what the record says: the same record, sent again or
by another way, is the same call. Numbers may be text. Claude Code counts as Anthropic does (input exclusive), Codex as
OpenAI does, Gemini CLI as Gemini does: thoughts and tool-use prompts are neither in the output nor in the input. The
cost that Claude Code tells is its own estimate and is not believed. What Codex calls `tool_token_count` is the total;
it notes every event of a stream as it comes, the last one too and whether that can be read, with the time that it
took; and it tells the counts of it, or that there is an error instead, in a record of their own.
Gemini CLI writes zeros where it was told nothing, and tells each call once more by an event of the conventions and by
a span, which are left alone.
Source: the packages that are published, @anthropic-ai/claude-code 2.1.330, @google/gemini-cli-core 0.61.0
(`ApiResponseEvent`) and @openai/codex 0.169.0, and of the last its `session_telemetry.rs`; checked 2026-11-22.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.dialects.counts import Counts, Meaning, usage_of
from otel_llmcost.dialects.reading import call_of
from otel_llmcost.dialects.telling import Telling, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.call import LLMCall

CLAUDE_CODE: Final = "claude-code"
GEMINI_CLI: Final = "gemini-cli"
CODEX: Final = "codex"
SCOPES: Final = ("com.anthropic.claude_code",)

_EVENT: Final = "event.name"
_SESSION: Final = (semconv.SESSION_ID, "conversation.id", semconv.GEN_AI_CONVERSATION_ID)


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a log record of a coding agent tells of."""
    event = str(telling.attributes.get(_EVENT) or telling.name)
    said = telling.attributes
    if event == "claude_code.api_request" or (event == "api_request" and _is_claude_code(telling)):
        return _claude_code(
            _as_span(telling, _number(said, "duration_ms"), "request_id", "event.sequence", "prompt.id")
        )
    if event == "gemini_cli.api_response":
        return _gemini_cli(_as_span(telling, _number(said, "duration_ms"), "prompt_id"))
    if event == "codex.sse_event" and said.get("event.kind") == "response.completed" and _is_told(said):
        return _codex(_as_span(telling, _number(said, "duration_ms"), "response.id"))
    return None


def read_span(telling: Telling) -> LLMCall | None:
    """Return the call that a span of Claude Code tells of: the same as its log record, with the same request id."""
    return _claude_code(telling) if telling.name == "claude_code.llm_request" else None


def _is_claude_code(telling: Telling) -> bool:
    service = str(telling.resource.get(semconv.SERVICE_NAME, ""))
    return telling.scope_name.startswith(SCOPES) or service.startswith("claude-code")


def _claude_code(telling: Telling) -> LLMCall:
    said = telling.attributes
    counts = Counts(
        input=_number(said, "input_tokens"),
        output=_number(said, "output_tokens"),
        cache_read=_number(said, "cache_read_tokens"),
        cache_write=_number(said, "cache_creation_tokens"),
        cache_write_1h=_number(said, "cache_creation_1h_tokens"),
    )
    speed = telling.text("speed")
    return _call(
        telling,
        CLAUDE_CODE,
        counts,
        known="exclusive",
        provider="anthropic",
        provider_request_id=telling.text("request_id"),
        billing_account_id=telling.text("organization.id"),
        speed="" if speed == "normal" else speed,
    )


def _gemini_cli(telling: Telling) -> LLMCall:
    said = telling.attributes
    thoughts, tool_use = _number(said, "thoughts_token_count"), _number(said, "tool_token_count")
    told, output = _number(said, "input_token_count"), _number(said, "output_token_count")
    if not any(_numbers(said).values()):
        told = output = None
    counts = Counts(
        input=None if told is None else told + (tool_use or 0),
        output=None if output is None else output + (thoughts or 0),
        cache_read=_number(said, "cached_content_token_count"),
        reasoning=thoughts,
    )
    is_vertex = "vertex" in telling.text("auth_type").lower()
    provider = "gcp.vertex_ai" if is_vertex else "gcp.gemini"
    return _call(
        telling,
        GEMINI_CLI,
        counts,
        known="inclusive",
        provider=provider,
        operation="generate_content",
        finish_reason=telling.texts("finish_reasons"),
    )


def _is_told(said: Mapping[str, Any]) -> bool:
    """Whether Codex tells of a completion, by its counts or by an error, and does not only note it, with a duration."""
    is_error = "error.message" in said or semconv.ERROR_TYPE in said
    return "input_token_count" in said or (is_error and "duration_ms" not in said)


def _codex(telling: Telling) -> LLMCall:
    said = telling.attributes
    counts = Counts(
        input=_number(said, "input_token_count"),
        output=_number(said, "output_token_count"),
        cache_read=_number(said, "cached_token_count"),
        cache_write=_number(said, "cache_write_token_count"),
        reasoning=_number(said, "reasoning_token_count"),
    )
    return _call(
        telling,
        CODEX,
        counts,
        known="inclusive",
        provider="openai",
        response_id=telling.text("response.id"),
        service_tier_requested=telling.text("service_tier"),
        error_type=telling.text(semconv.ERROR_TYPE) or ("error" if telling.text("error.message") else ""),
    )


def _call(telling: Telling, dialect: str, counts: Counts, *, known: Meaning, provider: str, **more: Any) -> LLMCall:
    usage, rule = usage_of(counts, known=known)
    model = telling.text("model")
    first_ms = _number(telling.attributes, "ttft_ms")
    return call_of(
        telling,
        dialect,
        provider=provider,
        usage=usage,
        input_semantics=rule,
        request_model=model,
        response_model=model,
        is_stream=True,
        time_to_first_token_ns=None if first_ms is None else first_ms * 1_000_000,
        **more,
    )


def _as_span(telling: Telling, duration_ms: int | None, *identity: str) -> Telling:
    """Return a log record as the span that it would be: it was written at the call's end, inside of some other span."""
    said = telling.attributes
    session = next((str(said[name]) for name in _SESSION if said.get(name)), "")
    own = "\0".join(f"{name}={said[name]}" for name in ("event.timestamp", *identity) if name in said)
    trace_id = telling.trace_id or _digest(session or own, 32)
    span_id = _digest(f"{telling.started_at_ns}\0{session}\0{own}\0{sorted(_numbers(said).items())}", 16)
    duration_ns = (duration_ms or 0) * 1_000_000
    return Telling(
        scope_name=telling.scope_name,
        scope_version=telling.scope_version,
        name=telling.name,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=telling.span_id,
        started_at_ns=telling.started_at_ns - duration_ns,
        ended_at_ns=telling.started_at_ns,
        attributes={semconv.SESSION_ID: session, **said} if session else said,
        resource=telling.resource,
    )


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:digits]


def _numbers(said: Mapping[str, Any]) -> dict[str, int]:
    return {name: count for name in said if "token" in name and (count := _number(said, name)) is not None}


def _number(said: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number that may be written as text or with a fraction of zeros."""
    value = said.get(name)
    if isinstance(value, str):
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            return None
    return round(value) if isinstance(value, float) and name.endswith("_ms") and 0 <= value < 1e12 else whole(value)  # noqa: PLR2004
