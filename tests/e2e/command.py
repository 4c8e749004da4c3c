"""The command as a user runs it, in a process of its own, and a spool for it to find."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otel_llmcost.call import to_attributes
from otel_llmcost.spool import Frame, SegmentWriter
from otel_llmcost.telemetry.otlp import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from otel_llmcost.store import PricedCall

LLMCOST = Path(sys.executable).with_name("llmcost")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line of an error."""
        [line] = self.err.splitlines()
        assert line.startswith("llmcost: ")
        return line


def environment(data_dir: Path, **said: str) -> dict[str, str]:
    """Return the environment of this process without what would lead the command elsewhere, to others' ports too."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLMCOST_", "OTEL_"))}
    free = {"LLMCOST_GRPC_ENDPOINT": "127.0.0.1:0", "LLMCOST_HTTP_ENDPOINT": "127.0.0.1:0"}
    return kept | free | {"LLMCOST_DATA_DIR": str(data_dir), "XDG_DATA_HOME": str(data_dir / "xdg")} | said


def llmcost(*arguments: str, data_dir: Path, stdin: str = "", **said: str) -> Answer:
    """Run a command to its end."""
    done = subprocess.run(
        [LLMCOST, *arguments],
        env=environment(data_dir, **said),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@contextmanager
def running(*arguments: str, data_dir: Path, for_s: int = 300) -> Iterator[subprocess.Popen[str]]:
    """Run a command that goes on until it is told to stop; it outlives neither the block nor its seconds."""
    with subprocess.Popen(
        [LLMCOST, *arguments],
        env=environment(data_dir),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        stopper = threading.Timer(for_s, process.kill)
        stopper.start()
        try:
            yield process
        finally:
            stopper.cancel()
            process.kill()


def zone_at_noon() -> str:
    """Return a zone where it is noon, so that the last hours are today's whenever the tests run."""
    return f"Etc/GMT{dt.datetime.now(dt.UTC).hour - 12:+d}"  # whose sign is that of the way to UTC


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that the process writes; empty once it is at its end."""
    assert process.stdout is not None
    return process.stdout.readline()


def rows(data_dir: Path, query: str, **said: str) -> list[dict[str, Any]]:
    """Return what the store answers to a query."""
    answer = llmcost("sql", query, "--format", "JSON", data_dir=data_dir, **said)
    assert answer.code == 0, answer.err
    data: list[dict[str, Any]] = answer.json["data"]
    return data


def spool(data_dir: Path, calls: Iterable[PricedCall], *, resource: Mapping[str, str] | None = None) -> Path:
    """Leave calls in the spool as an application does, a frame for each, and return the sealed segment."""
    writer = SegmentWriter(data_dir / "spool", fsync="never")
    for row in calls:
        payload = encoded([(row.call, to_attributes(row.call))], resource or {"service.name": "shop"})
        writer.append(Frame(time.time_ns(), payload))
    path = writer.seal()
    assert path is not None
    return path
