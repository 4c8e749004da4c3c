"""`llmcost rates`: lists, histories, differences, coverage, and a newer table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import typer

from otel_llmcost.cli.app import app, run
from otel_llmcost.cli.rates_update import update
from otel_llmcost.config.pricer import load_table
from otel_llmcost.pricing import load_rate_table
from tests.unit.pricing.tables import card, content_of, model

CHEAPER = model(
    "openai",
    "m",
    card({"input": "4", "output": "8"}, to="2026-06-01T00:00:00Z"),
    card({"input": "2", "output": "8"}, **{"from": "2026-06-01T00:00:00Z"}),
    card({"input": "1", "output": "4"}, tier="batch", above=[{"gt": 1000, "rates": {"input": ["3", 1_000_000]}}]),
    names=("other-name",),
)


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path) -> Path:
    for name in ("LLMCOST_DSN", "LLMCOST_CONFIG", "LLMCOST_RATES", "LLMCOST_DEBUG", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small(place, monkeypatch) -> Path:
    path = place / "small.jsonl"
    path.write_bytes(content_of(CHEAPER, model("acme", "m", card({"input": "1"}))))
    monkeypatch.setenv("LLMCOST_RATES", str(path))
    return path


def said(capsys, *arguments: str, code: int = 0) -> str:
    assert run(["rates", *arguments]) == code
    told = capsys.readouterr()
    return told.err if code else told.out


@pytest.mark.usefixtures("small")
def test_every_model_is_listed_with_its_prices_of_today(capsys):
    rows = list(csv.DictReader(io.StringIO(said(capsys, "list", "--format", "csv"))))
    assert [(row["provider"], row["model"], row["input"], row["output"]) for row in rows] == [
        ("openai", "m", "$2", "$8"),
        ("acme", "m", "$1", ""),
    ]
    assert "acme" not in said(capsys, "list", "--provider", "OpenAI")


@pytest.mark.usefixtures("small")
def test_prices_in_json_are_exact_text(capsys):
    [told] = json.loads(said(capsys, "list", "--provider", "acme", "--format", "json"))
    assert told["cards"][0]["rates"] == {"input": {"unit_price_usd": "1", "per": 1_000_000}}


@pytest.mark.usefixtures("small")
def test_a_history_is_drawn_to_scale(capsys):
    lines = said(capsys, "show", "openai/m").splitlines()
    assert lines[0] == "openai/m, also other-name"
    assert lines[1:4] == [
        "input, USD for 1,000,000",
        f"        ever to 2026-06-01 {'█' * 32} $4",
        f"  2026-06-01 to open       {'█' * 16}{' ' * 16} $2",
    ]


@pytest.mark.usefixtures("small")
def test_the_cards_of_a_moment_are_those_in_force(capsys):
    [told] = json.loads(said(capsys, "show", "m", "--provider", "openai", "--at", "2026-05-31", "--format", "json"))
    assert [each["rate_id"] for each in told["cards"]] == ["openai/m@first", "openai/m@first#batch"]
    assert told["cards"][1]["above"] == [{"gt": 1000, "rates": {"input": {"unit_price_usd": "3", "per": 1_000_000}}}]


@pytest.mark.usefixtures("small")
def test_a_name_that_several_sell_shows_them_all(capsys):
    assert len(json.loads(said(capsys, "show", "m", "--format", "json"))) == 2
    assert len(json.loads(said(capsys, "show", "OTHER-NAME", "--format", "json"))) == 1


@pytest.mark.usefixtures("small")
def test_an_unknown_name_gives_the_nearest(capsys):
    told = said(capsys, "show", "openai/other-nome", code=2)
    assert "knows a model openai/other-nome; nearest names: openai/other-name" in told
    assert "--at cannot be 'noon'" in said(capsys, "show", "m", "--at", "noon", code=2)


def test_a_provider_that_takes_any_model_does_not_know_a_misspelt_one(capsys):
    assert "no rate table knows a model openai/gpt-5.44; nearest names: openai/gpt-5.4" in said(
        capsys, "show", "openai/gpt-5.44", code=2
    )
    assert said(capsys, "show", "ollama/my-own").startswith("ollama/*")
    assert said(capsys, "show", "my-own", "--provider", "ollama").startswith("ollama/*")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("arguments", [["list"], ["show", "m"], ["check"]])
def test_a_provider_without_prices_is_named_beside_those_with(capsys, arguments):
    told = said(capsys, *arguments, "--provider", "acne", code=2)
    assert told == "llmcost: --provider: no price of 'acne' is known; there are acme, openai\n"


def test_models_of_ones_own_are_listed_and_shown(capsys, place):
    (place / "llmcost.yaml").write_text("rates: {models: [{provider: vllm, model: llama, usd_per_mtok: {input: 0.3}}]}")
    assert "llama" in said(capsys, "list", "--provider", "vllm")
    assert "vllm/llama" in said(capsys, "show", "llama", "--provider", "vllm")


def test_every_fault_of_the_file_is_a_line(capsys, place):
    (place / "llmcost.yaml").write_text("a: 1\nb: 2\n")
    told = said(capsys, "list", code=2).splitlines()
    assert [line.partition("llmcost.yaml")[2][:7] for line in told] == [":1: a: ", ":2: b: "]


def test_two_tables_are_compared_model_by_model(capsys, place, small):
    (place / "old.jsonl").write_bytes(content_of(model("acme", "m", card({"input": "1.5"}))))
    told = said(capsys, "diff", str(place / "old.jsonl"), str(small))
    assert "acme/m: changed\n  acme/m@first input: $1.5 → $1\n" in told
    assert "openai/m: added\n" in told
    assert told.splitlines()[-1].startswith("2 models differ between ")
    as_json = json.loads(said(capsys, "diff", str(place / "old.jsonl"), str(small), "--format", "json"))
    assert [each["kind"] for each in as_json["models"]] == ["changed", "added"]
    assert said(capsys, "diff", "shipped", load_rate_table().version, "--format", "csv") == (
        "provider,model,kind,change\n"
    )
    assert "there is no rate table 'nope'" in said(capsys, "diff", "nope", "shipped", code=2)


def test_coverage_is_told_by_provider(capsys):
    told = json.loads(said(capsys, "check", "--provider", "xai", "--format", "json"))
    assert [each["provider"] for each in told["providers"]] == ["x_ai"]
    assert told["rate_table_version"] == load_rate_table().version
    assert "built from genai-prices" in said(capsys, "check")


def newer() -> bytes:
    header, *lines = content_of(CHEAPER).split(b"\n")
    assert header
    return b"\n".join([b'{"schema": 1, "built_from": {"genai-prices": "99.0"}}', *lines])


def test_a_newer_table_is_kept_and_used_from_then_on(capsys, place):
    update("", place, is_agreed=True, build=newer)
    told = capsys.readouterr().out
    kept = load_table({}, place)
    assert kept.version in told
    assert [rates.model for rates in kept.models] == ["m"]
    assert "openai/m: added" in told
    update("", place, is_agreed=True, build=newer)
    assert "nothing to update" in capsys.readouterr().out


def test_without_consent_nothing_is_kept(place, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(typer.Abort):
        update("", place, is_agreed=False, build=newer)
    assert not (place / "rates").exists()


def test_a_table_that_was_not_chosen_is_kept_and_that_is_said(capsys, place, monkeypatch):
    monkeypatch.setenv("LLMCOST_RATES", "shipped")
    update("", place, is_agreed=True, build=newer)
    assert "it is not in use" in capsys.readouterr().err


def test_every_subcommand_and_its_options_are_in_the_docs():
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    section = page.partition("## llmcost rates\n")[2].partition("\n## ")[0]
    common = page.partition("\n## ")[0]
    group = typer.main.get_command(app).commands["rates"]  # type: ignore[attr-defined] # a group
    for name, command in group.commands.items():
        assert f"`llmcost rates {name}" in section
        options = {each for parameter in command.params for each in parameter.opts if each.startswith("-")}
        assert {each for each in options if f"`{each}" not in section + common} == set()
