"""Loads and runs the SQL files of `queries/`."""

from __future__ import annotations

from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from otel_llmcost.money import PicoUSD, pico_usd

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from otel_llmcost.store import Store


def rows_of(
    store: Store,
    name: str,
    parameters: Mapping[str, object],
    *,
    keys: str = "",
    condition: str = "true",
    parts: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Return the rows of the query `queries/<name>.sql`, each by its column names.

    Args:
        store: Where to ask.
        name: The file without its suffix.
        parameters: The values of its `{name:Type}` parameters.
        keys: SQL expressions of ours for its `{keys}`, where it has one. Never anything that a user wrote.
        condition: The same for its `{condition}`.
        parts: The same for whatever else stands in braces.
    """
    text = _text_of(name)
    for part, sql in {"keys": keys, "condition": condition, **parts}.items():
        text = text.replace(f"{{{part}}}", sql)
    return store.query(text, parameters).dicts()


def cost_of(value: Decimal | None) -> PicoUSD | None:
    """Return a cost as the store gives it in pico-USD; None where it is unknown."""
    return None if value is None else pico_usd(value)


@cache
def _text_of(name: str) -> str:
    return (resources.files(__package__) / "queries" / f"{name}.sql").read_text(encoding="utf-8").rstrip().rstrip(";")
