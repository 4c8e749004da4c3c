"""Which of several tellings of a call is the call.

We, the SDK itself and other instrumentations may each tell of one call by a span of their own, and frameworks above
tell of it again. The answer here is a function of the set of tellings alone: order, batches and restarts cannot
change it. Rule 1: tellings with the provider's own id of the answer in common are one call, in one trace or, where one
of them is of a library that tells in another trace than the one in which the SDK is called, at one time. Rule 2: a
telling around another one of its trace, its ancestor or (where libraries do not link their spans) of another library
and around it in time, with the same counts or none in both, tells of the same call.
Rule 3: a telling around several that says the sum of them, or nothing, tells of no call of its own. Rule 4: what was
answered later we tell in a trace that is derived from the answer's id; it is one call with what others tell of that
answer, in whatever trace, at whatever time. Of the tellings of one call the one that has counts wins, then the one that
stands closer to the wire: ours, the SDK's own, OpenTelemetry's, any other; then the inner one. Calls that only look
alike remain several.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from otel_llmcost.call import ids_of_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_Name = TypeVar("_Name")

_FROM_FIRST_PIECE: Final = frozenset({"logfire"})
"""Dialects that tell a stream as if it had begun with its first piece."""

LITELLM_LOG: Final = "litellm-log"
"""The dialect of LiteLLM's spend log, whose rows are backfilled: they know the answer's id, and no trace."""

TELL_ELSEWHERE: Final = frozenset({"langsmith", LITELLM_LOG})
"""Dialects that tell in one trace, or in none, and have what is called meanwhile fall into another one."""

_UNREAD_NS: Final = 1_000_000_000

_STANDING: Final = {"": 0, "sdk": 1, "opentelemetry": 2}
_OTHERS: Final = 3


class Seen(NamedTuple):
    """What is compared of a telling.

    Attributes:
        trace_id: 32 hex digits; tellings of different traces are one call by the answer's id alone.
        span_id: 16 hex digits, parent_span_id likewise or empty.
        started_at_ns: Unix nanoseconds, ended_at_ns likewise.
        call_id: The provider's id of the answer, or of the request where the answer has none; empty where not told.
        models: The names of the model that were told.
        scope: The name of the instrumentation scope.
        dialect: The dialect in which it was read, empty for our own.
        counts: Input and output tokens, None where no usage was told.
        provider: Who sells the call.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    started_at_ns: int
    ended_at_ns: int
    call_id: str
    models: tuple[str, ...]
    scope: str
    dialect: str
    counts: tuple[int, int] | None
    provider: str = ""

    @property
    def answered_in(self) -> str:
        """The trace in which we tell of the call if it was answered later; empty where that cannot be known."""
        return ids_of_answer(self.provider, self.call_id)[0] if self.call_id else ""


def retellings(seen: Iterable[Seen]) -> set[tuple[str, str]]:
    """Return trace and span id of every telling that does not count, since another one of the same call does."""
    traces = defaultdict[str, dict[str, Seen]](dict)
    for telling in seen:
        traces[telling.trace_id][telling.span_id] = telling
    calls, superfluous = list[list[Seen]](), list[Seen]()
    for of_trace in traces.values():
        tellings = list(of_trace.values())
        if len(tellings) > 1 and any(telling.dialect for telling in tellings):
            trace = _Trace(tellings)
            calls += trace.calls()
            superfluous += trace.dropped()
        else:
            calls += [[telling] for telling in tellings]
    for call in _across_traces(calls):
        if len(call) > 1:
            superfluous += _all_but_best(call)
    return {(telling.trace_id, telling.span_id) for telling in superfluous}


def _across_traces(calls: Sequence[list[Seen]]) -> Iterable[list[Seen]]:
    """Return the calls, those that others tell of and whose tellings in other traces have the same id as one."""
    told = {telling.call_id for call in calls for telling in call if telling.dialect and telling.call_id}
    by_id = defaultdict[str, list[tuple[Seen, int]]](list)
    for number, call in enumerate(calls):
        for telling in call:
            if telling.call_id in told:
                by_id[telling.call_id].append((telling, number))
    joined = _Joined(range(len(calls)))
    for tellings in by_id.values():
        if any(number != tellings[0][1] for _, number in tellings):
            for one, other in _of_one_answer(tellings):
                joined.join(one, other)
    whole = defaultdict[int, list[Seen]](list)
    for number, call in enumerate(calls):
        whole[joined.root(number)] += call
    return whole.values()


def _of_one_answer(tellings: list[tuple[Seen, int]]) -> Iterator[tuple[int, int]]:
    """Yield which of the calls that were told under one id are one: those at one time, and what was answered later."""
    if any(telling.dialect in TELL_ELSEWHERE for telling, _ in tellings):
        tellings.sort(key=lambda each: _order(each[0]))
        until, last = tellings[0][0].ended_at_ns, tellings[0][1]
        for telling, number in tellings[1:]:
            if telling.started_at_ns <= until:
                yield last, number
            if telling.ended_at_ns >= until:
                until, last = telling.ended_at_ns, number
    later = {telling.trace_id: number for telling, number in tellings if not telling.dialect}
    for telling, number in tellings:
        if telling.dialect and telling.answered_in in later:
            yield later[telling.answered_in], number


class _Joined(Generic[_Name]):
    """What is one of several things, by their names.

    Args:
        names: All of them.
    """

    def __init__(self, names: Iterable[_Name]) -> None:
        self._above = {name: name for name in names}

    def root(self, name: _Name) -> _Name:
        """Return one name of the thing, always the same one until it is joined with another."""
        while (above := self._above[name]) != name:
            self._above[name] = self._above[above]
            name = above
        return name

    def join(self, one: _Name, other: _Name) -> None:
        """Make two one."""
        self._above[self.root(one)] = self.root(other)


class _Trace:
    """The tellings of one trace, joined into calls.

    Args:
        tellings: At least one of them not our own.
    """

    def __init__(self, tellings: Sequence[Seen]) -> None:
        self._all = sorted(_from_the_request_on(tellings), key=_order)
        self._by_span = {telling.span_id: telling for telling in self._all}
        self._joined = _Joined(self._by_span)
        self._dropped: set[str] = set()
        self._join_by_id()
        inner = self._linked()
        self._add_contained(inner)
        for span_id, within in inner.items():
            self._judge(self._by_span[span_id], within)

    def calls(self) -> Iterable[list[Seen]]:
        """Return the tellings of each call."""
        calls = defaultdict[str, list[Seen]](list)
        for span_id, telling in self._by_span.items():
            if span_id not in self._dropped:
                calls[self._joined.root(span_id)].append(telling)
        return calls.values()

    def dropped(self) -> Iterator[Seen]:
        """Yield the tellings that tell of no call of their own."""
        return (self._by_span[span_id] for span_id in self._dropped)

    def _join_by_id(self) -> None:
        first: dict[str, str] = {}
        for telling in self._all:
            if telling.call_id:
                self._joined.join(telling.span_id, first.setdefault(telling.call_id, telling.span_id))

    def _linked(self) -> dict[str, list[Seen]]:
        """Return the tellings right below each telling, by its span id, in the order of their start."""
        inner = defaultdict[str, list[Seen]](list)
        for telling in self._all:
            if telling.parent_span_id in self._by_span and telling.parent_span_id != telling.span_id:
                inner[telling.parent_span_id].append(telling)
        return inner

    def _add_contained(self, inner: dict[str, list[Seen]]) -> None:
        """Put tellings under those of other libraries around them in time, where no link says more.

        One goes under one: of several that fit, under the one that ends first.
        """
        alike = defaultdict[tuple[int, int] | None, list[Seen]](list)
        for telling in self._all:
            if telling.counts is None or any(telling.counts):
                alike[telling.counts].append(telling)
        for tellings in alike.values():
            taken: set[tuple[str, str]] = set()
            around: list[Seen] = []
            for telling in tellings:
                around = [each for each in around if each.ended_at_ns > telling.started_at_ns]
                if telling.parent_span_id not in self._by_span:
                    fitting = [each for each in around if self._contains(each, telling, inner, taken)]
                    if fitting:
                        outer = min(fitting, key=lambda each: each.ended_at_ns)
                        taken.add((outer.span_id, telling.scope))
                        inner[outer.span_id].append(telling)
                around.append(telling)

    def _contains(self, outer: Seen, telling: Seen, inner: dict[str, list[Seen]], taken: set[tuple[str, str]]) -> bool:
        return (
            outer.started_at_ns < telling.started_at_ns
            and telling.ended_at_ns < outer.ended_at_ns
            and outer.scope != telling.scope
            and (outer.span_id, telling.scope) not in taken
            and _may_be_one(outer, telling)
            and not any(each.counts == outer.counts and each.scope == telling.scope for each in inner[outer.span_id])
        )

    def _judge(self, outer: Seen, within: list[Seen]) -> None:
        """Decide of which of the tellings within it a telling tells, if of any."""
        others = [each for each in within if self._joined.root(each.span_id) != self._joined.root(outer.span_id)]
        if not outer.dialect:  # what others tell inside our own call is that call
            for each in others:
                if each.dialect:
                    self._joined.join(outer.span_id, each.span_id)
            return
        equal = [each for each in others if outer.counts and each.counts == outer.counts]
        counted = [each.counts for each in others if each.counts]
        if len(within) > len(others):  # one within has its id: that is its call, the others are calls of their own
            return
        if equal:
            self._joined.join(outer.span_id, equal[-1].span_id)
        elif len(counted) > 1 and outer.counts in (None, tuple(map(sum, zip(*counted, strict=True)))):
            self._dropped.add(outer.span_id)
        elif len(others) == 1 and _agree(outer, others[0]):
            self._joined.join(outer.span_id, others[0].span_id)
        elif others and outer.counts is None:
            self._dropped.add(outer.span_id)


def _order(telling: Seen) -> tuple[int, str]:
    return telling.started_at_ns, telling.span_id


def _from_the_request_on(tellings: Iterable[Seen]) -> Iterator[Seen]:
    """Yield the tellings; one of a stream from its first piece on is put around the call whose end it saw."""
    ordered, taken = sorted(tellings, key=_order), set[str]()
    for telling in ordered:
        if telling.dialect in _FROM_FIRST_PIECE:
            begun = [each for each in ordered if each.span_id not in taken and _ended_within(each, telling)]
            if begun:
                taken.add(begun[-1].span_id)
                yield telling._replace(started_at_ns=begun[-1].started_at_ns - 1)
                continue
        yield telling


def _ended_within(early: Seen, late: Seen) -> bool:
    """Tell whether a telling of another library with the same counts began before another one and ended within it.

    A short answer has arrived as a whole, and ended, before its first piece is read.
    """
    overlaps = early.started_at_ns <= late.started_at_ns < early.ended_at_ns + _UNREAD_NS
    return (
        overlaps
        and early.ended_at_ns <= late.ended_at_ns
        and early.scope != late.scope
        and early.counts == late.counts
        and _may_be_one(early, late)
    )


def _may_be_one(outer: Seen, inner: Seen) -> bool:
    """Tell whether neither ids nor models speak against two tellings being of one call."""
    if outer.call_id and inner.call_id:
        return False  # the same id would have joined them already
    pairs = [(one, other) for one in outer.models for other in inner.models]
    return not pairs or any(_is_part(one, other) or _is_part(other, one) for one, other in pairs)


def _is_part(short: str, name: str) -> bool:
    """Tell whether a model's name is another one's without its date, or without the region and maker before it."""
    return name.startswith(short) or name.endswith((f".{short}", f"/{short}"))


def _agree(outer: Seen, inner: Seen) -> bool:
    """Tell whether a telling and the only one within it are of one call, though they do not say the same."""
    if outer.scope == inner.scope or not _may_be_one(outer, inner):
        return False
    if outer.counts is None or inner.counts is None:
        return True
    return any(one == other for one, other in zip(outer.counts, inner.counts, strict=True))


def _all_but_best(call: list[Seen]) -> list[Seen]:
    """Return the tellings of a call that do not count. Two of ours that have counts are two, whatever their ids."""
    best = min(call, key=_preference)
    return [telling for telling in call if telling is not best and (telling.dialect or telling.counts is None)]


def _preference(telling: Seen) -> tuple[bool, int, int, str]:
    standing = _STANDING.get(telling.dialect, _OTHERS)
    return telling.counts is None, standing, -telling.started_at_ns, telling.span_id
