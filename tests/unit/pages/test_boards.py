"""The generated dashboards are read whole, and come with the wheel."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from otel_llmcost.errors import ConfigError
from otel_llmcost.pages import board_named, load_boards
from otel_llmcost.pages.boards import ORDER, title_of

ROOT = Path(__file__).parents[3]
GENERATED = sorted((ROOT / "dashboards" / "generated").glob("*.json"))


def test_every_generated_dashboard_is_there_with_every_panel() -> None:
    boards = {board.name: board for board in load_boards()}
    assert tuple(boards) == ORDER
    for path in GENERATED:
        told = json.loads(path.read_text(encoding="utf-8"))
        panels = [panel["title"] for panel in told["panels"] if panel["type"] != "row"]
        assert [panel.title for panel in boards[path.stem].panels] == panels
        assert all(panel.sql and panel.says and panel.empty for panel in boards[path.stem].panels)


def test_the_wheel_carries_them(tmp_path: Path) -> None:
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        for path in GENERATED:
            assert archive.read(f"otel_llmcost/pages/definitions/{path.name}") == path.read_bytes()
        names = archive.namelist()
    assert {"otel_llmcost/pages/static/page.js", "llmcost_collector/main.py", "otel_llmcost/py.typed"} <= set(names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"otel_llmcost", "llmcost_collector"}


def test_a_name_that_is_none_is_told_those_that_are() -> None:
    assert board_named("llmcost-month").title == "Month and showback"
    with pytest.raises(ConfigError, match="no dashboard 'spend'; there are overview, feature"):
        board_named("spend")


def test_a_heading_is_the_name_of_the_column_in_words() -> None:
    assert title_of("yesterday_usd") == "Yesterday"
    assert title_of("usd") == "Cost"
    assert title_of("last_hour_usd_per_hour") == "Last hour, by the hour"
    assert title_of("input_a_call_tokens") == "Input tokens a call"
    assert title_of("a_session_calls") == "Calls a session"
    assert title_of("cache_read_tokens") == "Cache read tokens"
    assert title_of("lag_p95_s") == "Lag p95"


def test_the_chart_library_is_as_it_was_released() -> None:
    """uPlot 1.6.32, dist/uPlot.iife.min.js."""
    found = hashlib.sha256((ROOT / "otel_llmcost/pages/static/uPlot.iife.min.js").read_bytes()).hexdigest()
    assert found == "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
