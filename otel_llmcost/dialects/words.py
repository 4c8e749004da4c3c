"""What differs from call to call, and by which attributes it is told: texts, numbers, and the counts of the usage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_llmcost import semconv
from otel_llmcost.attribution import NAMES
from otel_llmcost.dialects.counts import UNCACHED
from otel_llmcost.dialects.genai import COUNTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.dialects.wire import Ints

PAYERS: Final = ("tenant", "user", "session_id", "request_id", "parent_request_id")
"""The fields of `Attribution` that differ from call to call."""

VARYING: Final = frozenset(PAYERS) - {"tenant"}
"""Those by which calls by column are not told apart before somebody decides who pays."""

NUMBERS: Final = ("max_output_tokens", "input_bytes", "tool_call_count", "prompt_bytes")

RULES: Final = (
    "",
    UNCACHED,
    "exclusive:cache_exceeds_input",
    "inclusive:scope",
    "exclusive:scope",
    "inclusive:total",
    "exclusive:total",
    "inclusive:assumed",
    "exclusive:assumed",
)
"""How an input was read; `counts` says what they mean."""

_RULE: Final = {rule: number for number, rule in enumerate(RULES)}
_ALSO: Final = {"session_id": (semconv.SESSION_ID, semconv.GEN_AI_CONVERSATION_ID), "user": (semconv.USER_ID,)}


@dataclass(frozen=True, slots=True)
class Words:
    """Attributes by what they tell; the first that is there counts.

    Attributes:
        texts: By field of `LLMCall` or `Attribution`.
        wholes: By field of `LLMCall`, or by the name of a count.
    """

    texts: Mapping[str, tuple[str, ...]]
    wholes: Mapping[str, tuple[str, ...]]
    names: frozenset[str] = field(init=False)
    """All attributes of both."""

    def __post_init__(self) -> None:
        """Gather the names."""
        told = (*self.texts.values(), *self.wholes.values(), (semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,))
        object.__setattr__(self, "names", frozenset(name for names in told for name in names))


OURS: Final = Words(
    texts={
        "response_id": (semconv.GEN_AI_RESPONSE_ID,),
        "provider_request_id": (semconv.PROVIDER_REQUEST_ID,),
        "prompt_hash": (semconv.PROMPT_HASH,),
        "request_hash": (semconv.REQUEST_HASH,),
        **{name: (semconv.ATTRIBUTION_ATTRIBUTES[name],) for name in PAYERS},
    },
    wholes={
        "max_output_tokens": (semconv.GEN_AI_REQUEST_MAX_TOKENS,),
        "input_bytes": (semconv.INPUT_BYTES,),
        "tool_call_count": (semconv.TOOL_CALL_COUNT,),
        "prompt_bytes": (semconv.PROMPT_BYTES,),
        "cache_write": (semconv.GEN_AI_USAGE_CACHE_WRITE,),
        **{name: (attribute,) for name, attribute in semconv.USAGE_ATTRIBUTES.items()},
    },
)
THEIRS: Final = Words(
    texts={
        "response_id": (semconv.GEN_AI_RESPONSE_ID,),
        "provider_request_id": semconv.TOLD_REQUEST_ID,
        **{name: (semconv.ATTRIBUTION_ATTRIBUTES[name], *_ALSO.get(name, ())) for name in PAYERS},
    },
    wholes={"max_output_tokens": (semconv.GEN_AI_REQUEST_MAX_TOKENS,), **COUNTS},
)
assert set(PAYERS) <= set(NAMES)


def our_counts(told: Mapping[str, Ints]) -> dict[str, Ints]:
    """Return the counts of our own calls by the fields of `Usage`."""
    counts = {name: column for name, column in told.items() if name in semconv.USAGE_ATTRIBUTES}
    written, for_an_hour = told["cache_write"], counts["cache_write_1h_tokens"]
    return {**counts, "cache_write_5m_tokens": written - for_an_hour}


def their_counts(told: Mapping[str, Ints], known: Ints, assumed: Ints) -> tuple[dict[str, Ints], Ints]:
    """Return the counts of calls that others tell of by the fields of `Usage`, and the place of the rule in `RULES`.

    The same as `counts.usage_of`, call by call.

    Args:
        told: The counts by the names of `Counts`, and of its `more`; 0 where nothing was told.
        known: What the scope is known to mean, by the place of that rule in `RULES`; 0 where that is not known.
        assumed: What is taken to be meant where the counts do not show it, likewise.
    """
    input_, output, total = told["input"], told["output"], told["total"]
    read, written = told["cache_read"], told["cache_write"]
    for_an_hour = np.minimum(told["cache_write_1h"], written)
    cached = read + written
    rule = np.select(
        [
            cached == 0,
            (cached > input_) & (known != _RULE["exclusive:scope"]),
            known != 0,
            total == input_ + cached + output,
            total == input_ + output,
        ],
        [
            np.full_like(known, _RULE[UNCACHED]),
            np.full_like(known, _RULE["exclusive:cache_exceeds_input"]),
            known,
            np.full_like(known, _RULE["exclusive:total"]),
            np.full_like(known, _RULE["inclusive:total"]),
        ],
        assumed,
    )
    is_exclusive = np.isin(rule, _EXCLUSIVE)
    counts = {
        "input_tokens": np.where(is_exclusive, input_ + cached, input_),
        "cache_read_tokens": read,
        "cache_write_5m_tokens": written - for_an_hour,
        "cache_write_1h_tokens": for_an_hour,
        "output_tokens": output,
        "reasoning_tokens": told["reasoning"],
        **{name: column for name, column in told.items() if name in semconv.USAGE_ATTRIBUTES},
    }
    return counts, rule


_EXCLUSIVE: Final = [number for number, rule in enumerate(RULES) if rule.startswith("exclusive")]


def rule_of(meaning: str, source: str) -> int:
    """Return the place of a rule in `RULES`, 0 for a meaning that is empty."""
    return _RULE[f"{meaning}:{source}"] if meaning else 0
