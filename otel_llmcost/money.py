"""Money is an integer of pico-USD (1e-12 USD).

Every first-party rate is a whole number of pico-USD a unit; nano-USD is not enough (a cached flex token
of a small model costs 2,500 pico-USD). Decimal appears where text comes in or goes out, float never.
"""

from __future__ import annotations

from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow, localcontext
from typing import Final, NewType

from otel_llmcost.errors import MoneyError

PicoUSD = NewType("PicoUSD", int)

PICO_PER_USD: Final = 10**12

ROW_LIMIT: Final = PicoUSD(1_000_000 * PICO_PER_USD)
"""What one row of Decimal(18, 12) holds is below this; the client stores more without a word."""

_EXACT: Final = Context(prec=60, traps=[InvalidOperation, Overflow, Inexact])
"""Arithmetic that stops where it would have to round."""


def pico_usd(usd: str | int | Decimal) -> PicoUSD:
    """Return an amount of USD as pico-USD, exactly.

    Args:
        usd: An amount in USD as text, whole number or Decimal; floats are refused.

    Raises:
        TypeError: `usd` is a float or of another type.
        MoneyError: `usd` is no number, or needs more than twelve decimals.
    """
    if isinstance(usd, bool) or not isinstance(usd, str | int | Decimal):
        msg = f"money must be str, int or Decimal, not {type(usd).__name__}"
        raise TypeError(msg)
    try:
        with localcontext(_EXACT):
            scaled = Decimal(usd) * PICO_PER_USD
            whole = scaled.to_integral_value()
    except DecimalException as exc:
        msg = f"not an amount of money: {usd!r}"
        raise MoneyError(msg) from exc
    if not scaled.is_finite() or whole != scaled:
        msg = f"{usd} USD is not a whole number of pico-USD"
        raise MoneyError(msg)
    return PicoUSD(int(whole))


def half_even(amount: int, parts: int) -> PicoUSD:
    """Return `amount` pico-USD divided by `parts` (above 0), rounded to the nearest, from the middle to the even one.

    The only rounding of money there is: for prices by the hour, and for negotiated discounts.
    """
    whole, rest = divmod(amount, parts)
    return PicoUSD(whole + (2 * rest > parts or (2 * rest == parts and whole % 2)))


def to_text(amount: PicoUSD) -> str:
    """Return pico-USD as plain decimal text in USD, without trailing zeros: `"0.018"`, `"0"`."""
    sign, digits = ("-" if amount < 0 else ""), abs(int(amount))
    whole, fraction = divmod(digits, PICO_PER_USD)
    decimals = f"{fraction:012d}".rstrip("0")
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"
