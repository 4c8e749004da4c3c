"""Whatever is said, in whatever order blocks are entered and left, on however many threads."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from otel_llmcost import attribution, feature
from otel_llmcost.attribution import NAMES, NOBODY, Attribution, concealed, current, from_entries

SAYABLE = [name for name in NAMES if not name.endswith("request_id")]

anything = st.text(max_size=300)
carried_whole = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).map(str.strip).filter(bool)
blocks = st.builds(
    lambda names, tags, propagate: attribution(**names, tags=tags, propagate=propagate),
    st.dictionaries(st.sampled_from(SAYABLE), anything, max_size=4),
    st.dictionaries(anything, anything, max_size=12),
    st.booleans(),
)
attributions = st.builds(
    lambda names, tags: Attribution(**names, tags=tuple(sorted(tags.items()))),
    st.dictionaries(st.sampled_from(NAMES), carried_whole, max_size=5),
    st.dictionaries(carried_whole, carried_whole, max_size=3),
)


def over_http(ctx: Context | None) -> Context:
    """Return what arrives in another process that `ctx` calls."""
    headers: dict[str, str] = {}
    W3CBaggagePropagator().inject(headers, ctx)
    return W3CBaggagePropagator().extract(headers, Context())


@given(st.lists(blocks, max_size=4))
def test_limits_hold_whatever_is_said(nested: list[attribution]) -> None:
    for block in nested:
        block.__enter__()
    said = current()
    for block in reversed(nested):
        block.__exit__(None, None, None)
    assert all(len(getattr(said, name)) <= 256 for name in NAMES)
    assert len(said.tags) <= 10
    assert all(len(key) <= 64 and len(value) <= 256 for key, value in said.tags)
    assert said.tags == tuple(sorted(dict(said.tags).items()))
    assert current() == NOBODY


@given(attributions, attributions, attributions)
def test_laying_over_is_associative_and_nobody_changes_nothing(
    inner: Attribution, middle: Attribution, outer: Attribution
) -> None:
    assert inner.over(middle).over(outer) == inner.over(middle.over(outer))
    assert inner.over(NOBODY) == NOBODY.over(inner) == inner.over(inner) == inner


@given(attributions)
def test_entries_read_back_are_the_same(said: Attribution) -> None:
    assert from_entries(said.entries()) == said


@given(attributions)
def test_another_process_reads_what_was_said(said: Attribution) -> None:
    names = {name: getattr(said, name) for name in SAYABLE}
    with attribution(**names, tags=dict(said.tags)):
        assert current(over_http(None)) == current()


@given(st.lists(blocks, max_size=3))
def test_nothing_of_ours_is_in_a_concealed_header_and_nothing_is_forgotten(nested: list[attribution]) -> None:
    for block in nested:
        block.__enter__()
    hidden = concealed(context.get_current())
    assert current(hidden) == current()
    assert current(over_http(hidden)) == NOBODY
    for block in reversed(nested):
        block.__exit__(None, None, None)


@given(st.permutations(range(6)))
def test_blocks_left_in_any_order_leave_nothing_behind(order: list[int]) -> None:
    entered = [feature(f"f{number}") for number in range(6)]
    for block in entered:
        block.__enter__()
    still_in = Counter(range(6))
    for number in order:
        entered[number].__exit__(None, None, None)
        del still_in[number]
        youngest = max(still_in, default=None)
        assert current().feature == ("" if youngest is None else f"f{youngest}")


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6))
def test_shared_blocks_nest_in_any_way_on_any_thread(path: list[str]) -> None:
    shared = {name: feature(name) for name in "abc"}

    def walk(rest: list[str]) -> bool:
        if not rest:
            return True
        with shared[rest[0]]:
            return current().feature == rest[0] and walk(rest[1:]) and current().feature == rest[0]

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(walk, [path, path[::-1]]))
