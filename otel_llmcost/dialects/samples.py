"""A telling that stands for others: it notes what it was asked for, and what its counts were said to mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otel_llmcost.dialects.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVERYTHING: Final = "*"
"""What was asked for where somebody went over all attributes."""


class Watched(dict[str, Any]):
    """Attributes that note which of them were asked for."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(said)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, and note its name."""
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        """Return a value, and note its name."""
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a value, and note its name."""
        self.asked.add(str(name))
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over all names, and note that."""
        self.asked.add(EVERYTHING)
        return super().__iter__()

    def items(self) -> Any:
        """Return all names with their values, and note that."""
        self.asked.add(EVERYTHING)
        return super().items()


class Meant(NamedTuple):
    """What the counts of a telling were said to mean: the arguments of `Telling.means`."""

    known: str
    assumed: str
    is_amended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Telling):
    """A telling that stands for others.

    Attributes:
        attributes: Its attributes, which note what is asked for.
        meant: What its counts were said to mean.
    """

    attributes: Watched
    meant: list[Meant] = field(default_factory=list)

    def named(self, belongs: Callable[[str], bool]) -> dict[str, Any]:
        """Return the attributes whose names belong to something; whoever asks so asks for no other."""
        return {name: value for name, value in dict.items(self.attributes) if belongs(name)}

    def means(self, known: str, assumed: str, *, is_amended: bool) -> None:
        """Note what the counts mean."""
        self.meant.append(Meant(known, assumed, is_amended))
