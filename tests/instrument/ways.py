"""How an application uses an SDK: it asks, reads a stream to its end or leaves it early, and is refused."""

from __future__ import annotations

import gc
import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.replay import Answer, Received, json_answer, stream_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.replay import ReplayServer


@dataclass(frozen=True, kw_only=True)
class Use:
    """How an SDK is used. The async side of it is used alike, and what it returns is awaited.

    Attributes:
        client: Opens a client that asks a server, as a context manager; async_client likewise.
        ask: Asks by a client, and returns the answer.
        stream: Asks for a stream, and returns what can be iterated.
        answer: What the provider answers; where a stream is asked for, in pieces that split events and characters.
        error: How it refuses.
        parts: Returns what can be iterated, where that is not what `stream` returns, or promises.
    """

    client: Callable[[ReplayServer], Any]
    async_client: Callable[[ReplayServer], Any]
    ask: Callable[[Any], Any]
    stream: Callable[[Any], Any]
    answer: Callable[[Received], Answer]
    error: Answer
    parts: Callable[[Any], Any] = lambda answer: answer


# --- what every SDK is used for ---


def _whole(use: Use, client: Any) -> Any:
    return _seen(use.ask(client))


def _read(use: Use, client: Any) -> Any:
    return [_seen(part) for part in use.parts(use.stream(client))]


def _left(use: Use, client: Any) -> Any:
    parts = use.parts(use.stream(client))
    first = _seen(next(iter(parts)))
    parts.close() if hasattr(parts, "close") else parts.__exit__(None, None, None)
    return [first]


def _tripped(use: Use, client: Any) -> Any:
    """Raise an exception of the application's in the middle of a stream."""
    for _ in use.parts(use.stream(client)):
        raise LookupError
    return None


def _abandoned(use: Use, client: Any) -> Any:
    first = _seen(next(iter(use.parts(use.stream(client)))))
    gc.collect()
    return [first]


async def _async_whole(use: Use, client: Any) -> Any:
    answer = await use.ask(client)
    if hasattr(body := answer.get("body") if isinstance(answer, dict) else None, "read"):
        return await body.read()
    return _seen(answer)


async def _async_read(use: Use, client: Any) -> Any:
    return [_seen(part) async for part in use.parts(await _awaited(use.stream(client)))]


async def _async_left(use: Use, client: Any) -> Any:
    parts = use.parts(await _awaited(use.stream(client)))
    first = _seen(await anext(aiter(parts)))
    close = getattr(parts, "aclose", None) or getattr(parts, "close", None)
    await _awaited(close() if close else parts.__aexit__(None, None, None))
    return [first]


async def _awaited(promised: Any) -> Any:
    return await promised if inspect.isawaitable(promised) else promised


def _seen(part: Any) -> Any:
    """Return what an application sees of an answer or of a part of it, but for the time of day."""
    if hasattr(part, "http_request"):  # a raw answer
        return part.text
    part = part.data if hasattr(part, "data") else part
    part = part.model_dump() if hasattr(part, "model_dump") else part
    if isinstance(part, dict):
        return {key: _seen(value) for key, value in part.items() if str(key).lower() != "date"}
    if isinstance(part, list):
        return [_seen(each) for each in part]
    return part.read() if hasattr(part, "read") else part


WAYS: dict[str, Callable[[Use, Any], Any]] = {
    "whole": _whole,
    "read": _read,
    "left": _left,
    "abandoned": _abandoned,
    "tripped": _tripped,
    "malformed": _whole,
    "refused": _whole,
    "stream refused": _read,
}
ASYNC_WAYS: dict[str, Callable[[Use, Any], Any]] = {
    "async whole": _async_whole,
    "async read": _async_read,
    "async left": _async_left,
    "async malformed": _async_whole,
    "async refused": _async_whole,
    "async stream refused": _async_read,
}


def outcome_of(run: Callable[[], Any]) -> Any:
    """Return what a run gives or raises, but for the time of day."""
    try:
        return run()
    except Exception as error:  # noqa: BLE001 - whatever the application sees is compared
        return type(error).__name__, re.sub(r"'date': '[^']*'", "", str(error), flags=re.IGNORECASE)


def without_what_was_asked_for(seen: Any) -> Any:
    """Leave out the chunk that tells the usage which we asked for: hiding it is what our failing code did."""
    if not isinstance(seen, list):
        return seen
    kept = []
    for item in seen:
        if isinstance(item, dict) and item.get("object") == "chat.completion.chunk":
            if item["choices"]:
                kept.append({key: value for key, value in item.items() if key != "usage"})
        elif not (isinstance(item, str) and '"choices": []' in item):
            kept.append(item.replace(', "usage": null', "") if isinstance(item, str) else item)
    return [item for item in kept if item != ""]  # the empty line behind that chunk


# --- what is answered ---


def either(whole: object, streamed: Answer) -> Callable[[Received], Answer]:
    """Answer as a whole or in pieces, as the body or the path asks."""

    def answer(received: Received) -> Answer:
        is_stream = (received.json or {}).get("stream") or "stream" in received.path.lower()
        return streamed if is_stream else json_answer(whole)

    return answer


def events(body: str, **more: Any) -> Answer:
    return stream_answer(body, chunk_size=11, **more)
