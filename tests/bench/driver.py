"""Starts workers and has them do jobs."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Self

from tests.bench.environments import ROOT, environ, python_of

if TYPE_CHECKING:
    from types import TracebackType


class Driven:
    """A worker process; a context manager that ends it.

    Args:
        subject: Whom it measures.
        first: An SDK that is imported before the subject is set up; empty for none.

    Attributes:
        hello: What setting up took.
    """

    def __init__(self, subject: str, *, first: str = "openai") -> None:
        self._process = subprocess.Popen(
            [python_of(subject), "-m", "tests.bench.worker", subject, *filter(None, [first])],
            cwd=ROOT,
            env=environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.hello = self._answer()

    def do(self, job: str, **asked: Any) -> Any:
        """Have it do a job, and return its answer."""
        self._process.stdin.write(json.dumps({"job": job, **asked}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def cpu_us(self, job: str, **asked: Any) -> float:
        """Return the CPU microseconds of a job for each of its calls."""
        return self.do(job, **asked)["cpu_ns"] / asked["calls"] / 1e3

    def _answer(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            msg = f"the worker {self._process.args} died with status {self._process.wait()}"
            raise RuntimeError(msg)
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
