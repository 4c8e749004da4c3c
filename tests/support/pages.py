"""A page as the tests read it: its panels by their titles, with the texts that stand in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = frozenset({"meta", "link", "input", "br", "circle", "path"})


@dataclass(slots=True)
class PanelRead:
    """A panel: the texts of its headings, cells, figures and paragraphs, and the data of its chart."""

    cells: list[list[str]] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    chart: dict[str, Any] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.boards: dict[str, dict[str, PanelRead]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self._board: dict[str, PanelRead] = {}
        self._panel = PanelRead()
        self._text: list[str] = []
        self._term = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append((tag, told))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "section" and "board" in (told.get("class") or ""):
            self._board = self.boards[told["id"] or ""] = {}
        if tag == "article":
            self._panel = PanelRead()
        if tag == "tr":
            self._panel.cells.append([])
        if tag in ("h4", "th", "td", "dt", "dd", "p", "script"):
            self._text = []

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop() == tag, tag
        text = "".join(self._text).strip()
        if tag == "h4":
            self._board[text] = self._panel
        elif tag in ("th", "td"):
            self._panel.cells[-1].append(text)
        elif tag == "dt":
            self._term = text
        elif tag == "dd":
            self._panel.figures[self._term] = text
        elif tag == "p":
            self._panel.said.append(text)
        elif tag == "script" and text.startswith("{"):
            self._panel.chart = json.loads(text)

    def handle_data(self, data: str) -> None:
        self._text.append(data)


def read(page: str) -> tuple[dict[str, dict[str, PanelRead]], list[tuple[str, dict[str, str | None]]]]:
    """Return the panels of each dashboard by their titles, and every tag with its attributes.

    Raises:
        AssertionError: A tag is not closed where it should be.
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader._open == []
    return reader.boards, reader.tags
