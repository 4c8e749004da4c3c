"""Who pays: what blocks say, how they nest and leave, what limits cut, what outsiders may say."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from otel_llmcost import attribution, feature, request, session
from otel_llmcost.attribution import (
    NOBODY,
    OVERFLOW,
    Attempt,
    Attribution,
    DailyCap,
    carried,
    concealed,
    current,
    current_request,
    from_entries,
    losses,
    mark_outside,
    with_header,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

DAY_NS = 86_400 * 10**9


@pytest.fixture(autouse=True)
def _no_losses() -> Iterator[None]:
    losses.clear()
    yield
    assert current() == NOBODY, "a test left a block open"


def sent() -> dict[str, str]:
    """Return the headers that a request of ours to another service would carry now."""
    headers: dict[str, str] = {}
    W3CBaggagePropagator().inject(headers)
    return headers


# --- saying it ---


def test_outside_every_block_nobody_pays() -> None:
    assert current() == NOBODY
    assert current().feature == ""


def test_a_block_says_every_name_and_takes_it_back() -> None:
    block = attribution(
        feature="summarize",
        team="growth",
        environment="production",
        tenant="acme",
        user="u1",
        session_id="conv_17",
        agent="planner",
        workload="batch",
        tags={"plan": "pro"},
    )
    with block:
        assert current() == Attribution(
            feature="summarize",
            team="growth",
            environment="production",
            tenant="acme",
            user="u1",
            session_id="conv_17",
            agent="planner",
            workload="batch",
            tags=(("plan", "pro"),),
        )
    assert current() == NOBODY


def test_an_inner_block_changes_what_it_says_and_inherits_the_rest() -> None:
    with feature("search", team="growth", tenant="acme", tags={"plan": "pro", "tier": "1"}):
        with feature("rerank", tags={"tier": "2"}), session("conv_17"):
            assert current() == Attribution(
                feature="rerank",
                team="growth",
                tenant="acme",
                session_id="conv_17",
                tags=(("plan", "pro"), ("tier", "2")),
            )
        assert current().feature == "search"
        assert current().session_id == ""


def test_an_empty_name_is_not_said() -> None:
    with feature("search", team="growth"), feature("", team=None):
        assert (current().feature, current().team) == ("search", "growth")


def test_a_name_that_is_a_number_counts_even_if_it_is_zero() -> None:
    with attribution(tenant=0, tags={"shard": 0}):  # type: ignore[arg-type] # whatever people pass
        assert current().tenant == "0"
        assert current().tags == (("shard", "0"),)


def test_a_block_is_left_when_its_body_raises() -> None:
    with pytest.raises(KeyError), feature("search"):
        raise KeyError
    assert current() == NOBODY


async def test_blocks_can_be_entered_by_async_with() -> None:
    async with feature("search") as block, request() as action:
        assert isinstance(block, feature)
        assert current().request_id == action.request_id
    assert current() == NOBODY


# --- baggage ---


def test_what_is_said_travels_in_the_baggage_to_other_services() -> None:
    with feature("search", tenant="acme", tags={"plan": "pro"}):
        arrived = W3CBaggagePropagator().extract(sent(), Context())
    assert current(arrived) == Attribution(feature="search", tenant="acme", tags=(("plan", "pro"),))


def test_odd_characters_survive_the_journey() -> None:
    tags = {"a b+c%,;=é": "1 + 1 = 2, ü; \"'\\", "日本": "語"}
    with feature("r&d=50%", tenant="Ærø, Inc.", tags=tags):
        here = current()
        arrived = W3CBaggagePropagator().extract(sent(), Context())
    assert here.tags == tuple(sorted(tags.items()))
    assert current(arrived) == here


def test_a_block_that_does_not_propagate_is_read_here_and_sent_nowhere() -> None:
    with feature("secret", propagate=False):
        assert current().feature == "secret"
        assert sent() == {}
        with session("conv_17"):
            assert current().feature == "secret"
            assert sent() == {"baggage": "llmcost.session_id=conv_17"}


def test_the_baggage_of_others_stays_and_travels_on() -> None:
    token = context.attach(baggage.set_baggage("synthetic", "yes"))
    try:
        with feature("search"):
            assert baggage.get_baggage("synthetic") == "yes"
            assert "synthetic=yes" in sent()["baggage"]
    finally:
        context.detach(token)


def test_baggage_set_inside_a_block_by_others_leaves_the_attribution_as_it_is() -> None:
    with feature("search", tags={"a b": "1"}):
        before = current()
        assert current(baggage.set_baggage("synthetic", "yes")) == before
        assert current(baggage.clear()) == before


def test_our_entry_set_by_hand_inside_a_block_counts() -> None:
    with feature("search", team="growth"):
        assert current(baggage.set_baggage("llmcost.feature", "rerank")) == Attribution(feature="rerank", team="growth")


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ("session.id", "session_id"),
        ("gen_ai.conversation.id", "session_id"),
        ("gen_ai.agent.name", "agent"),
        ("user.id", "user"),
    ],
)
def test_common_names_are_read_where_ours_is_absent(entry: str, field: str) -> None:
    ctx = baggage.set_baggage(entry, "theirs")
    assert getattr(current(ctx), field) == "theirs"
    with attribution(session_id="ours", agent="ours", user="ours"):
        assert getattr(current(baggage.set_baggage(entry, "theirs")), field) == "ours"


def test_our_name_wins_over_common_ones_in_one_place() -> None:
    assert from_entries({"session.id": "theirs", "llmcost.session_id": "ours"}).session_id == "ours"


def test_entries_are_read_back_to_the_same_attribution() -> None:
    whole = Attribution(feature="f", team="t", request_id="r", parent_request_id="p", tags=(("k", "v"),))
    assert from_entries(whole.entries()) == whole
    assert from_entries({"http.route": "/x"}) is NOBODY


# --- around a provider call ---


def test_around_a_provider_call_spans_know_who_pays_and_headers_do_not() -> None:
    with feature("search", tenant="acme"), request():
        said = current()
        hidden = concealed(baggage.set_baggage("synthetic", "yes"))
        headers: dict[str, str] = {}
        W3CBaggagePropagator().inject(headers, hidden)
    assert headers == {"baggage": "synthetic=yes"}
    assert current(hidden) == said


def test_a_block_inside_a_concealed_context_keeps_what_was_said() -> None:
    with feature("search"):
        token = context.attach(concealed(context.get_current()))
        try:
            with session("conv_17"):
                assert current() == Attribution(feature="search", session_id="conv_17")
        finally:
            context.detach(token)


def test_there_is_nothing_to_conceal_without_a_block() -> None:
    ctx = Context()
    assert concealed(ctx) is ctx


# --- limits ---


def test_a_value_at_the_limit_stays_whole() -> None:
    with feature("f" * 256, tags={"k" * 64: "v" * 256}):
        assert current().feature == "f" * 256
        assert current().tags == (("k" * 64, "v" * 256),)
    assert not losses


def test_a_longer_value_is_cut_with_a_hash_and_counted() -> None:
    with feature("f" * 257):
        one = current().feature
    with feature("f" * 256 + "g"):
        other = current().feature
    assert len(one) == len(other) == 256
    assert one.startswith("f" * 247 + "~")
    assert one != other
    assert losses["value_cut"] == 2


def test_a_longer_key_of_a_tag_is_cut_with_a_hash_and_counted() -> None:
    with attribution(tags={"k" * 65: "v"}):
        ((key, value),) = current().tags
    assert (len(key), value) == (64, "v")
    assert losses["key_cut"] == 1


def test_tags_after_the_tenth_are_dropped_and_counted() -> None:
    with attribution(tags={f"k{number:02}": number for number in range(13)}):
        assert current().tags == tuple((f"k{number:02}", str(number)) for number in range(10))
    assert losses["tag_dropped"] == 3


def test_an_inner_block_says_its_own_tags_first() -> None:
    with attribution(tags={f"a{number}": "outer" for number in range(10)}), attribution(tags={"z": "inner"}):
        assert ("z", "inner") in current().tags
        assert len(current().tags) == 10
    assert losses["tag_dropped"] == 1


def test_reading_counts_no_loss_again() -> None:
    with feature("f" * 300, tags={f"k{number:02}": number for number in range(13)}):
        counted = dict(losses)
        current()
        current(baggage.set_baggage("synthetic", "yes"))
    assert losses == counted


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError

    def __bool__(self) -> bool:
        raise RuntimeError


def test_nothing_that_is_said_raises() -> None:
    odd: Any = {"tenant": Unreadable(), "team": 3.5, "tags": {"x": Unreadable(), "y": None, "": "no key", 7: b"\xff"}}
    with attribution(**odd):
        assert current() == Attribution(team="3.5", tags=(("7", "b'\\xff'"),))
    assert losses["value_unreadable"] == 2


def test_text_that_no_header_can_carry_is_mended() -> None:
    with feature("\ud800search", tags={"\udfff": "\ud800"}):
        assert current().feature == "?search"
        assert W3CBaggagePropagator().extract(sent(), Context()).values()


def test_names_beyond_the_daily_cap_are_overflow_and_counted() -> None:
    cap = DailyCap(2, "feature_overflow")
    names = ["a", "b", "c", "a", "d", ""]
    assert [cap.admit(name, 0) for name in names] == ["a", "b", OVERFLOW, "a", OVERFLOW, ""]
    assert losses["feature_overflow"] == 2


def test_the_cap_begins_anew_at_midnight_utc() -> None:
    cap = DailyCap(1, "tenant_overflow")
    assert cap.admit("a", DAY_NS - 1) == "a"
    assert cap.admit("b", DAY_NS - 1) == OVERFLOW
    assert cap.admit("b", DAY_NS) == "b"


def test_calls_of_yesterday_that_come_late_do_not_begin_a_day_anew() -> None:
    cap = DailyCap(1, "tenant_overflow")
    answers = [cap.admit(name, day * DAY_NS) for name, day in [("a", 0), ("b", 1), ("c", 0), ("d", 1), ("a", 0)]]
    assert answers == ["a", "b", OVERFLOW, OVERFLOW, "a"]


# --- user actions ---


def test_a_request_has_an_id_of_its_own_or_the_given_one() -> None:
    with request() as first:
        assert current().request_id == first.request_id
    with request() as second:
        assert current().request_id != first.request_id
        assert len(second.request_id) == 32
    with request("ticket-7"):
        assert current().request_id == "ticket-7"
        assert current().parent_request_id == ""


def test_a_request_inside_a_request_has_it_as_its_parent() -> None:
    with request("outer"), feature("search"):
        with request("inner") as inner:
            assert (current().request_id, current().parent_request_id) == ("inner", "outer")
            assert current().feature == "search"
            assert current_request() is inner
        assert (current().request_id, current().parent_request_id) == ("outer", "")


def test_a_request_of_another_service_becomes_the_parent() -> None:
    with request("upstream"):
        ctx = W3CBaggagePropagator().extract(sent(), Context())
    token = context.attach(ctx)
    try:
        assert current().request_id == "upstream"
        assert current_request() is None
        with request("here"):
            assert current().parent_request_id == "upstream"
    finally:
        context.detach(token)


def test_every_call_of_a_decorated_function_is_a_user_action_of_its_own() -> None:
    @request()
    def handler() -> str:
        return current().request_id

    assert len({handler() for _ in range(5)}) == 5


def test_after_reject_the_same_model_is_a_retry_and_another_one_a_fallback() -> None:
    with request() as action:
        assert action.next_attempt("small") == Attempt("first", "")
        action.reject("json_parse")
        assert action.next_attempt("small") == Attempt("retry", "json_parse")
        action.reject("json_parse")
        assert action.next_attempt("large") == Attempt("fallback", "json_parse")


def test_a_further_step_of_a_request_is_no_retry() -> None:
    with request() as action:
        action.next_attempt("small")
        assert action.next_attempt("small") == Attempt("first", "")


def test_after_a_failed_call_comes_a_retry_or_a_fallback() -> None:
    with request() as action:
        action.next_attempt("small")
        action.failed("RateLimitError")
        assert action.next_attempt("large") == Attempt("fallback", "RateLimitError")
        assert action.next_attempt("large") == Attempt("first", "")


def test_what_reject_says_counts_more_than_the_error() -> None:
    with request() as action:
        action.next_attempt("small")
        action.reject("empty")
        action.failed("ValueError")
        assert action.next_attempt("small") == Attempt("retry", "empty")


def test_nothing_is_rejected_before_the_first_call() -> None:
    with request() as action:
        action.reject("too early")
        assert action.next_attempt("small") == Attempt("first", "")


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
            assert sent() == {"baggage": "session.id=theirs,synthetic=yes,llmcost.feature=search"}
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
