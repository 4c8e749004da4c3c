"""Readers meet whatever a server sends: they answer with what they could read, and never with an exception."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_llmcost.providers import openai
from otel_llmcost.providers.framing import events_in, read_body
from otel_llmcost.providers.reading import MAX_COUNT
from otel_llmcost.providers.registry import PROVIDERS, read_answer, route_of
from otel_llmcost.usage import FIELDS

if TYPE_CHECKING:
    from otel_llmcost.providers.reading import Reading, Surface

SURFACES = {
    f"{provider} {ending}": surface
    for provider, module in {**PROVIDERS, "media": openai}.items()
    for ending, surface in (openai.MEDIA_SURFACES if provider == "media" else module.SURFACES).items()
    if provider not in {"azure.ai.inference", "together"}  # the same module as another
}
BOUND = 20 * MAX_COUNT  # wholes are sums of counts
NAMES = st.sampled_from(
    ["usage", "choices", "output", "content", "message", "delta", "response", "error", "model", "id", "index", "type",
     "prompt_tokens", "input_tokens", "cache_creation", "tool_calls", "finish_reason", "incomplete_details", "status",
     "usageMetadata", "promptTokenCount", "promptTokensDetails", "modality", "tokenCount", "candidates", "parts",
     "groundingMetadata", "webSearchQueries", "predictions", "embeddings", "statistics", "token_count", "metadata",
     "inputTokens", "cacheDetails", "ttl", "stopReason", "results", "inputTextTokenCount", "prompt_token_count",
     "amazon-bedrock-invocationMetrics", "billed_units", "tokens", "search_units", "meta", "x_groq", "event_type",
     "prompt_eval_count", "done", "usage_info", "pages_processed", "connectors", "seconds", "data", "result", "body",
     "cost", "cost_details", "is_byok", "cost_in_usd_ticks", "object", "cached_tokens", "completion_tokens_details"]
)  # fmt: skip
WORDS = st.sampled_from(["message_start", "message-end", "stream-end", "message", "response", "list", "1h", "AUDIO"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=8)


def believed(reading: Reading) -> None:
    """Fail unless every count is one; whether parts exceed their whole is for pricing to say."""
    assert not (reading.fault and reading.usage)
    for usage in filter(None, (reading.usage, reading.billed)):
        assert all(0 <= getattr(usage, name) <= BOUND for name in FIELDS)
    assert reading.reported_cost is None or reading.reported_cost >= 0


@settings(max_examples=120)
@given(body=OBJECTS, events=st.lists(OBJECTS, max_size=3))
def test_a_reader_never_raises(body: dict[str, object], events: list[dict[str, object]]) -> None:
    for surface in SURFACES.values():
        believed(surface.read(body))
        if surface.fold is not None:
            believed(surface.fold(events))
        if surface.complete is not None:
            believed(surface.complete(surface.read(body), {"x-amzn-bedrock-input-token-count": str(body)}))


@settings(max_examples=120)
@given(body=OBJECTS)
def test_an_answer_of_any_shape_never_raises(body: dict[str, object]) -> None:
    for provider in (*PROVIDERS, "nobody"):
        believed(read_answer(provider, body))


@settings(max_examples=200)
@given(
    body=st.binary(max_size=80)
    | st.text(max_size=80).map(str.encode)
    | JSON.map(lambda each: json.dumps(each).encode())
)
def test_bytes_of_any_kind_never_raise(body: bytes) -> None:
    assert isinstance(events_in(body), list)
    for path in ("/model/m/invoke-with-response-stream", "/v1/chat/completions"):
        route = route_of("aws.bedrock", path)
        assert route is not None
        believed(read_body(route.surface, body))


@pytest.mark.parametrize(
    "bad",
    [-1, 1.5, True, "12", [], {}, float("nan"), float("inf"), 10**13, 10**5000],
    ids=lambda bad: f"{bad!s:.9}" if bad != 10**5000 else "huge",
)
@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_no_reader_believes_what_is_no_count(surface: Surface, bad: object) -> None:
    """Every name that a count goes by, in every place that one stands in."""
    counts = dict.fromkeys(
        ["prompt_tokens", "input_tokens", "output_tokens", "promptTokenCount", "inputTokens", "search_units",
         "prompt_eval_count", "pages_processed", "seconds", "token_count", "inputTextTokenCount"], bad
    )  # fmt: skip
    if bad == 1.5 and isinstance(bad, float):
        del counts["seconds"]  # a length of time may have a fraction
    body = {
        **counts,
        "usage": {**counts, "billed_units": counts, "tokens": counts},
        "usageMetadata": counts,
        "usage_info": counts,
        "predictions": [{"embeddings": {"statistics": counts}}],
    }
    reading = surface.read(body)
    assert reading.usage is None
    assert reading.fault
