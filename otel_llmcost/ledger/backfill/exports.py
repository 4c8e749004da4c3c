"""Spend logs that other products export, as JSON or CSV: observations of Langfuse, `LiteLLM_SpendLogs` of LiteLLM."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.dialects.once import LITELLM_LOG
from otel_llmcost.errors import ConfigError
from otel_llmcost.ledger.backfill import BATCH_CALLS, UNREADABLE, Part, fault_of, span_id_of, trace_id_of
from otel_llmcost.money import PicoUSD, pico_usd
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.usage import Usage, UsageQuality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PICO_USD: Final = Decimal("1e-12")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAKERS: Final = {
    "claude": "anthropic",
    "gemini": "gemini",
    "mistral": "mistral",
    "command": "cohere",
    "deepseek": "deepseek",
}
_CALLS_OF_LANGFUSE: Final = {"GENERATION": "chat", "EMBEDDING": "embeddings"}
_OPERATIONS_OF_LITELLM: Final = {"embedding": "embeddings", "aembedding": "embeddings", "rerank": "rerank"}


def parts_of_export(path: Path, read: Callable[[Mapping[str, Any]], LLMCall | None], position: int) -> Iterator[Part]:
    """Yield the calls of an export, a row each.

    Args:
        path: A CSV file with a header, a file of JSON lines, or one JSON array.
        read: Returns the call of a row, None where the row tells of none; raises where it cannot be read.
        position: The rows to skip.
    """
    rows, done = islice(_rows(path), position, None), position
    while batch := list(islice(rows, BATCH_CALLS)):
        part = Part([], done + len(batch))
        for number, row in enumerate(batch, done + 1):
            try:
                if (call := read(json.loads(row) if isinstance(row, str) else row)) is not None:
                    part.calls.append(call)
            except UNREADABLE as exc:
                part.faults.append(f"{path}, row {number}: {fault_of(exc)}")
        done = part.position
        yield part


def _rows(path: Path) -> Iterator[Mapping[str, Any] | str]:
    """Yield the rows of an export; those of JSON lines as they stand there, so that a broken one is no more than that.

    Raises:
        ConfigError: It begins like a JSON array and is none.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        if path.suffix.lower() == ".csv":
            yield from csv.DictReader(file)
            return
        first = file.readline()
        if first.lstrip().startswith("["):
            try:
                rows = json.loads(first + file.read())
            except json.JSONDecodeError as exc:
                msg = f"{path} begins like a JSON array and is none ({exc}); export it anew, or as JSON lines"
                raise ConfigError(msg) from exc
            yield from rows
            return
        file.seek(0)
        yield from filter(str.strip, file)


def of_langfuse(row: Mapping[str, Any]) -> LLMCall | None:
    """Return the call of an observation; spans, events and tools are none.

    Its usage has disjoint parts: `input` is what no cache served, the cached parts stand beside it.
    """
    operation = _CALLS_OF_LANGFUSE.get(str(row.get("type", "")).upper(), "")
    if not operation:
        return None
    usage = _object(row, "usageDetails", "usage_details") or _object(row, "usage")
    metadata = _object(row, "metadata")
    model = str(row.get("model") or row.get("providedModelName") or row.get("provided_model_name") or "")
    start, end = _start_ns(row, "startTime", "start_time"), _moment_ns(row, "endTime", "end_time")
    identity = str(row["id"])
    return LLMCall(
        trace_id=trace_id_of(str(row.get("traceId") or row.get("trace_id") or identity)),
        span_id=span_id_of(identity),
        parent_span_id=_span_or_none(row.get("parentObservationId") or row.get("parent_observation_id")),
        started_at_ns=start,
        duration_ns=max((end or start) - start, 0),
        provider=canonical_provider(str(metadata.get("provider") or _maker_of(model))),
        provider_source="span",
        operation=operation,
        request_model=model,
        response_model=model,
        usage=_usage_of_langfuse(usage) if usage else None,
        usage_quality=UsageQuality.REPORTED if usage else UsageQuality.MISSING,
        attribution=Attribution(
            environment=str(row.get("environment") or ""),
            session_id=str(row.get("sessionId") or row.get("session_id") or ""),
            user=str(row.get("userId") or row.get("user_id") or ""),
            feature=str(row.get("traceName") or row.get("trace_name") or ""),
        ),
        feature_source="span" if row.get("traceName") or row.get("trace_name") else "",
        error_type="error" if str(row.get("level", "")).upper() == "ERROR" else "",
        prompt_name=str(row.get("promptName") or row.get("prompt_name") or ""),
        prompt_version=str(row.get("promptVersion") or row.get("prompt_version") or ""),
        scope_name="langfuse-export",
        dialect="langfuse",
        input_semantics="disjoint",
    )


def _usage_of_langfuse(said: Mapping[str, Any]) -> Usage:
    read = _count(said, "input_cached_tokens", "cache_read_input_tokens", "input_cache_read")
    written = _count(said, "cache_creation_input_tokens", "input_cache_creation")
    thought = _count(said, "output_reasoning_tokens", "output_reasoning")
    return Usage(
        input_tokens=_count(said, "input", "promptTokens", "input_tokens") + read + written,
        cache_read_tokens=read,
        cache_write_5m_tokens=written,
        output_tokens=_count(said, "output", "completionTokens", "output_tokens") + thought,
        reasoning_tokens=thought,
    )


def of_litellm(row: Mapping[str, Any]) -> LLMCall | None:
    """Return the call of a row of the spend log; what LiteLLM answered from its own cache was no call.

    Its prompt tokens are all input, cached included; what it spent is kept as reported cost.
    """
    if str(row.get("cache_hit", "")).lower() == "true":
        return None
    metadata = _object(row, "metadata")
    details = metadata.get("usage_object") or {}
    start, end = _start_ns(row, "startTime"), _moment_ns(row, "endTime")
    first = _moment_ns(row, "completionStartTime")
    has_failed = str(row.get("status", "")).lower() == "failure"
    identity = str(row["request_id"])
    tokens = _count(row, "prompt_tokens"), _count(row, "completion_tokens")
    read = _count(details.get("prompt_tokens_details") or details, "cached_tokens", "cache_read_input_tokens")
    written = _count(details, "cache_creation_input_tokens")
    return LLMCall(
        trace_id=trace_id_of(identity),
        span_id=span_id_of(identity),
        started_at_ns=start,
        duration_ns=max((end or start) - start, 0),
        time_to_first_token_ns=first - start if first is not None and end is not None and start < first < end else None,
        provider=canonical_provider(str(row.get("custom_llm_provider") or _maker_of(str(row.get("model", ""))))),
        provider_source="span",
        operation=_OPERATIONS_OF_LITELLM.get(str(row.get("call_type", "")), "chat"),
        request_model=str(row.get("model") or "").rpartition("/")[2],
        response_model=str(row.get("model") or "").rpartition("/")[2],
        response_id=identity,
        usage=None
        if has_failed and not any(tokens)
        else Usage(
            input_tokens=max(tokens[0], read + written),
            cache_read_tokens=read,
            cache_write_5m_tokens=written,
            output_tokens=tokens[1],
        ),
        usage_quality=UsageQuality.MISSING if has_failed and not any(tokens) else UsageQuality.REPORTED,
        reported_cost=_cost(row.get("spend")),
        attribution=Attribution(
            team=str(row.get("team_id") or ""),
            tenant=str(row.get("end_user") or ""),
            user=str(row.get("user") or ""),
            session_id=str(row.get("session_id") or ""),
        ),
        credential_id=str(row.get("api_key") or ""),
        error_type="error" if has_failed else "",
        scope_name="litellm-export",
        dialect=LITELLM_LOG,
        input_semantics="inclusive",
    )


def _cost(said: object) -> PicoUSD | None:
    """Return what a float of theirs was meant to say, to the twelfth decimal; None where it says nothing."""
    if said is None or said == "":
        return None
    return pico_usd(Decimal(str(said)).quantize(PICO_USD, ROUND_HALF_EVEN))


def _object(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the first of some fields that is an object, also where it is one as text."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value.strip().startswith("{"):
            value = json.loads(value)
        if isinstance(value, dict):
            return value
    return {}


def _count(said: Mapping[str, Any], *names: str) -> int:
    return next((int(said[name]) for name in names if said.get(name) not in (None, "")), 0)


def _start_ns(row: Mapping[str, Any], *names: str) -> int:
    start = _moment_ns(row, *names)
    if start is None:
        msg = f"{names[0]} is missing"
        raise ValueError(msg)
    return start


def _moment_ns(row: Mapping[str, Any], *names: str) -> int | None:
    """Return a time of an export in Unix nanoseconds; one without an offset is UTC."""
    text = next((str(row[name]) for name in names if row.get(name)), "")
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _span_or_none(name: object) -> str:
    return span_id_of(str(name)) if name else ""


def _maker_of(model: str) -> str:
    """Return who makes a model, by the beginning of its name: the provider where an export names none."""
    plain = model.rpartition("/")[2].lower()
    known = {
        "claude": "anthropic",
        "gemini": "gemini",
        "mistral": "mistral",
        "command": "cohere",
        "deepseek": "deepseek",
    }
    return next((maker for start, maker in known.items() if plain.startswith(start)), "openai")
