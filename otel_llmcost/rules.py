"""Rules that say who pays for calls which do not say so themselves.

A rule fills in what is missing and never contradicts a span. The rules are asked in the order of the file; each one
that matches fills in what is still missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from otel_llmcost.attribution import NAMES, NOBODY, Attribution

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from otel_llmcost.call import LLMCall

OF_CALL: Final = (
    "billing_account_id",
    "call_site",
    "credential_id",
    "operation",
    "prompt_name",
    "provider",
    "request_model",
    "response_model",
    "scope_name",
    "server_address",
    "service_name",
    "service_version",
    "sub_account_id",
)
"""Fields of `LLMCall` that a rule may ask for; those of `Attribution` besides."""

ASKED: Final = tuple(sorted({*OF_CALL, *NAMES}))
SAID: Final = ("feature", "team", "environment", "tenant", "agent", "workload")
"""What a rule may say."""

_FROM_CALL: Final = frozenset(OF_CALL)
_MAX_REMEMBERED: Final = 8192


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        match: Fields with the patterns of which one has to match, as a shell has them (`*`, `?`, `[ab]`).
        says: Who pays.
        from_ns: Unix nanoseconds at which it begins to hold; None for ever since.
        to_ns: Unix nanoseconds before which it holds; None for until further notice.
    """

    match: tuple[tuple[str, tuple[str, ...]], ...]
    says: Attribution
    from_ns: int | None = None
    to_ns: int | None = None

    def holds_at(self, at_ns: int) -> bool:
        """Tell whether it holds at a moment."""
        return (self.from_ns is None or at_ns >= self.from_ns) and (self.to_ns is None or at_ns < self.to_ns)


class Rules:
    """All rules of a set-up. Whether their patterns match is remembered by what they ask for.

    Args:
        rules: In the order of the file.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = tuple(rules)
        self._asked = tuple(sorted({name for rule in rules for name, _ in rule.match}))
        self._matching: dict[tuple[str, ...], tuple[Rule, ...]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._rules)

    def edges_unless(self, asked: Collection[str]) -> Sequence[int] | None:
        """Return the Unix nanoseconds at which a rule begins or ends; None where one asks for any of these fields."""
        if not set(self._asked).isdisjoint(asked):
            return None
        return sorted({at for rule in self._rules for at in (rule.from_ns, rule.to_ns) if at is not None})

    def attribute(self, call: LLMCall) -> None:
        """Fill in who pays, where the call does not say it and a rule does. The call has to be the caller's own."""
        if not self._rules:
            return
        said = tuple(_field(call, name) for name in self._asked)
        matching = self._matching.get(said)
        if matching is None:
            if len(self._matching) >= _MAX_REMEMBERED:
                self._matching.clear()
            known = dict(zip(self._asked, said, strict=True))
            matching = self._matching[said] = tuple(rule for rule in self._rules if _matches(rule, known))
        for rule in matching:
            if rule.holds_at(call.started_at_ns):
                if rule.says.feature and not call.attribution.feature:
                    call.feature_source = "rule"
                call.attribution = rule.says if call.attribution is NOBODY else call.attribution.over(rule.says)


def _field(call: LLMCall, name: str) -> str:
    return str(getattr(call if name in _FROM_CALL else call.attribution, name))


def _matches(rule: Rule, known: dict[str, str]) -> bool:
    return all(any(fnmatchcase(known[name], pattern) for pattern in patterns) for name, patterns in rule.match)
