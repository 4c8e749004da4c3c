"""A call that was written to a span is the same call when it is read back.

Three things are not kept, on purpose. `operation` and `attempt_kind` read `chat` and `first` where they are empty. Text
that no UTF-8 can hold and numbers beyond 64 bits are changed to the nearest that the wire can carry, so that one
answer of a broken provider does not cost the calls beside it. The environment that a call does not name is that of
the resource.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from otel_llmcost import semconv
from otel_llmcost.attribution import NAMES, Attribution
from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.dialects.own import calls_in
from otel_llmcost.telemetry.otlp import encoded
from otel_llmcost.usage import FIELDS, Usage, UsageQuality

INT64 = 2**63 - 1

text = st.text(max_size=30)
counts = st.integers(0, INT64 // 4)
numbers = st.none() | st.integers(0, INT64)
scopes = st.sampled_from(["otel_llmcost.openai", "otel_llmcost.anthropic"])


def hex_ids(size: int):
    return st.binary(min_size=size, max_size=size).filter(any).map(bytes.hex)


usages = st.none() | st.builds(Usage, **dict.fromkeys(FIELDS, counts))
tags = st.dictionaries(st.text(min_size=1, max_size=64), st.text(min_size=1, max_size=256), max_size=10)
attributions = st.builds(
    Attribution, **dict.fromkeys(NAMES, st.text(max_size=256)), tags=tags.map(lambda said: tuple(sorted(said.items())))
)
calls = st.builds(
    LLMCall,
    trace_id=hex_ids(16),
    span_id=hex_ids(8),
    parent_span_id=st.just("") | hex_ids(8),
    started_at_ns=st.integers(0, 2**63),
    duration_ns=st.integers(0, 2**62),
    usage=usages,
    billed=st.none() | st.builds(Usage, **dict.fromkeys(("input_tokens", "cache_write_5m_tokens", "request"), counts)),
    usage_quality=st.sampled_from(UsageQuality),
    attribution=attributions,
    is_stream=st.booleans(),
    is_batch=st.booleans(),
    time_to_first_token_ns=st.none() | st.integers(0, 10**15),  # eleven days; it travels as seconds in a double
    resend_count=st.integers(0, 1000),
    operation=st.text(min_size=1, max_size=30),
    attempt_kind=st.sampled_from(["first", "retry", "fallback", "hedge"]),
    scope_name=scopes,
    **dict.fromkeys(("reported_cost", "max_output_tokens", "input_bytes", "tool_call_count", "prompt_bytes"), numbers),
    **dict.fromkeys(
        (
            "provider", "provider_source", "request_model", "response_model", "response_id",
            "feature_source", "call_site", "server_address", "error_type", "finish_reason", "service_tier",
            "service_tier_requested", "speed", "region", "billing_account_id", "sub_account_id", "credential_id",
            "provider_request_id", "attempt_reason", "prompt_name", "prompt_version", "prompt_hash", "request_hash",
            "service_name", "service_version", "scope_version",
        ),
        text,
    ),
)  # fmt: skip


def carried(*written: LLMCall, resource: dict[str, object] | None = None) -> list[LLMCall]:
    return list(calls_in(encoded([(call, to_attributes(call)) for call in written], resource or {})))


def of_one_process(call: LLMCall) -> dict[str, object]:
    return {semconv.SERVICE_NAME: call.service_name, semconv.SERVICE_VERSION: call.service_version}


@given(calls)
def test_a_call_reads_back_as_it_was_written(call: LLMCall) -> None:
    assert carried(call, resource=of_one_process(call)) == [call]


@given(st.lists(calls, max_size=5))
def test_the_calls_of_a_batch_do_not_mix(batch: list[LLMCall]) -> None:
    batch = [replace(call, service_name="shop", service_version="") for call in batch]

    read = carried(*batch, resource={semconv.SERVICE_NAME: "shop"})

    by_scope = sorted(batch, key=lambda call: (call.scope_name, call.scope_version))
    assert sorted(read, key=lambda call: (call.scope_name, call.scope_version)) == by_scope


@given(calls, st.text(st.characters(categories=["Cs", "L"]), max_size=9), st.integers(-(10**40), 10**40))
def test_what_the_wire_cannot_carry_costs_neither_the_call_nor_its_neighbours(call, odd: str, huge: int) -> None:
    """A model that answers with half a surrogate pair, a count of 40 digits, an environment that is no UTF-8."""
    broken = replace(call, response_model=odd, finish_reason=odd, usage=Usage(input_tokens=huge), input_bytes=huge)

    read, neighbour = carried(broken, call, resource={semconv.SERVICE_NAME: odd})[:2]

    assert (read.trace_id, read.span_id) == (call.trace_id, call.span_id)
    assert read.usage is not None
    assert read.usage.input_tokens == max(min(huge, INT64), -INT64 - 1)
    assert read.response_model == odd.encode(errors="replace").decode()
    assert neighbour == replace(call, service_name=read.service_name, service_version="")


values = st.booleans() | st.integers(-INT64, INT64) | st.text(max_size=5) | st.floats() | st.lists(st.text(max_size=3))


@given(st.dictionaries(st.sampled_from(sorted({*to_attributes(LLMCall(
    trace_id="1" * 32, span_id="1" * 16, started_at_ns=1, provider="p", finish_reason="stop",
    time_to_first_token_ns=1, usage=Usage(**dict.fromkeys(FIELDS, 1)), input_bytes=1, is_stream=True,
    billed=Usage(**dict.fromkeys(FIELDS, 1)),
    response_model="m", request_model="m", attribution=Attribution(feature="f", tags=(("a", "b"),)),
))})), values))  # fmt: skip
def test_attributes_of_a_wrong_kind_are_not_believed_and_break_nothing(said: dict[str, object]) -> None:
    """Whoever writes to the collector may use our scope: what is then read has the types that `LLMCall` promises."""
    call = LLMCall(trace_id="1" * 32, span_id="2" * 16, started_at_ns=1, provider="", scope_name="otel_llmcost.other")

    (read,) = calls_in(encoded([(call, said)], {}))

    assert all(isinstance(getattr(read, name), str) for name in ("provider", "response_model", "finish_reason"))
    assert read.input_bytes is None or type(read.input_bytes) is int
    assert type(read.is_stream) is bool
    for told in filter(None, (read.usage, read.billed)):
        assert all(type(getattr(told, name)) is int for name in FIELDS)


@given(st.binary(max_size=40))
def test_rubbish_is_refused_as_rubbish_or_holds_no_call(payload: bytes) -> None:
    with suppress(DecodeError):
        assert list(calls_in(payload)) == []
