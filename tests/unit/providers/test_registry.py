"""Whose answers are read how, by provider and path."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_llmcost.providers.registry import PROVIDERS, read_answer, route_of


@pytest.mark.parametrize(
    ("provider", "path", "operation", "model"),
    [
        ("openai", "/v1/chat/completions", "chat", ""),
        ("openai", "/v1/completions", "text_completion", ""),
        ("openai", "/v1/responses/", "chat", ""),
        ("openai", "/v1/images/edits", "image_generation", ""),
        ("openai", "/v1/audio/transcriptions", "transcription", ""),
        ("azure.ai.openai", "/openai/deployments/my%20gpt/audio/speech", "speech", "my gpt"),
        ("anthropic", "/v1/messages", "chat", ""),
        ("gcp.gemini", "/v1beta/models/gemini-2.5-flash:generateContent", "generate_content", "gemini-2.5-flash"),
        ("gcp.gemini", "/v1beta/openai/chat/completions", "chat", ""),
        ("gcp.gemini", "/v1beta/models/gemini-embedding-2:batchEmbedContents", "embeddings", "gemini-embedding-2"),
        ("aws.bedrock", "/model/us.amazon.nova-lite-v1%3A0/converse-stream", "chat", "us.amazon.nova-lite-v1:0"),
        ("aws.bedrock", "/model/us.amazon.nova-lite-v1:0/invoke", "chat", "us.amazon.nova-lite-v1:0"),
        (
            "aws.bedrock",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x/converse",
            "chat",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.x",
        ),
        ("aws.bedrock", "/anthropic/v1/messages", "chat", ""),
        ("deepseek", "/anthropic/v1/messages", "chat", ""),
        ("cohere", "/v2/rerank", "rerank", ""),
        ("mistral_ai", "/v1/ocr", "ocr", ""),
        ("ollama", "/api/chat", "chat", ""),
        ("a-host-nobody-knows", "/v1/chat/completions", "chat", ""),
    ],
)
def test_a_path_says_how_its_answer_is_read(provider: str, path: str, operation: str, model: str) -> None:
    route = route_of(provider, path)
    assert route is not None
    assert (route.surface.operation, route.model) == (operation, model)


@pytest.mark.parametrize(
    ("provider", "path"),
    [("openai", "/v1/models"), ("anthropic", "/v1/messages/count_tokens"), ("cohere", "/v1/tokenize")],
)
def test_other_paths_tell_no_usage(provider: str, path: str) -> None:
    assert route_of(provider, path) is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_that_tells_nothing_is_no_fault(provider: str) -> None:
    reading = read_answer(provider, {})
    assert (reading.usage, reading.fault) == (None, "")


def test_every_provider_has_a_page() -> None:
    pages = Path(__file__).parents[3] / "docs/providers"
    modules = {vars(module)["__name__"].rpartition(".")[2] for module in PROVIDERS.values()}
    assert {page.stem for page in pages.glob("*.md")} - {"README"} == modules
    index = (pages / "README.md").read_text(encoding="utf-8")
    assert [name for name in modules if f"({name}.md)" not in index] == []
    assert [name for name in PROVIDERS if f"`{name}`" not in index] == []
