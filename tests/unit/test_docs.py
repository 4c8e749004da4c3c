"""What the documentation lists is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from otel_llmcost.cli.app import app
from otel_llmcost.cli.exits import ExitCode
from otel_llmcost.instrument.registry import INSTRUMENTORS
from otel_llmcost.telemetry import settings

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS.parent / "README.md", DOCS.parent / "CHANGELOG.md", *sorted(DOCS.glob("**/*.md"))]
CLI = (DOCS / "cli.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined] # a group, since it has commands
TEXTS = {page: re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL) for page in PAGES}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_its_options_are_in_the_docs(command: str) -> None:
    common = CLI.partition("\n## ")[0]
    (section,) = re.findall(rf"^## llmcost {command}$(.*?)(?=^## |\Z)", CLI, flags=re.MULTILINE | re.DOTALL)
    inner = [COMMANDS[command], *getattr(COMMANDS[command], "commands", {}).values()]
    options = {name for each in inner for parameter in each.params for name in parameter.opts if name.startswith("-")}
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


def test_every_instrumentation_can_be_named_as_the_docs_say() -> None:
    said = (DOCS / "configuration.md").read_text(encoding="utf-8").partition("## Names of instrumentations")[2]
    assert [name for name in INSTRUMENTORS if f"`{name}`" not in said] == []


def test_every_room_is_on_the_page_that_tells_how_it_is_built() -> None:
    said = (DOCS / "architecture.md").read_text(encoding="utf-8")
    home = DOCS.parent / "otel_llmcost"
    rooms = {f"{path.name}/" for path in home.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.name for path in home.glob("*.py")} - {"__init__.py"}
    assert {room for room in rooms if f"`{room}`" not in said} == set()


def _targets(page: Path) -> set[tuple[Path, str]]:
    """Return where links of the page lead within the project, each with the heading or nothing."""
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", TEXTS[page])
    return {((page.parent / path).resolve() if path else page, heading) for path, heading in links}


def _anchor(heading: str) -> str:
    """Return what a link to the heading says, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower().strip()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    assert [path for path, _ in _targets(page) if not path.exists()] == []
    anchors = {
        each: {_anchor(heading) for heading in re.findall(r"^#+ (.*)$", TEXTS[each], re.MULTILINE)} for each in PAGES
    }
    assert [(path.name, heading) for path, heading in _targets(page) if heading and heading not in anchors[path]] == []


def test_every_page_is_found_from_the_readme() -> None:
    found, ahead = set(), [PAGES[0]]
    while ahead:
        page = ahead.pop()
        found.add(page)
        ahead += [path for path, _ in _targets(page) if path in TEXTS and path not in found]
    assert [page.name for page in PAGES if page not in found] == []


def test_the_readme_leads_to_every_page_for_users() -> None:
    assert {page.name for page in DOCS.glob("*.md")} - {path.name for path, _ in _targets(PAGES[0])} == set()
