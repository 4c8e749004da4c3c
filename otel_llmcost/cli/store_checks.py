"""What `llmcost doctor` asks the store: its schema, and how much of what was spent is priced and named."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_llmcost.cli.amounts import count, money, percent, plural
from otel_llmcost.cli.checks import Finding, State, is_locked
from otel_llmcost.cli.opened import asked_elsewhere, connected
from otel_llmcost.cli.when import window_of
from otel_llmcost.errors import LLMCostError
from otel_llmcost.pricing import PriceStatus
from otel_llmcost.reports.spend import coverage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_llmcost.reports import Coverage
    from otel_llmcost.store import Store

SINCE: Final = "7d"

_UNKNOWN_MODEL: Final = PriceStatus.UNPRICED_MODEL.value


def check_store(dsn: str, data_dir: Path) -> Iterator[Finding]:
    """Say whether the store answers, and how far what it says can be believed."""
    directory = _embedded_in(dsn, data_dir)
    if directory is not None and not directory.exists():
        yield Finding("store", State.NOTE, f"{directory} is not there yet", "the first `llmcost report` makes it")
        return
    owner_dsn = asked_elsewhere(dsn, data_dir)
    lock = directory / "owner.lock" if directory is not None else None
    if lock is not None and lock.exists() and is_locked(lock) and not owner_dsn:
        owner = lock.read_text(encoding="utf-8").partition("\n")[0]
        fact = f"{directory} is in use by process {owner}, so nothing was asked"
        yield Finding("store", State.NOTE, fact, "stop that process to see the shares")
        return
    try:
        with connected(owner_dsn or dsn, data_dir, cluster="" if owner_dsn else None) as store:
            yield from _answers_of(store)
    except LLMCostError as error:
        yield Finding("store", State.FIX, str(error), "see docs/cli.md, section Stores")


def _answers_of(store: Store) -> Iterator[Finding]:
    if todo := store.plan():
        fact = f"{store.location} answers and lacks {plural(len(todo), 'migration')}, the first {todo[0].name}"
        yield Finding("store", State.FIX, fact, "run `llmcost migrate`, or any command that opens the store")
        return
    yield Finding("store", State.OK, f"{store.location} answers, and its schema is up to date")
    found = coverage(store, window_of(SINCE, "now", timezone="UTC", now_ns=time.time_ns()))
    if found.total.calls:
        yield from _shares(found)
    else:
        yield Finding("coverage", State.NOTE, f"no calls in the last {SINCE}", "run the application, or `llmcost demo`")


def _shares(found: Coverage) -> Iterator[Finding]:
    total = found.total
    priced = total.calls - total.unpriced_calls
    fact = f"priced {count(priced)}/{count(total.calls)} calls of the last {SINCE}"
    yield Finding("coverage", State.OK if priced == total.calls else State.NOTE, fact)
    for reason in found.unpriced:
        said = f"{plural(reason.calls, 'call')} of {reason.provider}/{reason.model} without a price: {reason.detail}"
        if reason.price_status == _UNKNOWN_MODEL:
            yield Finding("coverage", State.FIX, said, "pip install --upgrade otel-llmcost for newer rates")
        else:
            yield Finding("coverage", State.NOTE, said)
    named = f"named {count(found.named_calls)}/{count(total.calls)} calls, {percent(found.named_share)} of the cost"
    yield Finding("coverage", State.OK if found.named_calls == total.calls else State.NOTE, named)
    for site in found.unnamed:
        where = site.call_site or "an unknown place"
        said = f"{plural(site.calls, 'call')} without a feature from {where}, {money(site.list_cost)}"
        yield Finding("coverage", State.NOTE, said, 'name them there: with feature("…"):')


def _embedded_in(dsn: str, data_dir: Path) -> Path | None:
    """Return the directory of an embedded store, None for a server."""
    if not dsn:
        return data_dir / "store"
    return Path(dsn.removeprefix("chdb://")) if dsn.startswith("chdb:///") else None
