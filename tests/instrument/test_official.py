"""OpenTelemetry's own GenAI instrumentations stand on one library, and it keeps quiet inside a call of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.instrument import bedrock_wire, wire
from tests.instrument.test_surfaces import ASKED
from tests.support.replay import json_answer

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

pytest.importorskip("opentelemetry.util.genai", reason="takes no OpenTelemetry as old as our oldest")


class Official:
    """Tells of a call as an official instrumentation does."""

    def __init__(self) -> None:
        from opentelemetry.util.genai.handler import TelemetryHandler

        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.handler = TelemetryHandler(tracer_provider=provider)
        self.told = 0

    def tell(self, **_: object) -> None:
        """Take the place of a wrapper below ours."""
        self.told += 1
        with self.handler.inference(provider="aws.bedrock", request_model="m") as call:
            call.input_tokens = 7


def test_an_official_instrumentation_below_ours_makes_no_second_span(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    official = Official()
    server.answer_with(json_answer(bedrock_wire.converse()))
    client = bedrock_wire.client(server)
    client.meta.events.register("before-send.bedrock-runtime.Converse", official.tell)
    client.converse(**bedrock_wire.ASKED)
    assert (official.told, official.exporter.get_finished_spans()) == (1, ())
    assert len(telemetry.spans()) == 1
    official.tell()
    assert len(official.exporter.get_finished_spans()) == 1


def test_one_around_ours_still_learns_what_those_below_tell(telemetry: Telemetry, server: ReplayServer) -> None:
    official = Official()
    server.answer_with(json_answer(bedrock_wire.converse()))
    client = bedrock_wire.client(server)
    client.meta.events.register("before-send.bedrock-runtime.Converse", official.tell)
    with official.handler.inference(provider="langchain", request_model="m"):
        client.converse(**bedrock_wire.ASKED)
    (span,) = official.exporter.get_finished_spans()
    attributes: dict[str, Any] = dict(span.attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 7
    assert telemetry.call().usage == bedrock_wire.USAGE


def test_other_sdks_are_kept_from_it_alike(telemetry: Telemetry, server: ReplayServer) -> None:
    official = Official()
    server.answer_with(json_answer(wire.chat()))
    import httpx2

    def tell(_request: object) -> None:
        official.tell()

    http = httpx2.Client(event_hooks={"request": [tell]})
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test", http_client=http) as client:
        client.chat.completions.create(**ASKED)
    assert (official.told, official.exporter.get_finished_spans()) == (1, ())
    assert len(telemetry.spans()) == 1
