"""What the documentation lists is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from otel_llmcost.cli.app import app
from otel_llmcost.cli.exits import ExitCode
from otel_llmcost.telemetry import settings

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS.parent / "README.md", DOCS.parent / "CHANGELOG.md", *sorted(DOCS.glob("**/*.md"))]
CLI = (DOCS / "cli.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined] # a group, since it has commands


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_its_options_are_in_the_docs(command: str) -> None:
    common = CLI.partition("\n## ")[0]
    (section,) = re.findall(rf"^## llmcost {command}$(.*?)(?=^## |\Z)", CLI, flags=re.MULTILINE | re.DOTALL)
    options = {name for parameter in COMMANDS[command].params for name in parameter.opts if name.startswith("-")}
    assert {name for name in options if f"`{name}" not in section + common} == set()


def test_no_command_is_in_the_docs_that_is_gone() -> None:
    assert set(re.findall(r"^## llmcost (\S+)$", CLI, flags=re.MULTILINE)) == set(COMMANDS)


def test_every_exit_code_is_in_the_docs() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", CLI, flags=re.MULTILINE)] == [
        code.value for code in ExitCode
    ]


def test_every_default_of_who_pays_is_in_the_docs() -> None:
    said = (DOCS / "configuration.md").read_text(encoding="utf-8")
    names = settings._DEFAULT_NAMES
    assert [name for name in names if f"| `LLMCOST_{name.upper()}` |" not in said] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
