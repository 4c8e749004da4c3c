"""The import, against the package it reads. Without the package there is nothing to compare with."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest

from otel_llmcost.errors import RateTableError
from otel_llmcost.pricing import load_rate_table
from otel_llmcost.pricing.table import SHIPPED

pytest.importorskip("genai_prices", reason="genai-prices, a developer's package, is not installed")

from genai_prices.data import providers
from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, StartDateConstraint, Tier, TieredPrices

from otel_llmcost.pricing.importer.__main__ import lines_of, main
from otel_llmcost.pricing.importer.build import compile_table
from otel_llmcost.pricing.importer.cards import CardWriter, Faults
from otel_llmcost.pricing.importer.history import Peak, Span, history_of

FETCHED = Path(__file__).parents[3] / ".build" / "rates"
"""Where `make rates` puts litellm, of which only a file is read."""

if FETCHED.exists():
    sys.path.append(str(FETCHED))

needs_both = pytest.mark.skipif(find_spec("litellm") is None, reason="litellm, which `make rates` fetches, is missing")


CORRECTED = {"claude-sonnet-4-0", "claude-sonnet-4-5", "o3"}
"""Models of which `facts` knows more than the package."""


@pytest.fixture(scope="module")
def compiled():
    return compile_table()


@needs_both
def test_the_shipped_table_is_what_the_importer_writes(compiled):
    built_from = load_rate_table().built_from
    assert compiled.content == SHIPPED.read_bytes(), f"the table was built from {built_from}: `make rates` again"


@needs_both
def test_importing_again_gives_the_same_bytes(compiled):
    assert compile_table().content == compiled.content


@needs_both
def test_the_report_names_what_was_left_out(compiled):
    text = "\n".join(lines_of(compiled))
    assert "anthropic" in text
    assert "  openai/tts-1: input_mchars" in text


@needs_both
def test_the_tool_writes_a_table_that_can_be_read(tmp_path, capsys):
    path = tmp_path / "new" / "rates.jsonl"
    assert main([str(path)]) == 0
    assert f"version {load_rate_table(path).version}" in capsys.readouterr().out


def upstream_prices():
    """Yield every price of the package that has one key and no condition on the hour, at each of its turning points."""
    for provider in providers:
        for model in provider.models:
            entries = model.prices if isinstance(model.prices, list) else []
            starts = [
                entry.constraint.start_date for entry in entries if isinstance(entry.constraint, StartDateConstraint)
            ]
            moments = [
                datetime.combine(day, time(), UTC) + edge
                for day in starts
                for edge in (timedelta(), -timedelta.resolution)
            ]
            for at in [*moments, datetime(2026, 11, 20, 12, tzinfo=UTC)]:
                yield provider, model, at, model.get_prices(at)


def test_every_standard_price_of_openai_and_anthropic_is_the_packages_own():
    checked = 0
    for provider, model, at, prices in upstream_prices():
        hit = load_rate_table().find(provider.id, model.id.rstrip("-"))
        if provider.id not in {"openai", "anthropic"} or hit is None:
            continue
        card = hit[0].card("standard", (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000)
        if card.upstream == "decision" or model.id in CORRECTED:
            continue
        for tokens in (1, 100_000, 100_001, 200_000, 200_001, 272_000, 272_001):
            for key, meter in (("input_mtok", "input"), ("cache_read_mtok", "cache_read"), ("output_mtok", "output")):
                told = getattr(prices, key)
                if told is not None:
                    assert card.rates_for(tokens)[meter].unit_price == told_at(told, tokens) * 10**6, (
                        model.id,
                        at,
                        key,
                    )
                    checked += 1
    assert checked > 2000


def told_at(price, tokens):
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if tokens > tier.start), price.base)


def writer(*, is_first_party: bool, faults: Faults | None = None) -> CardWriter:
    return CardWriter("acme", "m", is_first_party, faults or Faults())


def span(**prices) -> Span:
    return Span(None, None, frozenset(), prices)


def test_an_inexact_price_of_the_seller_stops_the_import():
    with pytest.raises(RateTableError, match=r"acme/m: input_mtok 0\.0000001 is not a whole number of pico-USD"):
        writer(is_first_party=True).card(span(input_mtok=Decimal("0.0000001")), "standard")


def test_an_inexact_price_of_a_reseller_leaves_its_meter_unpriced():
    faults = Faults()
    card = writer(is_first_party=False, faults=faults).card(
        span(input_mtok=Decimal("0.3"), cache_write_mtok=Decimal("0.08333333333333334")), "standard"
    )
    assert card == {"rates": {"input": ["0.3", 1_000_000], "cache_write_5m": None}}
    assert faults.inexact == {"acme/m: cache_write_mtok 0.08333333333333334"}


def test_meters_with_different_thresholds_share_their_cliffs():
    card = writer(is_first_party=True).card(
        span(
            input_mtok=TieredPrices(base=Decimal(1), tiers=[Tier(100, Decimal(2)), Tier(200, Decimal(3))]),
            output_mtok=TieredPrices(base=Decimal(4), tiers=[Tier(200, Decimal(5))]),
            cache_read_mtok=Decimal("0.50"),
        ),
        "standard",
    )
    per = 1_000_000
    assert card["above"] == [
        {"gt": 100, "rates": {"input": ["2", per], "output": ["4", per], "cache_read": ["0.5", per]}},
        {"gt": 200, "rates": {"input": ["3", per], "output": ["5", per], "cache_read": ["0.5", per]}},
    ]


def test_a_price_that_comes_back_is_three_spans():
    cheap, dear = ModelPrice(input_mtok=Decimal(1)), ModelPrice(input_mtok=Decimal(2))
    up, down, same = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
    model = ModelInfo(
        id="m",
        match=None,
        prices=[
            ConditionalPrice(prices=cheap),
            ConditionalPrice(StartDateConstraint(up), prices=dear),
            ConditionalPrice(StartDateConstraint(down), prices=cheap),
            ConditionalPrice(StartDateConstraint(same), prices=cheap),
        ],
    )
    spans = [(one.begin, one.end, one.prices["input_mtok"]) for one in history_of(model, {}, Peak())]
    assert spans == [(None, up, 1), (up, down, 2), (down, None, 1)]
