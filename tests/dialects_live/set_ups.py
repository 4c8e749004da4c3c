"""How each library is put to work in a process, and how an exchange is asked where that is not by the bare SDK.

Each takes the tracer provider whose spans are kept, and returns what asks an exchange of a provider on loopback.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.support import clouds
from tests.support.exchanges import client_for, create, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider

    from tests.support.replay import Recording

    Ask = Callable[[Recording, str], None]

ASKED = "Tell me of the sea."


def bare(_: TracerProvider) -> Ask:
    """Nothing is put to work: the SDK tells by itself."""
    return run


def instrumentors(*names: str, ask: Ask = run) -> Callable[[TracerProvider], Ask]:
    """Return what puts instrumentors to work, each named by `module:class`."""

    def set_up(provider: TracerProvider) -> Ask:
        for name in names:
            module, _, kind = name.partition(":")
            getattr(import_module(module), kind)().instrument(tracer_provider=provider, skip_dep_check=True)
        return ask

    return set_up


def mistral(provider: TracerProvider) -> Ask:
    """The mistralai SDK tells by itself where a client is told to."""
    from mistralai.extra.observability import configure_telemetry

    def ask(recording: Recording, url: str) -> None:
        clouds.mistral(recording, url, lambda client: configure_telemetry(client, provider=provider))

    return ask


def openlit(_: TracerProvider) -> Ask:
    """OpenLIT takes the provider that is the process's own."""
    import openlit as library

    library.init(disable_metrics=True, disable_events=True, capture_message_content=False)
    return run


def logfire(provider: TracerProvider) -> Ask:
    """Logfire has a tracer provider of its own, to which the processors of ours are added."""
    import logfire as library

    processors = provider._active_span_processor._span_processors
    library.configure(send_to_logfire=False, console=False, additional_span_processors=processors)
    library.instrument_openai()
    library.instrument_anthropic()
    return run


def pydantic_ai(provider: TracerProvider) -> Ask:
    """A model of pydantic-ai is asked by an agent, whose span is around the model's."""
    from pydantic_ai import Agent
    from pydantic_ai.capabilities import Instrumentation
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.models.instrumented import InstrumentationSettings
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.anthropic import AnthropicProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    settings = InstrumentationSettings(tracer_provider=provider, include_content=False)
    kinds = {"/v1/chat/completions": OpenAIChatModel, "/v1/responses": OpenAIResponsesModel}

    async def ask(recording: Recording, url: str) -> None:
        client = client_for(recording, url, is_async=True)
        name = recording.request["model"]
        model: Any = (
            AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client))
            if recording.provider == "anthropic"
            else kinds[recording.path](name, provider=OpenAIProvider(openai_client=client))
        )
        few: Any = {"max_tokens": 1024}  # beyond what Anthropic's SDK asks without a stream, one is made of it
        agent = Agent(model, capabilities=[Instrumentation(settings=settings)], retries=0, model_settings=few)
        if recording.is_stream:
            async with agent.run_stream(ASKED) as answer:
                async for _ in answer.stream_text():
                    pass
        else:
            await agent.run(ASKED)

    return lambda recording, url: asyncio.run(ask(recording, url))


def langfuse(provider: TracerProvider) -> Ask:
    """Langfuse wraps the methods of `openai` when its own module of that name is imported."""
    from langfuse import Langfuse

    Langfuse(public_key="pk-test", secret_key="sk-test", base_url="http://127.0.0.1:9", tracer_provider=provider)
    import_module("langfuse.openai")
    return run


def langsmith(provider: TracerProvider) -> Ask:
    """LangSmith wraps clients, and tells its runs as spans where it is asked to."""
    from langsmith import Client
    from langsmith.wrappers import wrap_anthropic, wrap_openai

    os.environ |= {"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "test"}
    tracing = Client(api_url="http://127.0.0.1:9", api_key="test", tracing_mode="otel", otel_tracer_provider=provider)
    wrap = {"openai": wrap_openai, "anthropic": wrap_anthropic}

    def ask(recording: Recording, url: str) -> None:
        with client_for(recording, url, is_async=False) as client:
            extra = {"tracing_extra": {"client": tracing}}
            answer = create(wrap[recording.provider](client, **extra), recording)
            if recording.is_stream:
                list(answer)
        tracing.flush()

    return ask


def litellm(provider: TracerProvider) -> Ask:
    """LiteLLM's callback `otel`, for what its own functions ask."""
    import litellm as library
    from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig

    library.callbacks = [OpenTelemetry(config=OpenTelemetryConfig(), tracer_provider=provider)]
    library.turn_off_message_logging = True

    def ask(recording: Recording, url: str) -> None:
        body = dict(recording.request)
        to = {
            "model": f"{recording.provider}/{body.pop('model')}",
            "api_base": url if recording.provider == "anthropic" else f"{url}/v1",
            "api_key": "test",
            "max_retries": 0,
            # Its callback runs in a thread, where no span is the current one.
            "metadata": {"litellm_parent_otel_span": trace.get_current_span()},
        }
        body.pop("stream", None)
        if recording.path == "/v1/embeddings":
            library.embedding(input=body["input"], encoding_format="float", **to)
            return
        if recording.path == "/v1/responses":
            answer: Any = library.responses(input=ASKED, stream=recording.is_stream, **to)
        else:
            messages = [{"role": "user", "content": ASKED}]
            asked = {"stream_options": {"include_usage": True}} if recording.is_stream else {}
            answer = library.completion(messages=messages, stream=recording.is_stream, **asked, **to)
        if recording.is_stream:
            list(answer)

    return ask


NODE_HOME: Final = Path(__file__).parents[2] / ".build" / "dialects" / "js"
"""Where `make peers` puts what runs in Node, and Node itself."""


class Vercel:
    """Vercel's AI SDK in a process of Node's, which is asked a line at a time and writes its spans in the end.

    Node comes from npm as well, since version 7 needs a newer one than most machines have.

    Args:
        version: The major version of the package `ai`.
        telling: How version 7 tells: `legacy`, in the words of version 6; `details`, with all that can be switched on.
    """

    def __init__(self, version: str, telling: str = "") -> None:
        self._file = Path(tempfile.mkdtemp()) / "spans"
        script = NODE_HOME / "exchanges.mjs"
        script.write_text((Path(__file__).parent / "js" / "exchanges.mjs").read_text(encoding="utf-8"))
        self._node = subprocess.Popen(
            [NODE_HOME / "node_modules" / ".bin" / "node", script, version, self._file, telling],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, recording: Recording, url: str) -> None:
        """Ask an exchange."""
        asks = "stream" if recording.is_stream else "generate"
        self.ask(
            url=url,
            asks="embed" if recording.path == "/v1/embeddings" else f"{asks}Text",
            provider=recording.provider,
            path=recording.path,
            model=recording.request["model"],
        )

    def ask(self, **exchange: Any) -> None:
        """Ask what `js/exchanges.mjs` says, below the current span."""
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps(exchange | carrier) + "\n")
        self._node.stdin.flush()
        if error := json.loads(self._node.stdout.readline())["error"]:
            raise RuntimeError(error)

    def spans(self) -> bytes:
        """End the process, and return what it told, as an ExportTraceServiceRequest."""
        self._node.communicate(timeout=60)
        return self._file.read_bytes()


def vercel(version: str, telling: str = "") -> Callable[[TracerProvider], Ask]:
    """Return what puts Vercel's AI SDK to work, in that major version."""
    return lambda _: Vercel(version, telling)
