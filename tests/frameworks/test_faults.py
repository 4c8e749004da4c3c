"""Wherever our own code fails, litellm, lm15 and DSPy give an application what they give it without us."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

litellm = pytest.importorskip("litellm", reason="litellm is in an environment of its own: make test-frameworks")
lm15 = pytest.importorskip("lm15")
dspy = pytest.importorskip("dspy")

from tests.frameworks import test_lm15  # noqa: E402 - behind what has everything here skipped
from tests.instrument import wire  # noqa: E402
from tests.instrument.runs import Application, forget, garbage_is_collected_when_we_say, try_each_seam  # noqa: E402
from tests.instrument.test_surfaces import _chat_answer  # noqa: E402
from tests.instrument.ways import Use, either, events  # noqa: E402
from tests.support.replay import anthropic_error, openai_error  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.instrument.conftest import Telemetry
    from tests.support.replay import Answer, Received, ReplayServer

__all__ = ["forget", "garbage_is_collected_when_we_say"]

litellm.disable_hf_tokenizer_download = True
MESSAGES = [{"role": "user", "content": "Hello"}]


class _LiteLLM:
    """A client of litellm, which has functions and no clients: what it makes up, ids and times, is left out."""

    def __init__(self, model: str, url: str) -> None:
        self._asked = {"model": model, "api_base": url, "api_key": "test", "messages": MESSAGES}

    def whole(self) -> Any:
        return litellm.completion(**self._asked).choices[0].model_dump()

    def pieces(self) -> Iterator[Any]:
        for piece in litellm.completion(**self._asked, stream=True):
            yield piece.choices[0].model_dump()


class _AsyncLiteLLM(_LiteLLM):
    async def whole(self) -> Any:
        return (await litellm.acompletion(**self._asked)).choices[0].model_dump()

    async def pieces(self) -> AsyncIterator[Any]:
        async for piece in await litellm.acompletion(**self._asked, stream=True):
            yield piece.choices[0].model_dump()


class _LM15:
    """A client of lm15 that opens a router for each call."""

    def __init__(self, api: str, url: str) -> None:
        self._api, self._url = api, url

    def whole(self) -> Any:
        return test_lm15._ask(self._api, self._url, is_stream=False)

    def pieces(self) -> Iterator[Any]:
        with test_lm15._router(lm15.LMRouter, self._api, self._url) as router:
            for event in router.stream(test_lm15._request(self._api)):
                yield str(event)


class _AsyncLM15(_LM15):
    async def whole(self) -> Any:
        return await test_lm15._ask_async(self._api, self._url, is_stream=False)

    async def pieces(self) -> AsyncIterator[Any]:
        async with test_lm15._router(lm15.AsyncLMRouter, self._api, self._url) as router:
            async for event in router.stream(test_lm15._request(self._api)):
                yield str(event)


class _DSPy:
    """A model of DSPy's; whole programs of its are streamed, not the answers of models."""

    def __init__(self, model: str, url: str) -> None:
        self._model = dspy.LM(model, api_base=url, api_key="test", cache=False, num_retries=0)

    def whole(self) -> Any:
        return self._model("Hello")

    def pieces(self) -> Iterator[Any]:
        yield from self._model("Hello")


class _AsyncDSPy(_DSPy):
    async def whole(self) -> Any:
        return await self._model.acall("Hello")

    async def pieces(self) -> AsyncIterator[Any]:
        for each in await self._model.acall("Hello"):
            yield each


def _use(kind: Any, async_kind: Any, model: str, path: str, answer: Callable[[Received], Answer], error: Answer) -> Use:
    @asynccontextmanager
    async def opened(server: ReplayServer) -> AsyncIterator[Any]:
        yield async_kind(model, server.url + path)

    return Use(
        client=lambda server: nullcontext(kind(model, server.url + path)),
        async_client=opened,
        ask=lambda client: client.whole(),
        stream=lambda client: client.pieces(),
        answer=answer,
        error=error,
    )


_MESSAGES = either(wire.message(), events(wire.message_stream()))
USES = {
    "litellm's own path": _use(
        _LiteLLM, _AsyncLiteLLM, "anthropic/claude-sonnet-4-5", "", _MESSAGES, anthropic_error(400, "no")
    ),
    "litellm through openai": _use(
        _LiteLLM, _AsyncLiteLLM, "openai/gpt-5", "/v1", _chat_answer, openai_error(400, "no")
    ),
    "lm15": _use(_LM15, _AsyncLM15, "anthropic", "/v1", _MESSAGES, anthropic_error(400, "no")),
    "DSPy's lm15": _use(_DSPy, _AsyncDSPy, "openai/gpt-5", "/v1", _chat_answer, openai_error(400, "no")),
}


@pytest.mark.parametrize("name", USES)
def test_a_fault_of_ours_changes_nothing_for_the_application(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    try_each_seam(Application(USES[name], server), forget, tried=set())
