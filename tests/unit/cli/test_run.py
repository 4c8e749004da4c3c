"""The command line as a whole: usage errors are one line on stderr and exit code 2."""

from __future__ import annotations

import io

import pytest
import typer
from typer.testing import CliRunner

from otel_llmcost.cli.app import app, run
from otel_llmcost.cli.exits import ExitCode, exit_code_of
from otel_llmcost.errors import ConfigError, RateTableError, SpoolError, StoreRefusedError, StoreUnreachableError

TABLE_OR_JSON = (["tail"], ["doctor"], ["check"], ["verify"], ["alert", "test"], ["price", "--usage", "-"])
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined] # a group, since it has commands


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for name in ("LLMCOST_DSN", "LLMCOST_TIMEZONE", "LLMCOST_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "No such command 'nope'"),
        (["report", "--by", "colour"], "there is no dimension 'colour'; there are feature, team, tenant"),
        (["report", "--by", ""], "there is no dimension ''"),
        (["report", "--since", "soon"], "--since cannot be 'soon'"),
        (["report", "--since", "1h", "--until", "2h"], "--since 1h is not before --until 2h"),
        (["report", "--format", "xml"], "--format"),
        (["report", "--limit", "0"], "--limit"),
        (["report", "--timezone", "Mars"], "--timezone or LLMCOST_TIMEZONE: there is no time zone 'Mars'"),
        (["report", "--dsn", "postgres://x"], "scheme 'postgres' is not known"),
        (["report", "--dsn", "clickhouse://h:9000/x"], "port 9000 speaks the native protocol"),
        (["sql", "DROP TABLE x"], "DROP is not allowed"),
        (["sql"], "Missing argument"),
        *(([*command, "--format", "csv"], "'csv' is not one of 'table', 'json'") for command in TABLE_OR_JSON),
        (["tail", "-n", "0"], "--number"),
        (["price", "-", "--rates", "nowhere.jsonl"], "nowhere.jsonl: cannot read the rate table"),
        (["price", "--usage", "-", "--provider", "openai", "--at", "2027"], "--at cannot be '2027'; write a date"),
        (["digest", "--weekly", "--to-owners"], "--to-owners mails the parts of a week, so it goes with --weekly and"),
        (["digest", "--daily", "--notify", "--to-owners"], "so it goes with --weekly and --notify"),
        (["demo", "--days", "-1"], "--days"),
        (["backfill", "batch", "out.jsonl"], "--provider is missing; say whose batch it is: anthropic, aws.bedrock, "),
        (["backfill", "batch", "out.jsonl", "--provider", "nobody"], "--provider cannot be 'nobody'; say whose batch"),
        (["backfill", "batch", "out.jsonl", "--provider", "openai", "--at", "soon"], "--at cannot be 'soon'"),
        (["backfill", "litellm", "spend.csv", "--model", "m"], "and --at are for batch"),
    ],
)
def test_a_wrong_argument_is_one_line_that_names_it(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    assert run(arguments) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith("llmcost: ")
    assert said in line


@pytest.mark.parametrize("arguments", [[], ["rates"], ["catalog"], ["alert"]])
def test_where_no_command_is_named_the_help_is_all_that_is_said(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert "Usage: llmcost" in out
    assert err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_tells_the_exit_codes(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    assert "Exit codes: 0 done" in result.output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (RateTableError("x"), 2),
        (SpoolError("x"), 3),
        (StoreUnreachableError("x"), 3),
        (StoreRefusedError("x"), 3),
        (PermissionError(13, "x"), 3),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("x"), 70),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert exit_code_of(fail) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_traceback_is_shown_to_those_who_ask(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMCOST_DEBUG", "1")
    assert run(["report", "--by", "colour"]) == ExitCode.USAGE
    assert "Traceback" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip().count(".") == 2
