"""The libraries of those who read what we deploy, in a program that `make peers` builds."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT: Final = Path(__file__).parents[2]
CHECKER: Final = ROOT / ".build" / "peers" / "deploy-checker"


@pytest.fixture(scope="session")
def checker() -> Callable[..., str]:
    """Return a function that asks the program, fails where the program does, and returns what it printed."""
    if not CHECKER.exists():
        pytest.skip("needs `make peers`: Docker Compose's loader, kustomize and Alertmanager's templates, in Go")

    def ask(*arguments: str, given: str = "", environ: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            [CHECKER, *arguments], input=given, capture_output=True, text=True, check=False, cwd=ROOT, env=environ or {}
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return ask
