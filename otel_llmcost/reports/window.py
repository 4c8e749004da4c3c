"""The time that a report looks at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open time: calls that started in `[since_ns, until_ns)`.

    Attributes:
        since_ns: Unix nanoseconds of the first moment.
        until_ns: Unix nanoseconds of the first moment after it.
        timezone: The IANA name of the zone in which days and hours are counted.
    """

    since_ns: int
    until_ns: int
    timezone: str = "UTC"

    def parameters(self) -> dict[str, object]:
        """Return the window as the parameters of a query."""
        return {"since_ns": self.since_ns, "until_ns": self.until_ns, "timezone": self.timezone}
