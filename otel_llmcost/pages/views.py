"""What a page shows of an answer: numbers as text, bars as shares of the longest, series over time.

Everything is decided here, so that the template only writes it down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.pages.asking import Fault, step_of
from otel_llmcost.pages.boards import OVER_TIME
from otel_llmcost.pages.numbers import SHARE, UNKNOWN, USD, moment, scale_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from otel_llmcost.pages.asking import Answered, Chosen
    from otel_llmcost.pages.boards import Field, Panel
    from otel_llmcost.pages.links import Ways
    from otel_llmcost.store import Rows

DEARER: Final = "up"
CHEAPER: Final = "down"
TOTAL: Final = "total"
WARNED: Final = "warned"

_CHANGES: Final = ("change", "rise")
"""Words in the names of columns whose numbers are differences."""

_NOTED: Final = {SHARE: 0.05, USD: 0.005}
"""From where on a difference has a tone."""

_IDS: Final = ("trace_id", "session_id", "request_id")
_SMALL_PART: Final = 0.25
"""A panel whose answer covers less of the range shows what it covers."""

_STATES: Final = {"over cap": DEARER, "critical": DEARER, "warned": WARNED, "warning": WARNED}
"""Words in columns of states that have a tone."""

_SAME: Final = 1e-6
"""How far the bars of a bridge may miss their end, as a part of it, before they are no bridge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One value.

    Attributes:
        text: As it is read.
        kind: number, text, time, id or unknown.
        href: Where it leads; empty for nowhere.
        hint: What the link says, or the exact value.
        tone: DEARER or CHEAPER of a difference, WARNED or DEARER of a state; else empty.
        sort: By what a column is sorted.
    """

    text: str
    kind: str = "text"
    href: str = ""
    hint: str = ""
    tone: str = ""
    sort: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        kind: number, text, time or id.
    """

    title: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar that lies: its begin and length are percent of the whole width.

    Attributes:
        label: What it stands for.
        cell: Its value.
        begin: Where it begins.
        length: How long it is.
        tone: DEARER, CHEAPER or TOTAL; empty where it is neither.
    """

    label: str
    cell: Cell
    begin: float
    length: float
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A panel with what it shows.

    Attributes:
        panel: Its definition.
        kind: The panel's, or empty, or fault.
        links: Where one goes from here: title and address.
        said: The sentence, what is missing, or what went wrong.
        figures: Of a stat: titles and values.
        columns: Of a table.
        rows: Of a table.
        bars: Of a ranking or of columns.
        chart: Of a panel over time, for the script.
    """

    panel: Panel
    kind: str
    links: Sequence[tuple[str, str]] = ()
    said: str = ""
    figures: Sequence[tuple[str, Cell]] = ()
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Cell]] = ()
    bars: Sequence[Bar] = ()
    chart: Mapping[str, Any] = field(default_factory=dict)


def views_of(answered: Answered, ways: Ways) -> dict[int, View]:
    """Return what each panel of a dashboard shows, by its id."""
    return {panel.id: _view(panel, answered, ways) for panel in answered.board.panels}


def _view(panel: Panel, answered: Answered, ways: Ways) -> View:
    rows = answered.panels.get(panel.id)
    ended = [(link.title, ways.href(link.url, {})) for link in panel.links]
    links = [(title, href) for title, href in ended if href]
    if rows is None:
        return View(panel=panel, kind="text", links=links, said=panel.text)
    if isinstance(rows, Fault):
        return View(panel=panel, kind="fault", links=links, said=rows.said)
    numbers = 1 if panel.kind in OVER_TIME else 0
    if all(value is None for row in rows for value in row[numbers:]):
        return View(panel=panel, kind="empty", links=links, said=panel.empty)
    if panel.kind in OVER_TIME:
        return View(panel=panel, kind=panel.kind, links=links, chart=_chart(panel, rows, answered))
    return View(panel=panel, kind=panel.kind, links=links, **dict(_SHOWN[panel.kind](panel, rows, ways)))


def _stat(panel: Panel, rows: Rows, ways: Ways) -> Iterator[tuple[str, Any]]:
    """Show each value of the only row, each in the scale that suits it."""
    row = rows.dicts()[0]
    fields = {name: panel.field(name) for name in row}
    yield (
        "figures",
        [
            (fields[name].title, _cells(name, [value], fields[name], [row], ways, figures=2, is_single=True)[0])
            for name, value in row.items()
        ],
    )


def _sentence(_panel: Panel, rows: Rows, _ways: Ways) -> Iterator[tuple[str, Any]]:
    yield "said", str(rows.rows[0][0])


def _table(panel: Panel, rows: Rows, ways: Ways) -> Iterator[tuple[str, Any]]:
    dicts, columns, shown = rows.dicts(), list[Column](), list[list[Cell]]()
    for place, name in enumerate(rows.names):
        known = panel.field(name)
        values = [row[place] for row in rows]
        cells = _cells(name, values, known, dicts, ways)
        kind = next((cell.kind for cell in cells if cell.kind != "unknown"), "number" if known.unit else "text")
        columns.append(Column(title=known.title, kind=kind))
        shown.append(cells)
    yield "columns", columns
    yield "rows", list(zip(*shown, strict=True))


def _ranking(panel: Panel, rows: Rows, ways: Ways) -> Iterator[tuple[str, Any]]:
    """Show a bar for each row, from zero."""
    labels, numbers, cells = _labelled(panel, rows, ways)
    longest = max((number or 0 for number in numbers), default=0) or 1
    yield (
        "bars",
        [
            Bar(label=label, cell=cell, begin=0, length=_percent(max(number or 0, 0) / longest))
            for label, number, cell in zip(labels, numbers, cells, strict=True)
        ],
    )


def _columns(panel: Panel, rows: Rows, ways: Ways) -> Iterator[tuple[str, Any]]:
    """Show steps that lead from the first bar to the last, each where the one before ended; else bars from zero."""
    labels, known, cells = _labelled(panel, rows, ways)
    numbers = [number or 0.0 for number in known]
    spans = _steps(numbers)
    low = min([0.0, *(min(span) for span in spans)])
    width = max([0.0, *(max(span) for span in spans)]) - low or 1
    yield (
        "bars",
        [
            Bar(
                label=label,
                cell=cell,
                begin=_percent((min(span) - low) / width),
                length=_percent(abs(span[1] - span[0]) / width),
                tone=TOTAL if span[0] == 0 else _tone(number),
            )
            for label, number, cell, span in zip(labels, numbers, cells, spans, strict=True)
        ],
    )


def _steps(numbers: Sequence[float]) -> list[tuple[float, float]]:
    """Return where each bar begins and ends."""
    inner = numbers[1:-1]
    if not inner or abs(numbers[0] + sum(inner) - numbers[-1]) > _SAME * max(map(abs, numbers)):
        return [(0.0, number) for number in numbers]
    spans, at = [(0.0, numbers[0])], numbers[0]
    for number in inner:
        spans.append((at, at + number))
        at += number
    return [*spans, (0.0, numbers[-1])]


def _labelled(panel: Panel, rows: Rows, ways: Ways) -> tuple[list[str], list[float | None], list[Cell]]:
    """Return the texts of the rows, their first number, and how it is shown."""
    first = next((place for place, name in enumerate(rows.names) if panel.field(name).unit), len(rows.names) - 1)
    kept = rows.rows[: panel.limit]
    values = [row[first] for row in kept]
    labels = [" ".join(str(value) for value in row[:first] if value not in (None, "")) or UNKNOWN for row in kept]
    name = rows.names[first]
    return labels, [_number(value) for value in values], _cells(name, values, panel.field(name), rows.dicts(), ways)


def _cells(
    name: str,
    values: Sequence[object],
    known: Field,
    rows: Sequence[Mapping[str, object]],
    ways: Ways,
    *,
    figures: int = 3,
    is_single: bool = False,
) -> list[Cell]:
    """Return the cells of a column."""
    show = _shower(name, values, known.unit, figures=figures, is_single=is_single)
    cells = []
    for value, row in zip(values, rows, strict=False):
        links = [(link.title, ways.href(link.url, row)) for link in known.links] if value else []
        hint, href = next(((title, href) for title, href in links if href), ("", ""))
        cells.append(show(value, hint, href))
    return cells


def _shower(
    name: str, values: Sequence[object], unit: str, *, figures: int, is_single: bool
) -> Callable[[object, str, str], Cell]:
    """Return what writes the values of a column."""
    is_change = any(word in name.split("_") for word in _CHANGES)
    numbers = [_number(value) for value in values]
    scale = scale_of(numbers, unit, figures=figures, is_signed=is_change, is_single=is_single)

    def show(value: object, hint: str, href: str) -> Cell:
        if value is None:
            return Cell(text=UNKNOWN, kind="unknown")
        number = _number(value)
        if number is not None:
            tone = _tone(number) if is_change and abs(number) >= _NOTED.get(unit, 0) else ""
            return Cell(text=scale.text(number), kind="number", href=href, hint=hint, tone=tone, sort=repr(number))
        if isinstance(value, datetime):
            at = _utc(value)
            return Cell(text=moment(at), kind="time", href=href, hint=hint or at.isoformat(), sort=at.isoformat())
        tone = _STATES.get(str(value), "") if name in ("limit_state", "severity") else ""
        return Cell(text=str(value), kind="id" if name in _IDS else "text", href=href, hint=hint, tone=tone)

    return show


def _chart(panel: Panel, rows: Rows, answered: Answered) -> dict[str, Any]:
    """Return series over common times, for the script: the largest first where they are stacked."""
    times, named = _series(rows)
    series = [(name, values) for name, values in named.items() if any(value is not None for value in values)]
    is_stacked = panel.kind == "bars"
    if is_stacked:
        series.sort(key=lambda each: -sum(value or 0 for value in each[1]))
    step_s = step_of(panel, answered.chosen)
    since_s, until_s = _span(times, answered.chosen, step_s)
    return {
        "kind": panel.kind,
        "unit": panel.unit,
        "step": step_s,
        "since": since_s,
        "until": until_s,
        "times": times,
        "series": [{"name": name, "values": values} for name, values in series],
        "events": _events(answered),
    }


def _span(times: Sequence[int], chosen: Chosen, step_s: int) -> tuple[int, int]:
    """Return the seconds that a panel shows: the chosen range, unless its answer is about another or a small part."""
    since_s, until_s = chosen.since_ms // 1000 // step_s * step_s, chosen.until_ms // 1000 // step_s * step_s
    if times[-1] > until_s or times[-1] - times[0] < _SMALL_PART * (until_s - since_s):
        return times[0], times[-1]
    return min(since_s, times[0]), until_s


def _series(rows: Rows) -> tuple[list[int], dict[str, list[float | None]]]:
    """Return the times and the series by name: each number by its column, or the only one by the texts beside it."""
    stamps = [_seconds(row[0]) for row in rows]
    times = sorted(set(stamps))
    place = {stamp: number for number, stamp in enumerate(times)}
    texts = [column for column in range(1, len(rows.names)) if any(isinstance(row[column], str) for row in rows)]
    numbers = [column for column in range(1, len(rows.names)) if column not in texts]
    named: dict[str, list[float | None]] = {}
    for stamp, row in zip(stamps, rows, strict=True):
        label = " ".join(str(row[column]) for column in texts)
        for column in numbers:
            name = label or rows.names[column].replace("_", " ")
            named.setdefault(name, [None] * len(times))[place[stamp]] = _number(row[column])
    return times, named


def _events(answered: Answered) -> list[dict[str, object]]:
    return [
        {"at": _seconds(row["time"]), "text": str(row["text"]), "kind": events.name, "color": events.color}
        for events, rows in answered.events
        if not isinstance(rows, Fault)
        for row in rows.dicts()
    ]


def _tone(number: float) -> str:
    return "" if not number else DEARER if number > 0 else CHEAPER


def _percent(share: float) -> float:
    return round(100 * share, 3)


def _number(value: object) -> float | None:
    """Return a number as one; None for what is none."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return value if isinstance(value, int) else float(value)
    return None


def _utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _seconds(value: object) -> int:
    assert isinstance(value, datetime)
    return int(_utc(value).timestamp())


_SHOWN: Final[dict[str, Callable[[Panel, Rows, Ways], Iterator[tuple[str, Any]]]]] = {
    "stat": _stat,
    "sentence": _sentence,
    "table": _table,
    "ranking": _ranking,
    "columns": _columns,
}
