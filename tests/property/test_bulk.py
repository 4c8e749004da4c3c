"""Reading in bulk gives what reading span by span gives, whatever is in the spans."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost import semconv
from otel_llmcost.attribution import Attribution
from otel_llmcost.dialects import bulk, words
from otel_llmcost.dialects.bulk import read_in_bulk
from otel_llmcost.dialects.otlp import calls_in_traces
from tests.collector.telling import a_call, request_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.call import LLMCall

SCOPES: Final = (
    "otel_llmcost.openai",
    "opentelemetry.instrumentation.openai.v1",
    "opentelemetry.instrumentation.google_generativeai",
    "opentelemetry.instrumentation.bedrock",
    "opentelemetry.instrumentation.anthropic",
    "opentelemetry.instrumentation.genai.bedrock",
    "opentelemetry.instrumentation.openai_v2",
    "com.anthropic.sdk.python",
    "openinference.instrumentation.openai",
    "logfire",
    "litellm",
    "langfuse-sdk",
    "langsmith",
    "openlit",
    "ai",
    "gen_ai",
    "com.anthropic.claude_code",
    "somebody.else",
    "opentelemetry.instrumentation.flask",
)
NAMES: Final = sorted(
    {
        *words.OURS.names,
        *words.THEIRS.names,
        *semconv.TOLD_PROVIDER,
        *semconv.TOLD_OPERATION,
        *semconv.TOLD_SERVICE_TIER,
        *semconv.TOLD_STREAM,
        *semconv.TOLD_FINISH,
        *semconv.ATTRIBUTION_ATTRIBUTES.values(),
        semconv.GEN_AI_REQUEST_MODEL,
        semconv.GEN_AI_RESPONSE_MODEL,
        semconv.GEN_AI_AGENT_NAME,
        semconv.GEN_AI_USAGE_RAW,
        semconv.GEN_AI_USAGE_INPUT_DETAILS,
        semconv.SERVER_ADDRESS,
        semconv.ERROR_TYPE,
        semconv.DIALECT,
        semconv.REPORTED_COST,
        semconv.USAGE_QUALITY,
        semconv.TAG_PREFIX + "plan",
        *list(semconv.BILLED_ATTRIBUTES.values())[:2],
        "openinference.span.kind",
        "llm.token_count.prompt",
        "traceloop.span.kind",
        "http.method",
    }
)
SOUND: Final = [
    name
    for name in NAMES
    if name not in (semconv.GEN_AI_USAGE_RAW, semconv.GEN_AI_USAGE_INPUT_DETAILS, semconv.DIALECT)
    and not name.startswith(
        (semconv.TAG_PREFIX[:0] + "llmcost.billed", semconv.REPORTED_COST, "openinference", "traceloop")
    )
]
"""Those that a reader in bulk understands."""

TEXTS: Final = (
    "",
    "chat",
    "openai",
    "anthropic",
    "gpt-4o",
    "claude-sonnet-4-5",
    "production",
    "LLM",
    "é",
    "gpt-4o-mini",
    "c-1",
    "c-2",
)
DETAILS: Final = ('{"cache_read": 5}', '{"input_tokens": 3, "output_tokens": 4}')


def value(rng: random.Random, name: str) -> Any:
    """Mostly a value of the kind that belongs to a name."""
    odd = (None, True, -1, 2**28, 2**50, 2.0, float("nan"), "7", "text", [1, "two"])
    usual: Any = TEXTS
    if name == semconv.GEN_AI_OPERATION_NAME:
        usual = ("chat", "chat", "embeddings", "execute_tool")
    elif name == semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK:
        usual = (0.0, 0.25, rng.random() * 10)
    elif name in (semconv.GEN_AI_USAGE_RAW, semconv.GEN_AI_USAGE_INPUT_DETAILS):
        usual = DETAILS
    elif name in WHOLES:
        usual = (0, 1, rng.randrange(300), rng.randrange(300), 2**28 - 1)
    elif name in semconv.TOLD_STREAM:
        usual = (True, False)
    elif name in semconv.TOLD_FINISH:
        usual = (["stop"], ["stop", "length"], "stop")
    return rng.choice(odd if rng.random() < 0.003 else usual)


WHOLES: Final = {name for told in (words.OURS, words.THEIRS) for names in told.wholes.values() for name in names}


def put(into: Any, said: Any) -> None:
    if said is None:
        return
    if isinstance(said, list):
        for each in said:
            put(into.array_value.values.add(), each)
        return
    kind = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}[type(said)]
    setattr(into, kind, said)


def requests(seed: int) -> list[bytes]:
    """A few kinds of spans, of which each is told several times with other numbers and texts."""
    rng = random.Random(seed)
    made = []
    for _ in range(rng.randint(1, 3)):
        request = ExportTraceServiceRequest()
        for _ in range(rng.randint(1, 3)):
            of_resource = request.resource_spans.add()
            for name in rng.sample((semconv.SERVICE_NAME, *semconv.TOLD_ENVIRONMENT), rng.randint(0, 2)):
                of_resource.resource.attributes.add(key=name).value.string_value = "shop"
            of_scope = of_resource.scope_spans.add()
            of_scope.scope.name = rng.choice(SCOPES)
            for _ in range(rng.randint(1, 3)):
                _add_alike(rng, of_scope)
        made.append(request.SerializeToString())
    return made


def _add_alike(rng: random.Random, of_scope: Any) -> None:
    spoils = rng.random() < 0.2
    names = rng.sample(NAMES if spoils else SOUND, rng.randint(3, 25))
    names += rng.sample((semconv.GEN_AI_OPERATION_NAME, semconv.GEN_AI_PROVIDER_NAME, *semconv.TOLD_INPUT[:1]), 3)
    alike = {name: value(rng, name) for name in names}
    status, title = rng.choice((0, 0, 2)), rng.choice(("chat", "ai.generateText.doGenerate", "claude_code.llm_request"))
    varying = words.OURS.names if of_scope.scope.name.startswith(semconv.SCOPE_PREFIX) else words.THEIRS.names
    for _ in range(rng.randint(2, 9)):
        span = of_scope.spans.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8), name=title)
        span.start_time_unix_nano = rng.randrange(1, 2**62)
        span.end_time_unix_nano = span.start_time_unix_nano + rng.randrange(-5, 10**9)
        if rng.random() < 0.5:
            span.parent_span_id = rng.randbytes(8)
        if rng.random() < 0.02:
            span.trace_state, span.span_id = "a=b", rng.choice((b"", b"short", bytes(8)))
        span.status.code = status
        for name, said in alike.items():
            is_own = rng.random() < (0.9 if name in varying else 0.002)
            own = value(rng, name) if is_own else said
            put(span.attributes.add(key=name).value, said if own == "" else own)  # forms are told apart by what is said


def told_one_by_one(bodies: Sequence[bytes]) -> tuple[list[str], int]:
    faults: list[Exception] = []
    calls = [repr(call) for body in bodies for call in calls_in_traces(body, faults.append)]
    return sorted(calls), len(faults)


def told_in_bulk(bodies: Sequence[bytes]) -> tuple[list[str], int]:
    found = read_in_bulk(bodies)
    calls = [call for _, call in found.singles]
    if found.calls is not None:
        calls += map(found.calls.call, range(len(found.calls)))
    assert not found.torn
    return sorted(map(repr, calls)), len(found.faults)


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_reading_in_bulk_is_reading_one_by_one(seed: int) -> None:
    bodies = requests(seed)
    assert told_in_bulk(bodies) == told_one_by_one(bodies)


def test_most_calls_of_these_requests_are_read_by_column() -> None:
    """Or the property would compare reading one by one with itself."""
    found = [read_in_bulk(requests(seed)) for seed in range(100)]
    by_column = sum(len(each.calls) for each in found if each.calls is not None)
    assert by_column > sum(len(each.singles) for each in found) > 0


def test_a_count_of_zero_is_told_and_not_made_up_for_by_the_details() -> None:
    """A span with a count and one with zero are of one form, so zero may not be read as if nothing was told."""
    request = ExportTraceServiceRequest()
    of_scope = request.resource_spans.add().scope_spans.add()
    of_scope.scope.name = "langsmith"
    for number in range(6):
        span = of_scope.spans.add(trace_id=bytes([number + 1] * 16), span_id=bytes([number + 1] * 8))
        said = {
            semconv.GEN_AI_OPERATION_NAME: "chat",
            semconv.GEN_AI_REQUEST_MODEL: "gpt-4o",
            semconv.TOLD_INPUT[0]: 100,
            semconv.TOLD_INPUT_AUDIO[0]: 0 if number > 2 else 7,
            semconv.GEN_AI_USAGE_INPUT_DETAILS: '{"audio": 5}',
        }
        for name, each in said.items():
            put(span.attributes.add(key=name).value, each)
    body = request.SerializeToString()
    assert told_in_bulk([body]) == told_one_by_one([body])
    calls = list(calls_in_traces(body))
    assert [call.usage.input_audio_tokens for call in calls if call.usage] == [7, 7, 7, 0, 0, 0]


@pytest.mark.parametrize("scope", SCOPES[1:8])
def test_calls_of_one_form_are_read_by_column(scope: str) -> None:
    """Where everything is in order nothing is read singly: this is what makes it fast."""
    request = ExportTraceServiceRequest()
    of_scope = request.resource_spans.add().scope_spans.add()
    of_scope.scope.name = scope
    said = {semconv.GEN_AI_OPERATION_NAME: "chat", semconv.GEN_AI_PROVIDER_NAME: "openai"}
    for number in range(10):
        span = of_scope.spans.add(trace_id=bytes([number + 1] * 16), span_id=bytes([number + 1] * 8))
        for name, each in (said | {semconv.TOLD_INPUT[0]: number, semconv.GEN_AI_RESPONSE_ID: f"r{number}"}).items():
            put(span.attributes.add(key=name).value, each)
    found = read_in_bulk([request.SerializeToString()])
    is_amended = "google_generativeai" in scope
    assert (found.calls is None) == is_amended
    assert told_in_bulk([request.SerializeToString()]) == told_one_by_one([request.SerializeToString()])


def test_our_own_calls_are_read_by_column() -> None:
    rng = random.Random(1)
    calls = [
        a_call(rng, attribution=Attribution(feature="search", tenant=f"t{n}", session_id=f"s{n}"), response_id=f"r{n}")
        for n in range(50)
    ]
    found = read_in_bulk([request_of(calls)])
    assert not found.singles
    assert found.calls is not None
    assert [found.calls.call(place) for place in range(50)] == [_with_service(call) for call in calls]


def _with_service(call: LLMCall) -> LLMCall:
    call.service_name = "shop"
    return call


def test_a_request_that_is_none_is_told_and_spoils_no_other() -> None:
    sound = request_of([a_call() for _ in range(5)])
    found = read_in_bulk([sound, b"\x0a\xff\xff\xff\xff\x0f", sound, b"\x0b", b"\x0a"])
    assert found.torn == [1, 3, 4]
    assert found.calls is not None
    assert found.calls.frame.tolist() == [0] * 5 + [2] * 5


def test_a_form_that_a_reader_does_not_read_by_the_words_is_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 2: were the columns wrong about a sample, nobody would believe them of the others."""
    monkeypatch.setattr(bulk, "our_counts", lambda told: {"input_tokens": told["input_tokens"] + 1})
    calls = [a_call(random.Random(n), service_name="shop") for n in range(5)]
    found = read_in_bulk([request_of(calls)])
    assert found.calls is None
    assert [call for _, call in found.singles] == calls
