"""The `litellm` package: the providers that it asks itself. Those that it asks through their SDKs are seen there.

`HTTPHandler.post` and `AsyncHTTPHandler.post` send every request of its own, over httpx or aiohttp, and return a
response of httpx. What litellm makes of an answer is not looked at: the usage is read from the provider's own JSON.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._call import note_fault
from otel_llmcost.instrument._httpx import MAX_REQUEST_BYTES, HTTPXPatch, asked_of
from otel_llmcost.instrument._instrumentor import Instrumentor

if TYPE_CHECKING:
    from otel_llmcost.instrument._call import Asked

_PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "ollama_chat": "ollama",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""What litellm calls a provider → what semconv calls it, where they differ."""

_about_to_ask: Final[ContextVar[str]] = ContextVar("llmcost_litellm_provider", default="")
"""Whom litellm has said that it is about to ask: hosts of one's own do not tell."""


def _asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    url = kwargs.get("url") or args[1]
    said = _said_by(kwargs.get("logging_obj")) or _about_to_ask.get()
    asked = asked_of(
        str(url),
        _body(kwargs.get("json") or kwargs.get("data")),
        kwargs.get("headers") or {},
        provider=_PROVIDERS.get(said, said) or "litellm",
        is_stream=kwargs.get("stream") or None,
    )
    return asked if said or asked is None or asked.provider_source == "host" else None


def _said_by(logging: Any) -> str:
    """Return whom litellm is about to ask, by the object in which it keeps what it knows of a call."""
    said = logging.model_call_details.get("custom_llm_provider") if logging is not None else ""
    return said if isinstance(said, str) else ""


def _body(sent: object) -> dict[str, Any]:
    """Return the JSON object that is sent; an empty one where it is none, or very long."""
    if isinstance(sent, str | bytes):
        sent = json.loads(sent) if len(sent) <= MAX_REQUEST_BYTES else None
    return sent if isinstance(sent, dict) else {}


def _sending(patch: HTTPXPatch, module: Any) -> None:
    patch.replace(module.HTTPHandler, "post", patch.sender(_asked))
    patch.replace(module.AsyncHTTPHandler, "post", patch.async_sender(_asked))


def _noting(patch: HTTPXPatch, module: Any) -> None:
    """Note whom litellm says, just before, that it is about to ask."""

    def around(original: Any) -> Any:
        def pre_call(logging: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                _about_to_ask.set(_said_by(logging))
            except Exception as error:  # noqa: BLE001 - the application's call goes on
                note_fault("reading what litellm says of a call", error)
            return original(logging, *args, **kwargs)

        return pre_call

    patch.replace(module.Logging, "pre_call", around)


class LiteLLMInstrumentor(Instrumentor):
    """Instruments what `litellm` sends itself, sync and async; `litellm.Router` and its proxy too."""

    name = "litellm"
    requires = "litellm >= 1.106.2, != 1.107.0"
    tested = "1.106.2"
    patch = HTTPXPatch(
        "litellm",
        {
            "litellm.llms.custom_httpx.http_handler": _sending,
            "litellm.litellm_core_utils.litellm_logging": _noting,
        },
    )
