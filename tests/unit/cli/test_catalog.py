from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_llmcost.cli.catalog import _add, _feature_line, _limit_line, load_catalogue
from otel_llmcost.config import parse_config
from otel_llmcost.errors import ConfigError
from otel_llmcost.ledger.catalogue import Seen, first_limit
from otel_llmcost.money import PicoUSD

if TYPE_CHECKING:
    from pathlib import Path


def test_entries_are_added_at_the_end_of_their_section_and_nothing_else_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "llmcost.yaml"
    before = "# ours\nfeatures:\n  a: {team: t}  # kept\n\nrates:\n  discounts: []\n"
    path.write_text(before)
    _add(path, "features", ["  b: {team: u}"])
    assert path.read_text() == before.replace("# kept\n", "# kept\n  b: {team: u}\n")


def test_a_section_that_is_missing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "llmcost.yaml"
    _add(path, "features", ["  a: {team: t}"])
    _add(path, "limits", ["  - {window: day, cap: 5}"])
    _add(path, "limits", ["  - {window: month, cap: 9}"])
    assert path.read_text() == (
        "features:\n  a: {team: t}\n\nlimits:\n  - {window: day, cap: 5}\n  - {window: month, cap: 9}\n"
    )


def test_a_section_in_braces_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "llmcost.yaml"
    path.write_text("features: {a: {team: t}}\n")
    with pytest.raises(ConfigError, match="features is written in braces"):
        _add(path, "features", ["  b: {team: u}"])
    assert path.read_text() == "features: {a: {team: t}}\n"


@pytest.mark.parametrize("team", ["", "growth", 'odd: "team"'])
def test_what_is_written_can_be_read(tmp_path: Path, team: str) -> None:
    path = tmp_path / "llmcost.yaml"
    seen = Seen("a: {feature}", team, 9, 5, PicoUSD(7 * 10**12), PicoUSD(10**12), PicoUSD(0))
    _add(path, "features", [_feature_line(seen)])
    _add(path, "limits", [_limit_line(first_limit(seen))])
    found = parse_config(path.read_bytes(), path).catalogue
    assert found is not None
    assert found.limits == (first_limit(seen),)
    assert [feature.name for feature in found.features or ()] == ["a: {feature}"]


@pytest.mark.parametrize("text", [None, "rates:\n  discounts: []\n"])
def test_to_load_what_no_file_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """Nor is a file that is about something else a catalogue."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLMCOST_CONFIG", raising=False)
    if text is not None:
        (tmp_path / "llmcost.yaml").write_text(text)
    with pytest.raises(
        ConfigError, match=r"there is no llmcost\.yaml with a catalogue; `llmcost catalog init` writes one"
    ):
        load_catalogue(dsn=f"chdb://{tmp_path}/store", data_dir=tmp_path)
    assert not (tmp_path / "store").exists()
