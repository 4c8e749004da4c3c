"""Patches go on once, come off whole, and keep out of the way of others."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from anthropic import _base_client as anthropic_base
from openai import _base_client as openai_base
from opentelemetry import baggage, context, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_llmcost
from otel_llmcost import attribution, feature
from otel_llmcost.attribution import current
from otel_llmcost.instrument._patch import ModulePatch
from tests.instrument import wire
from tests.instrument.test_surfaces import ASKED, ASKED_MESSAGE
from tests.support.replay import json_answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

pytestmark = pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")


def _patchable() -> dict[str, Any]:
    """Return everything that instrumenting may replace."""
    methods: dict[str, Any] = {
        f"{module.__name__}.{side}.{name}": getattr(module, side).__dict__[name]
        for module in (openai_base, anthropic_base)
        for side in ("SyncAPIClient", "AsyncAPIClient")
        for name in ("request", "_process_response")
    }
    methods["submit"] = ThreadPoolExecutor.__dict__["submit"]
    methods["extract"] = W3CBaggagePropagator.__dict__["extract"]
    methods["native span"] = getattr(anthropic_base, "start_api_call_span", None)
    return methods


def test_uninstrumenting_restores_every_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path))
    before = _patchable()
    otel_llmcost.instrument(TracerProvider())
    during = _patchable()
    otel_llmcost.uninstrument()
    assert _patchable() == before
    assert all(during[name] is not before[name] for name in before if before[name] is not None)


def test_what_somebody_wraps_around_a_patch_stays_and_the_patch_does_nothing(
    telemetry: Telemetry, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer_with(json_answer(wire.chat()))
    ours = openai_base.SyncAPIClient.request
    seen: list[str] = []

    def theirs(client: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append("them")
        return ours(client, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(openai_base.SyncAPIClient, "request", theirs)
        otel_llmcost.uninstrument()
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
            client.chat.completions.create(**ASKED)
    openai_base.SyncAPIClient.request = ours.__wrapped__  # type: ignore[attr-defined, method-assign]
    assert seen == ["them"]
    assert telemetry.calls() == []


def test_instrumenting_twice_tells_a_call_once(telemetry: Telemetry, server: ReplayServer) -> None:
    otel_llmcost.instrument()
    server.answer_with(json_answer(wire.chat()))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        client.chat.completions.create(**ASKED)
    assert len(telemetry.calls()) == len(telemetry.spans()) == 1


def test_instrumenting_again_after_uninstrumenting_works(
    telemetry: Telemetry, server: ReplayServer, tmp_path: Path
) -> None:
    server.answer_with(json_answer(wire.chat()))
    otel_llmcost.uninstrument()
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        client.chat.completions.create(**ASKED)
        assert telemetry.calls() == []
        otel_llmcost.instrument(TracerProvider())
        client.chat.completions.create(**ASKED)
    assert len(telemetry.calls()) == 1


def test_the_sdks_own_span_gives_way_to_ours(telemetry: Telemetry, server: ReplayServer) -> None:
    """Since 1.14 the anthropic SDK traces itself through the global provider; two spans would be two bills."""
    native = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(native))
    server.answer_with(json_answer(wire.message()))
    options = (
        {"open_telemetry": {"tracer_provider": provider}} if hasattr(anthropic_base, "start_api_call_span") else {}
    )
    with anthropic.Anthropic(base_url=server.url, api_key="test", **options) as client:  # type: ignore[arg-type]
        client.messages.create(**ASKED_MESSAGE)
        assert native.get_finished_spans() == ()
        otel_llmcost.uninstrument()
        client.messages.create(**ASKED_MESSAGE)
    assert len(native.get_finished_spans()) == len(options)
    assert len(telemetry.calls()) == 1


def test_calls_of_other_kinds_pass_untouched(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer({"object": "list", "data": []}))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        client.models.list()
    assert telemetry.calls() == []


def test_an_sdk_that_is_imported_later_is_patched_then() -> None:
    """Instrumenting must not import SDKs that the application may never use."""
    code = (
        "import sys, otel_llmcost; otel_llmcost.instrument(); assert 'openai' not in sys.modules;"
        "import openai._base_client as b; print(hasattr(b.SyncAPIClient.__dict__['request'], '__wrapped__'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_work_handed_to_an_executor_keeps_its_attribution(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(json_answer(wire.chat()))
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client,
        ThreadPoolExecutor(max_workers=2) as executor,
    ):
        with feature("one", team="a"):
            futures = [executor.submit(client.chat.completions.create, **ASKED)]
        with feature("two"), attribution(tags={"plan": "pro"}, propagate=False):
            futures.append(executor.submit(client.chat.completions.create, **ASKED))
        futures.append(executor.submit(client.chat.completions.create, **ASKED))
        for future in futures:
            future.result()
    told = {(c.attribution.feature, c.attribution.team, c.attribution.tags) for c in telemetry.calls()}
    assert told == {("one", "a", ()), ("two", "", (("plan", "pro"),)), ("", "", ())}


@pytest.mark.parametrize("trusts", [False, True])
def test_what_comes_from_outside_says_who_pays_only_when_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, trusts: bool
) -> None:
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LLMCOST_TRUST_INCOMING", str(trusts).lower())
    otel_llmcost.instrument(TracerProvider())
    try:
        headers = {"baggage": "llmcost.feature=evil,llmcost.team=them,other=kept"}
        ctx = propagate.extract(headers)
        tagged = propagate.extract({"x-llmcost-tags": "feature=tagged,team=growth,plan=pro"})
        assert current(ctx).feature == ("evil" if trusts else "")
        assert baggage.get_baggage("other", ctx) == "kept"
        assert current(tagged).feature == ("tagged" if trusts else "")
        assert current(tagged).tags == ((("plan", "pro"),) if trusts else ())
        token = context.attach(ctx)
        with feature("ours"):
            assert (current().feature, current().team) == ("ours", "them" if trusts else "")
            sent: dict[str, str] = {}
            propagate.inject(sent)
        context.detach(token)
        assert ("them" in sent["baggage"]) is trusts
    finally:
        otel_llmcost.uninstrument()


def test_a_gateways_own_header_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LLMCOST_TRUST_INCOMING", "true")
    monkeypatch.setenv("LLMCOST_TAGS_HEADER", "X-Portkey-Metadata")
    otel_llmcost.instrument(TracerProvider())
    try:
        ctx = propagate.extract({"x-portkey-metadata": '{"feature": "chat", "tenant": "acme", "seat": 7}'})
        said = current(ctx)
        assert (said.feature, said.tenant, said.tags) == ("chat", "acme", (("seat", "7"),))
    finally:
        otel_llmcost.uninstrument()


def test_an_sdk_that_looks_unlike_any_we_know_is_left_alone_and_can_be_imported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unlike(ModulePatch):
        def wrap(self, module: Any) -> None:
            self.replace(module, "dumps", lambda original: original)
            self.replace(module, "no_such_function", lambda original: original)

    before = json.dumps
    patch = Unlike("unlike", "json")
    patch.apply()
    assert (json.dumps, patch.is_on) == (before, False)
    assert [record.getMessage() for record in caplog.records] == [
        "calls of unlike are not recorded: KeyError: 'no_such_function'"
    ]
