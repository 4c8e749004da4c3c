"""Hashes that tell sameness and change, and nothing else."""

from __future__ import annotations

import multiprocessing
import stat
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.telemetry.fingerprint import MAX_HASHED, Fingerprints, fingerprints_in

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
TOOLS_BYTES = len('[{"type":"function","function":{"name":"look_up","parameters":{"type":"object"}}}]')
ASKED = {"role": "user", "content": "Why did I pay more?"}


@pytest.fixture
def prints() -> Fingerprints:
    return Fingerprints(b"a key")


SAYING_BE_BRIEF = [
    pytest.param({"messages": [{"role": "system", "content": "Be brief."}, ASKED]}, id="openai chat"),
    pytest.param({"messages": [{"role": "developer", "content": "Be brief."}, ASKED]}, id="openai developer"),
    pytest.param({"instructions": "Be brief.", "input": ASKED["content"]}, id="openai responses"),
    pytest.param({"input": [{"role": "developer", "content": "Be brief."}, ASKED]}, id="openai responses, in turns"),
    pytest.param({"system": "Be brief.", "messages": [ASKED]}, id="anthropic messages"),
]


@pytest.mark.parametrize("body", SAYING_BE_BRIEF)
def test_the_same_prompt_and_message_hash_alike_in_every_format(prints: Fingerprints, body) -> None:
    assert prints.of_prompt(body) == (prints.of_prompt({"system": "Be brief."})[0], len("Be brief."))
    assert prints.of_request(body) == prints.of_request({"input": "Why did I pay more?"}) != ""


@pytest.mark.parametrize(
    "body",
    [
        {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [{"role": "user", "parts": []}]},
        {"system": [{"text": "Be brief."}], "messages": [{"role": "user", "content": [{"text": "Why?"}]}]},
    ],
    ids=["gemini", "bedrock converse"],
)
def test_structured_prompts_are_hashed_too(prints: Fingerprints, body) -> None:
    hashed, size = prints.of_prompt(body)
    assert len(hashed) == 16
    assert size
    assert len(prints.of_request(body)) == 16


def test_tools_are_part_of_the_prompt_and_its_size(prints: Fingerprints) -> None:
    bare, _ = prints.of_prompt({"system": "Be brief."})
    with_tools, size = prints.of_prompt({"system": "Be brief.", "tools": TOOLS})
    assert with_tools != bare
    assert size == len("Be brief.") + TOOLS_BYTES


def test_a_later_message_changes_the_request_and_not_the_prompt(prints: Fingerprints) -> None:
    first = {"system": "Be brief.", "messages": [ASKED]}
    second = {"system": "Be brief.", "messages": [ASKED, {"role": "user", "content": "And in November?"}]}
    assert prints.of_prompt(first) == prints.of_prompt(second)
    assert prints.of_request(first) != prints.of_request(second)


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": [ASKED]}, {"input": ["a", "b"]}])
def test_without_a_system_prompt_there_is_no_prompt_hash(prints: Fingerprints, body) -> None:
    assert prints.of_prompt(body) == ("", None)


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": "no list"[:0]}, {"input": None}])
def test_without_a_message_there_is_no_request_hash(prints: Fingerprints, body) -> None:
    assert prints.of_request(body) == ""


def test_objects_that_are_no_json_have_no_hash(prints: Fingerprints) -> None:
    assert prints.of_request({"messages": [{"content": [object()]}]}) == ""
    assert prints.of_prompt({"system": [object()]})[0] == ""


def test_equal_structures_hash_alike_whether_or_not_they_share_objects(prints: Fingerprints) -> None:
    part = {"text": "Be brief."}
    assert prints.of_prompt({"system": [part, part]}) == prints.of_prompt({"system": [dict(part), dict(part)]})


def test_long_texts_differ_by_their_length(prints: Fingerprints) -> None:
    assert prints.of_request({"input": "a" * MAX_HASHED}) != prints.of_request({"input": "a" * (MAX_HASHED + 1)})


def test_another_key_gives_other_hashes_and_no_key_gives_none() -> None:
    one, other, none = (Fingerprints(key) for key in (b"one", b"other", b""))
    assert one.of_credential("sk-1") != other.of_credential("sk-1")
    assert none.of_credential("sk-1") == ""
    assert none.of_prompt({"system": "Be brief."}) == ("", None)
    assert none.of_request({"input": "a"}) == ""


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = fingerprints_in(tmp_path / "new", "").of_credential("sk-1")
    assert fingerprints_in(tmp_path / "new", "").of_credential("sk-1") == first != ""
    (file,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        assert len(set(pool.map(_hash_in, [tmp_path] * 12))) == 1


def _hash_in(data_dir: Path) -> str:
    return fingerprints_in(data_dir, "").of_credential("sk-1")


def test_a_key_of_ones_own_needs_no_file(tmp_path: Path) -> None:
    assert fingerprints_in(tmp_path, "secret").of_credential("sk-1") == fingerprints_in(
        tmp_path / "elsewhere", "secret"
    ).of_credential("sk-1")
    assert not list(tmp_path.iterdir())


def test_a_directory_that_cannot_be_written_costs_only_the_hashes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="otel_llmcost")
    (tmp_path / "file").write_text("in the way")
    assert fingerprints_in(tmp_path / "file", "").of_credential("sk-1") == ""
    assert "set LLMCOST_HASH_KEY" in caplog.text
