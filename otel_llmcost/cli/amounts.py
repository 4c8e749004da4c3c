"""Numbers as people read them. Money keeps every digit; only what is no money is rounded."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from otel_llmcost.money import PICO_PER_USD, PicoUSD, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

UNPRICED: Final = "unpriced"
UNATTRIBUTED: Final = "(unattributed)"


def money(amount: PicoUSD | None) -> str:
    """Return an exact amount, `$1,234.5`; an unknown one is named and never 0."""
    if amount is None:
        return UNPRICED
    sign, digits = ("-" if amount < 0 else ""), to_text(PicoUSD(abs(amount)))
    whole, _, decimals = digits.partition(".")
    return f"{sign}${int(whole):,}" + (f".{decimals}" if decimals else "")


def money_column(amounts: Sequence[PicoUSD | None]) -> list[str]:
    """Return exact amounts with as many decimals as the longest of them has, so that their points stand in line."""
    known = [to_text(amount) for amount in amounts if amount is not None]
    places = max((len(text.partition(".")[2]) for text in known), default=0)
    return [UNPRICED if amount is None else _padded(money(amount), places) for amount in amounts]


def rounded_money(amount: PicoUSD | None) -> str:
    """Return an amount to the cent, or to two digits that say something, for sentences; `≈` marks a rounded one."""
    if amount is None:
        return UNPRICED
    usd = Decimal(amount) / PICO_PER_USD
    places = 2 if abs(usd) >= 1 or not usd else 1 - usd.adjusted()
    short = usd.quantize(Decimal(1).scaleb(-places))
    return f"{'' if short == usd else '≈ '}${short:,f}"


def text_of(amount: PicoUSD | None) -> str | None:
    """Return an amount as exact decimal text, for JSON."""
    return None if amount is None else to_text(amount)


def count(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}"


def percent(share: Decimal | None) -> str:
    """Return a share as `43.9 %`; all and nothing are said only where they are exact."""
    if share is None:
        return "-"
    shown = (share * 100).quantize(Decimal("0.1"))
    if shown == 100 and share != 1:  # noqa: PLR2004 - per cent
        return "> 99.9 %"
    if not shown and share:
        return "< 0.1 %"
    return f"{shown} %"


def size(size_bytes: int) -> str:
    """Return a size in the unit that suits it."""
    value = Decimal(size_bytes)
    for unit in ("bytes", "KB", "MB"):
        if value < 1_000:  # noqa: PLR2004 - decimal prefixes
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1_000
    return f"{value:.1f} GB"


def plural(number: int, word: str) -> str:
    """Return `1 call`, `2 calls`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _padded(text: str, places: int) -> str:
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<{places}}" if places else whole
