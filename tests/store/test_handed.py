"""What other processes hand to the owner of an embedded store is written once, by whoever owns it next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from otel_llmcost.store import connect, hand_over

if TYPE_CHECKING:
    from pathlib import Path


def event(name: str) -> dict[str, object]:
    moment = datetime(2026, 11, 1, 12, 0, 0, 123_000, tzinfo=UTC)
    return {"occurred_at": moment, "kind": "anomaly", "event_id": name, "details": {"fingerprint": f"of {name}"}}


def test_the_owner_writes_what_it_was_handed_and_sets_aside_what_it_cannot(tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path}/store"
    with connect(dsn) as store:
        store.migrate()
        assert store.take_handed() == 0
        hand_over(dsn, [event("a"), event("b")])
        hand_over(dsn, [event("b")])
        hand_over(dsn, [])
        hand_over(dsn, [event("c") | {"no_such_column": 1}])
        (tmp_path / "store" / "handed" / "0.json").write_text("[{")
        assert store.take_handed() == 3
        assert store.take_handed() == 0
        kept = store.query("SELECT event_id, occurred_at, details FROM cost_events ORDER BY event_id").dicts()
    assert [(row["event_id"], row["details"]["fingerprint"]) for row in kept] == [("a", "of a"), ("b", "of b")]
    assert kept[0]["occurred_at"].replace(tzinfo=UTC) == event("a")["occurred_at"]
    assert {path.suffix for path in (tmp_path / "store" / "handed").iterdir()} == {".refused"}
