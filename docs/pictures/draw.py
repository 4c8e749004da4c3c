"""Draws what a command shows on a terminal, colours and all, as an SVG: `make pictures`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

WIDTH = 108


def main(target: str, *command: str) -> None:
    """Run a command on a terminal of its own and write the picture of what it showed to `target`."""
    shown = Text.from_ansi(_shown_by(command))
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    console.print(shown)
    Path(target).write_text(console.export_svg(title=f"$ {' '.join(command)}", code_format=_without_fonts()))


def _shown_by(command: tuple[str, ...]) -> str:
    with tempfile.TemporaryDirectory() as home:  # what is shown is not what was done here before
        return _shown_at(home, command).replace(home, "~")


def _shown_at(home: str, command: tuple[str, ...]) -> str:
    parent, child = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLMCOST_", "XDG_"))}
    environment = kept | {"HOME": home, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdout=child, stderr=subprocess.DEVNULL, env=environment)
    os.close(child)
    pieces = []
    while piece := _read(parent):
        pieces.append(piece)
    process.wait()
    return b"".join(pieces).decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # how Linux says that the other end is closed
        return b""


def _without_fonts() -> str:
    """Return the template without fonts from elsewhere: a picture that asks nobody for anything."""
    before, _, rest = CONSOLE_SVG_FORMAT.partition("@font-face")
    return before + rest[rest.rindex("@font-face") :].partition("}}")[2]


if __name__ == "__main__":
    main(*sys.argv[1:])
