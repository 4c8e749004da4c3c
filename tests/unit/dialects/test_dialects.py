"""What each library's spans say, in the attributes that its code writes, and the call that is read from them.

All of them tell of the same two calls, unless a test says otherwise. Anthropic answered 2310 input tokens, of which
2000 came from cache and 300 were written to it (so 10 were neither), and 90 output tokens. OpenAI answered 1000, 600
of them from cache, and 50, of which 20 were reasoning.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.attribution import Attribution
from otel_llmcost.dialects.registry import reader_of
from otel_llmcost.dialects.telling import Telling
from otel_llmcost.usage import Usage, UsageQuality

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall

ANTHROPIC = Usage(input_tokens=2310, cache_read_tokens=2000, cache_write_5m_tokens=300, output_tokens=90)
OPENAI = Usage(input_tokens=1000, cache_read_tokens=600, output_tokens=50, reasoning_tokens=20)

INCLUSIVE = {"gen_ai.usage.input_tokens": 2310, "gen_ai.usage.output_tokens": 90}
EXCLUSIVE = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 90}
CACHE_NOW = {"gen_ai.usage.cache_read.input_tokens": 2000, "gen_ai.usage.cache_write.input_tokens": 300}
CACHE_BEFORE = {"gen_ai.usage.cache_read.input_tokens": 2000, "gen_ai.usage.cache_creation.input_tokens": 300}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-sonnet-4-5"}
BY_ANTHROPIC = CHAT | {"gen_ai.provider.name": "anthropic"}
ON_BEDROCK = CHAT | {"gen_ai.provider.name": "aws.bedrock"}


def told(scope: str, said: dict[str, Any], *, name: str = "chat", **more: Any) -> LLMCall | None:
    """Return what is read from a span of a scope."""
    fields: dict[str, Any] = {
        "trace_id": "1" * 32,
        "span_id": "2" * 16,
        "started_at_ns": 1_000,
        "ended_at_ns": 3_000,
        "resource": {},
    }
    read = reader_of(scope)
    assert read is not None
    return read(Telling(scope_name=scope, name=name, attributes=said, **(fields | more)))


def call(scope: str, said: dict[str, Any], **more: Any) -> LLMCall:
    read = told(scope, said, **more)
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("scope", "said", "dialect", "rule"),
    [
        ("com.anthropic.sdk.python", BY_ANTHROPIC | INCLUSIVE | CACHE_NOW, "sdk", "inclusive:scope"),
        ("opentelemetry.instrumentation.genai.anthropic", BY_ANTHROPIC | INCLUSIVE | CACHE_NOW, "opentelemetry",
         "inclusive:scope"),
        ("opentelemetry.instrumentation.genai.bedrock", ON_BEDROCK | EXCLUSIVE | CACHE_NOW, "opentelemetry",
         "exclusive:scope"),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime",
         CHAT | {"gen_ai.system": "aws.bedrock"} | EXCLUSIVE | CACHE_BEFORE, "opentelemetry", "exclusive:scope"),
        ("opentelemetry.instrumentation.anthropic", BY_ANTHROPIC | INCLUSIVE | CACHE_BEFORE, "openllmetry",
         "inclusive:scope"),
        ("opentelemetry.instrumentation.bedrock", ON_BEDROCK | EXCLUSIVE | CACHE_BEFORE, "openllmetry",
         "exclusive:scope"),
        ("openlit.otel.tracing", BY_ANTHROPIC | EXCLUSIVE | CACHE_BEFORE, "openlit", "exclusive:scope"),
        ("logfire.anthropic", BY_ANTHROPIC | INCLUSIVE | CACHE_BEFORE, "logfire", "inclusive:scope"),
        ("pydantic-ai", BY_ANTHROPIC | INCLUSIVE | CACHE_BEFORE, "pydantic-ai", "inclusive:scope"),
        ("litellm", CHAT | {"gen_ai.system": "anthropic"} | INCLUSIVE | CACHE_BEFORE, "litellm", "inclusive:scope"),
        ("langsmith", CHAT | INCLUSIVE | {
            "gen_ai.system": "anthropic", "langsmith.span.kind": "llm",
            "gen_ai.usage.input_token_details": json.dumps({"cache_read": 2000, "cache_creation": 300}),
        }, "langsmith", "inclusive:scope"),
        ("openinference.instrumentation.anthropic", {
            "openinference.span.kind": "LLM", "llm.provider": "anthropic",
            "llm.request.model_name": "claude-sonnet-4-5",
            "llm.token_count.prompt": 2310, "llm.token_count.completion": 90, "llm.token_count.total": 2400,
            "llm.token_count.prompt_details.cache_read": 2000, "llm.token_count.prompt_details.cache_write": 300,
        }, "openinference", "inclusive:scope"),
        ("langfuse-sdk", {
            "langfuse.observation.type": "generation", "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": json.dumps(
                {"input": 10, "output": 90, "input_cached_tokens": 2000, "input_cache_creation": 300, "total": 2400}),
        }, "langfuse", "exclusive:scope"),
        ("langfuse-sdk", {
            "langfuse.observation.type": "generation", "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": json.dumps({
                "input_tokens": 10, "output_tokens": 90, "cache_read_input_tokens": 2000,
                "cache_creation_input_tokens": 300}),
        }, "langfuse", "raw"),
        ("ai", {
            "ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages",
            "ai.model.id": "claude-sonnet-4-5", "ai.usage.inputTokens": 2310, "ai.usage.outputTokens": 90,
            "ai.usage.inputTokenDetails.noCacheTokens": 10, "ai.usage.inputTokenDetails.cacheReadTokens": 2000,
            "ai.usage.inputTokenDetails.cacheWriteTokens": 300,
        }, "vercel-ai", "inclusive:scope"),
        ("com.anthropic.claude_code.tracing", {
            "model": "claude-sonnet-4-5", "input_tokens": 10, "output_tokens": 90, "cache_read_tokens": 2000,
            "cache_creation_tokens": 300,
        }, "claude-code", "exclusive:scope"),
        ("my.gateway", BY_ANTHROPIC | INCLUSIVE | CACHE_NOW, "conventions", "inclusive:assumed"),
        ("my.gateway", BY_ANTHROPIC | EXCLUSIVE | CACHE_NOW, "conventions", "exclusive:cache_exceeds_input"),
    ],
)  # fmt: skip
def test_an_anthropic_answer_is_the_same_usage_in_every_dialect(
    scope: str, said: dict[str, Any], dialect: str, rule: str
) -> None:
    read = call(scope, said, name="claude_code.llm_request" if "claude_code" in scope else "chat")

    assert read.usage == ANTHROPIC
    assert (read.dialect, read.input_semantics) == (dialect, rule)
    is_bedrock = "aws.bedrock" in (said.get("gen_ai.provider.name"), said.get("gen_ai.system"))
    assert read.provider == ("aws.bedrock" if is_bedrock else "anthropic")
    assert read.request_model == "claude-sonnet-4-5"
    assert (read.trace_id, read.span_id, read.started_at_ns, read.duration_ns) == ("1" * 32, "2" * 16, 1_000, 2_000)
    assert (read.usage_quality, read.scope_name) == (UsageQuality.REPORTED, scope)


OF_OPENAI = {"gen_ai.request.model": "gpt-5.2", "gen_ai.response.model": "gpt-5.2-2026-01-01"}
COUNTS = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 50}


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("opentelemetry.instrumentation.genai.openai", {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", **COUNTS,
            "gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.reasoning.output_tokens": 20,
        }),
        ("opentelemetry.instrumentation.openai_v2", {
            "gen_ai.operation.name": "chat", "gen_ai.system": "openai", **COUNTS,
            "gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.reasoning.output_tokens": 20,
        }),
        ("opentelemetry.instrumentation.openai.v1", {
            "llm.request.type": "chat", "gen_ai.system": "openai", **COUNTS,
            "gen_ai.usage.cache_read_input_tokens": 600, "gen_ai.usage.reasoning_tokens": 20,
            "llm.usage.total_tokens": 1050,
        }),
        ("@traceloop/instrumentation-openai", {
            "llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.usage.prompt_tokens": 1000,
            "gen_ai.usage.completion_tokens": 50, "gen_ai.usage.cache_read_input_tokens": 600,
            "gen_ai.usage.reasoning_tokens": 20,
        }),
        ("openlit.otel.tracing", {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", **COUNTS,
            "gen_ai.usage.prompt_tokens_details.cached_tokens": 600,
            "gen_ai.usage.completion_tokens_details.reasoning_tokens": 20,
        }),
        ("pydantic-ai", {
            "gen_ai.operation.name": "chat", "gen_ai.system": "openai", **COUNTS,
            "gen_ai.usage.details.cache_read_tokens": 600, "gen_ai.usage.details.reasoning_tokens": 20,
        }),
        ("logfire.openai", {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", **COUNTS,
            "gen_ai.usage.raw": json.dumps({
                "prompt_tokens": 1000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 600},
                "completion_tokens_details": {"reasoning_tokens": 20}}),
        }),
        ("litellm", {
            "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.usage.prompt_tokens": 1000,
            "gen_ai.usage.completion_tokens": 50, "gen_ai.usage.cache_read.input_tokens": 600,
            "gen_ai.usage.reasoning.output_tokens": 20,
        }),
        ("openinference.instrumentation.openai", {
            "openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-5.2-2026-01-01",
            "llm.token_count.prompt": 1000, "llm.token_count.completion": 50,
            "llm.token_count.prompt_details.cache_read": 600, "llm.token_count.completion_details.reasoning": 20,
        }),
        ("langfuse-sdk", {
            "langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-5.2-2026-01-01",
            "langfuse.observation.usage_details": json.dumps({
                "prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050,
                "prompt_tokens_details": {"cached_tokens": 600},
                "completion_tokens_details": {"reasoning_tokens": 20}}),
        }),
        ("ai", {
            "ai.operationId": "ai.streamText.doStream", "ai.model.provider": "openai.responses",
            "ai.model.id": "gpt-5.2", "ai.response.model": "gpt-5.2-2026-01-01", "ai.usage.inputTokens": 1000,
            "ai.usage.outputTokens": 50, "ai.usage.cachedInputTokens": 600, "ai.usage.reasoningTokens": 20,
        }),
        ("app", {
            "gen_ai.system": "openai", "gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 50,
            "gen_ai.usage.input_tokens.cached": 600, "gen_ai.usage.output_tokens.reasoning": 20,
        }),
    ],
)  # fmt: skip
def test_an_openai_answer_is_the_same_usage_in_every_dialect(scope: str, said: dict[str, Any]) -> None:
    read = call(scope, OF_OPENAI | said)

    assert read.usage == OPENAI
    assert (read.provider, read.operation, read.response_model) == ("openai", "chat", "gpt-5.2-2026-01-01")


@pytest.mark.parametrize(
    ("scope", "name", "said"),
    [
        ("opentelemetry.instrumentation.genai.langchain", "flow", {"gen_ai.operation.name": "invoke_workflow"}),
        ("opentelemetry.instrumentation.genai.openai", "fetch", {"gen_ai.operation.name": "fetch_response"}),
        ("pydantic-ai", "agent run", {"gen_ai.operation.name": "invoke_agent"}),
        ("pydantic-ai", "running tool", {"gen_ai.operation.name": "execute_tool"}),
        ("my.app", "retrieval", {"gen_ai.operation.name": "retrieval"}),
        ("my.app", "create", {"gen_ai.operation.name": "create_agent"}),
        ("opentelemetry.instrumentation.langchain", "chain", {"traceloop.span.kind": "workflow"}),
        ("openinference.instrumentation.langchain", "chain", {"openinference.span.kind": "CHAIN"}),
        ("openinference.instrumentation.openai_agents", "agent", {"openinference.span.kind": "AGENT"}),
        ("openinference.instrumentation.haystack", "rerank", {"openinference.span.kind": "RERANKER"}),
        ("langsmith", "chain", {"langsmith.span.kind": "chain"}),
        ("langfuse-sdk", "span", {"langfuse.observation.type": "span"}),
        ("langfuse-sdk", "agent", {"langfuse.observation.type": "agent"}),
        ("litellm", "raw_gen_ai_request", {"gen_ai.operation.name": "chat"}),
        ("ai", "ai.generateText", {"ai.operationId": "ai.generateText", "ai.usage.inputTokens": 1000}),
        ("ai", "ai.toolCall", {"ai.operationId": "ai.toolCall"}),
        ("com.anthropic.sdk.python", "anthropic.messages.count_tokens", {}),
        ("com.anthropic.claude_code.tracing", "claude_code.interaction", {}),
    ],
)  # fmt: skip
def test_agents_chains_tools_and_workflows_are_no_calls_whatever_they_sum_up(
    scope: str, name: str, said: dict[str, Any]
) -> None:
    summed: dict[str, Any] = {**OF_OPENAI, "llm.token_count.prompt": 1000}
    if "anthropic" not in scope:
        summed |= COUNTS | {"gen_ai.system": "openai"}
    assert told(scope, summed | said, name=name) is None


@pytest.mark.parametrize("scope", ["opentelemetry.instrumentation.httpx", "otel_llmcost.openai"])
def test_a_scope_that_is_about_something_else_or_ours_has_no_reader(scope: str) -> None:
    assert reader_of(scope) is None


def test_the_host_says_who_sells_it_where_a_library_only_knows_the_sdk() -> None:
    """OTel's openai package calls every host that speaks OpenAI's format `openai`."""
    said = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", **OF_OPENAI, **COUNTS}
    scope = "opentelemetry.instrumentation.genai.openai"

    azure = call(scope, said | {"server.address": "contoso.openai.azure.com"})
    groq = call(scope, said | {"server.address": "api.groq.com"})
    local = call(scope, said | {"server.address": "127.0.0.1"})

    assert [(each.provider, each.provider_source) for each in (azure, groq, local)] == [
        ("azure.ai.openai", "host"),
        ("groq", "host"),
        ("openai", "span"),
    ]


def test_the_total_shows_what_the_input_holds_where_the_scope_does_not() -> None:
    cached = {"gen_ai.usage.cache_read.input_tokens": 400}
    said = {"gen_ai.operation.name": "chat", **OF_OPENAI, **COUNTS, **cached}

    within = call("my.app", said | {"gen_ai.usage.total_tokens": 1050})
    beside = call("my.app", said | {"gen_ai.usage.total_tokens": 1450})
    unclear = call("my.app", said | {"gen_ai.usage.total_tokens": 7})

    assert (within.usage, within.input_semantics) == (
        Usage(input_tokens=1000, cache_read_tokens=400, output_tokens=50), "inclusive:total",
    )  # fmt: skip
    assert (beside.usage, beside.input_semantics) == (
        Usage(input_tokens=1400, cache_read_tokens=400, output_tokens=50), "exclusive:total",
    )  # fmt: skip
    assert unclear.input_semantics == "inclusive:assumed"


def test_an_inclusive_scope_whose_cache_exceeds_its_input_is_not_believed() -> None:
    read = call("opentelemetry.instrumentation.genai.anthropic", BY_ANTHROPIC | EXCLUSIVE | CACHE_NOW)
    assert (read.usage, read.input_semantics) == (ANTHROPIC, "exclusive:cache_exceeds_input")


def test_the_older_ai_sdk_passes_on_what_anthropic_says() -> None:
    """Version 5: `inputTokens` is Anthropic's own count, without the cache; only the version shows it."""
    said = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.request.headers.user-agent": "ai/5.0.277",
        "ai.model.provider": "anthropic.messages",
        "ai.model.id": "claude-sonnet-4-5",
        "ai.usage.inputTokens": 500,
        "ai.usage.outputTokens": 90,
        "ai.usage.totalTokens": 590,
        "ai.usage.cachedInputTokens": 200,
    }
    read = call("ai", said)
    assert (read.usage, read.input_semantics) == (
        Usage(input_tokens=700, cache_read_tokens=200, output_tokens=90), "exclusive:assumed",
    )  # fmt: skip
    assert call("ai", said | {"ai.model.provider": "openai.chat"}).input_semantics == "inclusive:assumed"


def test_openllmetry_shows_the_thoughts_of_gemini_in_the_total_alone() -> None:
    said = {
        "llm.request.type": "completion",
        "gen_ai.system": "Google",
        "gen_ai.request.model": "gemini-2.5-pro",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "llm.usage.total_tokens": 150,
    }
    read = call("opentelemetry.instrumentation.google_generativeai", said)
    assert read.usage == Usage(input_tokens=100, output_tokens=50, reasoning_tokens=40)
    assert read.provider == "gcp.gemini"


def test_what_was_counted_by_a_library_is_an_estimate() -> None:
    botocore = "opentelemetry.instrumentation.botocore.bedrock-runtime"
    said = {"gen_ai.operation.name": "chat", "gen_ai.system": "aws.bedrock", **COUNTS}
    estimated = call(botocore, said | {"gen_ai.request.model": "us.mistral.mistral-large"})
    reported = call(botocore, said | {"gen_ai.request.model": "us.amazon.nova-lite-v1:0"})
    streamed = call("openlit", said | {"gen_ai.request.stream": True})
    assert [each.usage_quality.value for each in (estimated, reported, streamed)] == [
        "estimated", "reported", "estimated",
    ]  # fmt: skip


def test_botocores_counts_of_claude_through_invoke_model_lack_what_was_cached_and_are_estimates() -> None:
    botocore = "opentelemetry.instrumentation.botocore.bedrock-runtime"
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 44,
        "gen_ai.request.model": "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
    }
    assert call(botocore, said | {"rpc.method": "InvokeModel"}).usage_quality is UsageQuality.ESTIMATED
    assert call(botocore, said | {"rpc.method": "Converse"}).usage_quality is UsageQuality.REPORTED


def test_a_streamed_gemini_answer_with_thoughts_is_added_up_from_several_events_by_opentelemetry() -> None:
    google = "opentelemetry.instrumentation.google_genai"
    said = {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.request.model": "gemini-3-flash-preview",
        "gen_ai.usage.input_tokens": 87,
        "gen_ai.usage.output_tokens": 134,
        "gen_ai.usage.reasoning.output_tokens": 78,
    }
    assert call(google, said | {"gen_ai.request.stream": True}).usage_quality is UsageQuality.ESTIMATED
    assert call(google, said).usage_quality is UsageQuality.REPORTED


def test_the_sdk_of_anthropic_tells_cache_lifetimes_tier_and_request() -> None:
    read = call(
        "com.anthropic.sdk.python",
        BY_ANTHROPIC | INCLUSIVE | CACHE_NOW | {
            "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 100,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 200,
            "anthropic.response.service_tier": "priority",
            "anthropic.request.id": "req_1",
            "gen_ai.response.id": "msg_1",
            "http.request.resend_count": 2,
            "anthropic.message.stop_reason": "end_turn",
        },
    )  # fmt: skip
    assert read.usage is not None
    assert (read.usage.cache_write_5m_tokens, read.usage.cache_write_1h_tokens) == (100, 200)
    assert (read.service_tier, read.provider_request_id, read.response_id) == ("priority", "req_1", "msg_1")
    assert (read.resend_count, read.finish_reason) == (2, "end_turn")


def test_modalities_are_kept_where_they_are_told() -> None:
    said = {
        "gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "gemini",
        "gen_ai.request.model": "gemini-2.5-flash", "gen_ai.usage.input_tokens": 500,
        "gen_ai.usage.output_tokens": 70, "gen_ai.usage.audio.input_tokens": 300,
        "gen_ai.usage.audio.cache_read.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 150,
        "gen_ai.usage.image.output_tokens": 60, "gen_ai.usage.reasoning.output_tokens": 5,
    }  # fmt: skip
    read = call("opentelemetry.instrumentation.genai.google_genai", said)
    assert read.usage == Usage(
        input_tokens=500, output_tokens=70, input_audio_tokens=300, cache_read_audio_tokens=100, cache_read_tokens=150,
        output_image_tokens=60, reasoning_tokens=5,
    )  # fmt: skip
    assert (read.provider, read.operation) == ("gcp.gemini", "generate_content")


def test_a_failed_call_is_a_call_and_its_counts_are_partial() -> None:
    silent = call("opentelemetry.instrumentation.genai.anthropic", BY_ANTHROPIC | {"error.type": "RateLimitError"})
    cut = call("openinference.instrumentation.anthropic", {
        "openinference.span.kind": "LLM", "llm.token_count.prompt": 10, "llm.model_name": "claude-sonnet-4-5",
    }, is_error=True)  # fmt: skip
    assert (silent.usage, silent.usage_quality, silent.error_type) == (None, UsageQuality.MISSING, "RateLimitError")
    assert (cut.usage_quality, cut.error_type) == (UsageQuality.PARTIAL, "error")


def test_who_pays_is_read_from_our_attributes_then_from_others_then_from_the_process() -> None:
    read = call(
        "my.app",
        BY_ANTHROPIC | INCLUSIVE | {
            "llmcost.feature": "search", "session.id": "s1", "llmcost.session_id": "ours", "user.id": "u1",
            "llmcost.tag.plan": "pro", "gen_ai.agent.name": "planner",
        },
        resource={"deployment.environment": "staging", "service.name": "shop", "service.version": "7"},
    )  # fmt: skip
    assert read.attribution == Attribution(
        feature="search", session_id="ours", user="u1", agent="planner", environment="staging", tags=(("plan", "pro"),)
    )
    assert (read.feature_source, read.service_name, read.service_version) == ("span", "shop", "7")


def test_values_of_a_wrong_kind_are_passed_over() -> None:
    read = call("my.app", {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": 7, "gen_ai.response.model": "gpt-5.2",
        "gen_ai.usage.input_tokens": "many", "gen_ai.usage.output_tokens": 5.0, "gen_ai.response.id": ["x"],
        "gen_ai.usage.input_token_details": "[1", "gen_ai.response.time_to_first_chunk": float("nan"),
    })  # fmt: skip
    assert read.usage == Usage(output_tokens=5)
    assert (read.request_model, read.response_id, read.time_to_first_token_ns) == ("", "", None)
