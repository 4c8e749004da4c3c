"""Which tellings count is a function of the set of them: no order, no repetition and no batching can change it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_llmcost.dialects.once import Seen, retellings

DIALECTS = ("", "sdk", "opentelemetry", "openllmetry", "openinference")


@st.composite
def calls_told_by_several(draw: st.DrawFn) -> list[list[Seen]]:
    """Return the tellings of each of some calls of one trace: nested, the id known to all but OpenInference.

    Calls look alike on purpose: few counts, one model, and times that overlap.
    """
    calls = []
    for number in range(draw(st.integers(1, 5))):
        dialects = draw(st.lists(st.sampled_from(DIALECTS), min_size=1, max_size=5, unique=True))
        start = draw(st.integers(0, 50)) * 1_000 + number
        counts = draw(st.sampled_from([(100, 10), (100, 11), (7, 1)]))
        parent, tellings = "", []
        for depth, dialect in enumerate(dialects):
            span_id = f"{number}/{depth}"
            tellings.append(
                Seen(
                    trace_id="t",
                    span_id=span_id,
                    parent_span_id=parent,
                    started_at_ns=start + 10 * depth,
                    ended_at_ns=start + 40_000 - 10 * depth,
                    call_id="" if dialect == "openinference" else f"r{number}",
                    models=("gpt-5.2",),
                    scope=f"scope of {dialect or 'ours'}",
                    dialect=dialect,
                    counts=counts,
                )
            )
            parent = span_id
        calls.append(tellings)
    return calls


def flat(calls: list[list[Seen]]) -> list[Seen]:
    return [telling for tellings in calls for telling in tellings]


@given(calls_told_by_several(), st.randoms(use_true_random=False))
def test_no_order_and_no_repetition_changes_which_tellings_count(calls: list[list[Seen]], rng) -> None:
    tellings = flat(calls)
    shuffled = tellings + rng.sample(tellings, len(tellings) // 2)
    rng.shuffle(shuffled)
    assert retellings(shuffled) == retellings(tellings)


@given(calls_told_by_several())
def test_a_call_that_somebody_knows_by_its_id_counts_exactly_once(calls: list[list[Seen]]) -> None:
    """And it is told by whoever stands closest to the wire: of two that stand alike, by the inner one."""
    told_again = {span_id for _, span_id in retellings(flat(calls))}
    for tellings in calls:
        known = [telling for telling in tellings if telling.call_id]
        if known:
            counted = [telling.dialect for telling in known if telling.span_id not in told_again]
            best = min((telling.dialect for telling in known), key=DIALECTS.index)
            told_by = [telling.dialect for telling in tellings]
            is_inside = best == "openllmetry" and "openinference" in told_by[told_by.index(best) :]
            assert counted == ([] if is_inside else [best])


@given(calls_told_by_several())
def test_our_own_records_always_count(calls: list[list[Seen]]) -> None:
    told_again = {span_id for _, span_id in retellings(flat(calls))}
    assert not [telling for telling in flat(calls) if not telling.dialect and telling.span_id in told_again]


@given(calls_told_by_several())
def test_tellings_of_other_traces_and_times_change_nothing(calls: list[list[Seen]]) -> None:
    tellings = flat(calls)
    elsewhere = [
        telling._replace(
            trace_id="elsewhere",
            started_at_ns=telling.started_at_ns + 1_000_000,
            ended_at_ns=telling.ended_at_ns + 1_000_000,
        )
        for telling in tellings
    ]
    assert {key for key in retellings([*tellings, *elsewhere]) if key[0] == "t"} == retellings(tellings)


@given(calls_told_by_several(), st.randoms(use_true_random=False))
def test_our_call_takes_the_place_of_what_langsmith_tells_of_it_in_other_traces(calls: list[list[Seen]], rng) -> None:
    """Every telling with an id may be anywhere, if ours has that id, too."""
    tellings = [
        telling._replace(trace_id=rng.choice("tuv"), parent_span_id="", dialect="langsmith")
        for telling in flat(calls)
        if telling.call_id and telling.dialect
    ]
    ours = [
        telling._replace(trace_id=rng.choice("tw"), span_id=f"ours/{number}", dialect="")
        for number, telling in enumerate(tellings)
    ]
    everything = [*tellings, *ours]
    rng.shuffle(everything)
    assert retellings(everything) == {(telling.trace_id, telling.span_id) for telling in tellings}
