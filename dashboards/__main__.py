"""Writes `generated/*.json` and `alerting/*.yaml` anew: `python -m dashboards`, or `make dashboards`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from dashboards import alerts
from dashboards.boards import BOARDS

HERE: Final = Path(__file__).parent


def files() -> dict[Path, str]:
    """Return every generated file by its path."""
    boards = {HERE / "generated" / f"{board.uid.removeprefix('llmcost-')}.json": board.json() for board in BOARDS}
    return boards | {HERE / "alerting" / name: text for name, text in alerts.files().items()}


def main() -> int:
    """Write what differs, and remove what nobody generates any more."""
    wanted = files()
    for folder in ("generated", "alerting"):
        (HERE / folder).mkdir(exist_ok=True)
        for stale in set((HERE / folder).iterdir()) - set(wanted):
            stale.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
