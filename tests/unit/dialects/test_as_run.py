"""What libraries were seen to write when they ran, where it is not what their attributes' names promise."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from otel_llmcost.dialects.reading import from_text
from otel_llmcost.usage import Usage, UsageQuality
from tests.unit.dialects.test_dialects import call, told

CACHED = Usage(input_tokens=1532, cache_read_tokens=1111, cache_write_5m_tokens=418, output_tokens=33)


def test_langsmith_writes_the_details_of_usage_as_python_does() -> None:
    read = call("langsmith", {
        "gen_ai.operation.name": "chat", "gen_ai.system": "langchain", "langsmith.metadata.ls_provider": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5", "langsmith.span.kind": "llm",
        "gen_ai.usage.input_token_details": str({"cache_read": 1111, "ephemeral_5m_input_tokens": 418}),
        "gen_ai.usage.input_tokens": 1532, "gen_ai.usage.output_tokens": 33, "gen_ai.usage.total_tokens": 1565,
    })  # fmt: skip
    assert (read.usage, read.provider, read.input_semantics) == (CACHED, "anthropic", "inclusive:scope")


@pytest.mark.parametrize(
    "text", ["{'a': __import__('os')}", "{" * 5000, "{'a': 1", "[1]", 7, "{1, 2}", "{" + "'a':{" * 900]
)
def test_a_text_that_is_no_object_is_none(text: object) -> None:
    assert from_text(text) == {}


LITELLM: dict[str, Any] = {
    "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.response.model": "claude-sonnet-4-5-20250929",
    "gen_ai.system": "anthropic", "gen_ai.usage.input_tokens": 1532, "gen_ai.usage.output_tokens": 33,
    "llm.request.type": "completion", "llm.is_streaming": "False",
}  # fmt: skip
TOLD_BY_LITELLM: dict[str, Any] = {
    "prompt_tokens": 1532, "completion_tokens": 33, "completion_tokens_details": {"reasoning_tokens": 7},
    "prompt_tokens_details": {
        "cached_tokens": 1111, "cache_creation_tokens": 418, "audio_tokens": None,
        "cache_creation_token_details": {"ephemeral_5m_input_tokens": 18, "ephemeral_1h_input_tokens": 400},
    },
    "server_tool_use": {"web_search_requests": 2}, "iterations": None,
}  # fmt: skip


def test_litellm_tells_cached_tokens_only_in_its_metadata() -> None:
    """It counts the reasoning tokens of Anthropic itself, so those are not told."""
    read = call("litellm", LITELLM | {"metadata.usage_object": str(TOLD_BY_LITELLM)})
    assert read.usage == Usage(
        input_tokens=1532,
        cache_read_tokens=1111,
        cache_write_5m_tokens=18,
        cache_write_1h_tokens=400,
        output_tokens=33,
        web_search=2,
    )
    of_openai = call("litellm", LITELLM | {"gen_ai.system": "openai", "metadata.usage_object": str(TOLD_BY_LITELLM)})
    assert of_openai.usage is not None
    assert of_openai.usage.reasoning_tokens == 7


def test_litellm_adds_what_another_model_consumed_on_the_way() -> None:
    parts = [
        {"input_tokens": 1128, "output_tokens": 110, "type": "message"},
        {"input_tokens": 2518, "output_tokens": 22, "type": "advisor_message", "model": "claude-opus-4-8"},
    ]
    usage = {"prompt_tokens": 3646, "completion_tokens": 132, "iterations": parts}
    summed = {"gen_ai.usage.input_tokens": 3646, "gen_ai.usage.output_tokens": 132}
    read = call("litellm", LITELLM | summed | {"metadata.usage_object": str(usage)})
    assert read.usage == Usage(input_tokens=1128, output_tokens=110)


def test_litellm_wraps_the_ids_of_some_answers_and_makes_up_those_of_others() -> None:
    wrapped = base64.b64encode(b"litellm:custom_llm_provider:openai;model_id:None;response_id:resp_04").decode()
    given = {
        f"resp_{wrapped}": "resp_04",
        "chatcmpl-4e21a924-32b9-4277-a6aa-f69cdde046df": "",
        "chatcmpl-BNhrEFvKSNY08Uphau5iA4InZH6jn": "chatcmpl-BNhrEFvKSNY08Uphau5iA4InZH6jn",
        "resp_0401f348de3b6855": "resp_0401f348de3b6855",
    }
    assert {said: call("litellm", LITELLM | {"gen_ai.response.id": said}).response_id for said in given} == given


def test_litellm_leaves_the_provider_out_of_responses() -> None:
    said = LITELLM | {"gen_ai.system": "", "gen_ai.request.model": "gpt-5"}
    providers = [call("litellm", said | {"litellm.provider.model": each}).provider for each in ("azure/gpt-5", "gpt-5")]
    assert providers == ["azure.ai.openai", "openai"]


def test_litellm_repeats_the_model_that_was_asked_for_where_it_streams() -> None:
    said = LITELLM | {"gen_ai.response.model": "claude-sonnet-4-5"}
    streamed = call("litellm", said | {"llm.is_streaming": "True"})
    assert (streamed.response_model, streamed.is_stream) == ("", True)
    assert call("litellm", said).response_model == "claude-sonnet-4-5"


def test_litellm_counts_a_stream_that_tells_no_usage() -> None:
    """Then it knows nothing of the input's details."""
    usage = {"prompt_tokens": 13, "completion_tokens": 13, "prompt_tokens_details": None}
    said = LITELLM | {"metadata.usage_object": str(usage)}
    qualities = [call("litellm", said | {"llm.is_streaming": streams}).usage_quality for streams in ("True", "False")]
    assert qualities == [UsageQuality.ESTIMATED, UsageQuality.REPORTED]


LOGFIRE: dict[str, Any] = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.response.model": "claude-sonnet-4-5", "logfire.span_type": "span",
}  # fmt: skip
RAW = {
    "input_tokens": 3, "output_tokens": 33, "cache_creation_input_tokens": 418, "cache_read_input_tokens": 1111,
    "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 418}, "service_tier": "standard",
}  # fmt: skip


def test_logfire_tells_a_stream_by_the_log_at_its_end() -> None:
    read = call(
        "logfire.anthropic",
        LOGFIRE | {
            "logfire.span_type": "log", "duration": 0.5, "gen_ai.usage.input_tokens": 1532,
            "gen_ai.usage.output_tokens": 33, "gen_ai.usage.raw": json.dumps(RAW),
        },
        started_at_ns=10_000_000_000,
        ended_at_ns=10_000_000_000,
    )  # fmt: skip
    assert (read.usage, read.input_semantics, read.service_tier) == (CACHED, "raw", "standard")
    assert (read.started_at_ns, read.duration_ns) == (9_500_000_000, 500_000_000)
    assert (read.is_stream, read.response_model) == (True, "")


def test_a_request_of_logfires_that_says_nothing_of_its_answer_is_no_call_unless_it_failed() -> None:
    assert told("logfire.openai", LOGFIRE) is None
    assert call("logfire.openai", LOGFIRE, is_error=True).error_type == "error"
    assert call("logfire.openai", LOGFIRE | {"response_data": "{}"}).usage_quality is UsageQuality.MISSING


def test_openlit_names_no_model_that_answered_embeddings() -> None:
    said = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "ada", "gen_ai.response.model": "ada"}
    read = call("openlit.instrumentation.openai", {"gen_ai.operation.name": "embeddings", **said})
    assert (read.request_model, read.response_model) == ("ada", "")


def vercel(provider: str, metadata: dict[str, Any], **usage: int) -> Any:
    counts = {f"ai.usage.{name}": count for name, count in usage.items()}
    return call("ai", {
        "ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m", "ai.model.provider": provider, **counts,
        "ai.response.providerMetadata": json.dumps(metadata),
    })  # fmt: skip


def test_vercels_sdk_keeps_the_usage_of_some_providers_as_it_was() -> None:
    """Version 5 tells neither what was read from cache nor what was written to it by any other word."""
    read = vercel("anthropic.messages", {"anthropic": {"usage": RAW}}, promptTokens=3, completionTokens=33)
    assert (read.usage, read.input_semantics, read.service_tier) == (CACHED, "raw", "standard")
    google = {"promptTokenCount": 100, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "totalTokenCount": 107}
    read = vercel("google.generative-ai", {"google": {"usageMetadata": google}}, inputTokens=100, outputTokens=7)
    assert read.usage == Usage(input_tokens=100, output_tokens=7, reasoning_tokens=2)


def test_vercels_sdk_tells_the_tier_of_openai_and_what_bedrock_wrote_to_its_cache() -> None:
    read = vercel("openai.responses", {"openai": {"serviceTier": "flex"}}, promptTokens=9, completionTokens=1)
    assert (read.service_tier, read.usage) == ("flex", Usage(input_tokens=9, output_tokens=1))
    bedrock = {"bedrock": {"usage": {"cacheWriteInputTokens": 300}}}
    read = vercel("amazon-bedrock", bedrock, inputTokens=10, cachedInputTokens=2000, outputTokens=90)
    assert read.usage == Usage(input_tokens=2310, cache_read_tokens=2000, cache_write_5m_tokens=300, output_tokens=90)


def test_vercels_sdk_shows_which_version_wrote_a_span_by_its_user_agent_and_by_what_it_lacks() -> None:
    """Where outputs are not recorded, version 6 tells no metadata; before, there always were Anthropic's."""
    streamed = {
        "ai.operationId": "ai.streamObject.doStream", "ai.model.provider": "anthropic.messages",
        "ai.model.id": "claude-sonnet-4-5", "ai.usage.inputTokens": 1532, "ai.usage.cachedInputTokens": 1111,
        "ai.usage.outputTokens": 33, "ai.usage.totalTokens": 1565,
    }  # fmt: skip
    read = call("ai", streamed)
    assert (read.usage, read.input_semantics) == (
        Usage(input_tokens=1532, cache_read_tokens=1111, output_tokens=33), "inclusive:assumed",
    )  # fmt: skip
    by_agent = {
        agent: call("ai", streamed | {"ai.model.provider": "amazon-bedrock", "ai.request.headers.user-agent": agent})
        for agent in ("ai/5.0.277", "ai/6.0.326", "shop ai/7.0.173", "")
    }
    assert [(read.input_semantics, read.usage and read.usage.input_tokens) for read in by_agent.values()] == [
        ("exclusive:assumed", 2643), ("inclusive:scope", 1532), ("inclusive:scope", 1532), ("exclusive:assumed", 2643),
    ]  # fmt: skip


def test_vercels_sdk_makes_up_an_id_where_an_answer_has_none() -> None:
    said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1}
    ids = [
        call("gen_ai", said | {"gen_ai.response.id": each}).response_id
        for each in ("aitxt-9f8W0lZQmGv1aXrkD2bYpT5u", "aiobj-9f8W0lZQmGv1aXrkD2bYpT5u", "msg_01")
    ]
    assert ids == ["", "", "msg_01"]


def test_vercels_sdk_once_kept_the_usage_of_the_first_event_of_a_stream() -> None:
    """Version 2.0.0 of its Anthropic package did; one that sums what other models consumed tells more output, too."""
    first = RAW | {"output_tokens": 1}
    said = {
        "ai.operationId": "ai.streamText.doStream", "ai.model.provider": "anthropic.messages", "ai.model.id": "m",
        "ai.usage.inputTokens": 3, "ai.usage.cachedInputTokens": 1111, "ai.usage.outputTokens": 33,
    }  # fmt: skip
    read = call("ai", said | {"ai.response.providerMetadata": json.dumps({"anthropic": {"usage": first}})})
    assert (read.usage, read.input_semantics) == (CACHED, "raw")
    summed = first | {"iterations": [{"type": "message", "output_tokens": 1}]}
    read = call("ai", said | {"ai.response.providerMetadata": json.dumps({"anthropic": {"usage": summed}})})
    assert read.usage is not None
    assert read.usage.output_tokens == 1


VERCEL_7: dict[str, Any] = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.client.operation.duration": 0.039749624, "gen_ai.client.operation.time_to_first_chunk": 0.038664011,
    "gen_ai.response.finish_reasons": ["stop"], "gen_ai.response.id": "msg_1",
    "gen_ai.response.model": "claude-sonnet-4-5-20250929", "gen_ai.usage.input_tokens": 1532,
    "gen_ai.usage.output_tokens": 33, "gen_ai.usage.cache_read.input_tokens": 1111,
    "gen_ai.usage.cache_creation.input_tokens": 418,
}  # fmt: skip
"""A stream's span as `@ai-sdk/otel` 1.0.173 wrote it for `ai` 7.0.173."""


def without(said: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in names}


def test_version_7_of_vercels_sdk_speaks_the_conventions_words_in_a_scope_of_its_own() -> None:
    read = call("gen_ai", VERCEL_7, name="chat claude-sonnet-4-5")
    assert (read.dialect, read.input_semantics, read.usage) == ("vercel-ai", "inclusive:scope", CACHED)
    assert (read.provider, read.response_model) == ("anthropic", "claude-sonnet-4-5-20250929")
    assert (read.response_id, read.finish_reason, read.usage_quality) == ("msg_1", "stop", UsageQuality.REPORTED)
    assert (read.is_stream, read.time_to_first_token_ns) == (True, 38_664_011)
    whole = call("gen_ai", without(VERCEL_7, "gen_ai.client.operation.time_to_first_chunk"))
    assert (whole.is_stream, whole.time_to_first_token_ns) == (False, None)
    assert call("gen_ai", VERCEL_7, scope_version="1.0").dialect == "conventions"


@pytest.mark.parametrize("operation", ["invoke_agent", "agent_step", "execute_tool"])
def test_agents_steps_and_tools_of_version_7_are_no_calls(operation: str) -> None:
    """The agent's span has the sum of its steps' counts."""
    assert told("gen_ai", VERCEL_7 | {"gen_ai.operation.name": operation}) is None


def test_an_aborted_call_of_version_7_is_a_call_without_usage() -> None:
    begun = {name: VERCEL_7[name] for name in tuple(VERCEL_7)[:3]}
    read = call("gen_ai", begun)
    assert (read.usage, read.usage_quality, read.error_type) == (None, UsageQuality.MISSING, "")
    assert call("gen_ai", begun | {"http.response.status_code": 529}, is_error=True).error_type == "error"


def test_version_7_tells_of_an_embedding_twice_and_with_counts_once() -> None:
    outer = {
        "gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small",
    }  # fmt: skip
    read = call("gen_ai", outer | {"gen_ai.usage.input_tokens": 5})
    assert (read.operation, read.usage) == ("embeddings", Usage(input_tokens=5))
    assert told("gen_ai", outer) is None
    assert call("gen_ai", outer, is_error=True).usage is None
    untold = call("gen_ai", outer | {"gen_ai.usage.input_tokens": float("nan")})  # by a provider that tells no usage
    assert (untold.usage, untold.usage_quality) == (None, UsageQuality.MISSING)


def test_version_7_leaves_what_objects_wrote_to_a_cache_out_unless_its_usage_is_switched_on() -> None:
    said = without(VERCEL_7, "gen_ai.usage.cache_creation.input_tokens") | {"gen_ai.output.type": "json"}
    read = call("gen_ai", said)
    assert read.usage == Usage(input_tokens=1532, cache_read_tokens=1111, output_tokens=33)
    assert read.usage_quality is UsageQuality.ESTIMATED
    details = {"inputTokenDetails.noCacheTokens": 3, "outputTokenDetails.reasoningTokens": 9}
    read = call("gen_ai", said | {f"ai.usage.{name}": count for name, count in details.items()})
    assert read.usage == Usage(
        input_tokens=1532, cache_read_tokens=1111, cache_write_5m_tokens=418, output_tokens=33, reasoning_tokens=9
    )
    assert read.usage_quality is UsageQuality.REPORTED
    of_openai = call("gen_ai", said | {"gen_ai.provider.name": "openai"})
    assert of_openai.usage_quality is UsageQuality.REPORTED


def test_the_metadata_of_version_7_go_before_its_counts() -> None:
    usage = RAW | {"cache_creation": {"ephemeral_1h_input_tokens": 18, "ephemeral_5m_input_tokens": 400}}
    metadata = {"anthropic": {"usage": usage, "stopSequence": None, "serviceTier": "standard"}}
    said = VERCEL_7 | {"gen_ai.output.type": "json", "ai.response.providerMetadata": json.dumps(metadata)}
    read = call("gen_ai", said)
    assert read.usage == Usage(
        input_tokens=1532,
        cache_read_tokens=1111,
        cache_write_5m_tokens=400,
        cache_write_1h_tokens=18,
        output_tokens=33,
    )
    assert (read.input_semantics, read.service_tier) == ("raw", "standard")
    assert read.usage_quality is UsageQuality.REPORTED
    tier = {"ai.response.providerMetadata": json.dumps({"openai": {"serviceTier": "flex"}})}
    assert call("gen_ai", VERCEL_7 | {"gen_ai.provider.name": "openai"} | tier).service_tier == "flex"


@pytest.mark.parametrize(
    ("scope", "said", "usage"),
    [
        ("gen_ai", {
            "gen_ai.operation.name": "ai.transcribe", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-transcribe", "gen_ai.request.stream": False,
            "gen_ai.usage.input_tokens": 14, "gen_ai.usage.input_token_details.text_tokens": 4,
            "gen_ai.usage.input_token_details.audio_tokens": 10, "gen_ai.usage.output_tokens": 45,
            "gen_ai.usage.total_tokens": 59,
        }, Usage(input_tokens=14, input_audio_tokens=10, output_tokens=45)),
        ("gen_ai", {
            "gen_ai.operation.name": "ai.transcribe", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "whisper-1", "gen_ai.usage.seconds": 7,
        }, Usage(audio_second=7)),
        ("ai", {
            "ai.operationId": "ai.transcribe", "ai.model.provider": "openai.transcription", "ai.model.id": "whisper-1",
            "ai.usage.seconds": 7, "ai.response.usage": '{"type":"duration","seconds":7}',
        }, Usage(audio_second=7)),
        ("gen_ai", {
            "gen_ai.operation.name": "ai.generateSpeech", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini-tts",
        }, None),
        ("gen_ai", {
            "gen_ai.operation.name": "ai.generateSpeech", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m",
            "gen_ai.usage.a": 1, "gen_ai.usage.a.b": 2,
        }, None),
    ],
)  # fmt: skip
def test_version_7_tells_of_audio_by_one_span_with_the_providers_usage(
    scope: str, said: dict[str, Any], usage: Usage | None
) -> None:
    read = call(scope, said)
    assert (read.usage, read.provider, read.dialect) == (usage, "openai", "vercel-ai")
    assert read.operation in ("transcription", "speech")
    assert (read.usage_quality is UsageQuality.MISSING) == (usage is None)


def test_version_7_tells_of_reranking_and_of_decisions() -> None:
    said = {"gen_ai.operation.name": "rerank", "gen_ai.provider.name": "cohere", "gen_ai.request.model": "rerank-v3.5"}
    assert call("gen_ai", said).operation == "rerank"
    older = {"ai.model.provider": "cohere.reranking", "ai.model.id": "rerank-v3.5"}
    assert call("ai", older | {"ai.operationId": "ai.rerank.doRerank"}).operation == "rerank"
    assert told("ai", older | {"ai.operationId": "ai.rerank"}) is None
    outer = {"gen_ai.operation.name": "decide", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5"}
    assert told("gen_ai", outer) is None
    assert call("gen_ai", outer | {"gen_ai.response.id": "d1", "gen_ai.usage.input_tokens": 8}).response_id == "d1"


def test_azures_name_is_one_however_its_api_is_called() -> None:
    names = [vercel(provider, {}, inputTokens=1).provider for provider in ("azure.chat", "azure.responses", "azure")]
    assert names == ["azure.ai.openai"] * 3
