"""Recorded exchanges with OpenAI and Anthropic, asked again through the SDK method that an application would use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.replay import Recording

PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages")


def create(client: Any, recording: Recording) -> Any:
    """Ask what the recording asked; awaitable where the client is."""
    body = dict(recording.request)
    stream = recording.is_stream
    body.pop("stream", None)
    model = body.pop("model")
    if recording.path == "/v1/messages":
        asked = {"messages": body.pop("messages"), "max_tokens": body.pop("max_tokens")}
        return client.messages.create(model=model, **asked, stream=stream, extra_body=body)
    if recording.path == "/v1/chat/completions":
        return client.chat.completions.create(
            model=model, messages=body.pop("messages"), stream=stream, extra_body=body
        )
    if recording.path == "/v1/responses":
        return client.responses.create(model=model, input=body.pop("input"), stream=stream, extra_body=body)
    return client.embeddings.create(model=model, input=body.pop("input"), encoding_format="float", extra_body=body)


def client_for(recording: Recording, url: str, *, is_async: bool) -> Any:
    """Return a client of the recording's provider that asks the replay server."""
    if recording.provider == "anthropic":
        import anthropic

        kind: Any = anthropic.AsyncAnthropic if is_async else anthropic.Anthropic
        return kind(base_url=url, api_key="test", max_retries=0)
    import openai

    kind = openai.AsyncOpenAI if is_async else openai.OpenAI
    return kind(base_url=f"{url}/v1", api_key="test", max_retries=0)


def run(recording: Recording, url: str) -> None:
    """Ask, and read the answer to its end."""
    with client_for(recording, url, is_async=False) as client:
        answer = create(client, recording)
        if recording.is_stream:
            for _ in answer:
                pass
