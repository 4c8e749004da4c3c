"""Packages that ask models in ways of their own, which no patch of ours sees: their calls are not billed by us.

What stands on an SDK that is patched (LangChain, LlamaIndex, instructor, …) is seen there and not listed here.
"""

from __future__ import annotations

from typing import Final

_OPENAI: Final = "point the openai SDK at its host instead"
_SPANS: Final = "send the spans of an instrumentation for it to the collector, which reads them"

UNSEEN: Final = {
    "ai21": _OPENAI,
    "aleph-alpha-client": _SPANS,
    "azure-ai-inference": _OPENAI,
    "dashscope": _OPENAI,
    "fireworks-ai": _OPENAI,
    "google-cloud-aiplatform": "use google-genai, or the spans of its own instrumentation",
    "google-generativeai": "use google-genai, which took its place",
    "huggingface-hub": _SPANS,
    "ibm-watsonx-ai": _SPANS,
    "langchain-mistralai": "use langchain-openai with Mistral's base_url instead",
    "perplexityai": _OPENAI,
    "replicate": _SPANS,
    "voyageai": _SPANS,
    "writer-sdk": _OPENAI,
    "xai-sdk": f"{_OPENAI}, or its own spans to the collector",
    "zhipuai": _OPENAI,
}
"""The distribution, and what to do."""
