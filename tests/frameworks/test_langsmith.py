"""LangChain's runs that LangSmith tells as spans, in traces of its own: each tells of one call of ours, and says so."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.dialects.once import Seen, retellings
from otel_llmcost.dialects.otlp import calls_in_traces
from otel_llmcost.spool import Spool
from tests.instrument import wire
from tests.support.replay import Answer, Received, json_answer, stream_answer

models = pytest.importorskip("langchain_openai")
langsmith = pytest.importorskip("langsmith")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_llmcost.call import LLMCall
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer


@pytest.fixture
def client(telemetry: Telemetry) -> Iterator[Any]:
    """Have LangSmith tell runs as spans, and as nothing else."""
    client = langsmith.Client(
        api_key="test",
        tracing_mode="otel",
        otel_tracer_provider=telemetry.provider,
        info={},
        api_url="http://127.0.0.1:9",
    )
    with langsmith.tracing_context(client=client, enabled=True):
        yield client
    client.cleanup()


@pytest.fixture
def model(server: ReplayServer) -> Any:
    """Answer each request by an id of its own; all else in the answers is the same."""
    numbers = itertools.count(1)

    def answer(received: Received) -> Answer:
        name = f"chatcmpl-{next(numbers)}-"
        if not received.json.get("stream"):
            return json_answer(wire.chat(id=name))
        with_usage = (received.json.get("stream_options") or {}).get("include_usage", False)
        return stream_answer(wire.chat_stream(with_usage=with_usage).replace("chatcmpl-1", name), pause_s=0.001)

    server.answer_with(answer)
    return models.ChatOpenAI(model="gpt-5", base_url=f"{server.url}/v1", api_key="test")


def _stream(model: Any) -> None:
    assert "Wolken" in "".join(piece.content for piece in model.stream("Hello"))


def _streams_in_turn(model: Any) -> None:
    _stream(model)
    _stream(model)


def _streams_at_once(model: Any) -> None:
    async def read() -> None:
        assert "Wolken" in "".join([piece.content async for piece in model.astream("Hello")])

    async def both() -> None:
        await asyncio.gather(read(), read())

    asyncio.run(both())


def _stream_beside_the_sdk(model: Any) -> None:
    """Ask by LangChain, then by the SDK in the same context: LangSmith tells the first alone."""
    _stream(model)
    for _ in model.root_client.chat.completions.create(
        model="gpt-5", messages=[{"role": "user", "content": "Hello"}], stream=True
    ):
        pass


def _answer(model: Any) -> None:
    model.invoke("Hello")


WAYS: dict[Callable[[Any], None], tuple[int, int]] = {
    _stream: (1, 1),
    _streams_in_turn: (2, 2),
    _streams_at_once: (2, 2),
    _stream_beside_the_sdk: (2, 1),
    _answer: (1, 1),
}
"""How an application asks → how many calls that are, and how many LangSmith tells of."""


def _told(telemetry: Telemetry) -> list[LLMCall]:
    """Return what the process has told of calls: its own, and what it heard."""
    telemetry.calls()  # flushes
    with Spool(telemetry.spool_dir) as spool:
        frames = [frame for segment in spool.segments() for frame in segment.frames]
    return sorted((c for frame in frames for c in calls_in_traces(frame.payload)), key=lambda call: call.started_at_ns)


def _seen(call: LLMCall) -> Seen:
    usage = call.usage
    return Seen(
        trace_id=call.trace_id,
        span_id=call.span_id,
        parent_span_id=call.parent_span_id,
        started_at_ns=call.started_at_ns,
        ended_at_ns=call.started_at_ns + call.duration_ns,
        call_id=call.response_id,
        models=tuple(filter(None, (call.request_model, call.response_model))),
        scope=call.scope_name,
        dialect=call.dialect,
        counts=(usage.input_tokens, usage.output_tokens) if usage else None,
        provider=call.provider,
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["nothing", "a span", "traceable"])
def test_a_run_of_langchain_and_its_call_are_one(
    place: str, way: Callable[[Any], None], client: Any, model: Any, telemetry: Telemetry
) -> None:
    if place == "traceable":
        langsmith.traceable(way, client=client)(model)
    else:
        tracer = telemetry.provider.get_tracer("the application's")
        with tracer.start_as_current_span("work") if place == "a span" else nullcontext():
            way(model)
    client.flush()
    calls = _told(telemetry)
    asked, retold = WAYS[way]
    ours, theirs = [c for c in calls if not c.dialect], [c for c in calls if c.dialect == "langsmith"]
    assert (len(ours), len(theirs), len(calls)) == (asked, retold, asked + retold)
    assert {call.response_id for call in theirs} == {call.response_id for call in ours[:retold]}
    assert retellings(map(_seen, calls)) == {(call.trace_id, call.span_id) for call in theirs}


def test_a_run_that_made_two_calls_bears_the_id_of_neither(client: Any, model: Any, telemetry: Telemetry) -> None:
    langsmith.traceable(_ask_twice, run_type="llm", client=client)(model.root_client)
    client.flush()
    (theirs,) = (span for span in telemetry.spans() if span.name == "_ask_twice")
    assert "gen_ai.response.id" not in (theirs.attributes or {})


def _ask_twice(sdk: Any) -> None:
    for _ in range(2):
        sdk.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "Hello"}])
