"""Collects which cells of the coverage table the tests have filled, and writes or checks docs/coverage.md."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.telemetry import log
from tests.support import moment
from tests.support.coverage import COLLECTED, PAGE, Cell, cells_of, cells_on, page_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_CELL = "llmcost cell"
_filled = pytest.StashKey[set[Cell]]()
_faults = pytest.StashKey[list[str]]()


@pytest.fixture(autouse=True)
def nothing_was_said() -> None:
    """Have each test hear what an earlier one has heard already."""
    log._said_at_s.clear()


def pytest_report_header() -> str:
    return f"the days of the tests are those around {datetime.fromtimestamp(moment.NOW_NS // 10**9, UTC)}"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_filled] = set()
    config.stash[_faults] = []
    if config.pluginmanager.hasplugin("hypothesispytest"):  # not in the environment of the frameworks
        _have_properties_tested_alike()


def _have_properties_tested_alike() -> None:
    """Have no property fail for a busy machine, nor find in one run what it does not in the next.

    To look for more: `make test ARGS='--hypothesis-profile=search tests/property'`.
    """
    from hypothesis import HealthCheck, settings

    calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("search", calm, max_examples=2_000)
    settings.register_profile("tests", calm, derandomize=True)
    settings.load_profile("tests")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Have every claim travel with the test's report, also from a worker of xdist."""
    config.stash[COLLECTED] = list(items)
    yield
    for item in items:
        item.user_properties += [(_CELL, tuple(cell)) for cell in sorted(cells_of(item))]


class Collector:
    """Gathers the cells of the tests that passed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            claimed = (Cell(*value) for name, value in report.user_properties if name == _CELL)
            self._config.stash[_filled].update(claimed)


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Iterator[None]:
    session.config.pluginmanager.register(Collector(session.config))
    yield


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the page, or say what it lacks. A part of the tests adds to the page and is no judge of it."""
    config = session.config
    if hasattr(config, "workerinput") or exitstatus != 0:
        return
    filled, is_whole = config.stash[_filled], _is_whole(config)
    shown = cells_on(PAGE.read_text())
    if os.environ.get("LLMCOST_REWRITE") and filled:
        shown = filled if is_whole else filled | shown
        PAGE.write_text(page_of(shown))
    if is_whole and (missing := filled - shown):
        config.stash[_faults] += [f"docs/coverage.md does not show {' '.join(cell)}" for cell in sorted(missing)]
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for fault in config.stash[_faults]:
        terminalreporter.write_line(fault, red=True)
    if config.stash[_faults]:
        terminalreporter.write_line("LLMCOST_REWRITE=1 pytest tests/instrument writes it anew", red=True)


def _is_whole(config: pytest.Config) -> bool:
    """Whether all tests of instrumentation were asked for."""
    options = config.option
    asked = {argument.rstrip("/") for argument in config.args}
    return bool(asked & {"tests", "tests/instrument"}) and not options.keyword and options.markexpr in ("", "not long")
