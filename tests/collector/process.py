"""The collector as a service: a process of its own, told where it listens by its own log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

COLLECTOR: Final = Path(sys.executable).with_name("llmcost-collector")
DEADLINE_S: Final = 180


def environment(data_dir: Path, **said: str) -> dict[str, str]:
    """Return the environment of this process without what would lead the collector elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLMCOST_", "OTEL_"))}
    free = {"LLMCOST_GRPC_ENDPOINT": "127.0.0.1:0", "LLMCOST_HTTP_ENDPOINT": "127.0.0.1:0"}
    return kept | free | {"LLMCOST_DATA_DIR": str(data_dir)} | said


@dataclass(slots=True)
class Service:
    """A collector that is running, or was."""

    data_dir: Path
    said: Mapping[str, str]
    log: list[dict[str, Any]] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    spawned_at: int = 0
    _reader: threading.Thread | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> Self:
        """Start, and return once it answers."""
        self.spawn()
        self.ports = self.line("ready", after=self.spawned_at)["ports"]
        return self

    def spawn(self) -> None:
        """Start, and do not wait for it."""
        self.spawned_at = len(self.log)
        self.process = subprocess.Popen(
            [COLLECTOR],
            env=environment(self.data_dir, **self.said),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    @property
    def grpc(self) -> int:
        return self.ports["grpc"]

    @property
    def http(self) -> int:
        return self.ports["http"]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                with self._changed:
                    self.log.append(json.loads(line) if line.startswith("{") else {"message": line.rstrip()})
                    self._changed.notify_all()

    def line(self, beginning: str, *, after: int = 0) -> dict[str, Any]:
        """Return the first line of the log, of those behind `after`, whose message begins so, once it is there."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = [each for each in self.log[after:] if each["message"].startswith(beginning)]
            return bool(found)

        with self._changed:
            assert self._changed.wait_for(is_there, DEADLINE_S), f"no {beginning!r} in {self.log}"
        return found[0]

    def send(self, what: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(what)

    def end(self, how: signal.Signals = signal.SIGTERM, *, within_s: float = DEADLINE_S) -> int:
        """End it and return the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(within_s)
        if self._reader is not None:
            self._reader.join(DEADLINE_S)
        return code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)
