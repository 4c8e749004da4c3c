"""Every error of ours.

LLMCostError
├── InvalidUsageError          counts that contradict each other: recorded, never priced
├── MoneyError                 a sum that pico-USD or its column cannot hold exactly
├── PricingError               the cost is unknown — not zero
│   ├── UnknownModelError      .provider .model .nearest
│   └── NoRateInEffectError    .provider .model .at
├── RateTableError             a rate table that cannot be read or breaks its own rules
├── ConfigError                a setting that cannot be used; names its place and the fix
│   └── ConfigFileError        .faults: everything that is wrong with a file, a line each
├── SpoolError                 the spool directory cannot be used; names the path and the fix
│   ├── SpoolFullError         retryable: it holds as much as it may
│   └── CorruptSegmentError    .path .offset .reason
├── DeliveryError              a contact point did not take a message; its words hold no secret
└── StoreError                 the store cannot be used
    ├── StoreUnreachableError  retryable: try the same again later
    ├── StoreRefusedError      permanent: the same input fails again
    └── QueryRefusedError      .code: a query that cannot be answered, or must not be
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path


class LLMCostError(Exception):
    """The root of every error of ours."""


class InvalidUsageError(LLMCostError, ValueError):
    """Counts that contradict each other, such as more cached tokens than input tokens."""


class MoneyError(LLMCostError, ArithmeticError):
    """An amount that cannot be held exactly in pico-USD, or is beyond the column that stores it."""


class PricingError(LLMCostError):
    """The cost of a call is unknown, which is not the same as zero."""


class UnknownModelError(PricingError):
    """No rate card names this model.

    Attributes:
        provider: The provider asked for, as semconv names it.
        model: The model asked for.
        nearest: At most three model names that look alike, the closest first.
    """

    def __init__(self, provider: str, model: str, nearest: Sequence[str] = ()) -> None:
        self.provider, self.model, self.nearest = provider, model, tuple(nearest)
        hint = f"; nearest names: {', '.join(self.nearest)}" if self.nearest else ""
        super().__init__(f"no rate card for {provider}/{model}{hint}")


class NoRateInEffectError(PricingError):
    """The model is known, but no rate of it was in force at that moment.

    Attributes:
        provider: The provider asked for, as semconv names it.
        model: The model asked for.
        at: The moment asked for, in UTC.
    """

    def __init__(self, provider: str, model: str, at: datetime) -> None:
        self.provider, self.model, self.at = provider, model, at
        super().__init__(f"no rate in effect for {provider}/{model} at {at.isoformat()}")


class RateTableError(LLMCostError):
    """A rate table that cannot be read, or that breaks its own rules."""


class ConfigError(LLMCostError, ValueError):
    """A setting that cannot be used. The message names the setting, its value and the fix."""


class ConfigFileError(ConfigError):
    """A file of settings that cannot be used.

    Attributes:
        faults: Everything that is wrong with it, each with file, line and fix.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class SpoolError(LLMCostError, OSError):
    """The spool directory cannot be used. The message names the path and the fix."""


class SpoolFullError(SpoolError):
    """Retryable: the spool holds as much as it may, until somebody drains it."""


class CorruptSegmentError(SpoolError):
    """A segment of which only the frames before `offset` can be read.

    Attributes:
        path: The segment file.
        offset: Bytes from the start up to which the file is sound.
        reason: What is wrong behind it.
        count: How many frames or spans are lost by it.
    """

    def __init__(self, path: Path, offset: int, reason: str, *, count: int = 1) -> None:
        self.path, self.offset, self.reason, self.count = path, offset, reason, count
        super().__init__(f"{path}: {reason} at byte {offset}")


class DeliveryError(LLMCostError):
    """A contact point did not take a message. What it says holds neither addresses of webhooks nor keys.

    Attributes:
        is_partly: Whether some of its readers got it all the same.
    """

    def __init__(self, fault: str, *, is_partly: bool = False) -> None:
        self.is_partly = is_partly
        super().__init__(fault)


class StoreError(LLMCostError):
    """The store cannot be used."""


class StoreUnreachableError(StoreError):
    """Retryable: nobody answers at the DSN, or the answer was lost."""


class StoreRefusedError(StoreError):
    """Permanent: the store understood the request and refuses it."""


class QueryRefusedError(StoreError):
    """A query that cannot be answered, or must not be.

    Attributes:
        code: ClickHouse's own number of the error.
    """

    def __init__(self, code: int, said: str) -> None:
        self.code = code
        super().__init__(said)
