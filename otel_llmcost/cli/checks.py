"""What `llmcost doctor` looks at. Each check looks and touches nothing, and says how to fix what it finds."""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import shutil
import sys
import sysconfig
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from otel_llmcost.cli.amounts import count, plural, size
from otel_llmcost.errors import LLMCostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

OLD_TABLE_DAYS: Final = 60
"""Providers change a price or bring a model more often than this, so an older table lacks something."""

OLD_SEGMENT_S: Final = 24 * 3600
"""A sealed segment that waits longer has nobody who drains it."""


class State(StrEnum):
    """What a finding says."""

    OK = "ok"
    NOTE = "note"
    """Good to know, nothing to do."""
    FIX = "fix"
    """Something has to be done."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it belongs to.
        state: Whether it is well.
        fact: What was found, with its values.
        fix: What to do; empty where nothing is to be done.
    """

    topic: str
    state: State
    fact: str
    fix: str = ""


def check_instrumentation(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say which SDKs are here, whether `opentelemetry-instrument` will patch them, and which nobody can see into."""
    from packaging.requirements import Requirement

    from otel_llmcost.instrument.registry import INSTRUMENTORS, instrumentor_of
    from otel_llmcost.instrument.unseen import UNSEEN

    topic = "instrumentation"
    ours = {entry.name for entry in importlib.metadata.entry_points(group="opentelemetry_instrumentor")}
    for module in INSTRUMENTORS:
        for needed in map(Requirement, instrumentor_of(module).instrumentation_dependencies()):
            if (version := _version_of(needed.name)) is None:
                yield Finding(topic, State.NOTE, f"{needed.name} is not installed")
            elif f"llmcost_{module}" not in ours:
                fact = f"{needed.name} {version}: the entry point llmcost_{module} is missing"
                yield Finding(topic, State.FIX, fact, "reinstall otel-llmcost into the environment of the application")
            elif not needed.specifier.contains(version, prereleases=True):
                yield Finding(topic, State.FIX, f"{needed.name} {version} is not {needed}", f"install {needed}")
            elif unfit := _unfit(instrumentor_of(module), version):
                fix = "upgrade otel-llmcost, or go back to an older release and tell us of this one"
                yield Finding(topic, State.FIX, f"{needed.name} {version} cannot be patched: {unfit}", fix)
            else:
                yield _switched(module, f"{needed.name} {version}", environ)
    yield from _unknown(environ)
    for package, fix in UNSEEN.items():
        if (version := _version_of(package)) is not None:
            yield Finding(topic, State.NOTE, f"{package} {version}: models that it asks are not seen", fix)
    scripts = sysconfig.get_path("scripts")
    if shutil.which("opentelemetry-instrument", path=scripts) or shutil.which("opentelemetry-instrument"):
        yield Finding(topic, State.OK, "opentelemetry-instrument is installed")
    else:
        fix = "pip install opentelemetry-distro, or call otel_llmcost.instrument() in the application"
        yield Finding(topic, State.NOTE, "opentelemetry-instrument is not on the PATH", fix)


_SWITCHES: Final = {"LLMCOST_DISABLED_INSTRUMENTATIONS": "", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "llmcost_"}
"""The variables that switch instrumentations off, and what they call ours besides its module."""


def _unfit(instrumentor: BaseInstrumentor, version: str) -> str:
    """Return what keeps a release from being patched that is newer than any that was tested; empty if nothing does.

    The patch is tried on here, for which the SDK is imported: that takes a second, so the others are not.
    """
    from packaging.version import Version

    from otel_llmcost.instrument._instrumentor import Instrumentor

    if not isinstance(instrumentor, Instrumentor) or Version(version) <= Version(instrumentor.tested):
        return ""
    try:
        return instrumentor.try_on()
    except Exception as error:  # noqa: BLE001 - an SDK that cannot be imported is no fault of the one who looks
        return f"it cannot be imported: {type(error).__name__}: {error}"


def _switched(module: str, sdk: str, environ: Mapping[str, str]) -> Finding:
    """Say whether an SDK that can be patched will be."""
    for variable, prefix in _SWITCHES.items():
        said, name = environ.get(variable, ""), f"{prefix}{module}"
        if {name, "*" if prefix else name} & {each.strip() for each in said.split(",")}:
            fix = f"take {name} out of {variable}"
            state = State.FIX if prefix else State.NOTE  # who names it in our own variable means it
            return Finding("instrumentation", state, f"{sdk}: switched off by {said!r}", fix)
    return Finding("instrumentation", State.OK, f"{sdk} is patched under opentelemetry-instrument")


def _unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say which names switch nothing off, since no instrumentation of ours is called so."""
    from otel_llmcost.instrument._instrumentor import disabled
    from otel_llmcost.instrument.registry import INSTRUMENTORS

    if unknown := disabled(environ) - INSTRUMENTORS.keys():
        fact = f"LLMCOST_DISABLED_INSTRUMENTATIONS knows no {', '.join(sorted(unknown))}"
        yield Finding("instrumentation", State.FIX, fact, f"name one of {', '.join(INSTRUMENTORS)}")


def check_destination(data_dir: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say where an application started from here would send its calls."""
    from otel_llmcost.telemetry.settings import settings_from

    if endpoint := settings_from(environ).endpoint:
        yield Finding("destination", State.OK, f"calls go to {endpoint} (LLMCOST_ENDPOINT)")
    else:
        yield Finding("destination", State.OK, f"calls are spooled in {data_dir / 'spool'}")
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        fix = "make it writable, or set LLMCOST_DATA_DIR to a directory that is"
        yield Finding("destination", State.FIX, f"{existing} cannot be written by this user", fix)


def check_spool(data_dir: Path, *, now_s: float) -> Iterator[Finding]:
    """Say what waits in the spool, what is still being written, and what could not be read."""
    spool, topic = data_dir / "spool", "spool"
    try:
        sealed, opened = sorted(spool.glob("*.segment")), sorted(spool.glob("*.open"))
        corrupt = sorted((spool / "corrupt").glob("*.segment"))
        waiting = sum(path.stat().st_size for path in (*sealed, *opened))
        oldest_s = now_s - min((path.stat().st_mtime for path in sealed), default=now_s)
        alive = sum(map(is_locked, opened))
    except OSError as error:
        yield Finding(topic, State.FIX, f"{error.filename or spool}: {error.strerror}", "let this user read it")
        return
    state = f"{plural(len(sealed), 'sealed segment')}, {plural(alive, 'open one')} of living processes, {size(waiting)}"
    if orphans := len(opened) - alive:
        state += f", {count(orphans)} left by processes that died"
    if oldest_s > OLD_SEGMENT_S:
        fix = "run `llmcost up` or a collector all the time, or `llmcost report` now and then"
        yield Finding(topic, State.FIX, f"{state}; the oldest has waited {oldest_s / 3600:.0f} hours", fix)
    else:
        yield Finding(topic, State.OK, state)
    if corrupt:
        fact = f"{plural(len(corrupt), 'corrupt segment')} in {spool / 'corrupt'}, the newest {corrupt[-1].name}"
        fix = "what could be read of them is in the store; look after the disk, then delete them"
        yield Finding(topic, State.FIX, fact, fix)
    refused = data_dir / "refused.jsonl"
    if refused.exists():
        with refused.open("rb") as file:
            lines = sum(1 for _ in file)
        fact = f"{plural(lines, 'call')} that the store refused in {refused}"
        yield Finding(topic, State.FIX, fact, "each line says why; mend and price them, or delete the file")


def check_rates(data_dir: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say which rate table and which prices of the user's own price new calls, and how old the table is."""
    from otel_llmcost.config.pricer import load_pricer

    try:
        pricer = load_pricer(environ, data_dir)
    except LLMCostError as error:
        yield Finding("rates", State.FIX, str(error), "mend what this names; until then nothing is priced")
        return
    if pricer.overlay is not None:
        yield Finding("rates", State.OK, f"llmcost.yaml prices over the table, as version {pricer.overlay_version}")
    table = pricer.table
    built = ", ".join(f"{name} {version}" for name, version in table.built_from.items()) or "unknown sources"
    now_ns = time.time_ns()
    cards = (card for rates in table.models for several in rates.cards.values() for card in several)
    dated = (card.effective_from_ns for card in cards if card.effective_from_ns is not None)
    newest_ns = max((from_ns for from_ns in dated if from_ns <= now_ns), default=0)
    age_days = (now_ns - newest_ns) // (86_400 * 10**9)
    newest = datetime.fromtimestamp(newest_ns // 10**9, UTC).date()
    fact = f"rate table {table.version} from {built}: {count(len(table.models))} models, newest price of {newest}"
    if age_days > OLD_TABLE_DAYS:
        yield Finding("rates", State.FIX, f"{fact}, {age_days} days ago", "pip install --upgrade otel-llmcost")
    else:
        yield Finding("rates", State.OK, fact)


def check_versions() -> Iterator[Finding]:
    """Say what is installed."""
    python = ".".join(map(str, sys.version_info[:3]))
    packages = ("otel-llmcost", "opentelemetry-sdk", "clickhouse-connect", "chdb-core")
    parts = (f"{package} {_version_of(package) or 'not installed'}" for package in packages)
    yield Finding("versions", State.OK, f"Python {python}, {', '.join(parts)}")


def _version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def is_locked(path: Path) -> bool:
    """Tell whether a living process holds a file: an open segment, or the lock of a store's owner."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
