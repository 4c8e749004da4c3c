"""A line of a batch's results tells whose answer it is, what it consumed and when it was begun, in every form."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.providers.deferred import Job, Result, batched, is_result, result_in, unix_ns
from otel_llmcost.usage import Usage, UsageQuality

NS = 1_000_000_000
MADE_S = 1_763_800_000  # 2025-11-22T08:26:40Z
NOW_NS = (MADE_S + 86_400) * NS
IN_ID = base64.urlsafe_b64encode(MADE_S.to_bytes(4, "little") + b"-" * 12).decode()

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": MADE_S,
    "model": "m",
    "choices": [{"finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 1000,
        "completion_tokens": 300,
        "prompt_tokens_details": {"cached_tokens": 600},
        "completion_tokens_details": {"reasoning_tokens": 200},
    },
}
CHAT_USAGE = Usage(input_tokens=1000, cache_read_tokens=600, output_tokens=300, reasoning_tokens=200)
EMBEDDED = {"object": "list", "data": [], "model": "e", "usage": {"prompt_tokens": 9, "total_tokens": 9}}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "model": "claude",
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 10,
        "cache_read_input_tokens": 500,
        "cache_creation_input_tokens": 90,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 70},
        "output_tokens": 40,
    },
}
MESSAGE_USAGE = Usage(
    input_tokens=600, cache_read_tokens=500, cache_write_5m_tokens=20, cache_write_1h_tokens=70, output_tokens=40
)
CONTENT = {
    "candidates": [{"finishReason": "STOP"}],
    "modelVersion": "gemini-2.5-flash",
    "usageMetadata": {
        "promptTokenCount": 29_180,
        "cachedContentTokenCount": 20_000,
        "candidatesTokenCount": 36,
        "thoughtsTokenCount": 100,
    },
}
CONTENT_USAGE = Usage(input_tokens=29_180, cache_read_tokens=20_000, output_tokens=136, reasoning_tokens=100)
CONVERSE = {
    "output": {"message": {"content": [{"text": "a"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 7, "cacheReadInputTokens": 3, "outputTokens": 2, "totalTokens": 12},
}


def openai(body: object, **said: Any) -> dict[str, Any]:
    response = {"status_code": 200, "request_id": "req_1", "body": body}
    return {"id": "batch_req_1", "custom_id": "a", "response": response, "error": None, **said}


def bedrock(**said: Any) -> dict[str, Any]:
    return {"recordId": "r1", "modelInput": {"messages": []}, **said}


def vertex(**said: Any) -> dict[str, Any]:
    return {"status": "", "processed_time": "2025-11-22T08:26:40.826+00:00", "request": {"contents": []}, **said}


def read(provider: str, line: dict[str, Any], *, job: str = "job", number: int = 4) -> Result:
    result = result_in(provider, line, job=job, number=number, now_ns=NOW_NS)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("provider", "line", "usage", "operation", "answer_id", "began"),
    [
        ("openai", openai(CHAT), CHAT_USAGE, "chat", "chatcmpl-1", MADE_S),
        ("together", openai(CHAT), CHAT_USAGE, "chat", "chatcmpl-1", MADE_S),
        ("azure.ai.openai", openai(CHAT), CHAT_USAGE, "chat", "chatcmpl-1", MADE_S),
        ("openai", openai(EMBEDDED), Usage(input_tokens=9), "embeddings", "batch_req_1", 0),
        (
            "openai",
            openai(EMBEDDED, id=f"batch_req_{MADE_S:08x}aaaaaaaaaaaaaaaaaaaaaaaa"),
            Usage(input_tokens=9),
            "embeddings",
            f"batch_req_{MADE_S:08x}aaaaaaaaaaaaaaaaaaaaaaaa",
            MADE_S,
        ),
        ("together", openai(EMBEDDED, id=None), Usage(input_tokens=9), "embeddings", "job/a", 0),
        (
            "mistral_ai",
            openai({"model": "mistral-ocr", "pages": [], "usage_info": {"pages_processed": 3}}),
            Usage(page=3),
            "chat",
            "batch_req_1",
            0,
        ),
        (
            "anthropic",
            {"custom_id": "a", "result": {"type": "succeeded", "message": MESSAGE}},
            MESSAGE_USAGE,
            "chat",
            "msg_1",
            0,
        ),
        (
            "gcp.gemini",
            {"key": "a", "response": CONTENT | {"responseId": IN_ID}},
            CONTENT_USAGE,
            "generate_content",
            IN_ID,
            MADE_S,
        ),
        ("gcp.gemini", {"response": CONTENT}, CONTENT_USAGE, "generate_content", "job/4", 0),
        (
            "gcp.gemini",
            {"response": {"embedding": {"values": [0.1]}, "tokenCount": "5"}},
            Usage(input_tokens=5),
            "embeddings",
            "job/4",
            0,
        ),
        (
            "gcp.vertex_ai",
            vertex(response=CONTENT | {"responseId": "S8vNaIvKHdvshMIP"}),
            CONTENT_USAGE,
            "generate_content",
            "S8vNaIvKHdvshMIP",
            MADE_S,
        ),
        ("gcp.vertex_ai", vertex(response=CONTENT), CONTENT_USAGE, "generate_content", "job/4", MADE_S),
        (
            "gcp.vertex_ai",
            {"custom_id": "a", "request": {}, "response": MESSAGE | {"id": "msg_vrtx_1"}, "status": ""},
            MESSAGE_USAGE,
            "chat",
            "msg_vrtx_1",
            0,
        ),
        (
            "gcp.vertex_ai",
            {
                "instance": {"content": "Give..."},
                "predictions": [{"embeddings": {"statistics": {"token_count": 8}, "values": [0.2]}}],
                "status": "",
            },
            Usage(input_tokens=8),
            "embeddings",
            "job/4",
            0,
        ),
        (
            "aws.bedrock",
            bedrock(modelOutput=MESSAGE | {"id": "msg_bdrk_1"}),
            MESSAGE_USAGE,
            "chat",
            "msg_bdrk_1",
            0,
        ),
        (
            "aws.bedrock",
            bedrock(modelOutput=CONVERSE),
            Usage(input_tokens=10, cache_read_tokens=3, output_tokens=2),
            "chat",
            "job/r1",
            0,
        ),
        (
            "aws.bedrock",
            bedrock(modelOutput={"inputTextTokenCount": 8, "results": [{"tokenCount": 3}, {"tokenCount": 4}]}),
            Usage(input_tokens=8, output_tokens=7),
            "chat",
            "job/r1",
            0,
        ),
        (
            "aws.bedrock",
            bedrock(modelOutput={"embedding": [0.1], "inputTextTokenCount": 12}),
            Usage(input_tokens=12),
            "embeddings",
            "job/r1",
            0,
        ),
        ("aws.bedrock", bedrock(modelOutput=CHAT), CHAT_USAGE, "chat", "chatcmpl-1", MADE_S),
    ],
)
def test_a_line_tells_its_answer(
    provider: str, line: dict[str, Any], usage: Usage, operation: str, answer_id: str, began: int
) -> None:
    result = read(provider, line)
    assert result.reading.usage == usage
    assert (result.operation, result.reading.response_id) == (operation, answer_id)
    assert result.started_at_ns == began * NS
    assert result.reading.error_type == ""


@pytest.mark.parametrize(
    ("provider", "line", "error", "answer_id"),
    [
        ("openai", openai(None, response=None, error={"code": "batch_expired"}), "batch_expired", "batch_req_1"),
        ("openai", openai({"error": {"type": "invalid_request_error"}}), "invalid_request_error", "batch_req_1"),
        ("together", {"custom_id": "a", "error": {"code": "no"}}, "no", "job/a"),
        ("mistral_ai", openai(None, response={"status_code": 429, "body": None}, error="slow"), "429", "batch_req_1"),
        ("mistral_ai", openai(None, response=None, error="slow"), "error", "batch_req_1"),
        (
            "openai",
            openai(None, response={"status_code": 400, "body": {"error": {"type": "invalid"}}}),
            "invalid",
            "batch_req_1",
        ),
        (
            "anthropic",
            {"custom_id": "a", "result": {"type": "errored", "error": {"error": {"type": "overloaded_error"}}}},
            "overloaded_error",
            "job/a",
        ),
        ("anthropic", {"custom_id": "a", "result": {"type": "expired"}}, "expired", "job/a"),
        ("gcp.gemini", {"key": "c", "error": {"code": 8, "status": "EXHAUSTED"}}, "EXHAUSTED", "job/c"),
        (
            "gcp.vertex_ai",
            vertex(status='Bad Request: {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}', response={}),
            "INVALID_ARGUMENT",
            "job/4",
        ),
        ("gcp.vertex_ai", vertex(status="Bad Request: {}"), "Bad Request", "job/4"),
        ("gcp.vertex_ai", vertex(status="it {broke"), "error", "job/4"),
        ("aws.bedrock", bedrock(error={"errorCode": 400, "errorMessage": "bad request"}), "400", "job/r1"),
        ("aws.bedrock", bedrock(error={"errorMessage": "bad"}), "error", "job/r1"),
    ],
)
def test_a_record_that_failed_has_an_error_and_costs_nothing(
    provider: str, line: dict[str, Any], error: str, answer_id: str
) -> None:
    reading = read(provider, line).reading
    assert (reading.usage, reading.error_type, reading.response_id) == (None, error, answer_id)


@pytest.mark.parametrize("provider", ["aws.bedrock", "gcp.gemini", "gcp.vertex_ai"])
def test_hosts_that_have_a_form_of_their_own_answer_in_openais_too(provider: str) -> None:
    reading = read(provider, openai(CHAT)).reading
    assert (reading.usage, reading.model, reading.response_id) == (CHAT_USAGE, "m", "chatcmpl-1")


def test_a_record_without_an_id_of_its_answer_has_no_name_unless_its_job_has_one() -> None:
    assert read("aws.bedrock", bedrock(modelOutput=CONVERSE), job="").reading.response_id == ""


def test_counts_that_cannot_be_believed_are_a_fault() -> None:
    usage = {"inputTokens": -1, "outputTokens": 2}
    reading = read("aws.bedrock", bedrock(modelOutput=CONVERSE | {"usage": usage})).reading
    assert (reading.usage, reading.fault) == (None, "inputTokens is -1, not a count")


@pytest.mark.parametrize(
    ("provider", "line"),
    [
        ("openai", {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}),
        ("anthropic", {"custom_id": "a", "params": {"model": "m"}}),
        ("gcp.gemini", {"key": "a", "request": {"contents": []}}),
        ("gcp.vertex_ai", {"request": {"contents": []}}),
        ("aws.bedrock", {"recordId": "r1", "modelInput": {"messages": []}}),
        ("aws.bedrock", {"totalRecordCount": 1, "processedRecordCount": 1, "inputTokenCount": 7}),
        ("openai", bedrock(modelOutput=CONVERSE)),
    ],
)
def test_what_was_asked_and_other_files_are_no_results(provider: str, line: dict[str, Any]) -> None:
    assert not is_result(provider, line)
    assert result_in(provider, line, job="job", number=0, now_ns=NOW_NS) is None


def test_an_id_tells_no_time_that_is_still_to_come() -> None:
    line = {"response": CONTENT | {"responseId": IN_ID}}
    early = result_in("gcp.gemini", line, job="", number=0, now_ns=(MADE_S - 1) * NS)
    assert early is not None
    assert early.started_at_ns == 0


def test_the_call_of_a_result_is_known_by_the_id_of_its_answer_and_is_a_batchs() -> None:
    blank = LLMCall(
        trace_id="", span_id="", started_at_ns=0, provider="aws.bedrock", attribution=Attribution(feature="nightly")
    )
    job = Job(name="job", model="us.anthropic.claude", created_at_ns=7 * NS)
    call = batched(blank, read("aws.bedrock", bedrock(modelOutput=MESSAGE | {"id": "msg_bdrk_1"})), job)
    digest = hashlib.sha256(b"aws.bedrock\0msg_bdrk_1").hexdigest()
    assert (call.trace_id, call.span_id, call.started_at_ns) == (digest[:32], digest[32:48], 7 * NS)
    assert (call.request_model, call.response_model) == ("us.anthropic.claude", "")
    assert (call.is_batch, call.usage, call.usage_quality) == (True, MESSAGE_USAGE, UsageQuality.REPORTED)
    assert (call.attribution.feature, call.attribution.workload) == ("nightly", "batch")
    assert (blank.is_batch, blank.attribution.workload) == (False, "")


def test_a_workload_that_was_said_is_kept() -> None:
    blank = LLMCall(trace_id="", span_id="", started_at_ns=0, provider="openai", attribution=Attribution(workload="ci"))
    assert batched(blank, read("openai", openai(CHAT)), Job()).attribution.workload == "ci"


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2025-11-22T08:26:40Z", MADE_S),
        ("2025-11-22T09:26:40.999999999+01:00", MADE_S),
        ("2025-11-22T08:26:40", MADE_S),
        ("", 0),
        ("soon", 0),
    ],
)
def test_a_time_is_read_to_the_second(text: str, second: int) -> None:
    assert unix_ns(text) == second * NS
