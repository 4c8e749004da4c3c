"""Small rate tables for tests, and the moment most of them ask about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from otel_llmcost.pricing.compiled import unix_ns
from otel_llmcost.pricing.table import SCHEMA, RateTable, rate_table_of

HERE = Path("rates.jsonl")
AT = unix_ns("2026-11-20T12:00:00Z")
"""A Friday."""

MTOK = 1_000_000


def model(provider: str, name: str, *cards: dict[str, Any], names: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"provider": provider, "model": name, "names": list(names), "source": "https://prices", "cards": list(cards)}


def card(usd_per_mtok: dict[str, str | None], **more: Any) -> dict[str, Any]:
    rates = {meter: None if usd is None else [usd, MTOK] for meter, usd in usd_per_mtok.items()}
    return {"rates": rates, **more}


def content_of(*models: dict[str, Any], schema: int = SCHEMA) -> bytes:
    return "\n".join(json.dumps(line) for line in ({"schema": schema}, *models)).encode()


def table_of(*models: dict[str, Any]) -> RateTable:
    return rate_table_of(content_of(*models), HERE)
