"""docs/coverage.md shows no cell that no test claims; tests/conftest.py sees to it that it shows all that pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.coverage import COLLECTED, PAGE, Cell, cells_of, cells_on, page_of
from tests.support.replay import recordings

if TYPE_CHECKING:
    from pathlib import Path


def test_every_cell_of_the_page_is_claimed_by_a_test(request: pytest.FixtureRequest) -> None:
    items = request.config.stash[COLLECTED]
    collected = {item.path.relative_to(request.config.rootpath).as_posix() for item in items}
    folder: Path = request.config.rootpath / "tests" / "instrument"
    with_claims = {
        file.relative_to(request.config.rootpath).as_posix()
        for file in folder.rglob("test_*.py")
        if "mark.cell(" in file.read_text()
    }
    if not with_claims <= collected:
        pytest.skip("only a part of the tests was asked for")
    if why := recordings()[1]:
        pytest.skip(f"some cells are filled by recorded exchanges, and {why}")
    claimed = {cell for item in items for cell in cells_of(item)}
    elsewhere = ("litellm", "lm15")  # make test-frameworks
    assert {cell for cell in cells_on(PAGE.read_text()) if cell.provider not in elsewhere} <= claimed


def test_the_page_is_in_the_form_that_is_written() -> None:
    page = PAGE.read_text()
    assert page_of(cells_on(page)) == page


def test_a_page_shows_what_it_was_made_of() -> None:
    cells = {
        Cell("openai", "chat", "sync", "plain"),
        Cell("openai", "chat", "async", "abort"),
        Cell("groq", "chat", "async", "error"),
    }
    page = page_of(cells)
    assert cells_on(page) == cells
    assert "| groq | chat |  |  |  |  |  |  |  |  |  | ✓ |" in page
