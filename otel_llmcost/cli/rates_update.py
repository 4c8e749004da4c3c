"""`llmcost rates update`: a newer rate table, what it changes, and what that would have cost."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import typer

from otel_llmcost.cli.amounts import money, plural
from otel_llmcost.cli.exits import say
from otel_llmcost.errors import ConfigError, LLMCostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from otel_llmcost.pricing import RateTable
    from otel_llmcost.pricing.changes import ModelChange
    from otel_llmcost.reports.repriced import Effect

_DAY_NS: Final = 86_400 * 10**9
DAYS: Final = 30


def built() -> bytes:
    """Return the table that the installed packages give.

    Raises:
        RateTableError: A package is not installed, or they disagree where nobody has decided.
    """
    try:
        from otel_llmcost.pricing.importer.build import compile_table

        return compile_table(datetime.now(UTC).date()).content
    except ModuleNotFoundError as error:
        msg = f"{error.name} is not installed: pip install --upgrade genai-prices litellm"
        raise ConfigError(msg) from error


def update(dsn: str, place: Path, *, is_agreed: bool, build: Callable[[], bytes] = built) -> None:
    """Build a newer table, show what it changes, ask unless `is_agreed`, and keep it in the data directory.

    Args:
        dsn: The store that tells what was spent; empty for that of this set-up.
        place: The data directory.
        is_agreed: Whether nobody needs to be asked.
        build: Returns the newer table.

    Raises:
        ConfigError: The packages that it is built from are not installed.
        RateTableError: They disagree where nobody has decided.
    """
    from otel_llmcost.config.pricer import load_table, tables_dir
    from otel_llmcost.pricing.changes import compare
    from otel_llmcost.pricing.table import rate_table_of

    content = build()
    new, old = rate_table_of(content, tables_dir(place)), load_table(os.environ, place)
    if new.version == old.version:
        print(f"rate table {old.version} is what the installed packages give; nothing to update")
        return
    changes = compare(old, new)
    effects = _effects(dsn, place, old, new)
    for line in told(changes, effects):
        print(line)
    print(f"{plural(len(changes), 'model')} differ between {old.version} (in use) and {new.version}")
    if not is_agreed:
        typer.confirm(f"Price new calls by {new.version}?", abort=True)
    keep(content, new.version, tables_dir(place))
    print(f"kept as {tables_dir(place) / new.version}.jsonl; calls that are stored already keep their price")
    if (used := load_table(os.environ, place)).version != new.version:
        say(f"it is not in use: {used.version} was chosen, or built from newer packages; set LLMCOST_RATES")


def told(changes: tuple[ModelChange, ...], effects: Mapping[tuple[str, str], Effect]) -> Iterator[str]:
    """Yield what changes, model by model, with its effect on what was spent."""
    from otel_llmcost.cli.rates_view import change_lines

    for change in changes:
        yield from change_lines(change)
        if effect := effects.get((change.provider, change.model)):
            yield f"  last {DAYS} days: {_sentence(effect)}"
    known = {(change.provider, change.model) for change in changes}
    for (provider, model), effect in effects.items():
        if (provider, model) not in known and effect.old_cost != effect.new_cost:
            yield f"{provider}/{model}: found under another name now"
            yield f"  last {DAYS} days: {_sentence(effect)}"


def keep(content: bytes, version: str, directory: Path) -> Path:
    """Write a table under its version, whole or not at all, and return its file."""
    directory.mkdir(parents=True, exist_ok=True)
    path, draft = directory / f"{version}.jsonl", directory / f".{version}.{os.getpid()}"
    draft.write_bytes(content)
    draft.replace(path)
    return path


def _effects(dsn: str, place: Path, old: RateTable, new: RateTable) -> Mapping[tuple[str, str], Effect]:
    """Return what the last 30 days cost by each table; nothing, and why, where the store does not tell."""
    from otel_llmcost.cli.opened import connected
    from otel_llmcost.config import load_config
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.reports.repriced import repriced
    from otel_llmcost.reports.window import Window

    now_ns = time.time_ns()
    window = Window(since_ns=now_ns - DAYS * _DAY_NS, until_ns=now_ns, timezone="UTC")
    if not dsn and not os.environ.get("LLMCOST_DSN") and not (place / "store").exists():
        return {}
    overlay = load_config(os.environ, place).overlay
    try:
        with connected(dsn, place) as store:
            return repriced(store, window, Pricer(old, overlay), Pricer(new, overlay))
    except LLMCostError as error:
        say(f"the effect on the last {DAYS} days is unknown: {error}")
        return {}


def _sentence(effect: Effect) -> str:
    change = f"{money(effect.old_cost)} → {money(effect.new_cost)}"
    newly = f", {plural(effect.newly_priced, 'call')} priced for the first time" if effect.newly_priced else ""
    lost = f", {plural(effect.newly_unpriced, 'call')} without a price now" if effect.newly_unpriced else ""
    return f"{plural(effect.calls, 'call')}, {change}{newly}{lost}"
