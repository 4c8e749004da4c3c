"""The house is tidy: short functions, short files, one home for every name, nothing of this machine in the text."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument.registry import INSTRUMENTORS, instrumentor_of

ROOT = Path(__file__).parents[2]

MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 600

OWN_CODE = ("otel_llmcost/", "collector/", "dashboards/")
WRITTEN_BY_PROGRAMS = ("dashboards/generated/", "dashboards/alerting/", "tests/golden/")

ATTRIBUTE_NAME = re.compile(r"(gen_ai|llmcost)\.(?!(ya?ml|html)\b)")
VARIABLE = re.compile(r"\bLLMCOST_[A-Z][A-Z0-9_]*[A-Z0-9]\b")
# Written so that this file does not hold what it forbids.
PLACES_OF_OTHERS = {
    "a package registry": re.compile(
        r"py[p]i\.(org|python)|python[h]osted|npm[j]s\.(org|com)|npm[m]irror|proxy\.go[l]ang|\b(extra-)?ind[e]x-url\b",
        re.IGNORECASE,
    ),
    "a path of one machine": re.compile(r"(?<![\w.~$}])/(home|root|Users|work)/\w|/tm[p]/w\b"),
}


@cache
def tracked(*endings: str) -> tuple[str, ...]:
    """Return the tracked files that people write, relative to the root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    return tuple(name for name in names if name.endswith(endings) and not name.startswith(WRITTEN_BY_PROGRAMS))


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def own_modules() -> list[str]:
    return [name for name in tracked(".py") if name.startswith(OWN_CODE)]


def strings(tree: ast.Module) -> list[ast.Constant]:
    """Return every piece of text in the code that is not a docstring or another free-standing string."""
    free = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node for node in constants if id(node) not in free]


def test_no_function_is_longer_than_a_screen() -> None:
    functions = [
        (name, node)
        for name in tracked(".py")
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {
        f"{name}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1 for name, node in functions
    }
    assert {where: lines for where, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


def test_no_file_is_longer_than_one_can_read() -> None:
    lengths = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in tracked(".py", ".sql")}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_attribute_names_live_in_semconv_only() -> None:
    stray = [
        f"{name}:{node.lineno} {node.value!r}"
        for name in own_modules()
        if name != "otel_llmcost/semconv.py"
        for node in strings(parsed(name))
        if ATTRIBUTE_NAME.match(str(node.value))
    ]
    assert stray == []


def test_every_variable_is_documented() -> None:
    documented = set(VARIABLE.findall((ROOT / "docs/configuration.md").read_text(encoding="utf-8")))
    used = {variable: name for name in own_modules() for variable in VARIABLE.findall((ROOT / name).read_text("utf-8"))}
    assert {variable: name for variable, name in used.items() if variable not in documented} == {}


@pytest.mark.parametrize("what", PLACES_OF_OTHERS)
def test_no_text_names(what: str) -> None:
    found = []
    for name in tracked(""):
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {match[0]}" for match in PLACES_OF_OTHERS[what].finditer(text)]
    assert found == []


def test_every_pin_is_a_name_and_a_version() -> None:
    pin = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+")
    for name in ("constraints.txt", "constraints-oldest.txt"):
        lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        assert [line for line in lines if not pin.fullmatch(line)] == []
        names = [line.partition("==")[0].lower().replace("_", "-") for line in lines]
        assert sorted(names) == sorted(set(names))


def test_the_newest_release_of_an_sdk_that_is_said_to_be_tested_is_the_pinned_one() -> None:
    files = ("constraints-frameworks.txt", "constraints.txt")
    lines = [line for name in files for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    pins = dict(line.lower().replace("_", "-").split("==") for line in lines if not line.startswith("#"))
    for instrumentor in map(instrumentor_of, INSTRUMENTORS):
        if isinstance(instrumentor, Instrumentor):
            name = Requirement(instrumentor.requires).name
            assert (name, instrumentor.tested) == (name, pins[name])
