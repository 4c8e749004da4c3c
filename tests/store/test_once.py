"""One call told by several is one row of `llm_calls` and counts once in every rollup, whoever writes what when."""

from __future__ import annotations

import random
from itertools import permutations
from typing import Any

import pytest

from otel_llmcost.store import PricedCall, Store, connect, migrate, rows, settle
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, SAID, a_call, said_by, truth_of
from tests.store.test_exactness import Writers

SCOPES = {
    "": "otel_llmcost.anthropic",
    "sdk": "com.anthropic.sdk.python",
    "opentelemetry": "opentelemetry.instrumentation.genai.anthropic",
    "openinference": "openinference.instrumentation.anthropic",
    "langsmith": "langsmith",
}
IN_ONE_TRACE = [dialect for dialect in SCOPES if dialect != "langsmith"]
BEFORE_MIDNIGHT_NS = MIDNIGHT_NS - 1_000
"""So close to the end of an hour, of a day and perhaps of a month that the tellings of one call fall into both."""


def telling(number: int, dialect: str, *, depth: int = 0, started_at_ns: int = MIDNIGHT_NS, **said: Any) -> PricedCall:
    """One library's telling of call `number`; each has a cost of its own, to see which one counts."""
    place = list(SCOPES).index(dialect)
    fields: dict[str, Any] = {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:012x}{place + 1:04x}",
        "started_at_ns": started_at_ns + 600 * depth,
        "duration_ns": 10_000 - 1_200 * depth,
        "dialect": dialect,
        "scope_name": SCOPES[dialect],
        "response_id": "" if dialect == "openinference" else f"msg_{number}",
        "cost": 1_000_000 * number + place,
    }
    return a_call(number, **(fields | said))


def nested(number: int, dialects: list[str], started_at_ns: int) -> list[PricedCall]:
    """The tellings of one call, each the parent of the next."""
    told: list[PricedCall] = []
    for depth, dialect in enumerate(dialects):
        parent = told[-1].call.span_id if told else ""
        told.append(telling(number, dialect, depth=depth, started_at_ns=started_at_ns, parent_span_id=parent))
    return told


def traffic(calls: int, seed: int) -> tuple[list[PricedCall], list[PricedCall]]:
    """Return tellings of calls by all or some libraries, nested at random, and those of them that count."""
    rng = random.Random(seed)
    told, count = list[PricedCall](), list[PricedCall]()
    for number in range(1, calls + 1):
        dialects = rng.sample(IN_ONE_TRACE, rng.randint(1, len(IN_ONE_TRACE)))
        start = rng.choice([MIDNIGHT_NS, BEFORE_MIDNIGHT_NS, MIDNIGHT_NS + rng.randrange(3 * HOUR_NS)])
        tellings = nested(number, dialects, start)
        told += tellings
        count.append(min(tellings, key=lambda row: list(SCOPES).index(row.call.dialect)))
    return told, count


def spans_in(store: Store) -> list[str]:
    return [str(span) for (span,) in store.query("SELECT span_id FROM llm_calls ORDER BY span_id")]


def span_ids(rows: list[PricedCall]) -> list[str]:
    return sorted(row.call.span_id for row in rows)


def name_no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the store look for the traces of a batch by when it was received, as it does for a large one."""
    monkeypatch.setattr(settle, "BY_ID_UP_TO", 0)
    monkeypatch.setattr(settle, "MAX_RECEIPT_NS", 2**63)


def test_every_order_of_arrival_ends_with_our_telling(store: Store) -> None:
    """24 orders, each in a trace of its own, over the end of an hour; no two tellings of a call share a batch."""
    expected, batches = list[PricedCall](), [list[PricedCall]() for _ in IN_ONE_TRACE]
    for number, order in enumerate(permutations(IN_ONE_TRACE), start=1):
        tellings = nested(number, IN_ONE_TRACE, BEFORE_MIDNIGHT_NS)
        by_dialect = {row.call.dialect: row for row in tellings}
        for batch, dialect in zip(batches, order, strict=True):
            batch.append(by_dialect[dialect])
        expected.append(by_dialect[""])
    for batch in batches:
        store.write(batch)
    assert spans_in(store) == span_ids(expected)
    store.derive(*SAID)
    assert said_by(store) == truth_of(expected)


@pytest.mark.parametrize(
    ("seed", "is_named"), [(1, True), *(pytest.param(seed, False, marks=pytest.mark.long) for seed in (2, 3))]
)
def test_every_batching_ends_with_the_same_calls(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, seed: int, is_named: bool
) -> None:
    if not is_named:
        name_no_traces(monkeypatch)
    told, count = traffic(150, seed)
    rng = random.Random(seed)
    rng.shuffle(told)
    while told:
        size = rng.choice([1, 7, 60])
        store.write(told[:size])
        told = told[size:]
    assert spans_in(store) == span_ids(count)
    store.derive(*SAID)
    assert said_by(store) == truth_of(count)


@pytest.mark.parametrize("is_named", [pytest.param(True, marks=pytest.mark.long), False])
def test_three_writers_at_once_agree(
    migrated_dsn: str, store: Store, monkeypatch: pytest.MonkeyPatch, *, is_named: bool
) -> None:
    """Each writes everything, a fifth of it twice, in an order and batches of its own, one under other rules."""
    if not is_named:
        name_no_traces(monkeypatch)
    told, count = traffic(120, seed=31)
    writers = Writers(migrated_dsn, told, largest=60)
    writers.start()
    writers.join()
    store.derive(*SAID)
    assert spans_in(store) == span_ids(count)
    assert said_by(store) == truth_of(count)


def test_one_batch_is_never_seen_with_a_call_told_twice(store: Store) -> None:
    """Whoever reads between a batch and its settling sees each call once already: the marks are in the batch."""
    told, count = traffic(50, seed=5)
    marked = settle.judged(told)
    store._engine.insert("llm_calls_log", rows.columns_of(marked), {})
    assert spans_in(store) == span_ids(count)


def test_a_verdict_is_reversed_when_more_is_told(store: Store) -> None:
    """A wrapper says the same as the one call within it, until it turns out that there were two and it is their sum."""
    attempt: dict[str, Any] = {"response_id": "", "trace_id": "a" * 32}
    wrapper = telling(1, "opentelemetry", **attempt, input_tokens=107, output_tokens=10)
    first = telling(
        2, "openinference", depth=1, **attempt, parent_span_id=wrapper.call.span_id, input_tokens=100, output_tokens=10
    )
    second = telling(
        3, "openinference", depth=2, **attempt, parent_span_id=wrapper.call.span_id, input_tokens=7, output_tokens=0
    )
    store.write([wrapper])
    store.write([first])
    assert spans_in(store) == [wrapper.call.span_id]
    store.write([second])
    assert spans_in(store) == span_ids([first, second])
    store.derive(*SAID)
    assert said_by(store) == truth_of([first, second])


def test_a_telling_that_is_sent_again_is_still_a_retelling(store: Store) -> None:
    ours, other = nested(1, ["", "openinference"], MIDNIGHT_NS)
    store.write([other])
    store.write([ours])
    store.write([other])
    store._engine.command("OPTIMIZE TABLE llm_calls_log FINAL")
    store.write([other])
    assert spans_in(store) == [ours.call.span_id]


def test_all_tellings_are_kept_and_can_be_looked_at(store: Store) -> None:
    ours, other = nested(1, ["", "openinference"], MIDNIGHT_NS)
    store.write([other])
    store.write([ours])
    store._engine.command("OPTIMIZE TABLE llm_calls_log FINAL")
    told = store.query(
        "SELECT dialect, is_retelling, toUnixTimestamp64Nano(received_at) FROM llm_tellings ORDER BY dialect"
    )
    assert told.rows == (("", 0, ours.received_at_ns), ("openinference", 1, other.received_at_ns))


def test_calls_that_only_look_alike_are_all_there(store: Store) -> None:
    alike = [a_call(n, trace_id="b" * 32, span_id=f"{n:016x}", dialect="openinference") for n in range(1, 9)]
    store.write(alike[:3])
    store.write(alike[3:])
    assert len(spans_in(store)) == 8


def test_tellings_of_an_hour_written_before_the_last_release_are_found(dsn: str) -> None:
    """The table is made anew by a migration; what was in it is still there and can turn out to be a retelling."""
    ours, other = nested(1, ["", "openinference"], MIDNIGHT_NS)
    with connect(dsn) as store:
        store.migrate()
        store.write([other])
        (step,) = (step for step in migrate.load(store._layout) if "tell_each_call_once" in step.name)
        for sql in step.statements:
            store._engine.command(sql)
        store.write([ours])
        assert spans_in(store) == [ours.call.span_id]


@pytest.mark.long
@pytest.mark.parametrize(
    ("batches", "is_named"),
    [([[0, 1]], True), ([[0], [1]], True), ([[1], [0]], True), ([[0], [1]], False), ([[1], [0]], False)],
)
def test_a_background_response_that_another_library_tells_too_counts_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, batches: list[list[int]], is_named: bool
) -> None:
    """We tell of it in a trace of its own: of sha256("openai\\0resp_1") the first 32 digits, and the next 16."""
    if not is_named:
        name_no_traces(monkeypatch)
    ours = telling(
        1,
        "",
        trace_id="d8b41af2dee688c317cb9265d3cdbeaf",
        span_id="51edc754748fd10e",
        response_id="resp_1",
        duration_ns=0,
    )
    theirs = telling(2, "openinference", response_id="resp_1")
    another = telling(3, "openinference", trace_id=theirs.call.trace_id, response_id="")
    for batch in batches:
        store.write([[ours, theirs][number] for number in batch])
    assert spans_in(store) == [ours.call.span_id]
    store.write([another])
    assert spans_in(store) == span_ids([ours, another])
    store.derive(*SAID)
    assert said_by(store) == truth_of([ours, another])


@pytest.mark.long
@pytest.mark.parametrize("is_named", [True, False])
def test_calls_of_a_run_that_langsmith_tells_in_another_trace_count_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, is_named: bool
) -> None:
    """Its runs of an agent are told in the application's trace; our calls within are in a trace of the run's own.

    Whichever of them is written alone, what was decided of the others stays.
    """
    if not is_named:
        name_no_traces(monkeypatch)
    expected = []
    for trace, order in enumerate([(0, 1, 2, 3), (3, 2, 1, 0), (1, 2, 3, 0), (2, 3, 0, 1)]):
        numbers = 10 * trace + 1, 10 * trace + 2
        theirs = [telling(number, "langsmith", trace_id=f"{trace + 1:016x}{1:016x}") for number in numbers]
        ours = [telling(number, "", depth=1, trace_id=f"{trace + 1:016x}{2:016x}") for number in numbers]
        for place in order:
            store.write([[*theirs, *ours][place]])
        expected += ours
    assert spans_in(store) == span_ids(expected)
    store.derive()
    assert said_by(store) == truth_of(expected)


def test_an_answer_that_was_given_again_later_is_another_call(store: Store) -> None:
    first = telling(1, "langsmith")
    again = telling(2, "", response_id="msg_1", started_at_ns=MIDNIGHT_NS + 20_000)
    store.write([first])
    store.write([again])
    assert spans_in(store) == span_ids([first, again])
