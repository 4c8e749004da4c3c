"""The collector beside `rotel → ClickHouse`, which writes the same spans unpriced: CPU of all processes for a span.

Both write into a ClickHouse server of their own. The clock and the CPU counters stop when every queue is empty and,
for the collector, every rollup derived. The client's own CPU does not count: it has its requests ready before.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost import semconv
from otel_llmcost.attribution import Attribution
from otel_llmcost.dialects import wire
from otel_llmcost.store import connect
from tests.bench.environments import environment
from tests.collector.process import Service
from tests.collector.telling import TRACES, a_call, request_of
from tests.collector.test_peers import ROTEL, process
from tests.support import ports
from tests.support.clickhouse import Server, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

REQUEST_SPANS: Final = 2_000
CLIENTS: Final = 4
_TICKS: Final = os.sysconf("SC_CLK_TCK")

_ROTEL_TABLE: Final = """
CREATE TABLE otel.otel_traces
(
    Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
    SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String), ScopeName String, ScopeVersion String,
    SpanAttributes Map(LowCardinality(String), String), Duration Int64, StatusCode LowCardinality(String),
    StatusMessage String,
    Events Nested (
        Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)
    ),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String))
)
ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""


def measure(spans: int) -> dict[str, Any]:
    """Return CPU and throughput of both on LLM spans, and of the collector on spans of which one in 20 is one."""
    rng = random.Random(1)
    calls = requests(rng, spans, llm_share=1.0)
    mixed = requests(rng, spans, llm_share=0.05)
    return {
        "spans": spans,
        "collector": through_collector(calls, spans, spans),
        "rotel": through_rotel(calls, spans),
        "collector, 5 % LLM": through_collector(mixed, spans, sum(number % 20 == 0 for number in range(spans))),
    }


# --- what is sent ---


def requests(rng: random.Random, spans: int, *, llm_share: float) -> list[bytes]:
    """Return requests: half of the calls are told by us, half by OpenLLMetry, the other spans by a web server."""
    every = round(1 / llm_share)
    return [
        _request(rng, [number % every == 0 for number in range(first, min(first + REQUEST_SPANS, spans))])
        for first in range(0, spans, REQUEST_SPANS)
    ]


def _request(rng: random.Random, are_calls: Sequence[bool]) -> bytes:
    count = sum(are_calls)
    ours = request_of([_call(rng) for _ in range(count // 2)], "bench")
    others = ExportTraceServiceRequest()
    resource = others.resource_spans.add()
    resource.resource.attributes.add(key=semconv.SERVICE_NAME).value.string_value = "bench"
    told = resource.scope_spans.add()
    told.scope.name, told.scope.version = "opentelemetry.instrumentation.openai.v1", "0.62.4"
    for _ in range(count - count // 2):
        _span(rng, told, "openai.chat", _openllmetry(rng))
    web = resource.scope_spans.add()
    web.scope.name = "opentelemetry.instrumentation.flask"
    for _ in range(len(are_calls) - count):
        _span(rng, web, "GET /cart", _web(rng))
    return ours + others.SerializeToString()


def _call(rng: random.Random) -> Any:
    who = Attribution(
        feature=rng.choice(("search", "summary", "chat")),
        team="growth",
        tenant=f"t{rng.randrange(50)}",
        session_id=f"s{rng.randrange(5_000)}",
    )
    return a_call(rng, attribution=who, response_id=f"chatcmpl-{rng.randbytes(12).hex()}", finish_reason="stop")


def _span(rng: random.Random, scope: Any, name: str, said: dict[str, str | int]) -> None:
    now_ns = time.time_ns()
    span = scope.spans.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8), name=name)
    span.start_time_unix_nano, span.end_time_unix_nano = now_ns - 10**9, now_ns
    for key, value in said.items():
        told = span.attributes.add(key=key).value
        if isinstance(value, int):
            told.int_value = value
        else:
            told.string_value = value


def _openllmetry(rng: random.Random) -> dict[str, str | int]:
    read, written = rng.randrange(5_000), rng.randrange(900)
    return {
        semconv.GEN_AI_OPERATION_NAME: "chat",
        semconv.GEN_AI_PROVIDER_NAME: "openai",
        semconv.GEN_AI_REQUEST_MODEL: "gpt-4o",
        semconv.GEN_AI_RESPONSE_MODEL: "gpt-4o-2024-08-06",
        semconv.GEN_AI_RESPONSE_ID: f"chatcmpl-{rng.randbytes(12).hex()}",
        semconv.GEN_AI_REQUEST_MAX_TOKENS: 1_000,
        semconv.USAGE_ATTRIBUTES["input_tokens"]: read,
        semconv.USAGE_ATTRIBUTES["output_tokens"]: written,
        "llm.usage.total_tokens": read + written,
        "llm.request.type": "chat",
        "llm.headers": "None",
        "llm.is_streaming": "false",
        "server.address": "api.openai.com",
    }


def _web(rng: random.Random) -> dict[str, str | int]:
    return {f"http.attribute.{number}": f"value {rng.randrange(1_000)}" for number in range(13)}


class Renewed:
    """The same requests again and again, each time with new ids: as many spans as wanted, in little memory.

    Args:
        bodies: The requests.
    """

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._bodies = [np.frombuffer(body, np.uint8) for body in bodies]
        self._ids = [_places_of_ids(body) for body in bodies]
        self._rng = np.random.default_rng(1)

    def each(self, spans: int) -> Iterator[bytes]:
        """Yield requests with so many spans."""
        number = 0
        while spans > 0:
            body, ids = self._bodies[number % len(self._bodies)].copy(), self._ids[number % len(self._bodies)]
            body[ids] = self._rng.integers(1, 256, ids.size, np.uint8)
            yield body.tobytes()
            spans -= REQUEST_SPANS
            number += 1


def _places_of_ids(body: bytes) -> npt.NDArray[np.int64]:
    places = [place for group in wire.outline(body) for place in group.spans]
    begin, end = np.array(places, np.int64).T.copy()
    spans = wire.read_spans(np.frombuffer(body + bytes(wire.PADDING), np.uint8), begin, end)
    parts = [
        (spans.at[field][:, None] + np.arange(size)).ravel() for field, size in ((wire.TRACE_ID, 16), (wire.SPAN_ID, 8))
    ]
    return np.concatenate(parts)


def hold(spans: int) -> dict[str, Any]:
    """Return the memory of a collector in MiB, every minute, at every tenth and at most, and how fast all went."""
    renewed = Renewed(requests(random.Random(2), 50 * REQUEST_SPANS, llm_share=1.0))
    with _servers() as (place, server):
        dsn = server.dsn()
        with Service(place / "data", {"LLMCOST_DSN": dsn}) as service, connect(dsn) as store:
            assert service.process is not None
            pid, held, stop, most = service.process.pid, list[int](), threading.Event(), [0]
            by_minute: list[int] = []
            watching = threading.Thread(target=_watch, args=(pid, most, stop, by_minute))
            watching.start()
            began_s, before = time.monotonic(), [_cpu_s(each) for each in (pid, server.pid)]
            with grpc.insecure_channel(f"127.0.0.1:{service.grpc}", [("grpc.max_send_message_length", -1)]) as channel:
                export = channel.unary_unary(TRACES)
                for tenth in range(10):
                    for body in renewed.each(spans // 10):
                        export(body, timeout=600, wait_for_ready=True)
                    while store.query(_STORED).rows[0][0] < (tenth + 1) * (spans // 10):  # type: ignore[operator]
                        time.sleep(0.5)
                    held.append(_rss_mib(pid))
            took_s = time.monotonic() - began_s
            store.derive()
            own, of_server = (
                (_cpu_s(each) - was) / spans * 1e6 for each, was in zip((pid, server.pid), before, strict=True)
            )
            stop.set()
            watching.join()
    return {
        "spans": spans,
        "mib_at_tenths": held,
        "mib_by_minute": by_minute,
        "max_rss_mib": most[0],
        "stored_spans_a_s": round(spans / took_s),
        "cpu_us_a_span": round(own + of_server, 1),
        "of_the_server": round(of_server, 1),
    }


_STORED: Final = "SELECT count() FROM llm_calls_log"


# --- through whom ---


def through_collector(bodies: Sequence[bytes], spans: int, calls: int) -> dict[str, float]:
    """Return what it took to have every call in the ledger and in the rollups."""
    with _servers() as (place, server):
        dsn = server.dsn()
        with (
            Service(place / "data", {"LLMCOST_DSN": dsn}) as service,
            connect(dsn) as store,
        ):
            assert service.process is not None

            def is_done() -> bool:
                return bool(store.query("SELECT count() FROM llm_calls_log").rows[0][0] >= calls)

            def derived() -> None:
                store.derive()

            return _measured(bodies, spans, service.grpc, [service.process.pid, server.pid], is_done, derived)


def through_rotel(bodies: Sequence[bytes], spans: int) -> dict[str, float]:
    """Return what it took to have every span in the table of the OpenTelemetry exporter."""
    binary = next(environment("rotel", ROTEL).parents[1].glob("lib/python*/site-packages/rotel/rotel-agent"))
    with _servers() as (_, server):
        url = f"http://127.0.0.1:{server.port}"
        for statement in ("CREATE DATABASE otel", _ROTEL_TABLE):
            _ask(url, statement)
        port, other = ports.held_for(server), ports.held_for(server)
        arguments = [
            *(str(binary), "start", "--exporter", "clickhouse", "--clickhouse-exporter-endpoint", url),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{port}", "--otlp-http-endpoint", f"127.0.0.1:{other}"),
            *("--otlp-grpc-max-recv-msg-size-mib", "16"),
        ]
        with process(arguments, port) as rotel:

            def is_done() -> bool:
                return int(_ask(url, "SELECT count() FROM otel.otel_traces")) >= spans

            return _measured(bodies, spans, port, [rotel.pid, server.pid], is_done, lambda: None)


@contextmanager
def _servers() -> Iterator[tuple[Path, Server]]:
    with tempfile.TemporaryDirectory(prefix="llmcost-bench-") as place:
        server = Server(Path(place) / "server", fetch())
        server.start()
        try:
            yield Path(place), server
        finally:
            server.kill()


def _ask(url: str, sql: str) -> str:
    with urllib.request.urlopen(f"{url}/?{urllib.parse.urlencode({'query': sql})}", data=b"", timeout=60) as answer:
        return answer.read().decode().strip() or "0"


def _measured(
    bodies: Sequence[bytes],
    spans: int,
    port: int,
    pids: Sequence[int],
    is_done: Callable[[], bool],
    finish: Callable[[], None],
) -> dict[str, float]:
    options = [("grpc.max_send_message_length", -1)]
    memory, stop = [0], threading.Event()
    watching = threading.Thread(target=_watch, args=(pids[0], memory, stop))
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel, ThreadPoolExecutor(CLIENTS) as clients:
        export = channel.unary_unary(TRACES)
        export(b"")
        watching.start()
        began_s, before = time.monotonic(), [_cpu_s(pid) for pid in pids]
        list(clients.map(lambda body: export(body, timeout=120), bodies))
        taken_s = time.monotonic() - began_s
        while not is_done():
            time.sleep(0.25)
        finish()
        took_s = time.monotonic() - began_s
        own_us, server_us = ((_cpu_s(pid) - was) / spans * 1e6 for pid, was in zip(pids, before, strict=True))
    stop.set()
    watching.join()
    return {
        "cpu_us_a_span": round(own_us + server_us, 1),
        "of_the_server": round(server_us, 1),
        "taken_spans_a_s": round(spans / taken_s),
        "done_spans_a_s": round(spans / took_s),
        "max_rss_mib": memory[0],
    }


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _watch(pid: int, memory: list[int], stop: threading.Event, by_minute: list[int] | None = None) -> None:
    next_s = time.monotonic()
    while not stop.wait(0.2):
        memory[0] = max(memory[0], _rss_mib(pid))
        if by_minute is not None and time.monotonic() >= next_s:
            by_minute.append(_rss_mib(pid))
            next_s += 60


def _rss_mib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) // 1024


def table(found: dict[str, Any]) -> list[str]:
    """Return what was found as lines."""
    lines = [
        f"\nThe collector, {found['spans']:,} spans of 13 attributes and more, until all is stored and derived",
        "                       CPU µs a span, of the server   taken/s   stored/s   memory MiB",
    ]
    for name in ("collector", "rotel", "collector, 5 % LLM"):
        said = found[name]
        lines.append(
            f"  {name:20} {said['cpu_us_a_span']:13} {said['of_the_server']:15} {said['taken_spans_a_s']:9,} "
            f"{said['done_spans_a_s']:10,} {said['max_rss_mib']:12,}"
        )
    return lines


def held_lines(found: dict[str, Any]) -> list[str]:
    """Return what `hold` found as lines."""
    at_tenths, by_minute = (" ".join(map(str, found[name])) for name in ("mib_at_tenths", "mib_by_minute"))
    speed = f"{found['stored_spans_a_s']:,} stored a second"
    cpu = f"{found['cpu_us_a_span']} CPU µs a span of which the server {found['of_the_server']}"
    return [
        f"\nThe collector over {found['spans']:,} LLM spans: {speed}, {cpu}",
        f"  MiB at each tenth: {at_tenths}; each minute: {by_minute}; at most {found['max_rss_mib']}",
    ]
