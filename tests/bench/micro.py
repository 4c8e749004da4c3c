"""The steps behind a call, each alone: price, encode, decode, drain into the embedded store, price lines of JSON."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.dialects.own import calls_in
from otel_llmcost.drain import drain
from otel_llmcost.pricing import Pricer, load_rate_table, price
from otel_llmcost.spool import Frame, SegmentWriter
from otel_llmcost.store import connect
from otel_llmcost.telemetry.otlp import encoded
from otel_llmcost.usage import Usage, UsageQuality
from tests.bench.environments import BUILD, ROOT, environ

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH: Final = 1_000
DRAINED: Final = 10_000
LINES: Final = 20_000
_RESOURCE: Final = {"service.name": "bench", "telemetry.sdk.name": "opentelemetry"}


def measure(repeats: int) -> dict[str, Any]:
    """Return CPU microseconds for each call of every step; `price_lines` is None where the command does not work."""
    calls = [_call(number) for number in range(BATCH)]
    batch = [(call, to_attributes(call)) for call in calls]
    payload = encoded(batch, _RESOURCE)
    table = load_rate_table()
    return {
        "attributes": _best(lambda: [to_attributes(call) for call in calls], repeats),
        "encode": _best(lambda: encoded(batch, _RESOURCE), repeats),
        "bytes": len(payload) / BATCH,
        "decode": _best(lambda: list(calls_in(payload)), repeats),
        "price": _best(lambda: [price(call, table) for call in calls], repeats),
        "drain": _drain(repeats),
        "price_lines": _price_lines(),
    }


def _best(do: Callable[[], object], repeats: int) -> float:
    """Return the least CPU microseconds of `do` for each call of a batch."""
    taken = []
    for _ in range(repeats):
        start = time.process_time_ns()
        do()
        taken.append(time.process_time_ns() - start)
    return min(taken) / BATCH / 1e3


def _call(number: int) -> LLMCall:
    return LLMCall(
        trace_id=f"{number + 1:032x}",
        span_id=f"{number + 1:016x}",
        started_at_ns=time.time_ns(),
        duration_ns=1_234_567_890,
        provider="openai",
        provider_source="host",
        request_model="gpt-5-mini",
        response_model="gpt-5-mini-2025-08-07",
        response_id=f"chatcmpl-{number:022d}",
        usage=Usage(input_tokens=1_337, cache_read_tokens=1_024, output_tokens=212, reasoning_tokens=128),
        usage_quality=UsageQuality.REPORTED,
        feature_source="span",
        call_site="app.answers:reply:17",
        server_address="api.openai.com",
        finish_reason="stop",
        input_bytes=533,
        tool_call_count=0,
        service_tier="default",
        provider_request_id=f"req_{number:016d}",
        scope_name="otel_llmcost.openai",
        scope_version="0",
    )


def _drain(repeats: int) -> dict[str, float]:
    """Return what draining ten thousand calls takes: decoded, priced and written, in the embedded engine."""
    directory = BUILD / "drain"
    shutil.rmtree(directory, ignore_errors=True)
    table = load_rate_table()
    cpu, wall = [], []
    with connect(f"chdb://{directory / 'store'}") as store:
        store.migrate()
        for number in range(min(repeats, 5)):
            _fill(directory / "spool", number)
            started = time.process_time_ns(), time.perf_counter_ns()
            done = drain(directory / "spool", store, Pricer(table))
            cpu.append((time.process_time_ns() - started[0]) / DRAINED / 1e3)
            wall.append((time.perf_counter_ns() - started[1]) / DRAINED / 1e3)
            assert done.calls == DRAINED, done
    shutil.rmtree(directory)
    return {"cpu": median(cpu), "wall": median(wall)}


def _fill(spool: Any, number: int) -> None:
    writer = SegmentWriter(spool)
    for first in range(0, DRAINED, BATCH):
        calls = [_call(number * DRAINED + first + each) for each in range(BATCH)]
        writer.append(Frame(time.time_ns(), encoded([(call, to_attributes(call)) for call in calls], _RESOURCE)))
    writer.seal()


def _price_lines() -> float | None:
    """Return what `llmcost price -` takes for a line, without its start."""
    usage = {"prompt_tokens": 1_337, "completion_tokens": 212, "total_tokens": 1_549}
    line = {"id": "1", "provider": "openai", "model": "gpt-5-mini", "at": "2026-11-01T00:00:00Z", "usage": usage}
    text = json.dumps(line) + "\n"
    one, many = _cpu_of_price(text), _cpu_of_price(text * LINES)
    return None if one is None or many is None else (many - one) / LINES * 1e6


def _cpu_of_price(lines: str) -> float | None:
    command = [sys.executable, "-c", "from otel_llmcost.cli import main; main()", "price", "-"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, env=environ(), check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or done.stdout.count("\n") != lines.count("\n"):
        return None
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
