"""The rate table: every published price we know, compiled into one immutable file.

The file is JSON Lines: a header, then one model a line, prices as the provider publishes them (USD for `per` units,
decimal text). It ships with the package as it is written, so that a price change is a readable diff and the bytes
do not depend on anybody's compression library. Its sha256 is the version that every priced call carries.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otel_llmcost.errors import LLMCostError, RateTableError
from otel_llmcost.pricing.compiled import model_rates_of
from otel_llmcost.pricing.matching import ALIAS, EVERY, EVERY_MODEL, EXACT, spellings_at
from otel_llmcost.pricing.provider import canonical_provider

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from otel_llmcost.pricing.rates import ModelRates

SCHEMA: Final = 1
"""The version of the file's layout."""

SHIPPED: Final = Path(__file__).with_name("data") / "rates.jsonl"
"""The table that comes with the package."""

_MAX_REMEMBERED: Final = 4096
_MAX_NAME_LENGTH: Final = 128
_NEAREST: Final = 3


class Found(NamedTuple):
    """A model of the table, and how its name led there.

    Attributes:
        rates: Its price history.
        kind: `exact`, `alias`, `dated_suffix`, `geo_profile`, `arn`, `path`, `gateway` or, for a
            provider with one price, `provider`.
        region: Where it is sold, if the name says so; empty otherwise.
    """

    rates: ModelRates
    kind: str
    region: str


class RateTable:
    """Every model we know a price of, found by provider and name.

    Attributes:
        version: The first 12 hex digits of the sha256 of the file's bytes.
        built_from: The packages it was compiled from, with their versions.
        models: The price history of every model, in the order of the file.
    """

    __slots__ = ("_found", "_index", "_known", "_near", "built_from", "models", "version")

    def __init__(
        self, models: Iterable[ModelRates], *, version: str, built_from: Mapping[str, str] | None = None
    ) -> None:
        self.models = tuple(models)
        self.version = version
        self.built_from = dict(built_from or {})
        self._index: dict[str, dict[str, Found]] = {}
        self._found: dict[tuple[str, str], Found | None] = {}
        self._near: dict[tuple[str, str], tuple[str, ...]] = {}
        for rates in self.models:
            self._add(rates)
        self._known = frozenset(self._index)

    def _add(self, rates: ModelRates) -> None:
        names = self._index.setdefault(rates.provider, {})
        kind = EXACT
        for name in (rates.model.lower(), *rates.names):
            other = names.setdefault(name, Found(rates, kind, "")).rates
            if other is not rates:
                msg = f"{rates.provider}: both {other.model} and {rates.model} answer to {name}"
                raise RateTableError(msg)
            kind = ALIAS

    def find(self, provider: str, model: str) -> tuple[ModelRates, str] | None:
        """Return the rates of a model and how it was found, as `locate` does, None for an unknown model."""
        found = self.locate(provider, model)
        return (found.rates, found.kind) if found else None

    def locate(self, provider: str, model: str) -> Found | None:
        """Return where a model stands in the table, None for an unknown one.

        Args:
            provider: Who sells it, in any spelling that `canonical_provider` knows.
            model: The model's name as a request or an answer gives it.
        """
        asked = (provider, model)
        if asked in self._found:
            return self._found[asked]
        if len(self._found) >= _MAX_REMEMBERED:
            self._found.clear()
        found = self._found[asked] = self._search(provider, model)
        return found

    def _search(self, provider: str, model: str) -> Found | None:
        seller = canonical_provider(provider)
        names = self._index.get(seller, {})
        if found := names.get(model.strip().lower()):  # nearly every name is there as it stands
            return found
        for sold_by, name, kind, region in spellings_at(seller, model, self._known):
            if found := self._index.get(sold_by, {}).get(name):
                return Found(found.rates, kind, region)
        every = names.get(EVERY_MODEL)
        return every._replace(kind=EVERY) if every else None

    def nearest(self, provider: str, model: str) -> tuple[str, ...]:
        """Return at most three names of the provider that look like `model`, the closest first."""
        asked = (provider, model)
        if asked not in self._near:
            if len(self._near) >= _MAX_REMEMBERED:
                self._near.clear()
            names = self._index.get(canonical_provider(provider), {})
            close = difflib.get_close_matches(model.strip().lower()[:_MAX_NAME_LENGTH], names, n=_NEAREST)
            self._near[asked] = tuple(close)
        return self._near[asked]

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers that the table has prices of, in alphabetical order."""
        return tuple(sorted(self._index))


def load_rate_table(path: Path | None = None) -> RateTable:
    """Return the rate table of a compiled file.

    Args:
        path: The file; None for the one that ships with the package, which is read once.

    Raises:
        RateTableError: The file cannot be read or breaks its own rules; the message names file, line and fault.
    """
    return _shipped() if path is None else read_rate_table(path)


@cache
def _shipped() -> RateTable:
    return read_rate_table(SHIPPED)


def read_rate_table(path: Path) -> RateTable:
    """Return the rate table of the file at `path`, read anew.

    Raises:
        RateTableError: The file cannot be read or breaks its own rules; the message names file, line and fault.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        msg = f"{path}: cannot read the rate table: {exc.strerror}"
        raise RateTableError(msg) from exc
    return rate_table_of(content, path)


def rate_table_of(content: bytes, path: Path) -> RateTable:
    """Return the rate table that the bytes of a compiled file hold; `path` names it in errors.

    Raises:
        RateTableError: It breaks its own rules; the message names file, line and fault.
    """
    lines = content.splitlines()
    header = _parsed(path, 1, lines[0] if lines else b"")
    if header.get("schema") != SCHEMA:
        msg = f"{path}:1: schema is {header.get('schema')!r}, this version reads {SCHEMA}"
        raise RateTableError(msg)
    models = [_model_at(path, number, line) for number, line in enumerate(lines[1:], start=2)]
    try:
        version = hashlib.sha256(content).hexdigest()[:12]
        return RateTable(models, version=version, built_from=header.get("built_from"))
    except RateTableError as exc:
        msg = f"{path}: {exc}"
        raise RateTableError(msg) from exc


def _model_at(path: Path, number: int, line: bytes) -> ModelRates:
    try:
        return model_rates_of(_parsed(path, number, line))
    except (LLMCostError, KeyError, TypeError, ValueError) as exc:
        if isinstance(exc, RateTableError) and str(exc).startswith(str(path)):
            raise
        fault = f"{exc.args[0]} is missing" if isinstance(exc, KeyError) else str(exc)
        msg = f"{path}:{number}: {fault}"
        raise RateTableError(msg) from exc


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError as exc:
        msg = f"{path}:{number}: not JSON: {exc}"
        raise RateTableError(msg) from exc
    if not isinstance(parsed, dict):
        msg = f"{path}:{number}: a {type(parsed).__name__} where an object should be"
        raise RateTableError(msg)
    return parsed
