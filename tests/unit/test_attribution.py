"""Who pays: what blocks say, how they nest, what travels, what limits cut, how user actions go on."""

from __future__ import annotations

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
    concealed,
    current,
    current_request,
    from_entries,
    losses,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

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
