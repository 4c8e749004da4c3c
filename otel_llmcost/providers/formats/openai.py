"""OpenAI's wire format, which many other hosts speak too: wholes with parts inside.

`prompt_tokens` (chat, embeddings) and `input_tokens` (responses) hold all input, cached and cache-written tokens
included; `completion_tokens` and `output_tokens` hold all output, reasoning included. The service tier stands
beside the usage, executed tools among the output items. Of web searches only those that search are billed, none that
open or look through a page. Images that a tool made are billed at the rates of its own model: no count here holds them.
What a host does otherwise is its `Accent`.
Source: OpenAI API reference, objects ChatCompletion, Response (`tool_usage` too) and CreateEmbeddingResponse; OpenAI
docs, "Web search"; checked 2026-11-22, the first against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.reading import (
    MAX_COUNT,
    Reading,
    Surface,
    UsageReader,
    count,
    error_in,
    first_error,
    known,
    objects,
    section,
    usage_or_fault,
    word,
)
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from otel_llmcost.money import PicoUSD

_NO_TOOLS: Final[Mapping[str, int]] = MappingProxyType({})

COUNTS: Final = ("input_tokens", "prompt_tokens", "output_tokens", "completion_tokens", "total_tokens")
"""A usage object names at least one of these."""


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a `usage` object of chat, responses or embeddings.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    known(usage, *COUNTS)
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


def _usage_in(answer: Mapping[str, Any]) -> object:
    return answer.get("usage")


def _no_cost(usage: Mapping[str, Any]) -> None:  # noqa: ARG001 - the signature of those that tell one
    return None


def _no_tools(usage: Mapping[str, Any]) -> Mapping[str, int]:  # noqa: ARG001 - the signature of those that tell some
    return _NO_TOOLS


def _no_tier(usage: Mapping[str, Any]) -> str:  # noqa: ARG001 - the signature of those that tell one
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accent:
    """What a host does otherwise in a format that is not its own.

    Attributes:
        usage: Reads the usage object of chat, completions and embeddings.
        responses_usage: Reads the usage object of responses.
        cost: Reads what the host says, in a usage object, that the call cost.
        usage_in: Finds the usage object in an answer or an event of a stream.
        tier: Reads the tier that served, where the host tells it in a usage object.
        tools: Reads which tools are billed, where the host tells it there: counts of `Usage` by their names.
        bills_pages: Whether a web search that opened or looked through a page is billed as any other.
    """

    usage: UsageReader = read_usage
    responses_usage: UsageReader = read_usage
    cost: Callable[[Mapping[str, Any]], PicoUSD | None] = _no_cost
    usage_in: Callable[[Mapping[str, Any]], object] = _usage_in
    tier: Callable[[Mapping[str, Any]], str] = _no_tier
    tools: Callable[[Mapping[str, Any]], Mapping[str, int]] = _no_tools
    bills_pages: bool = False

    def cost_in(self, usage: object) -> PicoUSD | None:
        """Return what the host says that the call cost; None where it does not say."""
        return self.cost(usage) if isinstance(usage, dict) else None

    def billed_in(self, told: object, usage: Usage | None, **tools: int) -> Usage | None:
        """Return what is billed where a usage object, or else `tools`, says other tools than were counted."""
        if usage is None or not isinstance(told, dict) or (self.tools is _no_tools and not tools):
            return None  # nearly always
        said = {**tools, **self.tools(told)}
        return replace(usage, **said) if any(getattr(usage, name) != count for name, count in said.items()) else None

    def tier_in(self, answer: Mapping[str, Any], usage: object) -> str:
        """Return the tier that served; empty where the host does not say."""
        return (self.tier(usage) if isinstance(usage, dict) else "") or word(answer, "service_tier")


PLAIN: Final = Accent()
"""As OpenAI speaks it."""


def read_chat(body: Mapping[str, Any], accent: Accent = PLAIN) -> Reading:
    """Return what a ChatCompletion, or a Completion of the older API, tells."""
    choices = objects(body, "choices")
    told = accent.usage_in(body)
    usage, fault = usage_or_fault(accent.usage, told)
    return Reading(
        model=word(body, "model"),
        response_id=word(body, "id"),
        usage=usage,
        billed=accent.billed_in(told, usage),
        reported_cost=accent.cost_in(told),
        service_tier=accent.tier_in(body, told),
        finish_reason=",".join(filter(None, (word(choice, "finish_reason") for choice in choices))),
        tool_call_count=sum(len(objects(section(choice, "message"), "tool_calls")) for choice in choices),
        error_type=error_in(body),
        fault=fault,
    )


def fold_chat(events: Sequence[Mapping[str, Any]], accent: Accent = PLAIN) -> Reading:
    """Return what the chunks of a chat completion tell: each names id, model and tier, the last one the usage."""
    whole: dict[str, Any] = {}
    reasons: dict[int, str] = {}
    for event in events:
        whole |= {key: event[key] for key in ("id", "model", "service_tier") if event.get(key)}
        if told := accent.usage_in(event):
            whole["usage"] = told
        for choice in objects(event, "choices"):
            if reason := word(choice, "finish_reason"):
                reasons[index if isinstance(index := choice.get("index"), int) else 0] = reason
    usage, fault = usage_or_fault(accent.usage, whole.get("usage"))
    return Reading(
        error_type=first_error(events),
        model=word(whole, "model"),
        response_id=word(whole, "id"),
        usage=usage,
        billed=accent.billed_in(whole.get("usage"), usage),
        reported_cost=accent.cost_in(whole.get("usage")),
        service_tier=accent.tier_in(whole, whole.get("usage")),
        finish_reason=",".join(reasons[index] for index in sorted(reasons)),
        fault=fault,
    )


def read_responses(body: Mapping[str, Any], accent: Accent = PLAIN) -> Reading:
    """Return what a Response tells. A background one has no usage until it is retrieved."""
    items = objects(body, "output")
    kinds = [word(item, "type") for item in items]
    containers = {word(item, "container_id") for item in items if word(item, "type") == "code_interpreter_call"}

    def with_tools(usage: Mapping[str, Any]) -> Usage:
        return replace(
            accent.responses_usage(usage),
            web_search=kinds.count("web_search_call"),
            file_search=kinds.count("file_search_call"),
            code_session=len(containers),
        )

    told = accent.usage_in(body)
    usage, fault = usage_or_fault(with_tools, told)
    tools = section(body, "tool_usage")
    searches = _billed_searches(items, section(tools, "web_search"), accent) if usage else 0
    cut, status = section(body, "incomplete_details"), word(body, "status")
    created_at = body.get("created_at")
    return Reading(
        created_at=created_at if isinstance(created_at, int) else None,
        model=word(body, "model"),
        response_id=word(body, "id"),
        usage=usage,
        billed=accent.billed_in(told, usage, web_search=searches),
        reported_cost=accent.cost_in(told),
        service_tier=accent.tier_in(body, told),
        finish_reason=word(cut, "reason") if cut else status if status in _FINAL else "",
        tool_call_count=kinds.count("function_call"),
        error_type=error_in(body),
        fault=fault,
        is_partial=bool((section(tools, "image_gen") or {}).get("total_tokens")) or any(map(_is_image, items)),
    )


def _is_image(item: Mapping[str, Any]) -> bool:
    """Return whether a tool made an image: its tokens are another model's, and what sums them may leave it out."""
    return word(item, "type") == "image_generation_call" and word(item, "status") != "failed"


def _billed_searches(items: Sequence[Mapping[str, Any]], told: Mapping[str, Any] | None, accent: Accent) -> int:
    """Return how many searches are billed: as many as the answer says, or else those that opened no page."""
    counted = told.get("num_requests") if told else None
    if type(counted) is int and 0 <= counted <= MAX_COUNT:
        return counted
    actions = (section(item, "action") for item in items if word(item, "type") == "web_search_call")
    return sum(accent.bills_pages or word(action, "type") in ("", "search") for action in actions)


def fold_responses(events: Sequence[Mapping[str, Any]], accent: Accent = PLAIN) -> Reading:
    """Return what the last event that carries the whole response tells."""
    wholes = [whole for event in events if (whole := section(event, "response"))]
    reading = read_responses(wholes[-1], accent) if wholes else Reading()
    error = next((word(event, "code") or "error" for event in events if event.get("type") == "error"), "")
    return replace(reading, error_type=reading.error_type or error)


def read_embeddings(body: Mapping[str, Any], accent: Accent = PLAIN) -> Reading:
    """Return what a list of embeddings tells."""
    told = accent.usage_in(body)
    usage, fault = usage_or_fault(accent.usage, told)
    return Reading(
        model=word(body, "model"),
        response_id=word(body, "id"),
        usage=usage,
        reported_cost=accent.cost_in(told),
        service_tier=accent.tier_in(body, told),
        error_type=error_in(body),
        fault=fault,
    )


def read_any(body: Mapping[str, Any], accent: Accent = PLAIN) -> Reading:
    """Return what an answer tells, by its shape: of any of the calls here, or its usage object alone.

    A realtime or stream event, and a line of a batch's results, hold the answer under `response`.
    """
    if outer := section(body, "response"):
        inner = section(outer, "body") or outer
        body = inner if inner.get("model") else {**inner, "model": body.get("model")}
    if body.get("object") == "response" or isinstance(body.get("output"), list):
        return read_responses(body, accent)
    if body.get("object") == "list":
        return read_embeddings(body, accent)
    is_bare = "usage" not in body and any(key in body for key in COUNTS)
    return read_chat({"usage": body} if is_bare else body, accent)


def surfaces(accent: Accent = PLAIN) -> dict[str, Surface]:
    """Return how each path of the format is read, by its ending."""
    chat = Surface(
        operation="chat",
        read=partial(read_chat, accent=accent),
        fold=partial(fold_chat, accent=accent),
        marks=(b'"prompt_tokens"', b'"finish_reason":"', b'"finish_reason": "', b'"error"'),
        is_asked_for_usage=True,
    )
    return {
        "/chat/completions": chat,
        "/completions": replace(chat, operation="text_completion"),
        "/responses": Surface(
            operation="chat",
            read=partial(read_responses, accent=accent),
            fold=partial(fold_responses, accent=accent),
            marks=(b'"response.completed"', b'"response.incomplete"', b'"response.failed"', b'"type":"error"'),
            last=_LAST_OF_RESPONSES,
        ),
        "/responses/compact": Surface(operation="chat", read=partial(read_responses, accent=accent)),
        "/embeddings": Surface(operation="embeddings", read=partial(read_embeddings, accent=accent), tail=True),
    }


_LAST_OF_RESPONSES: Final = tuple(
    f'"type":{space}"response.{how}"'.encode() for how in ("completed", "incomplete", "failed") for space in ("", " ")
)
_FINAL: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})
