from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.cli.progress import SlowProgress

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    yield
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_what_is_quick_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with SlowProgress("draining", 3, is_shown=True) as progress:
        progress.advance_to(3)
    progress._timer.join()
    assert capsys.readouterr().err == ""


def test_without_a_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with SlowProgress("draining", 3, after_s=0) as progress:
        progress.advance_to(3)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("total", [3, None])
def test_what_is_slow_says_what_it_does_and_how_far_it_is(
    total: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with SlowProgress("draining", total, is_shown=True, after_s=0) as progress:
        progress._timer.join()
        progress.advance_to(1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "draining" in captured.err
    assert ("33%" in captured.err) is (total is not None)
