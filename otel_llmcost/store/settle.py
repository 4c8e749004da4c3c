"""Settling: of several tellings of one call, one counts (see `dialects.once`), whoever wrote which of them when.

A batch is written with what it alone decides, and then settled with what the store has besides. A writer whose rows
are in sees everything that was in before, so whoever comes last decides with all tellings before it. A verdict is a
copy of the row with a higher precedence: it may be passed again, and reversed when more is told.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from otel_llmcost.call import ids_of_answer
from otel_llmcost.dialects.once import TELL_ELSEWHERE, Seen, retellings
from otel_llmcost.errors import StoreUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from otel_llmcost.store.engine import Engine
    from otel_llmcost.store.rows import PricedCall

HOUR_NS: Final = 3_600_000_000_000
REACH_HOURS: Final = 1
"""Tellings of one call start at most so far apart."""

MAX_ROUNDS: Final = 20
MAX_LISTED: Final = 2_000
"""Ids of one parameter: a server takes 128 KiB of it."""

MAX_LISTS: Final = 16
MAX_IDS: Final = MAX_LISTED * MAX_LISTS

BY_ID_UP_TO: Final = 500
"""Traces of a larger batch are not named to the store: it has the batch, and is told when that was received."""

MAX_RECEIPT_NS: Final = 60_000_000_000
"""Unless it was received over a longer time, in which many others may have been received as well."""

LISTED_IDS: Final = f"arrayConcat({', '.join(f'{{ids_{number}:Array(String)}}' for number in range(MAX_LISTS))})"
"""The ids that `as_lists` gives to a statement."""

_OTHERS_TOLD: Final = """
SELECT 1
FROM llm_calls_log
WHERE toStartOfHour(started_at) IN {hours:Array(DateTime('UTC'))}
    AND dialect != ''
LIMIT 1
"""

_CONTESTED: Final = """
SELECT trace_id
FROM llm_calls_log
WHERE toStartOfHour(started_at) IN {hours:Array(DateTime('UTC'))}
    AND trace_id IN ({told})
    AND correction_id = ''
GROUP BY trace_id
HAVING max(is_retelling) > 0
    OR (max(dialect) != '' AND min(span_id) != max(span_id))
"""
"""Traces of several tellings. A telling that is alone in its trace, and was never judged, needs no second look."""

_SAME_ANSWER: Final = """
SELECT DISTINCT
    trace_id,
    provider,
    {call_id},
    dialect
FROM llm_calls_log
WHERE toStartOfHour(started_at) IN {hours:Array(DateTime('UTC'))}
    AND {call_id} IN (SELECT arrayJoin({ids}))
"""
_TOLD_LATER: Final = """
SELECT DISTINCT trace_id
FROM llm_calls_log
WHERE toStartOfHour(started_at) IN {hours:Array(DateTime('UTC'))}
    AND trace_id IN ({told})
    AND dialect = ''
"""

_TELLING: Final = """
SELECT
    trace_id,
    span_id,
    parent_span_id,
    toUnixTimestamp64Nano(started_at),
    toUnixTimestamp64Nano(started_at) + duration_ns,
    {call_id},
    arrayFilter(name -> name != '', [toString(request_model), toString(response_model)]),
    scope_name,
    dialect,
    if(usage_quality = 'missing', [], [input_tokens, output_tokens]),
    provider,
    is_retelling
FROM llm_calls_log
WHERE toStartOfHour(started_at) IN {hours:Array(DateTime('UTC'))}
"""
_LATEST: Final = """
    AND correction_id = ''
ORDER BY precedence DESC
LIMIT 1 BY
    trace_id,
    span_id
"""
_OTHERS_TELL: Final = """
    AND trace_id IN
    (
        SELECT others.trace_id
        FROM llm_calls_log AS others
        WHERE toStartOfHour(others.started_at) IN {hours:Array(DateTime('UTC'))}
            AND others.trace_id IN (SELECT arrayJoin({ids}))
            AND others.dialect != ''
    )
"""
_IN_TRACES: Final = """
    AND trace_id IN (SELECT arrayJoin({ids}))
"""


def _rendered(sql: str) -> str:
    call_id = "if(response_id = '', provider_request_id, response_id)"
    return sql.replace("{call_id}", call_id).replace("{ids}", LISTED_IDS)


_TOLD: Final = _rendered(_TELLING + _OTHERS_TELL + _LATEST)
_TOLD_IN: Final = _rendered(_TELLING + _IN_TRACES + _LATEST)
_TOLD_BY_ALL: Final = _rendered(_SAME_ANSWER)
_TOLD_BY_OTHERS: Final = _rendered(_SAME_ANSWER + "    AND dialect != ''\n")
_TOLD_ELSEWHERE: Final = _rendered(_SAME_ANSWER + f"    AND dialect IN {sorted(TELL_ELSEWHERE)}\n")
_CONTESTED_IN_LIST, _TOLD_LATER_IN_LIST = (
    sql.replace("{told}", f"SELECT arrayJoin({LISTED_IDS})") for sql in (_CONTESTED, _TOLD_LATER)
)

# The same of a batch that is told by when it was received. A row of it that is not there any more was told before, by
# one that is; others that were received meanwhile are looked at as well, which does no harm.
_BATCH: Final = """
    FROM llm_calls_log AS batch
    WHERE toStartOfHour(batch.started_at) IN {batch_hours:Array(DateTime('UTC'))}
        AND batch.received_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND batch.received_at <= fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        AND batch.correction_id = ''
"""
_ANSWER: Final = "if(batch.response_id = '', batch.provider_request_id, batch.response_id)"
_ANSWERED_IN: Final = f"lower(hex(substring(SHA256(concat(toString(batch.provider), '\\0', {_ANSWER})), 1, 16)))"
"""The trace of `call.ids_of_answer`."""

_CONTESTED_IN_BATCH: Final = _CONTESTED.replace("{told}", f"SELECT batch.trace_id {_BATCH}")
_ANY_ELSEWHERE: Final = (
    _OTHERS_TOLD.replace("dialect != ''", f"dialect IN {sorted(TELL_ELSEWHERE)}"),
    _TOLD_LATER.replace("{told}", f"SELECT {_ANSWERED_IN} {_BATCH} AND batch.dialect != '' AND {_ANSWER} != ''"),
    f"SELECT 1 {_BATCH} AND batch.dialect = '' AND batch.trace_id = {_ANSWERED_IN} LIMIT 1",
)
"""Whether `_told_elsewhere` can find anything: mostly nobody tells in another trace, and that ends it."""

_PASS_VERDICT: Final = """
INSERT INTO llm_calls_log
SELECT * REPLACE
(
    {is_retelling:UInt8} AS is_retelling,
    verdicts + 1 AS verdicts,
    precedence + 1125899906842624 AS precedence
)
FROM
(
    SELECT *
    FROM llm_calls_log
    WHERE toStartOfHour(started_at) IN {hours:Array(DateTime('UTC'))}
        AND (trace_id, span_id) IN
        (
            SELECT
                substring(told.id, 1, 32),
                substring(told.id, 33)
            FROM (SELECT arrayJoin({ids}) AS id) AS told
        )
    ORDER BY precedence DESC
    LIMIT 1 BY
        trace_id,
        span_id,
        correction_id
) AS latest
WHERE latest.is_retelling != {is_retelling:UInt8}
""".replace("{ids}", LISTED_IDS)


_STRAY: Final = """
SELECT
    trace_id,
    span_id,
    maxIf(is_retelling, correction_id = '') AS of_call
FROM
(
    SELECT
        trace_id,
        span_id,
        correction_id,
        is_retelling
    FROM llm_calls_log
    WHERE toStartOfHour(started_at) IN {hours:Array(DateTime('UTC'))}
        AND (trace_id, span_id) IN
        (
            SELECT
                substring(told.id, 1, 32),
                substring(told.id, 33)
            FROM (SELECT arrayJoin({ids}) AS id) AS told
        )
    ORDER BY precedence DESC
    LIMIT 1 BY
        trace_id,
        span_id,
        correction_id
) AS latest
GROUP BY
    trace_id,
    span_id
HAVING countIf(correction_id = '') > 0
    AND min(is_retelling) != max(is_retelling)
""".replace("{ids}", LISTED_IDS)


def judged(batch: Sequence[PricedCall]) -> list[PricedCall]:
    """Return the rows of a batch, each marked with what the batch alone says about it."""
    if not any(row.call.dialect for row in batch):
        return list(batch)
    told_again = retellings(map(seen_in, batch))
    return [
        replace(row, is_retelling=True) if (row.call.trace_id, row.call.span_id) in told_again else row for row in batch
    ]


class Answer(NamedTuple):
    """What is asked about a telling of whose answer (or else request) the provider's id is known.

    Attributes:
        trace_id: Where it is told.
        provider: Whose id it is.
        call_id: That id.
        dialect: Empty for our own.
    """

    trace_id: str
    provider: str
    call_id: str
    dialect: str


@dataclass(slots=True)
class Written:
    """What settling has to know of a batch.

    Attributes:
        hours: In which its calls started, counted from the Unix epoch.
        traces: Their traces.
        since_ns: Their first receipt, until_ns the last, in Unix nanoseconds.
        is_told_by_others: Whether anybody but ourselves told of one.
        told: What returns those that are told with the provider's id; mostly nobody asks, since nobody else told.
    """

    hours: set[int] = field(default_factory=set)
    traces: set[str] = field(default_factory=set)
    since_ns: int = 2**63 - 1
    until_ns: int = 0
    is_told_by_others: bool = False
    told: list[Callable[[], Iterable[Answer]]] = field(default_factory=list)

    def answers(self) -> list[Answer]:
        """Return the tellings whose answers have the provider's id."""
        return [answer for told in self.told for answer in told()]

    def linked(self) -> set[str]:
        """Return the traces that have an answer in common of which others tell in one of them."""
        return _linked(self.answers())

    @property
    def is_listed(self) -> bool:
        """Whether its traces are named to the store, and not when it was received."""
        return len(self.traces) <= BY_ID_UP_TO or self.until_ns - self.since_ns > MAX_RECEIPT_NS

    def received(self, first_ns: int, last_ns: int) -> None:
        """Note when some of it was received."""
        self.since_ns, self.until_ns = min(self.since_ns, first_ns), max(self.until_ns, last_ns)

    @classmethod
    def of(cls, batch: Sequence[PricedCall]) -> Self:
        """Return it for rows."""
        written = cls(told=[partial(_answers_in, batch)])
        for row in batch:
            call = row.call
            written.received(row.received_at_ns, row.received_at_ns)
            written.hours.add(call.started_at_ns // HOUR_NS)
            written.traces.add(call.trace_id)
            written.is_told_by_others |= bool(call.dialect)
        return written


def _answers_in(batch: Iterable[PricedCall]) -> Iterator[Answer]:
    for row in batch:
        call = row.call
        if call_id := call.response_id or call.provider_request_id:
            yield Answer(call.trace_id, call.provider, call_id, call.dialect)


def settle(engine: Engine, written: Written) -> None:
    """Decide anew of every telling that a batch, which is in the store, may say something about.

    Raises:
        StoreUnreachableError: Write the batch again later.
    """
    hours = written.hours
    if not written.is_told_by_others and not _others_told(engine, hours):
        return
    near, far = _around(hours, REACH_HOURS), _around(hours, 2 * REACH_HOURS)
    if written.is_listed:
        traces = _found(engine, _CONTESTED_IN_LIST, far, written.traces)
    else:
        traces = _found_in_batch(engine, _CONTESTED_IN_BATCH, far, written)
    if written.is_listed or any(_found_in_batch(engine, sql, near, written) for sql in _ANY_ELSEWHERE):
        traces |= _told_elsewhere(engine, near, written.answers())
    listed = sorted(traces)
    for start in range(0, len(listed), MAX_IDS):
        _settle(engine, hours, listed[start : start + MAX_IDS])


def settle_corrected(engine: Engine, hours: set[int], keys: Sequence[tuple[str, str]]) -> None:
    """Decide anew of calls whose corrections are in the store, and have the corrections count where their calls do.

    Between reading a call and correcting it, another writer may have passed a verdict on it.

    Args:
        engine: The store.
        hours: Hours in which the calls started, counted from the Unix epoch.
        keys: Trace and span id of each.

    Raises:
        StoreUnreachableError: Do it again later.
    """
    if not _others_told(engine, hours):
        return
    traces = sorted({trace_id for trace_id, _ in keys})
    for start in range(0, len(traces), MAX_IDS):
        _settle(engine, hours, traces[start : start + MAX_IDS])
    follow(engine, hours, keys)


def follow(engine: Engine, hours: set[int], keys: Sequence[tuple[str, str]]) -> None:
    """Have every correction of these calls count where, and only where, its call does."""
    for start in range(0, len(keys), MAX_IDS):
        ids = [trace_id + span_id for trace_id, span_id in keys[start : start + MAX_IDS]]
        stray: dict[bool, list[str]] = {True: [], False: []}
        for trace_id, span_id, of_call in engine.query(_STRAY, {"hours": _times(hours), **as_lists(ids)}).result_rows:
            stray[bool(of_call)].append(trace_id + span_id)
        for is_retelling, found in stray.items():
            if found:
                _pass_verdict(engine, hours, found, is_retelling=is_retelling)


def _settle(engine: Engine, hours: set[int], traces: Sequence[str]) -> None:
    """Pass verdicts until nobody else's verdict says otherwise."""
    near, far = _around(hours, REACH_HOURS), _around(hours, 2 * REACH_HOURS)
    for _ in range(MAX_ROUNDS):
        told = _told(engine, far, traces)
        told_again = retellings(told)
        wrong: dict[bool, list[Seen]] = {True: [], False: []}
        for seen, is_retelling in told.items():
            due = (seen.trace_id, seen.span_id) in told_again
            if is_retelling != due and seen.started_at_ns // HOUR_NS in near:
                wrong[due].append(seen)
        if not any(wrong.values()):
            return
        for due, tellings in wrong.items():
            for start in range(0, len(tellings), MAX_IDS):
                some = tellings[start : start + MAX_IDS]
                started = {telling.started_at_ns // HOUR_NS for telling in some}
                ids = [telling.trace_id + telling.span_id for telling in some]
                _pass_verdict(engine, started, ids, is_retelling=due)
    msg = f"which tellings count is decided otherwise by another writer, {MAX_ROUNDS} times in a row"
    raise StoreUnreachableError(msg)


def _pass_verdict(engine: Engine, hours: set[int], ids: Sequence[str], *, is_retelling: bool) -> None:
    engine.change(_PASS_VERDICT, {"is_retelling": int(is_retelling), "hours": _times(hours), **as_lists(ids)})


def _others_told(engine: Engine, hours: set[int]) -> bool:
    """Tell whether anybody but ourselves told of a call around these hours: mostly nobody, and that ends it."""
    return bool(engine.query(_OTHERS_TOLD, {"hours": _times(_around(hours, REACH_HOURS))}).result_rows)


def _told(engine: Engine, hours: set[int], traces: Sequence[str]) -> dict[Seen, bool]:
    """Return what was told in those of the traces that others tell of, and whether it is marked as a retelling.

    The traces that are linked to those by an answer are read, too, and those that are linked to them.
    """
    told = _read(engine, _TOLD, hours, traces)
    new = dict(told)
    while new:
        answers = [Answer(each.trace_id, each.provider, each.call_id, each.dialect) for each in new if each.call_id]
        listed = sorted(_told_elsewhere(engine, hours, answers) - {seen.trace_id for seen in told})
        new = {}
        for start in range(0, len(listed), MAX_IDS):
            new |= _read(engine, _TOLD_IN, hours, listed[start : start + MAX_IDS])
        told |= new
    return told


def _read(engine: Engine, sql: str, hours: set[int], traces: Sequence[str]) -> dict[Seen, bool]:
    rows = engine.query(sql, {"hours": _times(hours), **as_lists(traces)}).result_rows
    return {
        Seen(
            trace, span, parent, start, end, call, tuple(models), scope, dialect, tuple(counts) or None, provider
        ): bool(marked)
        for trace, span, parent, start, end, call, models, scope, dialect, counts, provider, marked in rows
    }


def _told_elsewhere(engine: Engine, hours: set[int], answers: Sequence[Answer]) -> set[str]:
    """Return the traces that are linked to one of these answers by it, the answers' own traces among them.

    As `once` has it: what a library of those that tell elsewhere says is asked for everywhere, and what all others say
    is asked for among that; and so is what we answered later, whose trace is known by the answer.
    """
    told_elsewhere = {each.call_id for each in answers if each.dialect in TELL_ELSEWHERE}
    told_in = defaultdict[str, set[str]](set)
    later = set[str]()
    for each in answers:
        derived = ids_of_answer(each.provider, each.call_id)[0]
        if each.dialect:
            told_in[derived].add(each.trace_id)
        elif derived == each.trace_id:
            later.add(each.call_id)
    found = set(answers)
    found.update(_answers(engine, _TOLD_BY_ALL, hours, told_elsewhere))
    found.update(_answers(engine, _TOLD_BY_OTHERS, hours, later))
    found.update(_answers(engine, _TOLD_ELSEWHERE, hours, {each.call_id for each in answers} - told_elsewhere))
    traces = _linked(found)
    for trace_id in _found(engine, _TOLD_LATER_IN_LIST, hours, told_in):
        traces |= {trace_id, *told_in[trace_id]}
    return traces


def _answers(engine: Engine, sql: str, hours: set[int], call_ids: Collection[str]) -> Iterator[Answer]:
    listed = sorted(call_ids)
    for start in range(0, len(listed), MAX_IDS):
        asked = {"hours": _times(hours), **as_lists(listed[start : start + MAX_IDS])}
        yield from (Answer(*row) for row in engine.query(sql, asked).result_rows)


def _linked(answers: Iterable[Answer]) -> set[str]:
    """Return the traces that have an answer in common of which others tell in one of them."""
    by_id = defaultdict[str, list[Answer]](list)
    for each in answers:
        by_id[each.call_id].append(each)
    return {
        each.trace_id
        for told in by_id.values()
        if len(told) > 1 and any(each.dialect for each in told) and any(each[0] != told[0][0] for each in told)
        for each in told
    }


def _found(engine: Engine, sql: str, hours: set[int], ids: Iterable[str]) -> set[str]:
    """Return what a query for single texts finds by these ids."""
    listed, found = sorted(ids), set[str]()
    for start in range(0, len(listed), MAX_IDS):
        asked = {"hours": _times(hours), **as_lists(listed[start : start + MAX_IDS])}
        found.update(text for (text,) in engine.query(sql, asked).result_rows)
    return found


def _found_in_batch(engine: Engine, sql: str, hours: set[int], written: Written) -> set[str]:
    """Return what a query for single values finds by when a batch was received."""
    received = {"since_ns": written.since_ns, "until_ns": written.until_ns, "batch_hours": _times(written.hours)}
    return {each for (each,) in engine.query(sql, {"hours": _times(hours), **received}).result_rows}


def seen_in(row: PricedCall) -> Seen:
    """Return what is compared of a row."""
    call = row.call
    return Seen(
        call.trace_id,
        call.span_id,
        call.parent_span_id,
        call.started_at_ns,
        call.started_at_ns + call.duration_ns,
        call.response_id or call.provider_request_id,
        tuple(filter(None, (call.request_model, call.response_model))),
        call.scope_name,
        call.dialect,
        (call.usage.input_tokens, call.usage.output_tokens) if call.usage else None,
        call.provider,
    )


def as_lists(ids: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return at most `MAX_IDS` ids as the parameters that `LISTED_IDS` names."""
    return {f"ids_{part}": ids[part * MAX_LISTED : (part + 1) * MAX_LISTED] for part in range(MAX_LISTS)}


def _around(hours: Iterable[int], reach: int) -> set[int]:
    return {hour + offset for hour in hours for offset in range(-reach, reach + 1)}


def _times(hours: Iterable[int]) -> list[datetime]:
    return [datetime.fromtimestamp(hour * 3600, UTC) for hour in sorted(hours)]
