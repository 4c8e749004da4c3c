"""Keeps OpenTelemetry's own GenAI instrumentations quiet inside a call of ours, so that it is told once.

They look in the context for the data of a call around theirs, and where there is some they make no span: documented
in the README of opentelemetry-util-genai, which they all stand on. One that stands around ours is not reached by this;
the collector counts such a call once.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from opentelemetry import context

if TYPE_CHECKING:
    from opentelemetry.context import Context

_MODULE: Final = "opentelemetry.util.genai.invocation"
_KINDS: Final = (
    ("CLIENT_INFERENCE_CONTEXT_KEY", "InferenceData"),
    ("CLIENT_EMBEDDING_CONTEXT_KEY", "EmbeddingData"),
    ("CLIENT_FETCH_RESPONSE_CONTEXT_KEY", "FetchResponseData"),
)
"""What each kind of call is called there: where its data stands, and its class."""


def quieting(ctx: Context) -> Context:
    """Return a context in which they make no spans. Where nobody has imported them, it is the same one."""
    official = sys.modules.get(_MODULE)
    if official is None:
        return ctx
    for key_name, data_name in _KINDS:
        key, data = getattr(official, key_name, None), getattr(official, data_name, None)
        # What a call around ours has put there stays: it collects there what those inside tell.
        if key and data and context.get_value(key, ctx) is None:
            ctx = context.set_value(key, data(), ctx)
    return ctx
