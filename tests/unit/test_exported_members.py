"""What the package exports is what it says it exports, and what it declares elsewhere can be loaded."""

from __future__ import annotations

import importlib
import inspect
import tomllib
from pathlib import Path

import pytest

import otel_llmcost

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = {
    f"{group}: {name}": target
    for group, entries in {"scripts": PROJECT["scripts"], **PROJECT["entry-points"]}.items()
    for name, target in entries.items()
}


def test_all_names_what_is_public() -> None:
    public = {
        name
        for name, value in vars(otel_llmcost).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    assert set(otel_llmcost.__all__) == public
    assert otel_llmcost.__all__ == sorted(public)


def test_everything_public_has_a_docstring() -> None:
    assert [name for name in otel_llmcost.__all__ if not inspect.getdoc(getattr(otel_llmcost, name))] == []


@pytest.mark.parametrize("declared", DECLARED)
def test_what_the_package_declares_to_others_can_be_loaded(declared: str) -> None:
    module, _, attribute = DECLARED[declared].partition(":")
    loaded = importlib.import_module(module)
    assert not attribute or callable(getattr(loaded, attribute))
