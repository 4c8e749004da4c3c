"""The words: every attribute, metric and baggage name we write or read, in one place.

GenAI names follow open-telemetry/semantic-conventions-genai as of 2026-09-22 (cache_write since #440, usage
counters since #374); the constants of opentelemetry-semantic-conventions are deprecated for them. Names that
semconv lacks stand under `llmcost.`.
"""

from __future__ import annotations

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.43.0"

# --- what was asked, of whom, and what came back ---
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"
GEN_AI_PROMPT_VERSION: Final = "gen_ai.prompt.version"
GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
GEN_AI_OUTPUT_TYPE: Final = "gen_ai.output.type"
GEN_AI_TOKEN_MODALITY: Final = "gen_ai.token.modality"
ERROR_TYPE: Final = "error.type"
HTTP_REQUEST_RESEND_COUNT: Final = "http.request.resend_count"
SERVER_ADDRESS: Final = "server.address"
HTTP_ROUTE: Final = "http.route"
SESSION_ID: Final = "session.id"
USER_ID: Final = "user.id"

# --- resource ---
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
DEPLOYMENT_ENVIRONMENT_NAME: Final = "deployment.environment.name"

# --- what was consumed: the attribute of each count of Usage ---
USAGE_ATTRIBUTES: Final = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "input_audio_tokens": "gen_ai.usage.audio.input_tokens",
    "input_image_tokens": "gen_ai.usage.image.input_tokens",
    "input_video_tokens": "gen_ai.usage.video.input_tokens",
    "cache_read_audio_tokens": "gen_ai.usage.audio.cache_read.input_tokens",
    "cache_read_image_tokens": "gen_ai.usage.image.cache_read.input_tokens",
    "cache_read_video_tokens": "gen_ai.usage.video.cache_read.input_tokens",
    "output_audio_tokens": "gen_ai.usage.audio.output_tokens",
    "output_image_tokens": "gen_ai.usage.image.output_tokens",
    "output_video_tokens": "gen_ai.usage.video.output_tokens",
    "cache_write_1h_tokens": "llmcost.usage.cache_write_1h_tokens",
    "web_search": "llmcost.usage.web_search",
    "grounded_prompt": "llmcost.usage.grounded_prompt",
    "grounded_query": "llmcost.usage.grounded_query",
    "file_search": "llmcost.usage.file_search",
    "code_session": "llmcost.usage.code_session",
    "audio_second": "llmcost.usage.audio_second",
    "image": "llmcost.usage.image",
    "page": "llmcost.usage.page",
    "request": "llmcost.usage.request",
}
GEN_AI_USAGE_CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
"""All cache writes; those of an hour are told apart by `llmcost.usage.cache_write_1h_tokens`."""

BILLED_ATTRIBUTES: Final = {name: f"llmcost.billed.{name}" for name in (*USAGE_ATTRIBUTES, "cache_write_5m_tokens")}
"""The same counts as they are billed, where the provider says that this is not what was consumed."""

# --- who pays: attribute and baggage entry of each field of Attribution ---
ATTRIBUTION_PREFIX: Final = "llmcost."
TAG_PREFIX: Final = "llmcost.tag."
ATTRIBUTION_ATTRIBUTES: Final = {
    "feature": "llmcost.feature",
    "team": "llmcost.team",
    "environment": "llmcost.environment",
    "tenant": "llmcost.tenant",
    "user": "llmcost.user",
    "session_id": "llmcost.session_id",
    "request_id": "llmcost.request_id",
    "parent_request_id": "llmcost.parent_request_id",
    "agent": "llmcost.agent",
    "workload": "llmcost.workload",
}

# --- what semconv lacks ---
USAGE_QUALITY: Final = "llmcost.usage.quality"
REPORTED_COST: Final = "llmcost.cost.reported_pico_usd"
"""What the provider says that the call cost, as an integer: a double would not be exact."""
SERVICE_TIER: Final = "llmcost.service_tier"
SERVICE_TIER_REQUESTED: Final = "llmcost.service_tier_requested"
INFERENCE_GEO: Final = "llmcost.region"
SPEED: Final = "llmcost.speed"
IS_BATCH: Final = "llmcost.is_batch"
PROVIDER_SOURCE: Final = "llmcost.provider_source"
PROVIDER_REQUEST_ID: Final = "llmcost.provider_request_id"
BILLING_ACCOUNT_ID: Final = "llmcost.billing_account_id"
SUB_ACCOUNT_ID: Final = "llmcost.sub_account_id"
CREDENTIAL_ID: Final = "llmcost.credential_id"
CALL_SITE: Final = "llmcost.call_site"
FEATURE_SOURCE: Final = "llmcost.feature_source"
ATTEMPT_KIND: Final = "llmcost.attempt_kind"
ATTEMPT_REASON: Final = "llmcost.attempt_reason"
REJECTED: Final = "llmcost.rejected"
INPUT_BYTES: Final = "llmcost.input_bytes"
TOOL_CALL_COUNT: Final = "llmcost.tool_call_count"
PROMPT_HASH: Final = "llmcost.prompt_hash"
PROMPT_BYTES: Final = "llmcost.prompt_bytes"
REQUEST_HASH: Final = "llmcost.request_hash"
DIALECT: Final = "llmcost.dialect"
INPUT_SEMANTICS: Final = "llmcost.input_semantics"

# --- metrics ---
METRIC_OPERATION_DURATION: Final = "gen_ai.client.operation.duration"
METRIC_USAGE_PREFIX: Final = "gen_ai.client.inference.usage."
METRIC_CALLS_DROPPED: Final = "llmcost.calls.dropped"
METRIC_ATTRIBUTION_CUT: Final = "llmcost.attribution.cut"
METRIC_COLLECTOR_PREFIX: Final = "llmcost.collector."

# --- headers and baggage from outside ---
TAGS_HEADER: Final = "x-llmcost-tags"

SCOPE_PREFIX: Final = "otel_llmcost."
"""Instrumentation scopes of our own spans begin with this."""

# --- how others say the same, newest first (otel_llmcost/dialects) ---
TOLD_PROVIDER: Final = (GEN_AI_PROVIDER_NAME, "gen_ai.system")
TOLD_OPERATION: Final = (GEN_AI_OPERATION_NAME, "llm.request.type")
TOLD_INPUT: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens")
TOLD_OUTPUT: Final = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens")
TOLD_TOTAL: Final = ("gen_ai.usage.total_tokens", "llm.usage.total_tokens")
TOLD_CACHE_READ: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.prompt_tokens_details.cached_tokens",
    "gen_ai.usage.input_tokens.cached",
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.details.cached_content_tokens",
    "gen_ai.usage.details.cached_tokens",
)
TOLD_CACHE_WRITE: Final = (
    GEN_AI_USAGE_CACHE_WRITE,
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.prompt_tokens_details.cache_creation_tokens",
    "gen_ai.usage.input_tokens.cache_write",
    "gen_ai.usage.details.cache_write_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
)
TOLD_CACHE_WRITE_1H: Final = (
    USAGE_ATTRIBUTES["cache_write_1h_tokens"],
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
)
TOLD_THOUGHTS: Final = "gen_ai.usage.details.thoughts_tokens"
TOLD_REASONING: Final = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.completion_tokens_details.reasoning_tokens",
    "gen_ai.usage.output_tokens.reasoning",
    "gen_ai.usage.details.reasoning_tokens",
    TOLD_THOUGHTS,
)
TOLD_OUTPUT_AUDIO: Final = (
    "gen_ai.usage.audio.output_tokens",
    "gen_ai.usage.completion_tokens_details.audio_tokens",
    "gen_ai.usage.details.output_audio_tokens",
)
TOLD_INPUT_AUDIO: Final = ("gen_ai.usage.audio.input_tokens", "gen_ai.usage.details.input_audio_tokens")
TOLD_CACHE_READ_AUDIO: Final = (
    "gen_ai.usage.audio.cache_read.input_tokens",
    "gen_ai.usage.details.cache_audio_read_tokens",
)
TOLD_SERVICE_TIER: Final = (
    SERVICE_TIER,
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "anthropic.response.service_tier",
    "gen_ai.response.service_tier",
)
TOLD_SERVICE_TIER_REQUESTED: Final = (
    SERVICE_TIER_REQUESTED,
    "openai.request.service_tier",
    "gen_ai.openai.request.service_tier",
    "anthropic.request.service_tier",
)
TOLD_STREAM: Final = (GEN_AI_REQUEST_STREAM, "gen_ai.is_streaming", "llm.is_streaming", "langsmith.request.streaming")
TOLD_FIRST_CHUNK_BY_VERCEL: Final = "gen_ai.client.operation.time_to_first_chunk"
TOLD_FINISH: Final = (
    GEN_AI_RESPONSE_FINISH_REASONS,
    "gen_ai.response.finish_reason",
    "anthropic.message.stop_reason",
    "ai.response.finishReason",
)
TOLD_COMPLETION: Final = "gen_ai.completion"
"""What was answered; LangSmith writes there what a run returned, as JSON."""

TOLD_REQUEST_ID: Final = (PROVIDER_REQUEST_ID, "anthropic.request.id", "aws.request_id")
TOLD_ENVIRONMENT: Final = (DEPLOYMENT_ENVIRONMENT_NAME, "deployment.environment")
GEN_AI_USAGE_PREFIX: Final = "gen_ai.usage."
GEN_AI_USAGE_RAW: Final = "gen_ai.usage.raw"
GEN_AI_OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
GEN_AI_USAGE_INPUT_DETAILS: Final = "gen_ai.usage.input_token_details"
GEN_AI_USAGE_OUTPUT_DETAILS: Final = "gen_ai.usage.output_token_details"
GEN_AI_PREFIX: Final = "gen_ai."

# --- what tells LLM calls from other telemetry, in any dialect ---
TELLING_WORDS: Final = (b"gen_ai.", b"llm", b"openinference.", b"langfuse.", b"ai.operationId", b"claude_code")
"""A span that tells of an LLM call holds one of these in its bytes, in a name or a value; most others hold none."""
TELLING_WORDS_OF_LOGS: Final = (*TELLING_WORDS, b"_token")
"""The same of log records, whose attributes coding agents name as they like."""
