"""Answers of Ollama, written by hand: the counts are the ones that the tests expect; and clients that ask for them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import ollama

from tests.support.replay import Answer, stream_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CALL = {"function": {"name": "temperature_in", "arguments": {"city": "Akureyri"}}}
TOLD = {"done": True, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 298}
ASKED: dict[str, Any] = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hello"}]}


def line(**more: Any) -> dict[str, Any]:
    return {"model": "llama3.2", "created_at": "2026-11-22T07:00:00Z", "done": False, **more}


def said(word: str, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": word}
    return line(message={**message, "tool_calls": list(calls)} if calls else message, **more)


def lines(*sent: dict[str, Any]) -> Answer:
    body = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in sent)
    return stream_answer(body, content_type="application/x-ndjson", chunk_size=11)


CHAT = said("Hæ", **TOLD)
CHAT_STREAM = lines(said("Über"), said(" den Wolken"), said("", CALL), said("", **TOLD))
CHAT_BEGUN = lines(said("Über"))


@contextlib.contextmanager
def client(url: str) -> Iterator[Any]:
    opened = ollama.Client(host=url)
    try:
        yield opened
    finally:
        opened._client.close()  # older releases cannot close themselves


@contextlib.asynccontextmanager
async def async_client(url: str) -> AsyncIterator[Any]:
    opened = ollama.AsyncClient(host=url)
    try:
        yield opened
    finally:
        await opened._client.aclose()
