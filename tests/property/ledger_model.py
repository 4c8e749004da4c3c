"""What a ledger must say, in dictionaries and integers: written from what the docs promise, and from no code."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

HOUR_NS: Final = 3_600 * 10**9
DAY_NS: Final = 24 * HOUR_NS

Key: TypeAlias = tuple[Any, ...]
Price: TypeAlias = tuple[int, int] | None
"""List and effective cost in pico-USD; None where it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What somebody tells of a call.

    Attributes:
        number: Of the call; of two tellings of one call ours is told by its own span, and theirs by another one.
        is_ours: Whether we tell it, and not another library.
        started_ns: Unix nanoseconds.
        tokens: Input tokens; None where nobody knows.
        reported: What the provider says that it cost, in pico-USD.
    """

    number: int
    is_ours: bool
    started_ns: int
    model: str
    tokens: int | None
    reported: int | None
    feature: str
    team: str
    environment: str
    tenant: str
    user: str
    session: str
    request: str
    tags: tuple[tuple[str, str], ...]

    @property
    def key(self) -> tuple[int, bool]:
        """What tells its row from others."""
        return self.number, self.is_ours

    @property
    def names_nobody(self) -> bool:
        """Whether it can only be known by its trace whom it is about."""
        return not (self.is_ours or self.tenant or self.user)

    def called(self, name: str) -> object:
        """Return one of its names, of which hour, day and month are derived."""
        if name == "hour":
            return self.started_ns // HOUR_NS * 3_600
        if name == "day":
            return self.started_ns // DAY_NS * 86_400
        if name == "month":
            return f"{datetime.fromtimestamp(self.started_ns // 10**9, UTC):%Y-%m}"
        return getattr(self, name)


@dataclass(frozen=True, slots=True)
class Rates:
    """A table of rates, and what of the list price is paid.

    Attributes:
        usd_per_mtok: Of input, by model.
        is_halved: Whether half of it is paid.
    """

    usd_per_mtok: Mapping[str, int]
    is_halved: bool = False

    def price(self, told: Telling) -> Price:
        """Return what a call costs by these: a USD a million tokens is a million pico-USD a token."""
        if told.tokens is None:
            return None
        if told.model not in self.usd_per_mtok:
            return None if told.reported is None else (told.reported, told.reported)
        listed = self.usd_per_mtok[told.model] * told.tokens * 10**6
        return listed, listed // 2 if self.is_halved else listed


@dataclass(slots=True)
class Row:
    """One call as one library tells it.

    Attributes:
        received: Everything that was received of it, with what it cost by then, by the moment of the receipt.
        corrected: What it costs by the last correction; its first one freezes what counts of `received`.
        gone_with: The tags that were reported when the time of its being kept was over; None before. Its sums stand.
        forgotten: What of it was erased after its time was over: `tenant`, `user`.
    """

    received: dict[int, tuple[Telling, Price]] = field(default_factory=dict)
    corrected: tuple[Telling, Price, Price] | None = None
    gone_with: frozenset[str] | None = None
    forgotten: frozenset[str] = frozenset()

    @property
    def said(self) -> Telling:
        """What counts: what was received first."""
        return self.corrected[0] if self.corrected else self.received[min(self.received)][0]

    @property
    def first_price(self) -> Price:
        """What it cost before any correction."""
        return self.corrected[1] if self.corrected else self.received[min(self.received)][1]

    @property
    def price(self) -> Price:
        """What it costs now."""
        return self.corrected[2] if self.corrected else self.first_price


@dataclass(slots=True)
class Spent:
    """What calls add up to; no cost is known where none of them has one."""

    calls: int = 0
    unpriced: int = 0
    listed: int | None = None
    effective: int | None = None

    def add(self, price: Price, sign: int = 1) -> None:
        """Count a call."""
        self.calls += sign
        self.unpriced += sign * (price is None)
        if price is not None:
            self.listed = (self.listed or 0) + sign * price[0]
            self.effective = (self.effective or 0) + sign * price[1]


@dataclass(slots=True)
class Repriced:
    """What a repricing says of itself."""

    looked_at: int = 0
    kept: int = 0
    posted: int = 0
    closed: dict[str, int] = field(default_factory=dict)
    differences: dict[Key, list[int]] = field(default_factory=dict)


class Ledger:
    """The model.

    Attributes:
        rows: By key.
        closed: The months that are closed, in their order; each with what was booked in it, by month and names.
        erased: The moment of each erasure, by kind and name; and by trace.
        kept_since_ns: Unix nanoseconds since when calls are kept, by environment; that of "" holds for all others.
        reported_tags: The keys of the tags that are reported.
    """

    BOOKED_BY = ("month", "feature", "team", "environment", "model")

    def __init__(self) -> None:
        self.rows: dict[tuple[int, bool], Row] = {}
        self.closed: dict[str, dict[Key, tuple[int, int, int, int]]] = {}
        self.erased: dict[tuple[str, object], int] = {}
        self.kept_since_ns: dict[str, int] = {}
        self.reported_tags: frozenset[str] = frozenset()

    def write(self, told: Telling, price: Price, received: int) -> str:
        """Take a telling in and return an empty text, or else why it is not taken."""
        names: list[tuple[str, object]] = [("tenant", told.tenant), ("user", told.user)]
        if told.names_nobody:
            names = [("trace", told.number)]
        if any(told.started_ns < self.erased.get(name, 0) for name in names):
            return "erased"
        if told.started_ns < self._since_ns(told):
            return "beyond_retention"
        self.rows.setdefault(told.key, Row()).received.setdefault(received, (told, price))
        return ""

    def counting(self) -> list[Row]:
        """Return the rows that count and are there: of two tellings of a call ours, and none that has gone."""
        return [row for row in self.summed() if row.gone_with is None]

    def summed(self) -> list[Row]:
        """Return the rows that stand in sums: those that count, and those that did when they were gone."""
        return [row for (number, is_ours), row in self.rows.items() if is_ours or (number, True) not in self.rows]

    def reprice(
        self, rates: Rates, since_ns: int, until_ns: int, where: Callable[[Telling], bool], *, is_dry_run: bool = False
    ) -> Repriced:
        """Give calls the price of these rates, and say what that changes."""
        done = Repriced()
        for row in self.counting():
            told, was, price = row.said, row.price, rates.price(row.said)
            if not (since_ns <= told.started_ns < until_ns and where(told)):
                continue
            done.looked_at += 1
            done.kept += price is None and was is not None
            if price in (None, was):
                continue
            month = str(told.called("month"))
            if month in self.closed:
                done.closed[month] = done.closed.get(month, 0) + 1
                continue
            change = done.differences.setdefault((told.team, "a", told.model), [0, 0, 0, 0])
            before = was or (0, 0)
            for place, more in enumerate((1, was is None, price[0] - before[0], price[1] - before[1])):
                change[place] += more
            if not is_dry_run:
                done.posted += 1
                row.corrected = (told, row.first_price, price)
        return done

    def close(self, month: str) -> dict[str, tuple[int, int, int]]:
        """Close a month and return calls, list and effective cost that were booked in it, by the month of the calls."""
        sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for row in self.summed():
            if str(row.said.called("month")) <= month:
                listed, effective = row.price or (0, 0)
                key = tuple(row.said.called(name) for name in self.BOOKED_BY)
                sums[key] = _plus(sums[key], (1, row.price is None, listed, effective), 1)
        for booked in self.closed.values():
            for key, numbers in booked.items():
                sums[key] = _plus(sums[key], numbers, -1)
        rest = {key: (each[0], each[1], each[2], each[3]) for key, each in sums.items() if any(each)}
        self.closed[month] = rest
        by_month: dict[str, tuple[int, int, int]] = {}
        for key, (calls, _, listed, effective) in rest.items():
            was = by_month.get(key[0], (0, 0, 0))
            by_month[key[0]] = (was[0] + calls, was[1] + listed, was[2] + effective)
        return by_month

    def erase(self, kind: str, value: str, now_ns: int) -> int:
        """Remove somebody and return how many calls counted as theirs; sums of calls whose time was over stand."""
        count = sum(getattr(row.said, kind) == value for row in self.counting())
        theirs = {key for key, row in self.rows.items() if getattr(row.said, kind) == value}
        traces = {number for number, is_ours in theirs if self.rows[number, is_ours].gone_with is None}
        self.erased |= {(kind, value): now_ns, **{("trace", number): now_ns for number in traces}}
        for key, row in list(self.rows.items()):
            is_theirs = key in theirs or (row.said.names_nobody and key[0] in traces)
            if row.gone_with is None and is_theirs:
                del self.rows[key]
            elif key in theirs:
                row.forgotten |= {kind}
        return count

    def let_go(self, environment: str, since_ns: int) -> None:
        """Have calls of an environment ("": all) be kept since a moment, and those before be gone; their sums stand."""
        self.kept_since_ns[environment] = since_ns
        for key, row in list(self.rows.items()):
            if row.gone_with is None and row.said.started_ns < self._since_ns(row.said):
                if row in self.summed():
                    row.gone_with = self.reported_tags
                else:
                    del self.rows[key]

    def _since_ns(self, told: Telling) -> int:
        return self.kept_since_ns.get(told.environment, self.kept_since_ns.get("", 0))

    def sums(self, names: Iterable[str], rows: Iterable[Row]) -> dict[Key, Spent]:
        """Return what rows add up to by these names."""
        found: dict[Key, Spent] = defaultdict(Spent)
        for row in rows:
            found[tuple(row.said.called(name) for name in names)].add(row.price)
        return dict(found)


def _plus(one: Iterable[int], other: Iterable[int], sign: int) -> list[int]:
    return [a + sign * b for a, b in zip(one, other, strict=True)]
