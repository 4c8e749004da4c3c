"""What the same library said in earlier releases, in the attributes that their published packages write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_llmcost.usage import Usage, UsageQuality
from tests.unit.dialects.test_dialects import call

CLAUDE = {"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
GPT = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4.1"}
GEMINI = {"gen_ai.operation.name": "chat", "gen_ai.system": "google-gla", "gen_ai.request.model": "gemini-2.5-pro"}


# --- pydantic-ai ---


def test_pydantic_ai_named_cached_tokens_as_the_providers_do() -> None:
    """Releases 0.2 to 1.1, with everything else among the details too."""
    said = {
        "gen_ai.usage.input_tokens": 2310,
        "gen_ai.usage.output_tokens": 90,
        "gen_ai.usage.details.input_tokens": 10,
        "gen_ai.usage.details.output_tokens": 90,
        "gen_ai.usage.details.cache_read_input_tokens": 2000,
        "gen_ai.usage.details.cache_creation_input_tokens": 300,
    }
    read = call("pydantic-ai", CLAUDE | said, scope_version="1.0.0")
    assert read.usage == Usage(input_tokens=2310, cache_read_tokens=2000, cache_write_5m_tokens=300, output_tokens=90)
    said = {
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.details.cached_tokens": 600,
        "gen_ai.usage.details.reasoning_tokens": 20,
    }
    read = call("pydantic-ai", GPT | said, scope_version="0.4.0")
    assert read.usage == Usage(input_tokens=1000, cache_read_tokens=600, output_tokens=50, reasoning_tokens=20)


@pytest.mark.parametrize(("version", "output"), [("0.6.2", 40), ("0.7.0", 70), ("1.30.0", 70), ("", 70)])
def test_thoughts_stood_beside_the_output_before_they_were_in_it(version: str, output: int) -> None:
    said = {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": output,
        "gen_ai.usage.details.cached_content_tokens": 60,
        "gen_ai.usage.details.thoughts_tokens": 30,
    }
    read = call("pydantic-ai", GEMINI | said, scope_version=version)
    assert read.usage == Usage(input_tokens=100, cache_read_tokens=60, output_tokens=70, reasoning_tokens=30)


def test_what_met_a_cache_was_left_out_at_first_and_nothing_shows_it() -> None:
    said = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 90}
    assert call("pydantic-ai", CLAUDE | said, scope_version="0.1.9").usage_quality is UsageQuality.ESTIMATED
    assert call("pydantic-ai", CLAUDE | said, scope_version="0.2.0").usage_quality is UsageQuality.REPORTED
    assert call("pydantic-ai", GPT | said, scope_version="0.1.9").usage_quality is UsageQuality.REPORTED


# --- Logfire ---


def test_logfire_shows_the_usage_in_the_answer_where_it_has_no_name_for_it() -> None:
    """Up to 5.1 for Anthropic, whose input was what met no cache before 4.31; up to 4.25 for OpenAI."""
    usage = {
        "input_tokens": 10,
        "output_tokens": 90,
        "cache_read_input_tokens": 2000,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "service_tier": "standard",
    }
    said: dict[str, Any] = {
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 90,
        "response_data": json.dumps({"message": {"role": "assistant", "content": "Yes."}, "usage": usage}),
    }
    read = call("logfire.anthropic", CLAUDE | said, scope_version="4.25.0")
    assert read.usage == Usage(
        input_tokens=2310,
        cache_read_tokens=2000,
        cache_write_5m_tokens=100,
        cache_write_1h_tokens=200,
        output_tokens=90,
    )
    assert (read.input_semantics, read.service_tier) == ("raw", "standard")


MORE = [
    {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 9, "output_tokens": 9},
    {"type": "compaction", "input_tokens": 900, "output_tokens": 30},
]


@pytest.mark.parametrize("library", ["logfire", "langfuse", "vercel"])
def test_the_providers_own_usage_tells_what_is_billed_and_what_is_missing(library: str) -> None:
    raw = {"input_tokens": 10, "output_tokens": 90, "iterations": MORE}
    counts = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 90}
    scope, said = {
        "logfire": ("logfire.anthropic", CLAUDE | counts | {"gen_ai.usage.raw": json.dumps(raw)}),
        "langfuse": ("langfuse-sdk", {
            "langfuse.observation.type": "generation", "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": json.dumps(raw),
        }),
        "vercel": ("ai", {
            "ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages",
            "ai.model.id": "claude-sonnet-4-5", "ai.usage.inputTokens": 10, "ai.usage.outputTokens": 90,
            "ai.response.providerMetadata": json.dumps({"anthropic": {"usage": raw}}),
        }),
    }[library]  # fmt: skip
    read = call(scope, said)
    assert (read.usage, read.input_semantics) == (Usage(input_tokens=10, output_tokens=90), "raw")
    assert (read.billed, read.usage_quality) == (Usage(input_tokens=910, output_tokens=120), UsageQuality.PARTIAL)


# --- OpenInference ---


def _of_langchain(version: str, **counts: int) -> Usage | None:
    said = {f"llm.token_count.{name}": count for name, count in counts.items()}
    said |= {
        "llm.token_count.prompt_details.cache_read": 2000,
        "llm.token_count.prompt_details.cache_write": 300,
    }
    known = {"openinference.span.kind": "LLM", "llm.model_name": "claude-sonnet-4-5", "llm.provider": "anthropic"}
    return call("openinference.instrumentation.langchain", known | said, scope_version=version).usage


@pytest.mark.parametrize(
    ("version", "counts"),
    [
        ("0.1.54", {"prompt": 3000, "completion": 90}),  # Anthropic's own, of which 2300 are not in the prompt
        ("0.1.54", {"prompt": 5300, "completion": 90, "total": 5390}),  # LangChain's, of a stream
        ("0.1.55", {"prompt": 5300, "completion": 90}),
        ("", {"prompt": 5300, "completion": 90}),
    ],
)
def test_openinference_passed_on_what_langchain_had_from_anthropic(version: str, counts: dict[str, int]) -> None:
    assert _of_langchain(version, **counts) == Usage(
        input_tokens=5300, cache_read_tokens=2000, cache_write_5m_tokens=300, output_tokens=90
    )


@pytest.mark.parametrize(("version", "quality"), [("0.1.22", UsageQuality.ESTIMATED), ("0.2.8", UsageQuality.REPORTED)])
def test_openinference_in_javascript_left_out_what_met_anthropics_cache(version: str, quality: UsageQuality) -> None:
    said = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "claude-sonnet-4-5",
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 90,
    }
    read = call("@arizeai/openinference-instrumentation-anthropic", said, scope_version=version)
    assert (read.usage, read.usage_quality) == (Usage(input_tokens=10, output_tokens=90), quality)


@pytest.mark.parametrize("version", ["", "dev", "v1", "0.1.55rc1", "99999999999999999999"])
def test_a_version_that_is_none_or_strange_is_taken_for_a_new_one(version: str) -> None:
    assert _of_langchain(version, prompt=5300, completion=90) == Usage(
        input_tokens=5300, cache_read_tokens=2000, cache_write_5m_tokens=300, output_tokens=90
    )


@pytest.mark.parametrize("version", ["0.1.50", "0.1.61", ""])
@pytest.mark.parametrize("prompt", [10, 2310], ids=["exclusive", "inclusive"])
def test_converses_total_shows_whether_openinference_passed_its_input_on(version: str, prompt: int) -> None:
    said = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "llm.token_count.prompt": prompt,
        "llm.token_count.completion": 90,
        "llm.token_count.total": 2400,
        "llm.token_count.prompt_details.cache_read": 2000,
        "llm.token_count.prompt_details.cache_write": 300,
    }
    read = call("openinference.instrumentation.bedrock", said, scope_version=version)
    assert read.usage == Usage(input_tokens=2310, cache_read_tokens=2000, cache_write_5m_tokens=300, output_tokens=90)
    assert read.usage_quality is UsageQuality.REPORTED


@pytest.mark.parametrize(
    ("scope", "version", "total", "quality"),
    [
        ("openinference.instrumentation.bedrock", "0.1.30", 2400, UsageQuality.ESTIMATED),
        ("openinference.instrumentation.bedrock", "0.1.30", 100, UsageQuality.REPORTED),
        ("openinference.instrumentation.anthropic", "0.1.13", 100, UsageQuality.ESTIMATED),
        ("openinference.instrumentation.anthropic", "0.1.14", 100, UsageQuality.REPORTED),
    ],
)
def test_openinference_left_out_what_met_a_cache(scope: str, version: str, total: int, quality: UsageQuality) -> None:
    said = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "claude-sonnet-4-5",
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 90,
        "llm.token_count.total": total,
    }
    assert call(scope, said, scope_version=version).usage_quality is quality


# --- OpenTelemetry's botocore ---


@pytest.mark.parametrize(
    ("model", "version", "quality"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "0.65b0", UsageQuality.ESTIMATED),
        ("amazon.nova-lite-v1:0", "0.65b0", UsageQuality.ESTIMATED),
        ("amazon.nova-lite-v1:0", "0.66b2", UsageQuality.REPORTED),
        ("meta.llama3-8b-instruct-v1:0", "0.65b0", UsageQuality.REPORTED),
    ],
)
def test_botocore_left_out_what_met_a_cache_before_it_told_it(model: str, version: str, quality: UsageQuality) -> None:
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "aws.bedrock",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 90,
        "rpc.method": "Converse",
    }
    scope = "opentelemetry.instrumentation.botocore.bedrock-runtime"
    assert call(scope, said, scope_version=version).usage_quality is quality
