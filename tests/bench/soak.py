"""`make soak`: a long run in one process, a tenth of it streams that nobody reads to the end; nothing may be left.

Each kind of use comes in turn: calls in full, streams in full, and streams that are left by a break, closed, abandoned
to the garbage collector, cancelled in the middle, and cut by an error of the application's. After a warm-up the
objects that Python tracks, the calls under way and the spans that were begun and not ended are counted, and again at
the end.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

import otel_llmcost
from otel_llmcost.telemetry import runtime
from tests.bench.transport import openai_clients

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED: dict[str, Any] = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Why did the price rise?"}]}
STREAMED: dict[str, Any] = {**ASKED, "stream": True, "extra_headers": {"x-chunks": "20"}}
CYCLE = 50
"""So many calls make a cycle: five of them are streams that end early, one of each kind."""


@dataclass(frozen=True)
class Found:
    """What was counted.

    Attributes:
        calls: How many calls were made, and how many records of them were handed on.
        recorded: Likewise.
        open_calls: Calls under way at the end, open_spans spans begun and not ended.
        objects_before: Objects that Python tracked after the warm-up; objects_after at the end.
        rss_before: Bytes of memory that the process held, likewise.
    """

    calls: int
    recorded: int
    open_calls: int
    open_spans: int
    objects_before: int
    objects_after: int
    rss_before: int
    rss_after: int


class _Open(SpanProcessor):
    """Counts the spans that are open."""

    spans = 0

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.spans += 1

    def on_end(self, span: Any) -> None:
        self.spans -= 1


def soak(calls: int, *, warm_up: int = 1_000) -> Found:
    """Make `calls` calls after a warm-up, and return what is left of them. The environment says where records go."""
    open_spans = _Open()
    provider = TracerProvider()
    provider.add_span_processor(open_spans)
    otel_llmcost.instrument(provider)
    process = runtime.started()
    client, async_client = openai_clients(1_500)
    try:
        with asyncio.Runner() as runner:
            _run(warm_up, client, async_client, runner)
            before = _counted(process)
            taken = process.pipeline.taken
            _run(calls, client, async_client, runner)
            after = _counted(process)
            recorded = process.pipeline.taken - taken
            runner.run(async_client.close())
        return Found(
            calls, recorded, len(process.open_calls), open_spans.spans, before[0], after[0], before[1], after[1]
        )
    finally:
        client.close()
        otel_llmcost.uninstrument()


def _run(calls: int, client: Any, async_client: Any, runner: asyncio.Runner) -> None:
    early: list[Callable[[Any], None]] = [_left, _closed, _abandoned, _tripped]
    for number in range(calls):
        step = number % CYCLE
        if step < len(early):
            early[step](client.chat.completions)
        elif step == len(early):
            runner.run(_cancelled(async_client.chat.completions))
        elif step % 5 == 0:
            for _ in client.chat.completions.create(**STREAMED):
                pass
        elif step % 5 == 1:
            runner.run(_in_full(async_client.chat.completions))
        else:
            client.chat.completions.create(**ASKED)


def _left(api: Any) -> None:
    with api.create(**STREAMED) as stream:
        for _ in stream:
            break


def _closed(api: Any) -> None:
    stream = api.create(**STREAMED)
    next(iter(stream))
    stream.close()


def _abandoned(api: Any) -> None:
    next(iter(api.create(**STREAMED)))


def _tripped(api: Any) -> None:
    with suppress(LookupError):
        for chunk in api.create(**STREAMED):
            raise LookupError(chunk.id)


async def _cancelled(api: Any) -> None:
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in await api.create(**STREAMED):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _in_full(api: Any) -> None:
    await api.create(**ASKED)


def _counted(process: Any) -> tuple[int, int]:
    """Return how many objects are tracked and how many bytes are held, once everything has been delivered."""
    for _ in range(3):
        gc.collect()
        process.pipeline.flush()
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return len(gc.get_objects()), pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("calls", nargs="?", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.environ["LLMCOST_DATA_DIR"] = directory
        found = soak(asked.calls)
    sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")
    grown = found.objects_after - found.objects_before
    if found.recorded != found.calls or found.open_calls or found.open_spans or grown > MAX_GROWTH:
        sys.exit(f"something is left: {grown} objects more than after the warm-up")


MAX_GROWTH = 2_000
"""Objects; one left by each of the streams that end early would be five times as many in 100,000 calls."""


if __name__ == "__main__":
    main()
