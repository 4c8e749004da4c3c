"""YAML with its places: every value knows its line, and every fault of a file is collected before anything is said.

Scalars are taken as the text that stands in the file: a price of 0.1 never becomes a float on its way.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from otel_llmcost.errors import ConfigFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

MAX_BYTES: Final = 1_000_000
_MAX_VALUES: Final = 100_000
_SHOWN: Final = 60


@dataclass(slots=True)
class Faults:
    """What is wrong with a file.

    Attributes:
        path: The file.
        found: Line and fault of each.
    """

    path: Path
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, fault: str) -> None:
        """Note a fault at a line, counted from 1."""
        self.found.append((line, fault))

    def raise_if_any(self) -> None:
        """Raise all faults at once, in the order of the file.

        Raises:
            ConfigFileError: There is at least one.
        """
        if self.found:
            raise ConfigFileError([f"{self.path}:{line}: {fault}" for line, fault in sorted(self.found)])


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a file.

    Attributes:
        node: What YAML says it is.
        name: Where it stands: `rates.discounts[0].percent`.
        faults: Where what is wrong with it goes.
    """

    node: yaml.Node
    name: str
    faults: Faults

    @property
    def line(self) -> int:
        """Its line in the file, counted from 1."""
        return int(self.node.start_mark.line) + 1

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands there."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == "tag:yaml.org,2002:null"

    def fault(self, what: str) -> None:
        """Note what is wrong with it."""
        self.faults.add(self.line, f"{self.name}: {what}" if self.name else what)

    def fields(self, known: Collection[str], required: Collection[str] = ()) -> dict[str, Value]:
        """Return the values of an object by key; keys that nobody knows, come twice or are missing are faults."""
        found = self.entries()
        for key in [key for key in found if key not in known]:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            found.pop(key).fault(f"is no key; {hint}")
        for key in required:
            if key not in found and isinstance(self.node, yaml.MappingNode):
                self.fault(f"{key} is missing")
        return found

    def entries(self) -> dict[str, Value]:
        """Return the values of an object whose keys are names of the user's own."""
        if not isinstance(self.node, yaml.MappingNode):
            if not self.is_empty:
                self.fault(f"{self._shown()} stands where an object should be; write key: value")
            return {}
        found: dict[str, Value] = {}
        for key, node in self.node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            value = Value(node, f"{self.name}.{name}" if self.name else name, self.faults)
            if name in found:
                self.faults.add(int(key.start_mark.line) + 1, f"{value.name}: comes twice; keep one")
            elif not value.is_empty:
                found[name] = value
        return found

    def items(self) -> list[Value]:
        """Return the values of a list; a single value is a list of one."""
        if isinstance(self.node, yaml.SequenceNode):
            return [Value(node, f"{self.name}[{number}]", self.faults) for number, node in enumerate(self.node.value)]
        return [] if self.is_empty else [self]

    def rows(self) -> list[Value]:
        """Return the values of a list that has to be one."""
        if isinstance(self.node, yaml.SequenceNode) or self.is_empty:
            return self.items()
        self.fault(f"{self._shown()} stands where a list should be; begin each entry with a dash")
        return []

    def text(self) -> str:
        """Return a text; an object, a list or an empty text is a fault, and gives ''."""
        if isinstance(self.node, yaml.ScalarNode) and self.node.value.strip():
            return str(self.node.value).strip()
        self.fault(f"{self._shown()} stands where a text should be")
        return ""

    def texts(self) -> tuple[str, ...]:
        """Return the texts of a list, or of a single one."""
        return tuple(filter(None, (item.text() for item in self.items())))

    def read(self, parse: Callable[[str], Any], expected: str) -> Any:
        """Return what `parse` makes of the text; where it raises ValueError that is a fault, and gives None.

        Args:
            parse: Reads the text.
            expected: What should stand there, with an example.
        """
        text = self.text()
        if not text:
            return None
        try:
            return parse(text)
        except (ValueError, ArithmeticError):
            self.fault(f"{self._shown()} is not {expected}")
            return None

    def one_of(self, known: Sequence[str]) -> str:
        """Return a text out of several; any other is a fault, and gives ''."""
        text = self.text()
        if not text or text in known:
            return text
        near = difflib.get_close_matches(text, known, n=1)
        self.fault(f"{self._shown()} is unknown; " + (f"did you mean {near[0]}?" if near else f"{', '.join(known)}"))
        return ""

    def plain(self) -> Any:
        """Return it as dicts, lists and texts, for a digest; a file whose anchors blow up is a fault."""
        budget = iter(range(_MAX_VALUES))
        try:
            return _plain(self.node, budget)
        except (StopIteration, RecursionError):
            self.fault(f"holds more than {_MAX_VALUES} values, each anchor written out; write fewer")
            return None

    def _shown(self) -> str:
        if isinstance(self.node, yaml.ScalarNode):
            text = str(self.node.value)
            return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…") if text else "nothing"
        return "an object" if isinstance(self.node, yaml.MappingNode) else "a list"


def read_yaml(content: bytes, faults: Faults) -> Value | None:
    """Return what a file holds, None for an empty one or one that is no YAML."""
    if len(content) > MAX_BYTES:
        faults.add(1, f"the file has {len(content)} bytes, {MAX_BYTES} are allowed")
        return None
    try:
        node = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        faults.add(mark.line + 1 if mark else 1, f"no YAML: {problem}")
        return None
    return None if node is None else Value(node, "", faults)


def _plain(node: yaml.Node, budget: Iterator[int]) -> Any:
    next(budget)
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _plain(value, budget) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value, budget) for value in node.value]
    return str(node.value).strip()
