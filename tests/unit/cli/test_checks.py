from __future__ import annotations

import fcntl
import importlib.metadata
import os
from typing import TYPE_CHECKING

import openai
import pytest

from otel_llmcost.cli.checks import State, check_destination, check_instrumentation, check_rates, check_spool
from otel_llmcost.instrument._stainless import SDK, Patch
from otel_llmcost.instrument.cerebras import CerebrasInstrumentor
from otel_llmcost.instrument.groq import GroqInstrumentor
from otel_llmcost.instrument.openai import OpenAIInstrumentor

if TYPE_CHECKING:
    from pathlib import Path

NOW_S = 1_800_000_000.0


def segment(path: Path, *, age_s: float = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 1000)
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path


def test_a_spool_that_is_drained_needs_nothing(tmp_path: Path) -> None:
    [finding] = check_spool(tmp_path, now_s=NOW_S)
    assert (finding.state, finding.fact) == (
        State.OK,
        "0 sealed segments, 0 open ones of living processes, 0 bytes",
    )


def test_open_segments_of_the_living_and_of_the_dead_are_told_apart(tmp_path: Path) -> None:
    living, _ = segment(tmp_path / "spool" / "1.open"), segment(tmp_path / "spool" / "2.open")
    with living.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        [finding] = check_spool(tmp_path, now_s=NOW_S)
    assert finding.state is State.OK
    assert "1 open one of living processes, 2.0 KB, 1 left by processes that died" in finding.fact


def test_a_spool_that_nobody_drains_has_to_be_drained(tmp_path: Path) -> None:
    segment(tmp_path / "spool" / "1.segment", age_s=30 * 3600)
    [finding] = check_spool(tmp_path, now_s=NOW_S)
    assert finding.state is State.FIX
    assert "the oldest has waited 30 hours" in finding.fact
    assert "llmcost up" in finding.fix


def test_what_was_set_aside_is_named(tmp_path: Path) -> None:
    segment(tmp_path / "spool" / "corrupt" / "7.segment")
    (tmp_path / "refused.jsonl").write_text("{}\n{}\n")
    _, corrupt, refused = check_spool(tmp_path, now_s=NOW_S)
    assert "the newest 7.segment" in corrupt.fact
    assert refused.fact.startswith("2 calls that the store refused")
    assert {corrupt.state, refused.state} == {State.FIX}


def test_both_sdks_are_found_patched_and_a_switched_off_one_is_a_fault() -> None:
    facts = {finding.fact.split()[0]: finding.state for finding in check_instrumentation({})}
    assert facts["openai"] == facts["anthropic"] == State.OK
    off = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis, llmcost_openai"}
    facts = {finding.fact.split()[0]: finding.state for finding in check_instrumentation(off)}
    assert (facts["openai"], facts["anthropic"]) == (State.FIX, State.OK)


def test_every_sdk_is_named_with_its_version_as_its_distribution_is_called() -> None:
    facts = {finding.fact.split()[0]: finding for finding in check_instrumentation({})}
    for name in ("openai", "anthropic", "groq", "together", "cerebras-cloud-sdk"):
        assert (
            facts[name].fact == f"{name} {importlib.metadata.version(name)} is patched under opentelemetry-instrument"
        )


def test_a_newer_release_that_has_moved_what_is_patched_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (GroqInstrumentor, CerebrasInstrumentor, OpenAIInstrumentor):
        monkeypatch.setattr(kind, "tested", "0.1")
    monkeypatch.delattr("groq._base_client.AsyncAPIClient._process_response")
    monkeypatch.setattr(CerebrasInstrumentor, "patch", Patch(SDK(name="cerebras", package="no.such", provider="x")))
    facts = {finding.fact.split()[0]: finding for finding in check_instrumentation({})}
    groq, cerebras = facts["groq"], facts["cerebras-cloud-sdk"]
    assert (groq.state, cerebras.state, facts["openai"].state) == (State.FIX, State.FIX, State.OK)
    assert groq.fact.endswith("cannot be patched: KeyError: '_process_response'")
    assert cerebras.fact.endswith("cannot be patched: none of no.such._base_client is there")
    assert not hasattr(openai._base_client.SyncAPIClient.request, "__wrapped__")  # who looks changes nothing


def test_what_our_own_switch_leaves_alone_is_said() -> None:
    off = {"LLMCOST_DISABLED_INSTRUMENTATIONS": "openai, groq"}
    facts = {finding.fact.split()[0]: finding for finding in check_instrumentation(off)}
    assert (facts["openai"].state, facts["groq"].state, facts["anthropic"].state) == (State.NOTE, State.NOTE, State.OK)
    assert facts["openai"].fix == "take openai out of LLMCOST_DISABLED_INSTRUMENTATIONS"


def test_a_name_that_switches_nothing_off_is_a_fault() -> None:
    off = {"LLMCOST_DISABLED_INSTRUMENTATIONS": "openai, botocore"}
    [unknown] = [each for each in check_instrumentation(off) if each.fact.startswith("LLMCOST_DISABLED")]
    assert (unknown.state, unknown.fact) == (State.FIX, "LLMCOST_DISABLED_INSTRUMENTATIONS knows no botocore")
    assert ", bedrock, " in unknown.fix


def test_a_client_that_nobody_can_see_into_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "xai_sdk-1.21.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: xai-sdk\nVersion: 1.21.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    facts = {finding.fact.split()[0]: finding for finding in check_instrumentation({})}
    assert (facts["xai-sdk"].state, facts["xai-sdk"].fact) == (
        State.NOTE,
        "xai-sdk 1.21.0: models that it asks are not seen",
    )
    assert "openai SDK" in facts["xai-sdk"].fix


def test_where_calls_go_is_said(tmp_path: Path) -> None:
    [spool] = check_destination(tmp_path, {})
    assert spool.fact == f"calls are spooled in {tmp_path / 'spool'}"
    [endpoint] = check_destination(tmp_path, {"LLMCOST_ENDPOINT": "http://collector:4320"})
    assert "http://collector:4320" in endpoint.fact


def test_a_file_where_the_data_directory_should_be_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    *_, finding = check_destination(tmp_path / "file", {})
    assert finding.state is State.FIX
    assert str(tmp_path / "file") in finding.fact


def test_the_rate_table_tells_its_version_and_age(tmp_path: Path) -> None:
    [finding] = check_rates(tmp_path, {})
    assert finding.fact.startswith("rate table ")
    assert "newest price of 20" in finding.fact


def test_a_file_of_own_prices_is_named_with_its_version_or_its_faults(tmp_path: Path) -> None:
    config = tmp_path / "llmcost.yaml"
    config.write_text("rates:\n  discounts:\n    - {provider: openai, percent: 5}\n")
    overlay, table = check_rates(tmp_path, {"LLMCOST_CONFIG": str(config)})
    assert (overlay.state, overlay.fact[:34]) == (State.OK, "llmcost.yaml prices over the table")
    assert table.fact.startswith("rate table ")
    config.write_text("rats: {}\n")
    [fault] = check_rates(tmp_path, {"LLMCOST_CONFIG": str(config)})
    assert fault.state is State.FIX
    assert f"{config}:1" in fault.fact


@pytest.mark.parametrize("state", State)
def test_every_state_is_a_word_for_json(state: State) -> None:
    assert str(state) == state.value
