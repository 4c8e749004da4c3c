"""Where links lead: within one offline page, or between the pages that `llmcost up` serves.

A link is Grafana's address with its variables. One that cannot be followed here is none: its text stays plain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_BOARD: Final = re.compile(r"/d/([\w-]+)\?")
_PLACEHOLDER: Final = re.compile(r"\$\{(__data\.fields\.)?(\w+)(?::(\w+))?\}")
_ELSEWHERE: Final = ("https://", "http://")


class Ways(Protocol):
    """Knows where a link leads."""

    def href(self, url: str, row: Mapping[str, object]) -> str:
        """Return the address of a link in a row, by its columns; empty where it leads nowhere."""


@dataclass(frozen=True, slots=True)
class InPage:
    """Links of a page that holds some dashboards, as they were at one moment.

    Attributes:
        uids: The dashboards.
    """

    uids: Collection[str]

    def href(self, url: str, row: Mapping[str, object]) -> str:  # noqa: ARG002 - what a row chooses was not asked
        """Return the place of the dashboard; one that the link would filter is not in the page."""
        board = _BOARD.match(url)
        return f"#{board[1]}" if board and board[1] in self.uids and "var-" not in url else ""


@dataclass(frozen=True, slots=True)
class Served:
    """Links between pages that are asked for anew.

    Attributes:
        time_range: The chosen range in the words of the address, `from=…&to=…`.
        values: The chosen values of each variable.
        uids: The dashboards that there are.
    """

    time_range: str
    values: Mapping[str, tuple[str, ...]]
    uids: Collection[str]

    def href(self, url: str, row: Mapping[str, object]) -> str:
        """Return the address with the range, the variables and the row put in."""
        board = _BOARD.match(url)
        address = _PLACEHOLDER.sub(lambda mark: self._put_in(mark, row), url)
        if board:
            return address if board[1] in self.uids else ""
        return address if address.startswith(_ELSEWHERE) else ""

    def _put_in(self, mark: re.Match[str], row: Mapping[str, object]) -> str:
        if mark[1]:
            return quote(str(row.get(mark[2], "")), safe="")
        if mark[2] == "__url_time_range":
            return self.time_range
        values = self.values.get(mark[2], ())
        if mark[3] == "queryparam":
            return urlencode([(f"var-{mark[2]}", value) for value in values])
        return ",".join(values)
