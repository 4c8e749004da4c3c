"""A cron job's `llmcost check --notify` beside a running `llmcost up`, which alone can write the embedded store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.command import line_of, llmcost, rows, running, spool
from tests.store.ledger import a_call
from tests.support.inboxes import as_all, web
from tests.support.stores import needs_room

if TYPE_CHECKING:
    from pathlib import Path

TOLD = "SELECT kind, subject FROM cost_events WHERE kind IN ('anomaly', 'notification') ORDER BY kind, subject"
UNPRICED = [{"kind": "anomaly", "subject": "unpriced_model"}, {"kind": "notification", "subject": "webhook"}]


def kept(place: Path) -> list[dict[str, object]]:
    """Return what the store holds of it, within a minute: its owner looks all the time for what it was handed."""
    deadline = time.monotonic() + 60
    while len(found := rows(place, TOLD)) < len(UNPRICED) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


@needs_room
@pytest.mark.long
def test_it_tells_once_and_has_the_owner_keep_that(tmp_path: Path) -> None:
    place = tmp_path / "here"
    a_minute_ago_ns = time.time_ns() - 60 * 10**9
    said = {"environment": "production", "feature": "chat", "request_model": "novel-1", "response_model": "novel-1"}
    spool(place, [a_call(1, started_at_ns=a_minute_ago_ns, scope_name="otel_llmcost.openai", **said)])
    up = running("up", "--interval", "0.1", "--pages-port", "0", data_dir=place)
    with web(as_all) as inbox, up as process:
        assert "dashboards at" in line_of(process)
        hook = {"LLMCOST_WEBHOOK_URL": inbox.url + "/hook"}
        told = llmcost("check", "--notify", data_dir=place, **hook)
        assert (told.code, told.err) == (1, "")
        assert "A model without a price" in told.out
        assert kept(place) == UNPRICED
        assert llmcost("check", "--notify", data_dir=place, **hook).code == 1
        assert len(inbox.bodies("/hook")) == 1

        address = (place / "store" / "owner.lock").read_text().splitlines()[1]
        told = llmcost("check", "--notify", data_dir=tmp_path / "there", LLMCOST_QUERY_ENDPOINT=address, **hook)
        assert told.code == 3, "an owner that is only an address cannot be told what to keep"
        assert "run this where its store is" in told.error
        assert len(inbox.bodies("/hook")) == 1


@pytest.mark.long
def test_what_changes_the_ledger_wants_its_owner_stopped(tmp_path: Path) -> None:
    with running("up", "--pages-port", "0", data_dir=tmp_path) as process:
        assert "dashboards at" in line_of(process)
        told = llmcost("erase", "--tenant", "acme", "--yes", data_dir=tmp_path)
        assert (told.code, "only answers questions: stop it, and run this again" in told.error) == (3, True)
        told = llmcost("verify", "--since", "1d", data_dir=tmp_path)
        assert (told.code, "0 calls: every rollup equals them" in told.out) == (0, True)
