"""Frameworks on top of the SDKs: who pays is kept through their threads and tasks, and each request is billed once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from otel_llmcost import feature
from otel_llmcost.usage import Usage, UsageQuality
from tests.frameworks.conftest import saying
from tests.instrument.test_surfaces import CHAT, MESSAGE, RESPONSE, STREAMED_MESSAGE

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

Told = list[tuple[str, Usage | None]]


def told(telemetry: Telemetry, provider: ReplayServer) -> Told:
    """Return feature and usage of each call; each request that was not sent again is one, and all of it is known."""
    calls = telemetry.calls()
    sent = [request for request in provider.requests if request.headers.get("x-stainless-retry-count", "0") == "0"]
    assert len(calls) == len(telemetry.spans()) == len(sent)
    assert {call.usage_quality for call in calls} == {UsageQuality.REPORTED}
    assert not provider.places_of("llmcost")
    return sorted(((call.attribution.feature, call.usage) for call in calls), key=lambda each: each[0])


async def test_langchain_with_openai(telemetry: Telemetry, provider: ReplayServer) -> None:
    models = pytest.importorskip("langchain_openai")
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    model = models.ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key="test")
    chain: Any = ChatPromptTemplate.from_template("{question}") | model | StrOutputParser()
    asked = {"question": "Hello"}
    with feature("1 invoke"):
        chain.invoke(asked)
    with feature("2 batch in threads"):
        chain.batch([asked, asked])
    with feature("3 stream"):
        assert "Wolken" in "".join(chain.stream(asked))
    with feature("4 async stream"):
        assert "Wolken" in "".join([piece async for piece in chain.astream(asked)])
    with feature("5 tasks"):
        await chain.abatch([asked, asked])
    assert told(telemetry, provider) == [
        ("1 invoke", CHAT),
        ("2 batch in threads", CHAT),
        ("2 batch in threads", CHAT),
        ("3 stream", CHAT),
        ("4 async stream", CHAT),
        ("5 tasks", CHAT),
        ("5 tasks", CHAT),
    ]


async def test_langchain_with_anthropic(telemetry: Telemetry, provider: ReplayServer) -> None:
    models = pytest.importorskip("langchain_anthropic")
    model = models.ChatAnthropic(model="claude-sonnet-4-5", base_url=provider.url, api_key="test", max_tokens=99)
    with feature("1 invoke"):
        model.invoke("Hello")
    with feature("2 stream"):
        assert list(model.stream("Hello"))
    with feature("3 async stream"):
        assert [piece async for piece in model.astream("Hello")]
    expected = [("1 invoke", MESSAGE), ("2 stream", STREAMED_MESSAGE), ("3 async stream", STREAMED_MESSAGE)]
    assert told(telemetry, provider) == expected


async def test_llamaindex(telemetry: Telemetry, provider: ReplayServer) -> None:
    models = pytest.importorskip("llama_index.llms.openai")
    from llama_index.core.llms import ChatMessage

    model = models.OpenAI(model="gpt-4o", api_base=f"{provider.url}/v1", api_key="test")
    messages = [ChatMessage(content="Hello")]
    with feature("1 chat"):
        model.chat(messages)
    with feature("2 stream"):
        assert list(model.stream_chat(messages))
    with feature("3 async stream"):
        assert [piece async for piece in await model.astream_chat(messages)]
    assert told(telemetry, provider) == [("1 chat", CHAT), ("2 stream", CHAT), ("3 async stream", CHAT)]


async def test_pydantic_ai(telemetry: Telemetry, provider: ReplayServer) -> None:
    ai = pytest.importorskip("pydantic_ai")
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    host = OpenAIProvider(base_url=f"{provider.url}/v1", api_key="test")
    agent = ai.Agent(OpenAIChatModel("gpt-5", provider=host))
    with feature("1 run"):
        assert "Reykjavík" in (await agent.run("Hello")).output
    with feature("2 stream"):
        async with agent.run_stream("Hello") as stream:
            assert [text async for text in stream.stream_text()]
    assert told(telemetry, provider) == [("1 run", CHAT), ("2 stream", CHAT)]


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_openai_agents(api: str, telemetry: Telemetry, provider: ReplayServer) -> None:
    agents = pytest.importorskip("agents")
    import openai

    client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="test")
    kind = agents.OpenAIChatCompletionsModel if api == "chat" else agents.OpenAIResponsesModel
    agent = agents.Agent(name="helper", instructions="Help.", model=kind(model="gpt-5", openai_client=client))
    with feature("1 run"):
        assert (await agents.Runner.run(agent, "Hello")).final_output
    with feature("2 stream"):
        run = agents.Runner.run_streamed(agent, "Hello")  # in a task of its own, which outlives this block
    assert [event async for event in run.stream_events()]
    usage = CHAT if api == "chat" else RESPONSE
    assert told(telemetry, provider) == [("1 run", usage), ("2 stream", usage)]


async def test_instructor(telemetry: Telemetry, provider: ReplayServer) -> None:
    instructor = pytest.importorskip("instructor")
    import openai

    class City(BaseModel):
        city: str

    asked: dict[str, Any] = {"model": "gpt-5", "response_model": City, "messages": [{"role": "user", "content": "Hi"}]}
    options: dict[str, Any] = {"base_url": f"{provider.url}/v1", "api_key": "test"}
    client = instructor.from_openai(openai.OpenAI(**options), mode=instructor.Mode.JSON)
    async_client = instructor.from_openai(openai.AsyncOpenAI(**options), mode=instructor.Mode.JSON)
    with feature("1 create"):
        assert client.chat.completions.create(**asked).city == "Reykjavík"
    with feature("2 async create"):
        assert (await async_client.chat.completions.create(**asked)).city == "Reykjavík"
    assert told(telemetry, provider) == [("1 create", CHAT), ("2 async create", CHAT)]


async def test_streams_of_instructor(telemetry: Telemetry, provider: ReplayServer) -> None:
    instructor = pytest.importorskip("instructor")
    import openai

    class City(BaseModel):
        city: str

    asked: dict[str, Any] = {"model": "gpt-5", "response_model": City, "messages": [{"role": "user", "content": "Hi"}]}
    options: dict[str, Any] = {"base_url": f"{provider.url}/v1", "api_key": "test"}
    client = instructor.from_openai(openai.OpenAI(**options), mode=instructor.Mode.JSON)
    async_client = instructor.from_openai(openai.AsyncOpenAI(**options), mode=instructor.Mode.JSON)
    saying(provider, '{"city": ', '"Reykja', 'vík"}')
    with feature("1 partial"):
        *_, last = client.chat.completions.create_partial(**asked)
        assert last.city == "Reykjavík"
    with feature("2 async partial"):
        *_, last = [part async for part in async_client.chat.completions.create_partial(**asked)]
        assert last.city == "Reykjavík"
    saying(provider, '{"tasks": [', '{"city": "Reykjavík"}, ', '{"city": "Oslo"}', "]}")
    with feature("3 iterable"):
        found = list(client.chat.completions.create_iterable(**asked))
        assert [each.city for each in found] == ["Reykjavík", "Oslo"]
    with feature("4 async iterable"):
        found = [each async for each in async_client.chat.completions.create_iterable(**asked)]
        assert [each.city for each in found] == ["Reykjavík", "Oslo"]
    names = ("1 partial", "2 async partial", "3 iterable", "4 async iterable")
    assert told(telemetry, provider) == [(name, CHAT) for name in names]


def test_dspy(telemetry: Telemetry, provider: ReplayServer) -> None:
    """Through litellm. The client of its own, which it prefers where it can (`engine="auto"`), is seen in test_lm15."""
    dspy = pytest.importorskip("dspy")
    model = dspy.LM("openai/gpt-5", api_base=f"{provider.url}/v1", api_key="test", cache=False, engine="litellm")
    with dspy.context(lm=model, adapter=dspy.JSONAdapter()):
        predict = dspy.Predict("question -> city")
        with feature("1 predict"):
            assert predict(question="Hello").city == "Reykjavík"
        with feature("2 parallel"):
            dspy.Parallel(num_threads=2)([(predict, {"question": "a"}), (predict, {"question": "b"})])
    assert told(telemetry, provider) == [("1 predict", CHAT), ("2 parallel", CHAT), ("2 parallel", CHAT)]
