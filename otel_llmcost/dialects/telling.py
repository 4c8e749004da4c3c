"""One span or log record in which somebody may tell of a call, decoded once from whatever carried it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A span, or a log record in the shape of one.

    Attributes:
        scope_name: The instrumentation scope, scope_version its version.
        name: The span's name, or the event's.
        trace_id: 32 lowercase hex digits, empty for a log record outside of any trace.
        span_id: 16 lowercase hex digits, of a log record those of the span that it was written in.
        parent_span_id: 16 lowercase hex digits, empty for a root.
        started_at_ns: Unix nanoseconds, ended_at_ns likewise; a log record has one moment.
        attributes: Values as Python has them: text, bool, int, float, lists of those.
        resource: The attributes of the process that told it.
        is_error: Whether its status says so.
    """

    scope_name: str
    scope_version: str = ""
    name: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    started_at_ns: int = 0
    ended_at_ns: int = 0
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    is_error: bool = False

    def text(self, *names: str) -> str:
        """Return the first of these attributes that holds text, empty for none."""
        return next((value for name in names if isinstance(value := self.attributes.get(name), str) and value), "")

    def count(self, *names: str) -> int | None:
        """Return the first of these attributes that holds a whole number, None for none."""
        return next((count for name in names if (count := whole(self.attributes.get(name))) is not None), None)

    def texts(self, *names: str) -> str:
        """Return the first of these attributes that holds text or a list of texts, joined by commas."""
        for name in names:
            value = self.attributes.get(name)
            if isinstance(value, str | list | tuple) and value:
                return joined(value)
        return ""

    def is_before(self, *release: int) -> bool:
        """Tell whether its scope says its version, and that is one before a release."""
        if not (told := _VERSION.match(self.scope_version)):
            return False
        return tuple(map(int, told[0].split("."))) < release

    def named(self, belongs: Callable[[str], bool]) -> dict[str, Any]:
        """Return the attributes whose names belong to something."""
        return {name: value for name, value in self.attributes.items() if belongs(name)}

    def means(self, known: str, assumed: str, *, is_amended: bool) -> None:
        """Be told what its counts mean; whoever reads in bulk wants to know."""

    def flag(self, *names: str) -> bool:
        """Tell whether one of these attributes is true; some write it as text."""
        return any(self.attributes.get(name) in _TRUE for name in names)


_VERSION: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})*")
_TRUE: Final = (True, "True", "true")


def whole(value: object) -> int | None:
    """Return a number that is whole, None for anything else. JavaScript's are doubles."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def joined(values: str | Iterable[object]) -> str:
    """Return texts joined by commas, as a record keeps several finish reasons."""
    return values if isinstance(values, str) else ",".join(map(str, values))
