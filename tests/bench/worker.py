"""Does calls on command in a process of its own, and tells what CPU they took.

    python -m tests.bench.worker SUBJECT [SDK]

It first says how long setting up the subject took, the SDK having been imported before if so asked; then for each
line of JSON on its input (`{"job": "chat", "calls": 200}`) it answers one line. The CPU time is that of the whole
process, all threads, and everything that was recorded is flushed before the clock is read.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
import time
from contextlib import nullcontext
from functools import cached_property
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from tests.bench.subjects import INPUT_TOKENS, OURS, SET_UP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_COUNTS = ("gen_ai.usage.input_tokens", "llm.token_count.prompt")


class LastSpan(SpanExporter):
    """Exports nowhere; remembers how many spans came and what the last one said."""

    def __init__(self) -> None:
        self.count, self.last = 0, None

    def export(self, spans):
        self.count += len(spans)
        self.last = spans[-1]
        return SpanExportResult.SUCCESS

    def input_tokens(self) -> int | None:
        attributes = (self.last and self.last.attributes) or {}
        return next((attributes[name] for name in _COUNTS if name in attributes), None)


class Worker:
    """One subject, set up.

    Args:
        subject: A key of `SET_UP`.
        first: The SDKs that are imported before the subject is set up.
    """

    def __init__(self, subject: str, first: Sequence[str]) -> None:
        self._subject = subject
        self._spans, self._metrics = LastSpan(), InMemoryMetricReader()
        self._provider = TracerProvider()
        self._provider.add_span_processor(BatchSpanProcessor(self._spans))
        trace.set_tracer_provider(self._provider)
        metrics.set_meter_provider(MeterProvider(metric_readers=[self._metrics]))
        for sdk in first:
            importlib.import_module(sdk)
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        SET_UP[subject](self._provider)
        self.hello = {
            "setup_cpu_ms": (time.process_time_ns() - cpu) / 1e6,
            "setup_wall_ms": (time.perf_counter_ns() - wall) / 1e6,
        }

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        return getattr(self, f"_{asked.pop('job')}")(**asked)

    def _about(self) -> dict[str, Any]:
        data = self._metrics.get_metrics_data()
        seen = [m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        status = Path("/proc/self/status").read_text()
        names = ("openai", "anthropic", "boto3", "opentelemetry-sdk", "httpx2", "httpx")
        return {
            "rss_mb": int(status.partition("VmRSS:")[2].split()[0]) / 1024,
            "spans": self._spans.count,
            "input_tokens": self._spans.input_tokens(),
            "metrics": sorted(set(seen)),
            "python": sys.version.split()[0],
            "versions": {d.name: d.version for d in distributions() if d.name in names},
        }

    def _measured(self, do: Callable[[], None]) -> dict[str, int]:
        """Return the nanoseconds of doing something: of CPU, what is flushed after it included, and of waiting."""
        gc.collect()
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        do()
        wall = time.perf_counter_ns() - wall
        self._provider.force_flush()
        return {"cpu_ns": time.process_time_ns() - cpu, "wall_ns": wall}

    @cached_property
    def _clients(self) -> tuple[Any, Any]:
        from tests.bench.transport import openai_clients

        return openai_clients(INPUT_TOKENS)

    @cached_property
    def _anthropic_clients(self) -> tuple[Any, Any]:
        from tests.bench.transport import anthropic_clients

        return anthropic_clients(INPUT_TOKENS)

    @cached_property
    def _aws(self) -> Any:
        from tests.bench.bedrock_transport import Provider

        return Provider(INPUT_TOKENS)

    # --- faults ---

    def _functions(self, of: dict[str, Any]) -> list[str]:
        """Return the names of our functions that a job passes, for `failing`."""
        from tests.bench.failing import functions_called

        self._may_fail = functions_called(lambda: self.answer(dict(of)))
        return list(self._may_fail)

    def _failing_at(self, function: str, of: dict[str, Any]) -> dict[str, int]:
        """Do a job while one of these functions fails."""
        from tests.bench.failing import failing

        with failing(self._may_fail[function]):
            return self.answer(of)

    # --- the jobs ---

    def _chat(self, calls: int) -> dict[str, int]:
        client, _ = self._clients

        def do() -> None:
            for _ in range(calls):
                client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES)

        return self._measured(do)

    def _chat_async(self, calls: int) -> dict[str, int]:
        _, client = self._clients

        async def do() -> None:
            for _ in range(calls):
                await client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES)

        return self._measured(lambda: asyncio.run(do()))

    def _chat_in_feature(self, calls: int) -> dict[str, int]:
        client, _ = self._clients
        if self._subject == OURS:
            from otel_llmcost import feature
        else:
            feature = nullcontext

        def do() -> None:
            for _ in range(calls):
                with feature("bench"):
                    client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES)

        return self._measured(do)

    def _stream(self, calls: int, chunks: int, *, asks_for_usage: bool) -> dict[str, int]:
        client, _ = self._clients
        asked = {"stream_options": {"include_usage": True}} if asks_for_usage else {}
        headers = {"x-chunks": str(chunks)}

        def do() -> None:
            for _ in range(calls):
                for _chunk in client.chat.completions.create(
                    model="gpt-5-mini", messages=MESSAGES, stream=True, extra_headers=headers, **asked
                ):
                    pass

        return self._measured(do)

    def _message(self, calls: int) -> dict[str, int]:
        client, _ = self._anthropic_clients

        def do() -> None:
            for _ in range(calls):
                client.messages.create(**MESSAGE)

        return self._measured(do)

    def _message_async(self, calls: int) -> dict[str, int]:
        _, client = self._anthropic_clients

        async def do() -> None:
            for _ in range(calls):
                await client.messages.create(**MESSAGE)

        return self._measured(lambda: asyncio.run(do()))

    def _message_stream(self, calls: int, chunks: int) -> dict[str, int]:
        client, _ = self._anthropic_clients
        headers = {"x-chunks": str(chunks)}

        def do() -> None:
            for _ in range(calls):
                for _event in client.messages.create(**MESSAGE, stream=True, extra_headers=headers):
                    pass

        return self._measured(do)

    def _converse(self, calls: int) -> dict[str, int]:
        client = self._aws.client

        def do() -> None:
            for _ in range(calls):
                client.converse(modelId=BEDROCK_MODEL, messages=TURNS)

        return self._measured(do)

    def _converse_stream(self, calls: int, chunks: int) -> dict[str, int]:
        self._aws.chunks = chunks
        client = self._aws.client

        def do() -> None:
            for _ in range(calls):
                for _event in client.converse_stream(modelId=BEDROCK_MODEL, messages=TURNS)["stream"]:
                    pass

        return self._measured(do)


BEDROCK_MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
TURNS = [{"role": "user", "content": [{"text": "Why did I pay more in October than in September? " * 8}]}]
MESSAGES = [
    {"role": "system", "content": "You answer questions of customers about their invoices, briefly. " * 6},
    {"role": "user", "content": "Why did I pay more in October than in September?"},
]

MESSAGE = {
    "model": "claude-haiku-4-5",
    "max_tokens": 1_000,
    "system": MESSAGES[0]["content"],
    "messages": [MESSAGES[1]],
}


def main() -> None:
    worker = Worker(sys.argv[1], sys.argv[2:])
    _say(worker.hello)
    for line in sys.stdin:
        _say(worker.answer(json.loads(line)))
    os._exit(0)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
