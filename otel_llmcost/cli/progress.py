"""How far something is that takes long: shown on a terminal, on stderr, and only after two seconds."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

SLOW_S: Final = 2.0
"""What takes no longer than this shows nothing."""


class SlowProgress:
    """A bar that appears once the block has taken two seconds, and goes away with it.

    Args:
        label: What is being done.
        total: How much there is of it; None where that is not known.
        is_shown: Whether it may appear; None asks whether stderr is a terminal.
        after_s: Seconds after which it appears.
    """

    def __init__(
        self, label: str, total: int | None = None, *, is_shown: bool | None = None, after_s: float = SLOW_S
    ) -> None:
        self._label, self._total = label, total
        self._is_shown = sys.stderr.isatty() if is_shown is None else is_shown
        self._timer = threading.Timer(after_s, self._show)
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._done = 0

    def advance_to(self, done: int) -> None:
        """Say how much is done."""
        with self._lock:
            self._done = done
            self._update()

    def __enter__(self) -> Self:
        """Begin to count the time."""
        if self._is_shown:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._timer.cancel()
        with self._lock:
            self._is_shown = False
            if self._bar is not None:
                self._bar.stop()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            if not self._is_shown:
                return
            columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._label, total=self._total)
            self._update()
            self._bar.start()

    def _update(self) -> None:
        if self._bar is not None and self._task is not None:
            total = None if self._total is None else max(self._total, self._done)
            self._bar.update(self._task, completed=self._done, total=total)
