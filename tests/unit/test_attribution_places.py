"""Who pays on other threads and tasks, where a block is left elsewhere than entered, and after an arrival."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage, context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from otel_llmcost import feature, request, session
from otel_llmcost.attribution import (
    NOBODY,
    Attribution,
    carried,
    concealed,
    current,
    current_request,
    mark_outside,
    with_header,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    yield
    assert current() == NOBODY, "a test left a block open"


def sent() -> str:
    """Return the baggage header that a request of ours to another service would carry now."""
    headers: dict[str, str] = {}
    W3CBaggagePropagator().inject(headers)
    return headers["baggage"]


# --- threads and tasks ---


def test_a_thread_that_runs_in_a_copy_of_the_context_knows_who_pays() -> None:
    with feature("search"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(contextvars.copy_context().run, current).result().feature == "search"


def test_work_carried_to_another_thread_keeps_that_threads_other_baggage() -> None:
    theirs = baggage.set_baggage("synthetic", "yes", Context())
    with feature("search"), request() as action:
        ctx = carried(context.get_current(), theirs)
    assert current(ctx).feature == "search"
    assert current_request(ctx) is action
    assert baggage.get_baggage("synthetic", ctx) == "yes"


async def test_tasks_inherit_and_do_not_disturb_each_other() -> None:
    async def one(name: str) -> tuple[str, str]:
        with session(name):
            await asyncio.sleep(0)
            inside = current().session_id
        await asyncio.sleep(0)
        return current().feature, inside

    with feature("search"):
        answers = await asyncio.gather(*(one(f"s{number}") for number in range(20)))
        assert current() == Attribution(feature="search")
    assert answers == [("search", f"s{number}") for number in range(20)]


async def test_a_task_that_outlives_the_block_keeps_what_it_inherited() -> None:
    left = asyncio.Event()

    async def late() -> list[str]:
        await left.wait()
        seen = [current().feature]
        with feature("own"):
            seen.append(current().feature)
        return [*seen, current().feature]

    with feature("search"):
        task = asyncio.create_task(late())
    left.set()
    assert await task == ["search", "own", "search"]


def test_one_block_can_be_used_by_many_threads_at_once() -> None:
    shared = feature("shared", tags={"k": "v"})
    barrier = threading.Barrier(8)

    def work() -> set[Attribution]:
        seen = set()
        for _ in range(200):
            barrier.wait()
            with shared, shared:
                seen.add(current())
            seen.add(current())
        return seen

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(work) for _ in range(8)]
    assert {frozenset(answer.result()) for answer in answers} == {
        frozenset({NOBODY, Attribution(feature="shared", tags=(("k", "v"),))})
    }


def test_one_block_can_be_entered_again_inside_itself() -> None:
    shared = feature("shared")
    with shared, feature("inner"):
        with shared:
            assert current().feature == "shared"
        assert current().feature == "inner"


# --- leaving in another place than entering ---


@asynccontextmanager
async def dependency() -> AsyncIterator[Attribution]:
    with feature("search"):
        yield current()


async def test_entering_in_one_task_and_leaving_in_another_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    manager = dependency()
    inside = await asyncio.create_task(manager.__aenter__())
    await asyncio.create_task(manager.__aexit__(None, None, None))
    assert inside.feature == "search"
    assert current() == NOBODY
    assert not caplog.records


async def test_leaving_in_a_task_that_inherited_the_block_leaves_its_owner_in_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    block = feature("search")
    block.__enter__()

    async def leave() -> str:
        block.__exit__(None, None, None)
        return current().feature

    assert await asyncio.create_task(leave()) == "search"
    assert current().feature == "search"
    block.__exit__(None, None, None)
    assert current() == NOBODY
    assert not caplog.records


def test_leaving_where_nothing_was_entered_changes_nothing() -> None:
    with feature("search"):
        feature("other").__exit__(None, None, None)
        assert current().feature == "search"


def test_blocks_left_in_another_order_leave_nothing_behind() -> None:
    older, younger = feature("older"), feature("younger")
    older.__enter__()
    younger.__enter__()
    older.__exit__(None, None, None)
    assert current().feature == "younger"
    younger.__exit__(None, None, None)
    assert current() == NOBODY


def test_a_generator_that_holds_a_block_open_and_ends_inside_another_leaves_nothing_behind() -> None:
    def numbers() -> Iterator[int]:
        with feature("generator"):
            yield 1
            yield 2

    steps = numbers()
    next(steps)
    with feature("consumer"):
        assert list(steps) == [2]
    assert current() == NOBODY


@contextmanager
def attached_and_never_detached() -> Iterator[None]:
    context.attach(baggage.set_baggage("synthetic", "yes"))
    yield


def test_what_others_attach_and_forget_inside_a_block_goes_with_it() -> None:
    with feature("search"), attached_and_never_detached():
        pass
    assert current() == NOBODY
    assert baggage.get_baggage("synthetic") is None


# --- from outside ---


def arriving(header: str, before: Context | None = None) -> Context:
    before = before or Context()
    return mark_outside(W3CBaggagePropagator().extract({"baggage": header}, before), before)


def test_what_an_untrusted_caller_sends_does_not_choose_who_pays() -> None:
    ctx = arriving("llmcost.feature=free,session.id=theirs,user.id=u,llmcost.tag.a=b")
    assert current(ctx) == NOBODY


def test_an_untrusted_caller_cannot_overrule_a_block() -> None:
    with feature("search"):
        ctx = arriving("llmcost.feature=free,llmcost.team=free", context.get_current())
    assert current(ctx) == Attribution(feature="search")


def test_a_block_after_an_untrusted_arrival_sends_only_its_own_names_and_the_baggage_of_others() -> None:
    token = context.attach(arriving("llmcost.team=free,session.id=theirs,synthetic=yes"))
    try:
        with feature("search"):
            assert current() == Attribution(feature="search")
            assert sent() == "session.id=theirs,synthetic=yes,llmcost.feature=search"
            with feature("rerank"):
                assert current() == Attribution(feature="rerank")
    finally:
        context.detach(token)


def test_a_second_arrival_does_not_make_the_first_trusted() -> None:
    ctx = arriving("synthetic=yes", arriving("llmcost.feature=free"))
    assert current(ctx) == NOBODY


def test_without_marking_a_caller_is_trusted() -> None:
    ctx = W3CBaggagePropagator().extract({"baggage": "llmcost.feature=search"}, Context())
    assert current(ctx) == Attribution(feature="search")


def test_nothing_arrived_means_nothing_marked() -> None:
    ctx = Context()
    assert mark_outside(ctx, ctx) is ctx


def test_what_concealed_hides_from_an_untrusted_caller_does_not_come_back() -> None:
    ctx = concealed(arriving("llmcost.feature=free"))
    assert current(ctx) == NOBODY
    assert not baggage.get_all(ctx)


@pytest.mark.parametrize(
    "text",
    [
        "feature=search, team = growth,plan=pro",
        '{"feature": "search", "team": "growth", "plan": "pro", "tenant": null}',
    ],
)
def test_a_trusted_header_names_fields_and_tags(text: str) -> None:
    ctx = with_header(Context(), text)
    assert current(ctx) == Attribution(feature="search", team="growth", tags=(("plan", "pro"),))


@pytest.mark.parametrize("text", ["", ",,=,a=,=b", "{", "{}", '{"a"', "[1]", '{"a":' * 20_000])
def test_a_header_that_says_nothing_readable_says_nothing(text: str) -> None:
    assert current(with_header(Context(), text)) == NOBODY


def test_values_of_a_header_may_hold_an_equals_sign() -> None:
    assert current(with_header(Context(), "feature=a=b")).feature == "a=b"
