"""Real programs under `opentelemetry-instrument`, a provider on loopback, and what was recorded of them."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.dialects.own import calls_in
from otel_llmcost.spool import Spool
from otel_llmcost.usage import Usage, UsageQuality
from tests.support.replay import Answer, Received, ReplayServer, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from otel_llmcost.call import LLMCall

APPS = Path(__file__).parent / "apps"
BIN = Path(sys.executable).parent
DEADLINE_S = 180


def answer(received: Received) -> Answer:
    """Answer a numbered question, with a usage by which it is known again."""
    number = int(received.json["messages"][-1]["content"])
    message = {"role": "assistant", "content": f"answer {number}"}
    return json_answer(
        {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {
                "prompt_tokens": 100 + number,
                "completion_tokens": 10,
                "total_tokens": 110 + number,
                "prompt_tokens_details": {"cached_tokens": 64},
            },
        }
    )


def answers(numbers: Iterable[int]) -> str:
    """Return what the shop prints for these questions."""
    return "".join(f"answer {number}\n" for number in numbers)


@dataclass
class Place:
    """A home directory in which programs run, with nothing set that concerns telemetry, and their provider."""

    home: Path
    provider: ReplayServer

    @property
    def data_dir(self) -> Path:
        return self.home / "data"

    @property
    def spool(self) -> Path:
        return self.data_dir / "spool"

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment of a program: the data directory and no more, unless told."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        data_dir = {"LLMCOST_DATA_DIR": str(self.data_dir)}
        return {name: value for name, value in (kept | {"HOME": str(self.home)} | data_dir | more).items() if value}

    def command(self, app: str, *arguments: object, instrumented: bool = True) -> list[str]:
        program = [sys.executable, str(APPS / app), *map(str, arguments)]
        return [str(BIN / "opentelemetry-instrument"), *program] if instrumented else program

    def start(self, app: str, *arguments: object, instrumented: bool = True, **more: Any) -> subprocess.Popen[str]:
        """Start a program; capital keywords are variables, the others go to `Popen`."""
        variables = {name: more.pop(name) for name in list(more) if name.isupper()}
        command = more.pop("command", None) or self.command(app, *arguments, instrumented=instrumented)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=self.environ(**variables), cwd=self.home, **(pipes | more))

    def run(self, app: str, *arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        with self.start(app, *arguments, **more) as process:
            try:
                out, err = process.communicate(timeout=DEADLINE_S)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def shop(self, count: int = 3, *, first: int = 0, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run the shop, and make sure that it noticed nothing of us."""
        ran = self.run("shop.py", self.provider.url, first, first + count, **more)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout == answers(range(first, first + count))
        return ran

    def calls(self, spool: Path | None = None) -> list[LLMCall]:
        """Return what waits in the spool, in the order of the questions."""
        with Spool(spool or self.spool) as reader:
            found = [call for seg in reader.segments() for each in seg.frames for call in calls_in(each.payload)]
        return sorted(found, key=number_of)

    def segments(self) -> list[Path]:
        return sorted(self.spool.glob("*.segment"))


def number_of(call: LLMCall) -> int:
    """Return which question a call asked."""
    return call.usage.input_tokens - 100 if call.usage else -1


def assert_billed(calls: list[LLMCall], numbers: Iterable[int]) -> None:
    """Every one of these questions is recorded once, as it was asked and answered, under ids of its own."""
    numbers = list(numbers)
    assert [number_of(call) for call in calls] == numbers
    assert [call.usage for call in calls] == [
        Usage(input_tokens=100 + number, output_tokens=10, cache_read_tokens=64) for number in numbers
    ]
    assert {call.usage_quality for call in calls} <= {UsageQuality.REPORTED}
    assert [call.attribution.feature for call in calls] == [f"feature_{number % 3}" for number in numbers]
    assert [call.response_id for call in calls] == [f"chatcmpl-{number}" for number in numbers]
    assert {call.attribution.team for call in calls} <= {"growth"}
    assert len({call.span_id for call in calls}) == len(calls)
    assert all(int(call.trace_id, 16) and int(call.span_id, 16) for call in calls)
    for call, number in zip(calls, numbers, strict=True):
        if number % 2:
            assert (call.trace_id, call.parent_span_id) == (f"{0xABC:032x}", f"{0xDEF:016x}")
            assert call.span_id != call.parent_span_id
        else:
            assert call.parent_span_id == ""


def calls_received(collector: ReplayServer) -> list[LLMCall]:
    """Return the calls that an OTLP receiver was sent, in the order of the questions."""
    bodies = [received.body for received in collector.requests if received.path == "/v1/traces"]
    return sorted((call for body in bodies for call in calls_in(gzip.decompress(body))), key=number_of)


@pytest.fixture
def provider() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        server.answer_with(answer, path="/v1/chat/completions")
        yield server


@pytest.fixture
def collector() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        server.answer_with(Answer(content_type="application/x-protobuf"), path="/v1/traces")
        yield server


@pytest.fixture
def place(tmp_path: Path, provider: ReplayServer) -> Place:
    home = tmp_path / "home"
    home.mkdir()
    return Place(home, provider)
