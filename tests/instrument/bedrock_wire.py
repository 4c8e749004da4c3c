"""Bedrock's answers, written by hand in its wire formats, and clients of the real SDKs that ask for them."""

from __future__ import annotations

import importlib
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiobotocore.session
import boto3
from aiobotocore.config import AioConfig
from botocore.config import Config

from otel_llmcost.usage import Usage
from tests.support.eventstream import chunk, frame
from tests.support.replay import Answer, json_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.replay import ReplayServer

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ASKED: dict[str, Any] = {
    "modelId": MODEL,
    "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
    "inferenceConfig": {"maxTokens": 99},
}
INVOKED: dict[str, Any] = {
    "modelId": MODEL,
    "body": json.dumps(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 99,
            "messages": [{"role": "user", "content": "Hello"}],
        }
    ),
}

# 20 met no cache, 1000 were read from it, 300 written: 100 for five minutes and 200 for an hour.
CONVERSE_USAGE = {
    "inputTokens": 20,
    "outputTokens": 50,
    "totalTokens": 1370,
    "cacheReadInputTokens": 1000,
    "cacheWriteInputTokens": 300,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 200}, {"ttl": "5m", "inputTokens": 100}],
}
CLAUDE_USAGE = {
    "input_tokens": 20,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "cache_read_input_tokens": 1000,
    "output_tokens": 50,
}
USAGE = Usage(
    input_tokens=1320,
    cache_read_tokens=1000,
    cache_write_5m_tokens=100,
    cache_write_1h_tokens=200,
    output_tokens=50,
)
HEADERS = {
    "x-amzn-requestid": "req-1",
    "x-amzn-bedrock-input-token-count": "20",
    "x-amzn-bedrock-output-token-count": "50",
    "x-amzn-bedrock-cache-read-input-token-count": "1000",
    "x-amzn-bedrock-cache-write-input-token-count": "300",
    "x-amzn-bedrock-service-tier": "flex",
}
TOLD_BY_HEADERS = Usage(input_tokens=1320, cache_read_tokens=1000, cache_write_5m_tokens=300, output_tokens=50)
"""Headers know no lifetimes."""

EVENT_STREAM = "application/vnd.amazon.eventstream"


def converse(**changes: Any) -> dict[str, Any]:
    """Return an answer of Converse that asks for one tool."""
    tool = {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Reykjavík"}}}
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": "Über den Wolken."}, tool]}},
        "stopReason": "tool_use",
        "usage": CONVERSE_USAGE,
        "metrics": {"latencyMs": 412},
        "serviceTier": {"type": "flex"},
        "performanceConfig": {"latency": "optimized"},
        **changes,
    }


def claude(**changes: Any) -> dict[str, Any]:
    """Return what Claude answers to InvokeModel."""
    return {
        "id": "msg_bdrk_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "Über den\nWolken."}],
        "stop_reason": "end_turn",
        "usage": CLAUDE_USAGE,
        **changes,
    }


def converse_frames(*, words: int = 3) -> list[bytes]:
    """Return the frames of ConverseStream, `metadata` the last."""
    told = {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 412}, "serviceTier": {"type": "flex"}}
    said = [frame("contentBlockDelta", {"delta": {"text": f" wörd {n}"}, "contentBlockIndex": 0}) for n in range(words)]
    tool = {"start": {"toolUse": {"toolUseId": "tooluse_1", "name": "weather"}}, "contentBlockIndex": 1}
    return [
        frame("messageStart", {"role": "assistant"}),
        *said,
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        frame("contentBlockStart", tool),
        frame("messageStop", {"stopReason": "tool_use"}),
        frame("metadata", told),
    ]


def claude_frames(*, words: int = 3) -> list[bytes]:
    """Return the frames of Claude's answer to InvokeModelWithResponseStream."""
    begun = claude(content=[], stop_reason=None, usage={**CLAUDE_USAGE, "output_tokens": 1})
    said = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f" wörd {n}"}}
        for n in range(words)
    ]
    counted = {
        "inputTokenCount": 20,
        "outputTokenCount": 50,
        "cacheReadInputTokenCount": 1000,
        "cacheWriteInputTokenCount": 300,
    }
    return [
        chunk({"type": "message_start", "message": begun}),
        *(chunk(event) for event in said),
        chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 50}}),
        chunk({"type": "message_stop", "amazon-bedrock-invocationMetrics": counted}),
    ]


def stream(frames: list[bytes], **more: Any) -> Answer:
    """Return an answer whose pieces split frames, unless told otherwise."""
    said = {"content_type": EVENT_STREAM, "chunk_size": 61, "headers": {"x-amzn-requestid": "req-1"}, **more}
    return Answer(body=b"".join(frames), is_stream=True, **said)


def invoked(document: object, **more: Any) -> Answer:
    """Return an answer of InvokeModel."""
    return json_answer(document, **{"headers": HEADERS, **more})


def error(code: str, status: int = 400) -> Answer:
    """Return an error as AWS says it."""
    headers = {"x-amzn-errortype": f"{code}:http://internal.amazon.com/", "x-amzn-requestid": "req-1"}
    return json_answer({"message": "no"}, status, headers=headers)


def options(server: ReplayServer, **config: Any) -> dict[str, Any]:
    """Return what a client of any service is made with."""
    return {
        "region_name": "eu-central-1",
        "endpoint_url": server.url,
        "aws_access_key_id": "AKIATEST",
        "aws_secret_access_key": "secret",
        "config": Config(**{"retries": {"total_max_attempts": 1}, **config}),
    }


def client(server: ReplayServer, **config: Any) -> Any:
    """Return a client of boto3."""
    return boto3.client("bedrock-runtime", **options(server, **config))


@asynccontextmanager
async def async_client(server: ReplayServer, transport: str = "aiohttp", **config: Any) -> AsyncIterator[Any]:
    """Open a client of aiobotocore."""
    session = aiobotocore.session.get_session()
    said = options(server, **config)
    if transport == "httpx":
        said["config"] = AioConfig(http_session_cls=HTTPX_SESSION).merge(said["config"])
    async with session.create_client("bedrock-runtime", **said) as opened:
        yield opened


HTTPX_SESSION: Any = None
with suppress(ImportError):  # older releases have aiohttp alone
    HTTPX_SESSION = importlib.import_module("aiobotocore.httpxsession").HttpxSession


def known(client: Any, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked without what a client's release of botocore does not know yet."""
    pruned: dict[str, Any] = _pruned(client.meta.service_model.operation_model(operation).input_shape, asked)
    return pruned


def _pruned(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        return {key: _pruned(shape.members[key], part) for key, part in value.items() if key in shape.members}
    if shape.type_name == "list":
        # A union has exactly one member; one that is not known yet leaves none.
        return [part for part in (_pruned(shape.member, item) for item in value) if part != {}]
    return value
