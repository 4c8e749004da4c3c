"""Recorded exchanges with Bedrock, Google and Mistral, asked again through the SDK that an application would use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.replay import Answer, Recording

BEDROCK = ("/converse", "/converse-stream", "/invoke", "/invoke-with-response-stream")
GOOGLE = (":generateContent", ":streamGenerateContent", ":batchEmbedContents")
MISTRAL = ("/v1/chat/completions", "/v1/embeddings")
UNREADABLE = frozenset({"443358612052", "4f6fe370020d", "4d84a8236cd0"})
"""Answers in the numbers of protobuf, or as an array instead of events, of which the SDK makes nothing but an error."""

ASKED = "Tell me of the sea."


def answer_of(recording: Recording) -> Answer:
    """Return the recorded answer; what Bedrock tells beside the body of InvokeModel was not recorded, and is added."""
    told = recording.expected or {}
    if recording.provider != "bedrock" or not recording.path.endswith("/invoke") or told.get("input") is None:
        return recording.answer()
    cached, written = told.get("cache_read") or 0, (told.get("cache_write_5m") or 0) + (told.get("cache_write_1h") or 0)
    counts = {
        "Input": told["input"] - cached - written,
        "Output": told["output"],
        "Cache-Read-Input": cached,
        "Cache-Write-Input": written,
    }
    return recording.answer(headers={f"X-Amzn-Bedrock-{name}-Token-Count": str(n) for name, n in counts.items()})


def run(recording: Recording, url: str) -> None:
    """Ask what the recording asked, or something like it, and read the answer to its end."""
    asks: dict[str, Callable[[Recording, str], Any]] = {"bedrock": _bedrock, "mistral": mistral}
    asks.get(recording.provider, _google)(recording, url)


def _bedrock(recording: Recording, url: str) -> None:
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("bedrock-runtime", endpoint_url=url, **keys)
    _, _, model, ending = recording.path.split("/")
    asked = {"modelId": unquote(model)}
    if ending.startswith("converse"):
        method = client.converse_stream if recording.is_stream else client.converse
        list(method(**asked, messages=[{"role": "user", "content": [{"text": ASKED}]}]).get("stream", ()))
    elif recording.is_stream:
        list(client.invoke_model_with_response_stream(**asked, body=json.dumps(recording.request))["body"])
    else:
        client.invoke_model(**asked, body=json.dumps(recording.request))["body"].read()


def _google(recording: Recording, url: str) -> None:
    from google import genai
    from google.genai import types
    from google.oauth2.credentials import Credentials

    _, version, *rest = recording.path.split("/")
    options = types.HttpOptions(base_url=url, api_version=version)
    client = (
        genai.Client(
            vertexai=True,
            credentials=Credentials(token="test"),
            project=rest[1],
            location=rest[3],
            http_options=options,
        )
        if recording.provider == "vertex"
        else genai.Client(vertexai=False, api_key="test", http_options=options)
    )
    model = recording.path.rpartition("/")[2].partition(":")[0]
    if "requests" in recording.request:
        client.models.embed_content(model=model, contents=[ASKED] * len(recording.request["requests"]))
    elif recording.is_stream:
        list(client.models.generate_content_stream(model=model, contents=ASKED))
    else:
        client.models.generate_content(model=model, contents=ASKED)


def mistral(recording: Recording, url: str, prepare: Callable[[Any], None] | None = None) -> None:
    """Ask the same of Mistral; `prepare` is done to the client before it asks."""
    from mistralai.client import Mistral

    client = Mistral(api_key="test", server_url=url)
    if prepare is not None:
        prepare(client)
    body = {key: value for key, value in recording.request.items() if key in ("model", "messages", "tools")}
    if "input" in recording.request:
        client.embeddings.create(**body, inputs=recording.request["input"])
    elif recording.is_stream:
        list(client.chat.stream(**body))
    else:
        client.chat.complete(**body)
