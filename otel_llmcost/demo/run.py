"""Runs the demo: the simulator and the app, each in a process of its own, the app instrumented as a user's would be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

STOP_TIMEOUT_S: Final = 10

_KEPT_OUT: Final = ("OTEL_", "OPENAI_", "ANTHROPIC_", "LLMCOST_")
"""Settings of the surrounding shell that would send the demo elsewhere than to this machine."""

_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRun:
    """What one run of the app left behind.

    Attributes:
        data_dir: The app's LLMCOST_DATA_DIR, with the spool in it.
        simulator_log: What the simulator answered, as JSON lines: see `demo.simulator`.
        ledger: What the app meant each request for, as JSON lines: see `demo.ledger`.
        app_s: Seconds that the app ran.
    """

    data_dir: Path
    simulator_log: Path
    ledger: Path
    app_s: float


def run_app(*, data_dir: Path, seed: int = 1, timeout_s: float = 120) -> DemoRun:
    """Return what the demo app left behind after one run against a simulator that is stopped again.

    Args:
        data_dir: The app's LLMCOST_DATA_DIR; logs go to `demo/` in it, and later runs append to them.
        seed: Decides what the simulator answers.
        timeout_s: After so many seconds the app is killed.

    Raises:
        RuntimeError: `opentelemetry-instrument` is not installed, the simulator does not start, or the app fails.
    """
    logs = data_dir / "demo"
    logs.mkdir(parents=True, exist_ok=True)
    simulator_log, ledger = logs / "simulator.jsonl", logs / "ledger.jsonl"
    with running_simulator(simulator_log, seed=seed) as url:
        environment = app_environment(url, data_dir=data_dir, ledger=ledger)
        started = time.monotonic()
        status = subprocess.run(app_command(), env=environment, timeout=timeout_s, check=False).returncode
    if status:
        msg = f"the demo app ended with status {status}"
        raise RuntimeError(msg)
    return DemoRun(data_dir=data_dir, simulator_log=simulator_log, ledger=ledger, app_s=time.monotonic() - started)


@contextmanager
def running_simulator(log: Path, *, seed: int = 1) -> Iterator[str]:
    """Run the simulator as a child process and give its address, `http://127.0.0.1:<port>`.

    Raises:
        RuntimeError: It does not tell its address.
    """
    command = [sys.executable, "-m", "otel_llmcost.demo.simulator", "--log", str(log), "--seed", str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment())
    with process:
        try:
            yield _told_url(process)
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)


def app_command() -> Sequence[str]:
    """Return the command line of the app under `opentelemetry-instrument`.

    Raises:
        RuntimeError: `opentelemetry-instrument` is not installed.
    """
    here = sysconfig.get_path("scripts")
    instrument = shutil.which("opentelemetry-instrument", path=here) or shutil.which("opentelemetry-instrument")
    if instrument is None:
        msg = "opentelemetry-instrument is not installed: pip install 'otel-llmcost[demo]'"
        raise RuntimeError(msg)
    return instrument, sys.executable, "-m", "otel_llmcost.demo.app"


def app_environment(url: str, *, data_dir: Path, ledger: Path) -> dict[str, str]:
    """Return the environment of the app. Its pretended calls are nothing to send to a collector on this machine.

    Args:
        url: Where the simulator answers.
        data_dir: The app's LLMCOST_DATA_DIR.
        ledger: The file for the app's own books.
    """
    return _environment() | {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": "sk-demo-not-a-key",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "sk-ant-demo-not-a-key",
        "LLMCOST_DATA_DIR": str(data_dir),
        "LLMCOST_ENVIRONMENT": "production",
        "DEMO_LEDGER": str(ledger),
        "OTEL_SERVICE_NAME": "deskhand",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_KEPT_OUT) and name.lower() not in _PROXIES
    }


def _told_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        msg = f"the simulator ended with status {process.wait(STOP_TIMEOUT_S)} before it listened"
        raise RuntimeError(msg)
    return str(json.loads(line)["url"])
