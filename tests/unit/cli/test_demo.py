from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.cli.demo import demo_dir_of, forget
from otel_llmcost.cli.demo_view import answers_in, sentence_of
from otel_llmcost.errors import ConfigError
from otel_llmcost.money import PicoUSD
from otel_llmcost.reports import Incident
from otel_llmcost.reports.incidents import KINDS

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demo_has_a_directory_of_its_own(tmp_path: Path) -> None:
    assert demo_dir_of(None, {"XDG_DATA_HOME": str(tmp_path)}) == tmp_path / "llmcost-demo"


def test_a_directory_that_was_given_is_taken_where_it_is_empty_or_a_demos(tmp_path: Path) -> None:
    assert demo_dir_of(tmp_path / "new", {}) == tmp_path / "new"
    (tmp_path / "demo").mkdir()
    (tmp_path / "store").mkdir()
    assert demo_dir_of(tmp_path, {}) == tmp_path


@pytest.mark.parametrize("name", ["store", "spool"])
def test_pretended_calls_are_never_put_among_real_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match="holds calls that are not the demo's"):
        demo_dir_of(tmp_path, {})


def test_only_what_a_demo_left_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    forget(tmp_path)
    assert (tmp_path / "spool").exists()
    (tmp_path / "demo").mkdir()
    (tmp_path / "thesis.txt").touch()
    forget(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_calls_of_this_run_are_counted_in_the_providers_own_log(tmp_path: Path) -> None:
    log = tmp_path / "simulator.jsonl"
    outcomes = [("answered", 5), ("answered", 10), ("refused", 11), ("aborted", 12)]
    log.write_text("".join(json.dumps({"outcome": name, "time_unix_ns": at}) + "\n" for name, at in outcomes))
    assert answers_in(log, since_ns=10) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_incident_has_a_sentence(kind: str) -> None:
    incident = Incident(
        kind=kind,
        feature="search",
        tenant="acme",
        subject="",
        since_ns=0,
        calls=30,
        list_cost=PicoUSD(1),
        was="10",
        became="60",
        factor=6.0,
    )
    assert sentence_of(incident)
