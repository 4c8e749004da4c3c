"""The real SDKs, instrumented, against a provider on loopback; the records are read back from a real spool."""

from __future__ import annotations

import gc
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_llmcost
from otel_llmcost.dialects.own import calls_in
from otel_llmcost.spool import Spool
from otel_llmcost.telemetry import runtime
from tests.support.replay import ReplayServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_llmcost.call import LLMCall


@dataclass
class Telemetry:
    """What an instrumented process has told."""

    spool_dir: Path
    exporter: InMemorySpanExporter
    processor: SimpleSpanProcessor
    provider: TracerProvider

    def calls(self) -> list[LLMCall]:
        """Return every record in the spool, in the order of their start."""
        process = runtime.current()
        assert process is None or process.pipeline.flush()
        with Spool(self.spool_dir) as spool:
            frames = [frame for segment in spool.segments() for frame in segment.frames]
        return sorted((call for frame in frames for call in calls_in(frame.payload)), key=lambda c: c.started_at_ns)

    def call(self) -> LLMCall:
        """Return the only record."""
        (call,) = self.calls()
        return call

    def spans(self) -> tuple[ReadableSpan, ...]:
        """Return the finished spans."""
        return self.exporter.get_finished_spans()

    def wait_for_call(self, timeout_s: float = 60.0) -> LLMCall:
        """Return the only record as soon as it is there, for calls that the garbage collector finishes."""
        deadline = time.monotonic() + timeout_s
        while not (calls := self.calls()) and time.monotonic() < deadline:
            gc.collect()
        (call,) = calls
        return call


@pytest.fixture(scope="module", autouse=True)
def _few_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have SDKs read one root certificate instead of all: that took longer than most tests, none of which needs any."""
    end = "-----END CERTIFICATE-----\n"
    first = tmp_path_factory.mktemp("certificates") / "first.pem"
    first.write_text(Path(certifi.where()).read_text(encoding="utf-8").partition(end)[0] + end)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(certifi, "where", lambda: str(first))
        patched.setenv("SSL_CERT_FILE", str(first))
        yield


@pytest.fixture(scope="module", autouse=True)
def _small_heap() -> Iterator[None]:
    """Keep what the tests before have imported out of every collection: that took longer than some files of tests.

    What a file's tests have left open on purpose, as applications do, is collected with it and not in another's tests.
    """
    gc.freeze()
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    gc.unfreeze()


@pytest.fixture
def telemetry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Telemetry]:
    """Instrument everything, and undo it afterwards."""
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path))
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    processor = SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    otel_llmcost.instrument(provider)
    yield Telemetry(tmp_path / "spool", exporter, processor, provider)
    otel_llmcost.uninstrument()


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    """Run a provider on loopback."""
    with ReplayServer() as running:
        yield running
