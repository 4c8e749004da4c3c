"""Tombstones: calls of somebody who was erased do not come back, from whatever waits in a segment or is told again.

Remembered are salted hashes, with the moment of the erasure: of the tenant or user, for calls that name them; and of
the traces of their calls, for what another library tells there and names nobody. What began later is let in again.
A writer asks before every batch, and mostly the answer is: nobody.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from otel_llmcost.store.settle import LISTED_IDS, MAX_IDS, as_lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from otel_llmcost.store.engine import Engine
    from otel_llmcost.store.rows import PricedCall

SALT: Final = "salt"
TRACE: Final = "trace"

_PEOPLE: Final = """
SELECT
    kind,
    subject,
    toUnixTimestamp64Micro(erased_at)
FROM erased
WHERE kind != 'trace'
ORDER BY
    kind,
    subject
"""
_TRACES: Final = """
SELECT
    subject,
    toUnixTimestamp64Micro(erased_at)
FROM erased
WHERE kind = 'trace'
    AND subject IN (SELECT arrayJoin({ids}))
""".replace("{ids}", LISTED_IDS)
_REMEMBER: Final = "INSERT INTO erased_log (kind, subject) SELECT {kind:String}, {subject:String}"
_REMEMBER_TRACES: Final = """
INSERT INTO erased_log (kind, subject)
SELECT DISTINCT
    'trace',
    lower(hex(substring(SHA256(concat({salt:String}, 'trace:', trace_id)), 1, 16)))
FROM llm_calls_log
WHERE {column} = {value:String}
"""


def subject_of(salt: str, kind: str, name: str) -> str:
    """Return what stands for a name in the store."""
    return hashlib.sha256(f"{salt}{kind}:{name}".encode()).hexdigest()[:32]


def salt_of(engine: Engine) -> str:
    """Return what goes into every hash of this store, which is made with the first erasure."""
    salts = [subject for kind, subject, _ in engine.query(_PEOPLE).result_rows if kind == SALT]
    if not salts:
        engine.change(_REMEMBER, {"kind": SALT, "subject": secrets.token_hex(16)})
        return salt_of(engine)  # somebody else may have made one at the same moment
    return str(salts[0])


def remember(engine: Engine, kind: str, name: str, column: str) -> None:
    """Have calls of a tenant or user that began before this moment refused, and what else is told in their traces."""
    salt = salt_of(engine)
    engine.change(_REMEMBER, {"kind": kind, "subject": subject_of(salt, kind, name)})
    engine.change(_REMEMBER_TRACES.replace("{column}", column), {"salt": salt, "value": name})


class Named(NamedTuple):
    """Whom a call names; its trace where it is another library's and names nobody, else that is empty."""

    tenant: str
    user: str
    trace_id: str
    started_at_ns: int

    @classmethod
    def by(cls, row: PricedCall) -> Self:
        """Return it for a row."""
        who, call = row.call.attribution, row.call
        names_nobody = call.dialect and not (who.tenant or who.user)
        return cls(who.tenant, who.user, call.trace_id if names_nobody else "", call.started_at_ns)


@dataclass(frozen=True, slots=True)
class Erased:
    """Who was erased.

    Attributes:
        salts: What goes into the hashes.
        people: When each was erased, in Unix nanoseconds, by kind and hash; empty where nobody was.
    """

    salts: Sequence[str]
    people: Mapping[tuple[str, str], int]

    @classmethod
    def known(cls, engine: Engine) -> Self:
        """Return whom a store remembers."""
        rows = engine.query(_PEOPLE).result_rows
        return cls(
            [subject for kind, subject, _ in rows if kind == SALT],
            {(kind, subject): int(erased_us) * 1_000 for kind, subject, erased_us in rows if kind != SALT},
        )

    def places(self, engine: Engine, calls: Sequence[Named]) -> list[int]:
        """Return the places of the calls that must not be written."""
        traces = {call.trace_id for call in calls if call.trace_id}
        gone_ns = {
            **self._gone("tenant", {call.tenant for call in calls}, self.people),
            **self._gone("user", {call.user for call in calls}, self.people),
            **self._gone(TRACE, traces, self._traces(engine, traces)),
        }
        if not gone_ns:
            return []
        return [
            place
            for place, call in enumerate(calls)
            if any(
                call.started_at_ns < gone_ns.get(key, 0)
                for key in (("tenant", call.tenant), ("user", call.user), (TRACE, call.trace_id))
            )
        ]

    def _gone(
        self, kind: str, names: Iterable[str], known: Mapping[tuple[str, str], int]
    ) -> dict[tuple[str, str], int]:
        """Return those of the names that were erased, and when."""
        found: dict[tuple[str, str], int] = {}
        for name in filter(None, names):
            when = [known.get((kind, subject_of(salt, kind, name)), 0) for salt in self.salts]
            if any(when):
                found[kind, name] = max(when)
        return found

    def _traces(self, engine: Engine, traces: Iterable[str]) -> dict[tuple[str, str], int]:
        subjects = sorted({subject_of(salt, TRACE, trace_id) for trace_id in traces for salt in self.salts})
        found: dict[tuple[str, str], int] = {}
        for start in range(0, len(subjects), MAX_IDS):
            asked = as_lists(subjects[start : start + MAX_IDS])
            found |= {(TRACE, subject): int(us) * 1_000 for subject, us in engine.query(_TRACES, asked).result_rows}
        return found


def without_erased(engine: Engine, rows: Sequence[PricedCall]) -> list[PricedCall]:
    """Return the rows that may be written."""
    erased = Erased.known(engine)
    if not erased.people:
        return list(rows)
    gone = set(erased.places(engine, list(map(Named.by, rows))))
    return [row for place, row in enumerate(rows) if place not in gone]
