"""Calls by column: what many of them say alike is said once, in a pattern, and the rest in a column for each field."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from otel_llmcost.attribution import NAMES
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.wire import Bytes, Flags, Ints

_OF_PAYER: Final = frozenset(NAMES)
_DAY_NS: Final = 86_400_000_000_000


@dataclass(slots=True, kw_only=True)
class CallBatch:
    """Calls by column.

    Attributes:
        patterns: Calls of which everything holds that has no column.
        form: Which pattern each call follows.
        frame: Which of the requests each came in.
        trace_id: 16 bytes each; span_id 8, parent_span_id 8.
        has_parent: Which have a parent.
        started_at_ns: Unix nanoseconds; duration_ns nanoseconds.
        texts: Fields of `LLMCall` and `Attribution` that differ from call to call; empty where not told.
        numbers: Fields of `LLMCall` with a number, and for which calls it was told.
        counts: Fields of `Usage`, of the calls whose pattern has a usage.
        semantics: `input_semantics`, by its place in `rules`.
        rules: The texts of that.
    """

    patterns: list[LLMCall]
    form: Ints
    frame: Ints
    trace_id: Bytes
    span_id: Bytes
    parent_span_id: Bytes
    has_parent: Flags
    started_at_ns: Ints
    duration_ns: Ints
    texts: dict[str, pa.Array] = field(default_factory=dict)
    numbers: dict[str, tuple[Ints, Flags]] = field(default_factory=dict)
    counts: dict[str, Ints] = field(default_factory=dict)
    semantics: Ints
    rules: Sequence[str]

    def __len__(self) -> int:
        """Return how many calls there are."""
        return int(self.form.size)

    def call(self, place: int) -> LLMCall:
        """Return one of the calls."""
        pattern = self.patterns[self.form[place]]
        said: dict[str, Any] = {name: column[place].as_py() for name, column in self.texts.items()}
        payer = {name: said.pop(name) for name in tuple(said) if name in _OF_PAYER}
        for name, (column, is_told) in self.numbers.items():
            said[name] = int(column[place]) if is_told[place] else None
        if pattern.usage is not None:
            said["usage"] = Usage(**{name: int(column[place]) for name, column in self.counts.items()})
        call: LLMCall = replace(
            pattern,
            trace_id=self.trace_id[place].tobytes().hex(),
            span_id=self.span_id[place].tobytes().hex(),
            parent_span_id=self.parent_span_id[place].tobytes().hex() if self.has_parent[place] else "",
            started_at_ns=int(self.started_at_ns[place]),
            duration_ns=int(self.duration_ns[place]),
            attribution=replace(pattern.attribution, **payer),
            input_semantics=self.rules[self.semantics[place]],
            **said,
        )
        return call

    def take(self, places: Ints) -> CallBatch:
        """Return some of the calls."""
        chosen = pa.array(places)
        return CallBatch(
            patterns=self.patterns,
            form=self.form[places],
            frame=self.frame[places],
            trace_id=self.trace_id[places],
            span_id=self.span_id[places],
            parent_span_id=self.parent_span_id[places],
            has_parent=self.has_parent[places],
            started_at_ns=self.started_at_ns[places],
            duration_ns=self.duration_ns[places],
            texts={name: column.take(chosen) for name, column in self.texts.items()},
            numbers={name: (column[places], told[places]) for name, (column, told) in self.numbers.items()},
            counts={name: column[places] for name, column in self.counts.items()},
            semantics=self.semantics[places],
            rules=self.rules,
        )

    def changed(self, change: Callable[[LLMCall], LLMCall], edges: Sequence[int] = ()) -> CallBatch:
        """Return the calls after a change that depends on what they say alike, the tenant, the day and nothing else.

        Args:
            change: Changes who pays or under which provider a call is; it may change the call that it is given.
            edges: Unix nanoseconds at which it may change otherwise than at midnight UTC.
        """
        cell, _ = mixed((self.form, len(self.patterns)), densely(self.started_at_ns // _DAY_NS))
        if edges:
            cell, _ = mixed(
                densely(cell), densely(np.searchsorted(np.array(sorted(edges)), self.started_at_ns, "right"))
            )
        texts = dict(self.texts)
        if tenants := texts.pop("tenant", None):
            codes = tenants.dictionary_encode().indices.to_numpy().astype(np.int64)
            cell, _ = mixed(densely(cell), densely(codes))
        _, samples, form = np.unique(cell, return_index=True, return_inverse=True)
        patterns = [change(self.call(place)) for place in samples.tolist()]
        return replace(self, patterns=patterns, form=form.astype(np.int64), texts=texts)


def densely(codes: Ints) -> tuple[Ints, int]:
    """Return numbers for codes, as few as there are different ones, and how many those are."""
    different, numbers = np.unique(codes, return_inverse=True)
    return numbers.astype(np.int64), max(different.size, 1)


def mixed(one: tuple[Ints, int], other: tuple[Ints, int]) -> tuple[Ints, int]:
    """Return codes that differ where either of two differs, and the number that all are below."""
    if one[1] * other[1] >= 2**62:
        one, other = densely(one[0]), densely(other[0])
    return one[0] * other[1] + other[0], one[1] * other[1]
