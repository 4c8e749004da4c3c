"""An environment for each of the others under `.build/bench/`, made once for a version, with pip alone."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.subjects import ENVIRONMENT, RIVALS

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / ".build" / "bench"
_PINS: Final = ROOT / "constraints.txt"


def python_of(subject: str) -> Path:
    """Return the interpreter of a subject, its environment made where it is missing or old.

    The rivals get what `constraints.txt` pins: the same SDK and the same OpenTelemetry as we have.
    """
    rival = RIVALS.get(subject)
    if rival is None:
        return Path(sys.executable)
    wanted = f"{rival.package}=={rival.version}"
    return environment(subject, wanted, rival.sdk, "opentelemetry-sdk", constraints=_PINS)


def environment(name: str, *requirements: str, constraints: Path | None = None) -> Path:
    """Return the interpreter of an environment that holds `requirements`, made where it is missing or old.

    Args:
        name: Its directory under `.build/bench/`.
        requirements: What is installed, the first one at a version.
        constraints: A file of versions to keep to; None for the newest that fit.
    """
    directory = BUILD / name
    python, stamp = directory / "bin" / "python", directory / ".stamp"
    wanted = f"{requirements[0]}\n{sys.version}\n{constraints.read_text() if constraints else ''}"
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test workers install once
        if not stamp.exists() or stamp.read_text() != wanted:
            sys.stderr.write(f"Installing {requirements[0]} into {directory.relative_to(ROOT)}, once\n")
            subprocess.run([sys.executable, "-m", "venv", "--clear", directory], check=True)
            # Isolated: pip takes what PYTHONPATH names for installed.
            install = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*install, *(["-c", constraints] if constraints else []), *requirements], check=True)
            stamp.write_text(wanted)
    return python


def environ() -> Mapping[str, str]:
    """Return the environment of a worker: ours without the telemetry settings of whoever runs this."""
    foreign = ("OTEL_", "LLMCOST_", "TRACELOOP_", "OPENINFERENCE_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, **ENVIRONMENT, "LLMCOST_DATA_DIR": str(BUILD / "data")}
