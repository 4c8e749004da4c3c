"""Numbers as people read them, by Grafana's names of units.

The numbers of one column share their scale and their decimals, so that they can be compared at a glance; as many
decimals are shown as the largest of them needs. What is too small for that is said to be small, and never shown as 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

USD: Final = "currencyUSD"
SHARE: Final = "percentunit"
SECONDS: Final = "s"
NANOSECONDS: Final = "ns"
RATIO: Final = "none"

UNKNOWN: Final = "\N{EN DASH}"
SPACE: Final = "\N{NARROW NO-BREAK SPACE}"
MINUS: Final = "\N{MINUS SIGN}"

_DURATIONS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"))
_WHOLE_FROM: Final = {USD: 10_000, SHARE: 10}
"""From where on the figures behind the point say nothing any more."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one column are written.

    Attributes:
        unit: Grafana's name of it.
        factor: What a number is divided by.
        decimals: Figures behind the point.
        prefix: What stands before a number.
        suffix: What stands behind it.
        is_signed: Whether a plus is written.
    """

    unit: str
    factor: float
    decimals: int
    prefix: str = ""
    suffix: str = ""
    is_signed: bool = False

    def text(self, value: float | None) -> str:
        """Return a number as it is read; None is unknown."""
        if value is None or not math.isfinite(value):
            return UNKNOWN
        scaled = abs(value) / self.factor
        least = 10.0**-self.decimals
        is_small = 0 < scaled < least / 2 and not self.is_signed
        digits = f"{least if is_small else scaled:,.{self.decimals}f}"
        is_nothing = not is_small and scaled < least / 2
        sign = "" if is_nothing else MINUS if value < 0 else "+" if self.is_signed else ""
        return f"{'<' + SPACE if is_small else ''}{sign}{self.prefix}{digits}{self.suffix}"


def scale_of(
    values: Sequence[float | None], unit: str, *, figures: int = 3, is_signed: bool = False, is_single: bool = False
) -> Scale:
    """Return how numbers that stand together are written.

    Args:
        values: All of them; None is unknown.
        unit: Grafana's name of their unit.
        figures: How many figures the largest keeps at least where it is below 1.
        is_signed: Whether a plus is written, as of a change.
        is_single: Whether one number stands alone and large, where less is more.
    """
    known = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(known, default=0.0)
    if unit == USD:
        is_whole = is_single and largest >= _WHOLE_FROM[USD]
        return Scale(unit, 1, 0 if is_whole else max(2, _decimals(largest, figures)), "$", is_signed=is_signed)
    if unit == SHARE:
        is_whole = largest >= _WHOLE_FROM[SHARE] or (is_single and all(value in (0, 1) for value in known))
        return Scale(unit, 0.01, 0 if is_whole else 1, suffix=f"{SPACE}%", is_signed=is_signed)
    if unit in (SECONDS, NANOSECONDS):
        return _duration(largest * (1e-9 if unit == NANOSECONDS else 1), unit, is_signed=is_signed)
    are_whole = all(value == int(value) for value in known)
    if unit == RATIO:
        return Scale(unit, 1, 0 if are_whole else 2, is_signed=is_signed)
    return Scale(unit, 1, 0 if are_whole or largest >= 100 else 1, is_signed=is_signed)  # noqa: PLR2004 - see above


def moment(value: datetime) -> str:
    """Return a moment as it is read, in UTC: `22 Nov 06:05`."""
    return f"{value.day} {value.astimezone(UTC):%b %H:%M}"


def _duration(largest_s: float, unit: str, *, is_signed: bool) -> Scale:
    factor, name = next(((size, name) for size, name in _DURATIONS if largest_s >= size), _DURATIONS[-1])
    if not largest_s:
        factor, name = 1, "s"
    decimals = 0 if largest_s / factor >= 100 else max(0, _decimals(largest_s / factor, 3))  # noqa: PLR2004
    whole = name == "ms" or (name == "s" and largest_s == int(largest_s))
    scale = factor * (1e9 if unit == NANOSECONDS else 1)
    return Scale(unit, scale, 0 if whole else decimals, suffix=f"{SPACE}{name}", is_signed=is_signed)


def _decimals(largest: float, figures: int) -> int:
    """Return the decimals with which a number shows so many figures."""
    return figures - 1 - math.floor(math.log10(largest)) if largest else 0
