"""Readers meet whatever a server sends: they answer with what they could read, and never with an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_llmcost.providers import anthropic, openai

if TYPE_CHECKING:
    from otel_llmcost.providers.reading import Surface

SURFACES = [*openai.SURFACES.values(), *anthropic.SURFACES.values()]
NAMES = st.sampled_from(
    ["usage", "choices", "output", "content", "message", "delta", "response", "error", "model", "id", "index", "type",
     "prompt_tokens", "input_tokens", "cache_creation", "tool_calls", "finish_reason", "incomplete_details", "status"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=8)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.read.__name__)
@settings(max_examples=60, deadline=None)
@given(body=OBJECTS, events=st.lists(OBJECTS, max_size=4))
def test_a_reader_never_raises(surface: Surface, body: dict[str, object], events: list[dict[str, object]]) -> None:
    surface.read(body)
    if surface.fold is not None:
        surface.fold(events)
