"""Writes dashboards as one HTML page that asks nobody for anything: style, scripts and numbers are in it.

Its policy lets run only the scripts that are in it, by their hashes, and lets nothing be loaded from anywhere; names
of features, tenants and models are hostile until shown otherwise, and are escaped wherever they stand.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import ConfigError
from otel_llmcost.pages.links import InPage
from otel_llmcost.pages.views import View, views_of
from otel_llmcost.reports.grafana import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Environment

    from otel_llmcost.pages.asking import Answered
    from otel_llmcost.pages.boards import Variable

_SCRIPTS: Final = ("uPlot.iife.min.js", "numbers.js", "page.js")
_STYLES: Final = ("uPlot.min.css", "page.css")

RANGES: Final = {
    "now-1h": "1 hour",
    "now-6h": "6 hours",
    "now-24h": "24 hours",
    "now-2d": "2 days",
    "now-7d": "7 days",
    "now-14d": "14 days",
    "now-30d": "30 days",
    "now-90d": "90 days",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A dashboard as the template writes it down.

    Attributes:
        answered: The dashboard and its answers.
        views: What each panel shows, by its id.
        since: The start of the range as it was asked for, where pages are served.
        until: Its end, likewise, as a date; empty for now.
    """

    answered: Answered
    views: Mapping[int, View]
    since: str = ""
    until: str = ""

    @property
    def days(self) -> str:
        """Return the range as it is read."""
        since, until = (
            datetime.fromtimestamp(ms / 1000, UTC)
            for ms in (self.answered.chosen.since_ms, self.answered.chosen.until_ms)
        )
        return f"{since.day} {since:%b %H:%M} \N{EN DASH} {until.day} {until:%b %Y %H:%M}"

    @property
    def ranges(self) -> Sequence[tuple[str, str]]:
        """Return the ranges that one may choose: value and text."""
        return list((RANGES if self.since in RANGES else {self.since: self.since} | RANGES).items())

    def text_of(self, variable: Variable) -> str:
        """Return what is chosen, as it is read."""
        values = self.answered.chosen.values[variable.name]
        return "All" if values == ALL else ", ".join(value for value in values if value)

    def offered(self, variable: Variable) -> Sequence[str]:
        """Return what may be chosen: all, what is offered, and what is chosen anyway."""
        offers = self.answered.offers.get(variable.name, ())
        chosen = [value for value in self.answered.chosen.values[variable.name] if value]
        return list(dict.fromkeys([*(ALL if variable.is_many else ()), *offers, *chosen]))


def offline_page(answered: Sequence[Answered], *, made_at: datetime) -> str:
    """Return dashboards as one page that needs nothing but a browser.

    Args:
        answered: At least one dashboard with its answers.
        made_at: The present, in UTC.

    Raises:
        ConfigError: Jinja is not installed.
    """
    uids = [each.board.uid for each in answered]
    ways = InPage(uids)
    return written(
        [Shown(answered=each, views=views_of(each, ways)) for each in answered],
        ways=[(each.board.title, f"#{each.board.uid}", False) for each in answered],
        made_at=made_at,
        is_served=False,
    )


def written(
    boards: Sequence[Shown], *, ways: Sequence[tuple[str, str, bool]], made_at: datetime, is_served: bool
) -> str:
    """Return a page.

    Args:
        boards: What it shows.
        ways: The dashboards that one may go to: title, address, and whether it is this one.
        made_at: The present, in UTC.
        is_served: Whether one may choose anew.
    """
    return (
        _templates()
        .get_template("page.html.j2")
        .render(
            boards=boards,
            ways=ways,
            made_at=made_at,
            is_served=is_served,
            policy=policy(),
            style="\n".join(_static(name) for name in _STYLES),
            scripts=[_static(name) for name in _SCRIPTS],
            version=version("otel-llmcost"),
        )
    )


@cache
def policy() -> str:
    """Return the content security policy: our scripts by their hashes, our style, and nothing else."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(_static(name).encode()).digest()).decode()}'" for name in _SCRIPTS
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'self'"
    )


@cache
def _static(name: str) -> str:
    return (resources.files(__package__) / "static" / name).read_text(encoding="utf-8").strip()


@cache
def _templates() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as exc:
        msg = 'pages need Jinja: pip install "otel-llmcost[cli]"'
        raise ConfigError(msg) from exc
    return Environment(
        loader=PackageLoader("otel_llmcost.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
