"""Beside stock collectors and official exporters: what they send arrives, once and at its price.

`make peers` builds them under `.build/peers`; what is not there is skipped, and must be there in CI.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.bench.environments import environment
from tests.collector.process import DEADLINE_S
from tests.collector.telling import COST, a_call, call, post, request_of
from tests.support import ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.collector.conftest import Running

ROOT: Final = Path(__file__).parents[2]
PEERS: Final = ROOT / ".build" / "peers"
COUNT: Final = 120
ROTEL: Final = "rotel==0.0.1a15"
PYTHON_EXPORTERS: Final = ("opentelemetry-exporter-otlp-proto-grpc", "opentelemetry-exporter-otlp-proto-http")


def built(name: str, tool: str) -> Path:
    """Return something that `make peers` builds; skip where its tool is missing, fail in CI where it is not."""
    path = PEERS / name
    if not path.exists():
        why = f".build/peers/{name} is not built; `make peers` does it"
        if os.environ.get("CI") == "true" and shutil.which(tool):
            pytest.fail(why)
        pytest.skip(why)
    return path


@contextmanager
def process(arguments: Sequence[str | Path], port: int, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that listens on a port for the length of a `with` block."""
    with subprocess.Popen(
        arguments, env=os.environ | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as peer:
        try:
            deadline_s = time.monotonic() + DEADLINE_S
            while not _listens(port):
                assert peer.poll() is None, f"{arguments[0]} ended with {peer.returncode}"
                assert time.monotonic() < deadline_s, f"{arguments[0]} does not listen"
                time.sleep(0.05)
            yield peer
        finally:
            peer.terminate()
            peer.wait(DEADLINE_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def arrived(up: Running, service: str, count: int) -> None:
    """Check that a service's calls are there, once, with their cost."""
    sql = f"SELECT count(), sum(list_cost) FROM llm_calls WHERE service_name = '{service}'"
    up.until(lambda: up.rows(sql).rows[0][0] >= count)
    assert list(up.rows(sql)) == [(count, count * Decimal(COST))]


# --- official exporters ---


@pytest.mark.parametrize("kind", ["grpc", pytest.param("http", marks=pytest.mark.long)])
def test_the_python_exporters(up: Running, kind: str) -> None:
    """In an environment of their own: where the gRPC exporter is, opentelemetry-distro exports by it unasked."""
    python = environment("otlp-python", *PYTHON_EXPORTERS, constraints=ROOT / "constraints.txt")
    endpoint = f"127.0.0.1:{up.grpc}" if kind == "grpc" else f"http://127.0.0.1:{up.http}/v1/traces"
    client = Path(__file__).parent / "peers" / "python" / "client.py"
    subprocess.run([python, client, kind, endpoint, str(COUNT)], check=True, timeout=DEADLINE_S)
    arrived(up, f"python-{kind}", COUNT)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["grpc", "proto", "json"])
def test_the_javascript_exporters(up: Running, kind: str) -> None:
    built("js/.done", "npm")
    url = f"http://127.0.0.1:{up.grpc}" if kind == "grpc" else f"http://127.0.0.1:{up.http}/v1/traces"
    subprocess.run(["node", PEERS / "js" / "client.mjs", kind, url, str(COUNT)], check=True, timeout=DEADLINE_S)
    arrived(up, f"js-{kind}", COUNT)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_the_go_exporters(up: Running, kind: str) -> None:
    port = up.grpc if kind == "grpc" else up.http
    subprocess.run([built("go-client", "go"), kind, f"127.0.0.1:{port}", str(COUNT)], check=True, timeout=DEADLINE_S)
    arrived(up, f"go-{kind}", COUNT)


# --- stock collectors ---


@pytest.mark.long
def test_the_opentelemetry_collector_in_front_sends_what_may_be_a_call_unsampled(up: Running, tmp_path: Path) -> None:
    otelcol, config = built("otelcol", "go"), ROOT / "collector" / "otelcol.yaml"
    calls = [a_call() for _ in range(COUNT)]
    with ports.held(3) as (grpc_port, http_port, health_port), ExitStack() as running:
        environ = {
            "OTELCOL_QUEUE_DIR": str(tmp_path / "queue"),
            "OTELCOL_HEALTH_ENDPOINT": f"127.0.0.1:{health_port}",
            "OTELCOL_GRPC_ENDPOINT": f"127.0.0.1:{grpc_port}",
            "OTELCOL_HTTP_ENDPOINT": f"127.0.0.1:{http_port}",
            "LLMCOST_GRPC_ENDPOINT": f"127.0.0.1:{up.grpc}",
        }
        check = [otelcol, "validate", "--config", config]
        subprocess.run(check, env=os.environ | environ, check=True, timeout=DEADLINE_S)
        running.enter_context(process([otelcol, "--config", config], http_port, **environ))
        assert call(grpc_port, request_of(calls[::2], "behind-otelcol")).code.value[0] == 0
        assert post(http_port, request_of(calls[1::2], "behind-otelcol")).status == 200
        arrived(up, "behind-otelcol", COUNT)
        with urllib.request.urlopen(f"http://127.0.0.1:{health_port}/", timeout=DEADLINE_S) as answer:
            assert answer.status == 200


@pytest.mark.long
def test_rotel_in_front(up: Running) -> None:
    rotel = next((environment("rotel", ROTEL).parents[1]).glob("lib/python*/site-packages/rotel/rotel-agent"))
    arguments = [rotel, "start", "--exporter", "otlp", "--otlp-exporter-endpoint", f"http://127.0.0.1:{up.grpc}"]
    calls = [a_call() for _ in range(COUNT)]
    with ports.held(2) as (grpc_port, http_port), ExitStack() as running:
        arguments += ["--otlp-grpc-endpoint", f"127.0.0.1:{grpc_port}"]
        arguments += ["--otlp-http-endpoint", f"127.0.0.1:{http_port}"]
        running.enter_context(process(arguments, grpc_port))
        assert call(grpc_port, request_of(calls, "behind-rotel")).code.value[0] == 0
        arrived(up, "behind-rotel", COUNT)
