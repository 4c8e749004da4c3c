"""`python -m tests.collector.fuzz`: requests that nobody should send, through everything that a request passes.

A case is a sound request that was written as no exporter writes it, or damaged: bytes flipped, cut, doubled or put
elsewhere, or values of the wrong kind in the place of right ones. It has to be refused as unreadable, or give calls
that can be priced and written, and that are the same whether they are read one by one or by column.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToJson
from llmcost_collector.requests import BadRequestError, protobuf_of_json, read
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from otel_llmcost import semconv
from otel_llmcost.dialects.bulk import read_in_bulk
from otel_llmcost.drain import Read
from otel_llmcost.pricing import Pricer, load_rate_table
from otel_llmcost.spool import Frame
from otel_llmcost.store import connect
from otel_llmcost.store.calls import PricedCalls
from tests.collector.strange import strangely
from tests.collector.telling import a_call, as_json, request_of

if TYPE_CHECKING:
    from random import Random

    from otel_llmcost.spool import Signal
    from otel_llmcost.store import PricedCall, Store

KEYS: Final = (
    *semconv.USAGE_ATTRIBUTES.values(),
    *semconv.ATTRIBUTION_ATTRIBUTES.values(),
    semconv.GEN_AI_REQUEST_MODEL,
    semconv.GEN_AI_RESPONSE_FINISH_REASONS,
    semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    semconv.GEN_AI_USAGE_CACHE_WRITE,
    semconv.IS_BATCH,
    semconv.USAGE_QUALITY,
    semconv.TAG_PREFIX,
)
INTEGERS: Final = (0, 1, -1, 2**31, 2**53, 2**63 - 1, -(2**63))
TEXTS: Final = ("", "\0", "x" * 5_000, "\U0001f4b8", "'; DROP TABLE llm_calls --", "\ufffe", "1e999", "NaN")
BATCH: Final = 1_000
"""So many requests are read and written at once; they are more than what is read one by one."""


@dataclass(slots=True)
class Fuzz:
    """Damages requests and watches what becomes of them.

    Attributes:
        rng: Decides everything.
        refused: Cases that were refused as unreadable.
        calls: Calls that the others told of.
        by_column: Those that were read by column.
        written: Those that the store took.
    """

    rng: Random
    store: Store
    pricer: Pricer = field(default_factory=lambda: Pricer(load_rate_table()))
    refused: int = 0
    calls: int = 0
    by_column: int = 0
    written: int = 0
    _frames: list[Frame] = field(default_factory=list)

    def run(self, cases: int) -> None:
        for _ in range(cases):
            signal: Signal = "logs" if self.rng.random() < 0.1 else "traces"
            is_json = self.rng.random() < 0.4
            data = self._case(signal, is_json=is_json)
            try:
                self._take(signal, data, is_json=is_json)
            except Exception as error:
                error.add_note(f"the case was {signal} {data!r}")
                raise
        self._write()

    def _take(self, signal: Signal, data: bytes, *, is_json: bool) -> None:
        now_ns = time.time_ns()
        try:
            body = protobuf_of_json(signal, data) if is_json else data
            request = read(signal, body, now_ns=now_ns, retention_days=400)
        except BadRequestError:
            self.refused += 1
            return
        request.answer().SerializeToString()
        if request.payload:
            self._frames.append(Frame(now_ns, request.payload, signal))
        if len(self._frames) >= BATCH:
            self._write()

    def _write(self) -> None:
        """Read what was taken in both ways, which have to agree, and write it."""
        frames, place = self._frames, Path("fuzz")
        read_in_bulk([frame.payload for frame in frames if frame.signal == "traces"])  # raises for no reason
        by_column, one_by_one = Read(place, frames), Read(place, frames)
        rows, expected = by_column.priced(self.pricer), one_by_one.priced(self.pricer, edges=None)
        assert not by_column.faults, by_column.faults
        assert not one_by_one.faults, one_by_one.faults
        assert sorted(map(_told, rows)) == sorted(map(_told, expected))
        self.calls += len(rows)
        self.by_column += sum(map(len, rows.batches)) if isinstance(rows, PricedCalls) else 0
        before = self.store.refused["engine"]
        self.written += self.store.write(rows)
        assert self.store.refused["engine"] == before
        frames.clear()

    def _case(self, signal: Signal, *, is_json: bool) -> bytes:
        message = self._sound(signal)
        if self.rng.random() < 0.5:
            self._spoil(message)
        data = message.SerializeToString()
        if is_json:
            data = as_json(data) if signal == "traces" else MessageToJson(message).encode()
        elif self.rng.random() < 0.3:
            data = strangely(message, self.rng, self.rng.choice((0.01, 0.1)))
        for _ in range(self.rng.choice((0, 0, 0, 1, 2, 8))):
            data = self._damaged(data)
        return data

    def _sound(self, signal: Signal) -> Any:
        if signal == "traces":
            return ExportTraceServiceRequest.FromString(request_of([a_call(self.rng) for _ in range(2)]))
        request = ExportLogsServiceRequest()
        record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=time.time_ns())
        record.body.string_value = "claude_code.api_request"
        for key in ("input_tokens", "output_tokens", "cost_usd"):
            record.attributes.add(key=key).value.CopyFrom(self._value())
        return request

    def _spoil(self, message: Any) -> None:
        """Put values of any kind where others belong."""
        if isinstance(message, ExportLogsServiceRequest):
            return
        for span in message.resource_spans[0].scope_spans[0].spans:
            for _ in range(self.rng.randint(1, 8)):
                span.attributes.add(key=self.rng.choice(KEYS)).value.CopyFrom(self._value())
            if self.rng.random() < 0.3:
                span.start_time_unix_nano = self.rng.choice((0, 1, 2**63, 2**64 - 1))
            if self.rng.random() < 0.3:
                span.end_time_unix_nano = self.rng.choice((0, 2**64 - 1))
            if self.rng.random() < 0.2:
                span.parent_span_id = self.rng.randbytes(self.rng.randrange(40))

    def _value(self, depth: int = 0) -> AnyValue:
        value, kind = AnyValue(), self.rng.randrange(8)
        if kind == 0:
            value.string_value = self.rng.choice(TEXTS)
        elif kind == 1:
            value.int_value = self.rng.choice(INTEGERS)
        elif kind == 2:
            value.double_value = self.rng.choice((0.5, -1.0, 1e300, math.inf, math.nan))
        elif kind == 3:
            value.bool_value = True
        elif kind == 4:
            value.bytes_value = self.rng.randbytes(9)
        elif depth < 4 and kind == 5:
            value.array_value.values.extend(self._value(depth + 1) for _ in range(3))
        elif depth < 4 and kind == 6:
            value.kvlist_value.values.add(key="k").value.CopyFrom(self._value(depth + 1))
        return value

    def _damaged(self, data: bytes) -> bytes:
        at, to = sorted((self.rng.randrange(len(data) + 1), self.rng.randrange(len(data) + 1)))
        kind = self.rng.randrange(6)
        if kind == 0:
            return data[:at]
        if kind == 1:
            return data[:at] + data[to:]
        if kind == 2:
            return data[:to] + data[at:]
        if kind == 3:
            return data[:at] + self.rng.randbytes(self.rng.randrange(1, 20)) + data[at:]
        changed = bytearray(data)
        for _ in range(self.rng.randrange(1, 6) if data else 0):
            changed[self.rng.randrange(len(changed))] = self.rng.randrange(256)
        return bytes(changed)


def _told(row: PricedCall) -> str:
    """A row without the lines of its price, of which nothing is stored; as text, in which NaN is NaN."""
    return repr((row.call, row.pricing._replace(lines=()), row.received_at_ns))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="llmcost-fuzz-") as place, connect(f"chdb://{place}") as store:
        store.migrate()
        fuzz = Fuzz(random.Random(asked.seed), store)
        began_s = time.monotonic()
        fuzz.run(asked.cases)
        took_s = time.monotonic() - began_s
    told = f"{fuzz.refused} refused, {fuzz.calls} calls ({fuzz.by_column} by column), {fuzz.written} written"
    sys.stdout.write(f"{asked.cases} cases of seed {asked.seed} in {took_s:.0f} s: {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
