"""Tombstones: calls of somebody who was erased do not come back, from whatever waits in a segment or is told again.

Remembered are salted hashes, with the moment of the erasure: of the tenant or user, for calls that name them; and of
the traces of their calls, for what another library tells there and names nobody. What began later is let in again.
A writer asks before every batch, and mostly the answer is: nobody.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final

from otel_llmcost.store.settle import LISTED_IDS, MAX_IDS, as_lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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


def without_erased(engine: Engine, rows: Sequence[PricedCall]) -> list[PricedCall]:
    """Return the rows that may be written."""
    people: dict[tuple[str, str], int] = {}
    salts = list[str]()
    for kind, subject, erased_us in engine.query(_PEOPLE).result_rows:
        if kind == SALT:
            salts.append(subject)
        else:
            people[kind, subject] = int(erased_us) * 1_000
    if not people:
        return list(rows)
    nobodys = [row for row in rows if _names_nobody(row)]
    gone_ns = {
        **_gone("tenant", {row.call.attribution.tenant for row in rows}, salts, people),
        **_gone("user", {row.call.attribution.user for row in rows}, salts, people),
        **_gone(TRACE, {row.call.trace_id for row in nobodys}, salts, _traces(engine, nobodys, salts)),
    }
    return [row for row in rows if not _is_erased(row, gone_ns)]


def _gone(
    kind: str, names: Iterable[str], salts: Sequence[str], known: dict[tuple[str, str], int]
) -> dict[tuple[str, str], int]:
    """Return those of the names that were erased, and when."""
    found: dict[tuple[str, str], int] = {}
    for name in filter(None, names):
        when = [known.get((kind, subject_of(salt, kind, name)), 0) for salt in salts]
        if any(when):
            found[kind, name] = max(when)
    return found


def _traces(engine: Engine, rows: Sequence[PricedCall], salts: Sequence[str]) -> dict[tuple[str, str], int]:
    subjects = sorted({subject_of(salt, TRACE, row.call.trace_id) for row in rows for salt in salts})
    found: dict[tuple[str, str], int] = {}
    for start in range(0, len(subjects), MAX_IDS):
        asked = as_lists(subjects[start : start + MAX_IDS])
        found |= {(TRACE, subject): int(us) * 1_000 for subject, us in engine.query(_TRACES, asked).result_rows}
    return found


def _names_nobody(row: PricedCall) -> bool:
    who = row.call.attribution
    return bool(row.call.dialect) and not (who.tenant or who.user)


def _is_erased(row: PricedCall, gone_ns: dict[tuple[str, str], int]) -> bool:
    who = row.call.attribution
    keys = [("tenant", who.tenant), ("user", who.user)]
    if _names_nobody(row):
        keys.append((TRACE, row.call.trace_id))
    return any(row.call.started_at_ns < gone_ns.get(key, 0) for key in keys)
