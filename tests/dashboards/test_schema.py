"""Every dashboard is one by Grafana's own TypeScript types, to the last key."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.boards import GENERATED, shown

if TYPE_CHECKING:
    from collections.abc import Callable

INSTALLED = Path(__file__).parents[2] / ".build" / "peers" / "schema"
HERE = Path(__file__).parent / "schema"


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[dict[str, Any]], str]:
    """Return a function that compiles dashboards by their names and returns what the compiler said."""
    if not (INSTALLED / ".done").exists() or shutil.which("node") is None:
        pytest.skip("needs `make peers`: TypeScript and @grafana/schema, from npm")

    def compile_them(boards: dict[str, Any]) -> str:
        (tmp_path / "node_modules").symlink_to(INSTALLED / "node_modules")
        shutil.copy(HERE / "board.ts", tmp_path)
        for name, board in boards.items():
            text = json.dumps(board, indent=1)
            source = f"import type {{ Board }} from './board';\nexport const {name}: Board = {text};\n"
            (tmp_path / f"{name}.ts").write_text(source, encoding="utf-8")
        options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler"]
        compiler = tmp_path / "node_modules" / "typescript" / "bin" / "tsc"
        files = [str(path) for path in sorted(tmp_path.glob("*.ts"))]
        done = subprocess.run(
            ["node", compiler, *options, *files], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.stdout

    return compile_them


def test_every_dashboard_is_of_grafanas_types(compiled: Callable[[dict[str, Any]], str]) -> None:
    assert (
        compiled({path.stem: json.loads(path.read_text(encoding="utf-8")) for path in GENERATED.glob("*.json")}) == ""
    )


def test_a_key_that_grafana_does_not_know_is_found(compiled: Callable[[dict[str, Any]], str]) -> None:
    wrong = {
        "in_dashboard": ("titel", lambda board, _: board),
        "in_panel": ("descriptoin", lambda _, panel: panel),
        "in_options": ("legnd", lambda _, panel: panel["options"]),
        "in_custom": ("lineWitdh", lambda _, panel: panel["fieldConfig"]["defaults"]["custom"]),
        "in_target": ("sql", lambda _, panel: panel["targets"][0]),
    }
    boards = {}
    for name, (key, place) in wrong.items():
        [board] = [board.json for board in shown() if board.name == "feature"]
        place(board, next(panel for panel in board["panels"] if panel["type"] == "timeseries"))[key] = "x"
        boards[name] = board
    faults = [line for line in compiled(boards).splitlines() if "may only specify known properties" in line]
    found = {name for name, (key, _) in wrong.items() for line in faults if line.startswith(name) and key in line}
    assert found == set(wrong)
