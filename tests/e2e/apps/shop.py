"""A plain program: it asks a provider numbered questions, each for a feature; odd ones in a request from outside."""

# ruff: noqa: T201 - it prints what the test reads

from __future__ import annotations

import sys

from openai import OpenAI
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from otel_llmcost import feature

OUTSIDE = SpanContext(trace_id=0xABC, span_id=0xDEF, is_remote=True, trace_flags=TraceFlags(1))


def ask(client: OpenAI, number: int) -> None:
    """Ask the question of that number, and print the answer."""
    parent = NonRecordingSpan(OUTSIDE if number % 2 else trace.INVALID_SPAN_CONTEXT)
    with trace.use_span(parent), feature(f"feature_{number % 3}", team="growth"):
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": str(number)}])
    print(answer.choices[0].message.content, flush=True)


def client_of(url: str) -> OpenAI:
    """Return a client of the provider."""
    return OpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0)


def main() -> None:
    """Ask the questions from one number up to another."""
    url, first, end = sys.argv[1:4]
    client = client_of(url)
    for number in range(int(first), int(end)):
        ask(client, number)


if __name__ == "__main__":
    main()
