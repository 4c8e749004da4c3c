"""Filling the ledger from what people have already: traces, spend logs of other products, results of batches.

A call is its key, and the key of a call that is read from elsewhere is made of what that place calls it. So a backfill
that runs twice, or again after it was cut short, writes every call once; where it had got to is kept beside the spool
only to save time.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_llmcost.attribution import NOBODY
from otel_llmcost.ledger.rates import tell
from otel_llmcost.store import PricedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from otel_llmcost.attribution import Attribution
    from otel_llmcost.call import LLMCall
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.store import Store

BATCH_CALLS: Final = 10_000

UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What a row or line that is not as it should be may raise where it is read."""


@dataclass(slots=True)
class Part:
    """Some calls of a source, and where the source is to be read on after them.

    Attributes:
        calls: What was read.
        position: Where to go on; opaque to all but the source.
        faults: What could not be read, a line each.
    """

    calls: list[LLMCall]
    position: int
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Filled:
    """What a backfill has done.

    Attributes:
        calls: Calls written; one that was there already counts too.
        refused: Calls that the store does not take, such as ones beyond its retention.
        faults: What could not be read, a line each.
    """

    calls: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)


class Progress:
    """How far a source was read, in a file of its own.

    Args:
        directory: Where the files are.
        source: What names the source, store included.
    """

    def __init__(self, directory: Path, source: str) -> None:
        self._path = directory / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.json"
        self._source = source

    def load(self) -> int:
        """Return the position that was kept; 0 for the beginning."""
        try:
            return int(json.loads(self._path.read_text(encoding="utf-8"))["position"])
        except (OSError, ValueError, LookupError, TypeError):
            return 0

    def keep(self, position: int) -> None:
        """Keep a position, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({"source": self._source, "position": position}), encoding="utf-8")
        part.replace(self._path)

    def forget(self) -> None:
        """Begin anew the next time."""
        self._path.unlink(missing_ok=True)


def backfill(
    store: Store,
    parts: Callable[[int], Iterator[Part]],
    pricer: Pricer,
    progress: Progress,
    *,
    payer: Attribution = NOBODY,
    on_progress: Callable[[int], None] = lambda _calls: None,
) -> Filled:
    """Write all calls of a source. Rollups are not derived.

    Args:
        store: The ledger.
        parts: Yields the source from a position on.
        pricer: The rates, each in force when the call was made.
        progress: Where the source is read on after a run that was cut short.
        payer: Who pays where the source does not say.
        on_progress: Told how many calls this run has written.
    """
    filled = Filled()
    tell(store, pricer)
    for part in parts(progress.load()):
        for call in part.calls:
            _charge(call, payer)
        now_ns = time.time_ns()
        priced = [
            PricedCall(call=call, pricing=pricing, received_at_ns=now_ns)
            for call, pricing in zip(part.calls, pricer.price_all(part.calls), strict=True)
        ]
        written = store.write(priced) if priced else 0
        filled.calls += written
        filled.refused += len(priced) - written
        filled.faults += part.faults
        progress.keep(part.position)
        on_progress(filled.calls)
    progress.forget()
    return filled


def _charge(call: LLMCall, payer: Attribution) -> None:
    if payer.feature and not call.attribution.feature:
        call.feature_source = "default"
    call.attribution = call.attribution.over(payer)


def fault_of(error: Exception) -> str:
    """Return what is wrong with a row or line, in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def trace_id_of(name: str) -> str:
    """Return a W3C trace id: the name itself where it is one, with or without dashes, else a digest of it."""
    return _identity(name, 32)


def span_id_of(name: str) -> str:
    """Return a W3C span id likewise."""
    return _identity(name, 16)


def _identity(name: str, digits: int) -> str:
    plain = name.replace("-", "").lower()
    is_one = len(plain) == digits and set(plain) <= set("0123456789abcdef") and set(plain) != {"0"}
    return plain if is_one else hashlib.sha256(name.encode()).hexdigest()[:digits]
