"""The generated dashboards, read once from Grafana's classic JSON into what a page needs of them.

Only what our own generator writes is understood: `dashboards/generated/*.json`, which the wheel carries beside this
module and a checkout has in its own folder.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORDER: Final = ("overview", "feature", "savings", "weekly", "sessions", "customers", "month", "trust", "calls")
"""In which one reads them; others follow by name."""

OVER_TIME: Final = ("lines", "bars")
"""The kinds of panel that show series over time."""

_PREFIX: Final = "llmcost-"
_KINDS: Final = {"stat": "stat", "table": "table", "bargauge": "ranking", "barchart": "columns", "text": "text"}
_NAMED_UNITS: Final = re.compile(r"_(?:usd|share|factor|s|ns|count)$")
_PER_HOUR: Final = "_usd_per_hour"
_A_PIECE: Final = re.compile(r"(?:(\w+)_)?a_([a-z]+)_(tokens|calls)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where one goes next.

    Attributes:
        title: What it says.
        url: The address, with Grafana's variables in it.
    """

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How a column is shown.

    Attributes:
        title: Its heading.
        unit: Grafana's name of its unit; empty for text.
        links: Where its cells lead.
    """

    title: str
    unit: str
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel.

    Attributes:
        id: Its number on the dashboard.
        kind: stat, sentence, table, ranking, columns, lines, bars or text.
        title: What it shows.
        says: How to read it.
        empty: What is missing where it shows nothing.
        sql: Its question, with Grafana's macros; empty of a text.
        text: What a text says.
        unit: Of a panel over time.
        width: Columns of 24.
        height: Rows of 30 pixels.
        interval_s: The least step of a panel over time, in seconds.
        limit: How many rows it shows at most; None for all.
        links: Where one goes from here.
        overrides: Grafana's field overrides.
    """

    id: int
    kind: str
    title: str
    says: str
    empty: str
    sql: str
    text: str
    unit: str
    width: int
    height: int
    interval_s: int
    limit: int | None
    links: tuple[Link, ...]
    overrides: tuple[Mapping[str, Any], ...]

    def field(self, column: str) -> Field:
        """Return how a column is shown; of several overrides the last one counts, as in Grafana."""
        settings: dict[str, Any] = {}
        for override in self.overrides:
            if _matches(override["matcher"], column):
                settings |= {each["id"]: each["value"] for each in override["properties"]}
        return Field(
            title=settings.get("displayName") or title_of(column),
            unit=settings.get("unit", ""),
            links=_links(settings.get("links", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """What one may choose.

    Attributes:
        name: As the SQL and the address know it.
        label: As people know it.
        sql: The question that offers its values; empty of one that is typed.
        first: The values that are chosen at first.
        is_many: Whether several may be chosen, or all.
    """

    name: str
    label: str
    sql: str
    first: tuple[str, ...]
    is_many: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What is marked over panels of time.

    Attributes:
        name: What they are.
        color: The word for their colour.
        sql: The question, with the columns `time`, `text` and `tags`.
    """

    name: str
    color: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard.

    Attributes:
        uid: Names it in links.
        title: Its name.
        says: The question that it answers.
        since: How far back it looks at first, in Grafana's words.
        variables: By which one may filter.
        events: What is marked over its panels of time.
        rows: Its panels by their headings, in order.
    """

    uid: str
    title: str
    says: str
    since: str
    variables: tuple[Variable, ...]
    events: tuple[Events, ...]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]

    @property
    def name(self) -> str:
        """Return how it is called on the command line."""
        return self.uid.removeprefix(_PREFIX)

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Return its panels, in order."""
        return tuple(panel for _, panels in self.rows for panel in panels)


def load_boards() -> tuple[Board, ...]:
    """Return every dashboard, in the order in which one reads them."""
    return _load(_folder())


def board_named(name: str) -> Board:
    """Return a dashboard by its name, such as `overview`.

    Raises:
        ConfigError: There is none of that name.
    """
    known = {board.name: board for board in load_boards()}
    if name.removeprefix(_PREFIX) not in known:
        msg = f"there is no dashboard {name!r}; there are {', '.join(known)}"
        raise ConfigError(msg)
    return known[name.removeprefix(_PREFIX)]


def title_of(column: str) -> str:
    """Return how a column is headed: its name in words, without a unit that its numbers show themselves."""
    if column in ("usd", "share"):
        return {"usd": "Cost", "share": "Share"}[column]
    if column.endswith(_PER_HOUR):
        return title_of(column.removesuffix(_PER_HOUR)) + ", by the hour"
    if piece := _A_PIECE.fullmatch(column):
        column = "_".join(filter(None, (piece[1], piece[3], "a", piece[2])))
    words = _NAMED_UNITS.sub("", column).replace("_", " ")
    return words[:1].upper() + words[1:]


def _folder() -> Path:
    """Return where the generated files are: in the wheel beside this module, in a checkout in their own folder."""
    here = Path(str(resources.files(__package__)))
    carried = here / "definitions"
    return carried if carried.is_dir() else here.parents[1] / "dashboards" / "generated"


@cache
def _load(folder: Path) -> tuple[Board, ...]:
    boards = [_board(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]
    return tuple(sorted(boards, key=lambda board: ORDER.index(board.name) if board.name in ORDER else len(ORDER)))


def _board(told: Mapping[str, Any]) -> Board:
    return Board(
        uid=told["uid"],
        title=told["title"],
        says=told["description"],
        since=told["time"]["from"],
        variables=tuple(_variable(each) for each in told["templating"]["list"] if each["type"] != "datasource"),
        events=tuple(
            Events(name=each["name"], color=each["iconColor"], sql=each["target"]["rawSql"])
            for each in told["annotations"]["list"]
            if each["enable"]
        ),
        rows=tuple(_rows(told["panels"])),
    )


def _variable(told: Mapping[str, Any]) -> Variable:
    if told["type"] == "textbox":
        first = str(told.get("query") or "")
        return Variable(name=told["name"], label=told["label"], sql="", first=(first,), is_many=False)
    return Variable(
        name=told["name"],
        label=told["label"],
        sql=told["query"]["rawSql"],
        first=tuple(told.get("current", {}).get("value") or ()),
        is_many=told["includeAll"],
    )


def _rows(panels: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, tuple[Panel, ...]]]:
    heading, shown = "", list[Panel]()
    for panel in panels:
        if panel["type"] != "row":
            shown.append(_panel(panel))
            continue
        if shown:
            yield heading, tuple(shown)
        heading, shown = panel["title"], []
    yield heading, tuple(shown)


def _panel(told: Mapping[str, Any]) -> Panel:
    settings, options = told.get("fieldConfig", {}), told.get("options", {})
    defaults = settings.get("defaults", {})
    target: Mapping[str, Any] = next(iter(told.get("targets", ())), {})
    unit = defaults.get("unit", "")
    kind = _KINDS.get(told["type"]) or ("bars" if defaults["custom"].get("drawStyle") == "bars" else "lines")
    return Panel(
        id=told["id"],
        kind="sentence" if kind == "stat" and unit == "string" else kind,
        title=told["title"],
        says=told.get("description", ""),
        empty=defaults.get("noValue", ""),
        sql=target.get("rawSql", ""),
        text=options.get("content", ""),
        unit=unit,
        width=told["gridPos"]["w"],
        height=told["gridPos"]["h"],
        interval_s=seconds_of(told.get("interval", "1s")),
        limit=options.get("reduceOptions", {}).get("limit"),
        links=_links(told.get("links", ())),
        overrides=tuple(settings.get("overrides", ())),
    )


def _links(told: Iterable[Mapping[str, Any]]) -> tuple[Link, ...]:
    return tuple(Link(title=each["title"], url=each["url"]) for each in told)


def _matches(matcher: Mapping[str, str], column: str) -> bool:
    if matcher["id"] == "byName":
        return matcher["options"] == column
    return re.search(matcher["options"].strip("/"), column) is not None


def seconds_of(text: str) -> int:
    """Return a span such as `14d` or `1h` in seconds."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[text[-1]]
