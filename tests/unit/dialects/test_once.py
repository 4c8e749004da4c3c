"""Which tellings count, case by case. The letters stand for spans: `o` ours, `n` the SDK's own, `t` OTel's, others."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.dialects.once import Seen, retellings

if TYPE_CHECKING:
    from collections.abc import Iterable

DIALECTS = {
    "o": "",
    "n": "sdk",
    "t": "opentelemetry",
    "l": "openllmetry",
    "i": "openinference",
    "c": "langchain",
    "f": "logfire",
    "s": "langsmith",
}


def seen(name: str, within: str = "", *, at: int = 0, until: int = 0, **said: Any) -> Seen:
    """Return a telling; the first letter of its name says whose it is, and `within` names its parent."""
    dialect = DIALECTS[name[0]]
    told = {
        "trace_id": "1" * 32,
        "span_id": name,
        "parent_span_id": within,
        "started_at_ns": at,
        "ended_at_ns": until or at + 10,
        "call_id": "",
        "models": ("gpt-5.2",),
        "scope": f"scope of {dialect or 'ours'}",
        "dialect": dialect,
        "counts": (100, 10),
    }
    return Seen(**(told | said))


def counted(*tellings: Seen) -> set[str]:
    """Return the names of the tellings that count, which no order may change."""
    outcomes = {frozenset(_counted(order)) for order in permutations(tellings)}
    assert len(outcomes) == 1, outcomes
    return set(outcomes.pop())


def _counted(tellings: Iterable[Seen]) -> set[str]:
    tellings = list(tellings)
    told_again = retellings(tellings)
    return {telling.span_id for telling in tellings} - {span_id for _, span_id in told_again}


def test_tellings_with_one_response_id_are_one_call_and_ours_counts() -> None:
    assert counted(seen("o", call_id="r"), seen("n", call_id="r"), seen("t", call_id="r"), seen("l", call_id="r")) == {
        "o"
    }


@pytest.mark.parametrize(("told", "best"), [("ntl", "n"), ("tl", "t"), ("ln", "n")])
def test_without_ours_the_sdk_counts_before_opentelemetry_and_that_before_others(told: str, best: str) -> None:
    assert counted(*(seen(name, call_id="r") for name in told)) == {best}


ELSEWHERE = "2" * 32


def test_the_same_response_id_in_two_traces_at_one_time_is_one_call() -> None:
    """LangSmith tells in the application's trace, and what is below its runs falls into a trace of their own."""
    theirs = seen("s", call_id="r", at=0, until=30)
    assert counted(theirs, seen("o", call_id="r", at=5, until=20, trace_id=ELSEWHERE)) == {"o"}
    assert counted(theirs, seen("n", call_id="r", at=5, until=40, trace_id=ELSEWHERE)) == {"n"}
    assert counted(theirs, seen("o", call_id="r", at=5, until=20, trace_id=ELSEWHERE, counts=None)) == {"s"}


def test_a_record_that_came_twice_is_not_its_own_retelling() -> None:
    ours = seen("o", call_id="r", at=5, until=20, trace_id=ELSEWHERE, counts=None)
    assert retellings([ours, seen("s", call_id="r", at=0, until=30, counts=None), ours]) == {("1" * 32, "s")}


def test_the_same_response_id_in_two_traces_at_two_times_is_two_calls() -> None:
    """A cache may answer again what was answered before."""
    assert counted(seen("s", call_id="r"), seen("l", call_id="r", at=11, trace_id=ELSEWHERE)) == {"s", "l"}
    assert counted(seen("s", call_id="r"), seen("o", call_id="r", at=11, trace_id=ELSEWHERE)) == {"s", "o"}


def test_a_library_that_tells_where_the_call_is_made_tells_of_no_call_in_another_trace() -> None:
    assert counted(seen("t", call_id="r"), seen("l", call_id="r", trace_id=ELSEWHERE)) == {"t", "l"}


def test_calls_in_two_traces_that_look_alike_are_two_without_an_id() -> None:
    within = seen("o", at=5, until=20, trace_id=ELSEWHERE)
    assert counted(seen("s", at=0, until=30), within) == {"s", "o"}
    assert counted(seen("s", at=0, until=30, call_id="r"), within) == {"s", "o"}
    assert counted(seen("s", at=0, until=30, call_id="r"), within._replace(call_id="r2")) == {"s", "o"}


def test_what_is_one_call_in_each_of_two_traces_is_one_call_by_the_id_that_one_telling_of_each_has() -> None:
    """OpenInference tells no id, and has the counts that the SDK's span in the same trace lacks."""
    assert counted(
        seen("s", call_id="r", at=0, until=30, trace_id=ELSEWHERE),
        seen("i", at=2, until=28),
        seen("n", "i", call_id="r", at=3, until=27, counts=None),
    ) == {"i"}


def test_a_telling_with_counts_is_preferred_to_one_without() -> None:
    assert counted(seen("n", call_id="r", counts=None), seen("l", call_id="r")) == {"l"}


def test_a_wrapper_tells_of_the_call_within_it() -> None:
    assert counted(seen("i1"), seen("i2", "i1", at=2)) == {"i2"}
    assert counted(seen("i"), seen("o", "i", at=2)) == {"o"}


def test_what_others_tell_inside_our_call_is_our_call() -> None:
    """Embeddings have no response id, and the inner telling may lack counts or say others."""
    assert counted(seen("o"), seen("i", "o", counts=None), seen("n", "o", at=3, counts=(90, 10))) == {"o"}


def test_a_chain_of_wrappers_is_one_call_whoever_knows_its_id() -> None:
    chain = seen("t", call_id="r"), seen("i", "t", at=1), seen("l", "i", at=2, call_id="r")
    assert counted(*chain) == {"t"}
    assert counted(*chain, seen("o", "l", at=3, call_id="r")) == {"o"}


def test_a_wrapper_around_a_call_and_its_retry_tells_of_the_last_one() -> None:
    """As util-genai merges what is told within: the first attempt has 100 tokens, the answer that is returned 7."""
    first, last = seen("i1", "c", at=1, counts=(100, 1)), seen("i2", "c", at=20, counts=(7, 1))
    assert counted(seen("c", until=40, counts=(7, 1)), first, last) == {"i1", "i2"}


def test_two_equal_attempts_within_a_wrapper_are_two_calls() -> None:
    assert counted(seen("c", until=40), seen("i1", "c", at=1), seen("i2", "c", at=20)) == {"i1", "i2"}
    assert len(counted(seen("t", until=40), seen("i1", "t", at=1), seen("i2", "t", at=20))) == 2


def test_a_wrapper_that_sums_its_calls_does_not_count() -> None:
    assert counted(
        seen("t", until=40, counts=(107, 2)),
        seen("i1", "t", at=1, counts=(100, 1)),
        seen("i2", "t", at=20, counts=(7, 1)),
    ) == {"i1", "i2"}


def test_a_wrapper_without_counts_does_not_count() -> None:
    assert counted(seen("t", until=40, counts=None), seen("i1", "t", at=1), seen("i2", "t", at=20)) == {"i1", "i2"}


def test_a_wrapper_and_a_call_of_one_library_without_counts_are_that_call() -> None:
    """As version 7 of Vercel's AI SDK tells of reranking, and of an embedding that failed."""
    assert counted(seen("l", until=100, counts=None), seen("l2", "l", at=10, counts=None)) == {"l2"}


def test_a_wrapper_that_is_wrong_about_the_only_call_within_it_is_still_its_wrapper() -> None:
    assert counted(seen("l", counts=(100, 13)), seen("i", "l", at=1)) == {"i"}


def test_a_call_that_makes_another_call_is_one_of_two() -> None:
    """Another model, other counts: a tool or a guardrail that asks a model of its own while the first one waits."""
    inner = seen("i", "t", at=1, counts=(7, 1), models=("gpt-5.2-guard",))
    assert counted(seen("t", models=("claude-opus-4-5",)), inner) == {"t", "i"}


def test_libraries_that_do_not_link_their_spans_are_recognised_by_what_they_enclose() -> None:
    """OpenInference for LangChain attaches no context, so the SDK's span is its sibling and not its child."""
    assert counted(seen("c", at=0, until=30), seen("o", at=5, until=20, call_id="r")) == {"o"}


def test_a_library_that_leaves_region_and_maker_out_of_a_models_name_tells_of_the_same_call() -> None:
    """OpenLLMetry's spans of streams of Bedrock, which are no parents of ours."""
    inner = seen("o", at=5, until=20, models=("us.anthropic.claude-haiku-4-5-v1:0",))
    assert counted(seen("t", at=0, until=30, models=("claude-haiku-4-5-v1:0",)), inner) == {"o"}
    assert counted(seen("t", at=0, until=30, models=("haiku-4-5-v1:0",)), inner) == {"t", "o"}


def test_an_answer_that_nobody_counted_is_one_call_of_whoever_encloses_it() -> None:
    """A stream of OpenAI's without `include_usage`, and a call that failed: there is nothing else to know them by."""
    stream = seen("c1", at=0, until=30, counts=None), seen("o1", at=5, until=20, counts=None)
    failed = seen("c2", at=40, until=70, counts=None), seen("o2", at=45, until=60, counts=None)
    assert counted(*stream, *failed) == {"o1", "o2"}
    assert counted(seen("o", at=0, until=20, counts=None), seen("f", at=5, until=30, counts=None)) == {"o"}
    assert counted(seen("c", at=0, until=30), seen("o", at=5, until=20, counts=None)) == {"c", "o"}


def test_two_calls_at_once_that_are_told_twice_each_are_two() -> None:
    tellings = (
        seen("c1", at=0, until=40),
        seen("c2", at=1, until=30),
        seen("i1", at=2, until=38),
        seen("i2", at=3, until=28),
    )
    assert counted(*tellings) == {"i1", "i2"}


@pytest.mark.parametrize(
    "pair",
    [
        (seen("i1"), seen("i2")),
        (seen("i1", at=0, until=30), seen("i2", at=5, until=20)),
        (seen("o1", call_id="r1"), seen("o2", call_id="r2")),
        (seen("i", at=0, until=10), seen("o", at=20, until=30)),
        (seen("i", at=0, until=20), seen("o", at=0, until=20)),
        (seen("i", at=0, until=20, models=("gpt-5.2",)), seen("o", at=5, until=10, models=("gpt-4o",))),
        (seen("t", call_id="r1"), seen("l", "t", at=1, call_id="r2", counts=(100, 11))),
        (seen("i", at=0, until=10, counts=None), seen("o", at=20, until=30, counts=None)),
        (seen("i", at=0, until=20, counts=None), seen("o", at=5, until=10, counts=None, models=("gpt-4o",))),
    ],
    ids=[
        "the same library", "one within the other in time", "two ids", "one after the other", "at the same time",
        "two models", "two ids, nested", "uncounted, one after the other", "uncounted, two models",
    ],
)  # fmt: skip
def test_two_calls_that_look_alike_are_two(pair: tuple[Seen, Seen]) -> None:
    assert len(counted(*pair)) == 2


def test_two_calls_of_ours_are_two_even_with_one_response_id() -> None:
    """A server that repeats an answer, as a cache or a test does, was still asked twice."""
    assert counted(seen("o1", call_id="r"), seen("o2", call_id="r", at=50), seen("l", call_id="r")) == {"o1", "o2"}


def test_what_is_read_back_later_is_the_call_that_had_no_counts() -> None:
    """A background response: created without counts, fetched with them, and a foreign span beside."""
    assert counted(
        seen("o1", call_id="r", counts=None), seen("o2", call_id="r", at=50), seen("t", call_id="r", counts=None)
    ) == {"o2"}


def test_thousands_of_equal_calls_in_one_trace_are_judged_one_by_one() -> None:
    tellings = []
    for number in range(5_000):
        start = number * 100
        tellings.append(seen(f"c{number}", at=start, until=start + 90))
        tellings.append(seen(f"i{number}", at=start + 1, until=start + 80))
    assert _counted(tellings) == {f"i{number}" for number in range(5_000)}


def test_logfire_tells_a_stream_from_its_first_piece_on_and_it_is_the_call_that_ended_in_it() -> None:
    assert counted(seen("o", at=0, until=50), seen("f", at=20, until=60)) == {"o"}
    assert counted(seen("o", at=0, until=10), seen("f", at=20, until=60)) == {"o"}
    assert counted(seen("o", at=0, until=50), seen("l", at=20, until=60)) == {"o", "l"}


def test_a_stream_of_logfires_is_one_call_and_another_one_alike_is_another() -> None:
    """Two streams at once, of which each is told twice; and one that ours does not see."""
    both = (
        seen("o1", at=0, until=50),
        seen("o2", at=5, until=55),
        seen("f1", at=20, until=60),
        seen("f2", at=21, until=61),
    )
    assert counted(*both) == {"o1", "o2"}
    assert counted(seen("o1", at=0, until=50), seen("f1", at=20, until=60), seen("f2", at=21, until=61)) >= {"o1"}
    assert len(counted(seen("o1", at=0, until=50), seen("f1", at=20, until=60), seen("f2", at=21, until=61))) == 2
    late = seen("f", at=3_000_000_000, until=3_000_000_060)
    assert counted(seen("o", at=0, until=50), late) == {"o", "f"}
