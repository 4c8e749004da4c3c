"""`llmcost digest` writes each form and sends it where people read. Its stores are its own, each open for itself."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.cli.app import run
from otel_llmcost.digest import weekly
from otel_llmcost.digest.asked import Panels
from otel_llmcost.store import connect
from tests.support.catalogue import fill_catalogue
from tests.support.inboxes import PAGERDUTY_KEY, SLACK_PATH, as_all, mails, web
from tests.support.months import DAY_NS, Product, altered, month
from tests.support.stores import migrated

if TYPE_CHECKING:
    from pathlib import Path

    from otel_llmcost.store import PricedCall


@pytest.mark.long
def test_a_week_of_which_only_some_days_were_recorded_rises_by_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The first call came on a Thursday, so the week after it has more of them, whatever the pace."""
    monday = (time.time_ns() // DAY_NS + 3) // 7 * 7 - 3  # 1970-01-01 was a Thursday
    thursday_ns = (monday - 25) * DAY_NS
    rising = []
    with connect(migrated(tmp_path_factory)) as store:
        calls = weeks_that_grow(monday)
        for is_after in (True, False):
            store.write([call for call in calls if (call.call.started_at_ns >= thursday_ns) is is_after])
            store.derive()
            told = weekly(Panels(store=store, at_ms=monday * 86_400_000 + 36_000_000))
            rising.append([row["feature"] for week in told for row in week.rising])
    assert rising == [[], ["chat"]]


def weeks_that_grow(monday: int) -> list[PricedCall]:
    """Four weeks of chat that grows by a fifth each."""

    def change(product: Product, start_ns: int) -> Product:
        nth = (start_ns // DAY_NS - (monday - 28)) // 7
        return altered(product, a_day=round(60 * 1.2**nth) if product.name == "chat" else 0)

    return list(month(until_ns=monday * DAY_NS, days=28, seed=9, change=change))


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A calm month to the end of today, so that yesterday has calls past midnight too; Grace can be reached by mail."""
    dsn = migrated(tmp_path_factory)
    with connect(dsn) as store:
        fill_catalogue(store, time.time_ns())
        store._engine.command(
            "INSERT INTO features_log (feature, effective_from, owner) "
            "VALUES ('search', '2020-01-02', 'grace@example.com')"
        )
        store.write(list(month(until_ns=-(-time.time_ns() // DAY_NS) * DAY_NS, days=21, seed=5)))
        store.derive()
    return dsn


@pytest.mark.long
def test_the_command_writes_each_form(dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--dsn", dsn, "--data-dir", str(tmp_path)]
    assert run(["digest", "--daily", *place]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[1].startswith("Yesterday cost $")
    assert run(["digest", "--daily", "--format", "slack", *place]) == 0
    assert capsys.readouterr().out.startswith("*LLM cost of ")
    assert run(["digest", "--daily", "--format", "json", *place]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["digest"], told["sentence"]) == ("daily", text.splitlines()[1])
    assert run(["digest", "--weekly", "--format", "json", *place]) == 0
    weeks = json.loads(capsys.readouterr().out)
    assert {week["owner"] for week in weeks} == {"grace@example.com", "Barbara", "Linus", "nobody"}
    assert all(set(week) >= {"features", "rising", "fired", "savings", "wins"} for week in weeks)


def test_the_command_wants_to_know_which(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    for options in ([], ["--daily", "--weekly"]):
        assert run(["digest", *options, "--dsn", dsn]) == 2
        assert "say which: --daily or --weekly" in capsys.readouterr().err


def test_an_earlier_day_is_told_as_it_was(dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = dt.datetime.now(dt.UTC).date()
    day = now - dt.timedelta(days=3)
    assert run(["digest", "--daily", "--to", day.isoformat(), "--dsn", dsn, "--data-dir", str(tmp_path)]) == 0
    assert f", {day - dt.timedelta(days=1)}: $" in capsys.readouterr().out


def test_a_digest_goes_where_people_read_and_to_each_owner_where_that_is_asked(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--dsn", dsn, "--data-dir", str(tmp_path)]
    with web(as_all) as inbox, mails() as mailbox:
        monkeypatch.setenv("LLMCOST_SLACK_URL", inbox.url + SLACK_PATH)
        monkeypatch.setenv("LLMCOST_PAGERDUTY_KEY", PAGERDUTY_KEY)
        monkeypatch.setenv("LLMCOST_PAGERDUTY_URL", inbox.url + "/v2/enqueue")
        monkeypatch.setenv("LLMCOST_EMAIL_TO", "team@example.com")
        monkeypatch.setenv("LLMCOST_SMTP_URL", f"smtp://127.0.0.1:{mailbox.port}")
        assert run(["digest", "--weekly", "--notify", *place]) == 0
        assert [to for _, to, _, _, _ in mailbox.taken] == [["team@example.com"]]
        assert run(["digest", "--weekly", "--notify", "--to-owners", *place]) == 0
    readers = sorted(to for _, to, _, _, _ in mailbox.taken[1:])
    assert readers == [["grace@example.com"], ["team@example.com"]]
    assert len(inbox.bodies(SLACK_PATH)) == 2
    assert inbox.bodies("/v2/enqueue") == []
    capsys.readouterr()


def test_a_pager_alone_is_no_place_for_a_digest(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLMCOST_PAGERDUTY_KEY", PAGERDUTY_KEY)
    assert run(["digest", "--daily", "--notify", "--dsn", dsn, "--data-dir", str(tmp_path)]) == 1
    assert "no contact point takes a digest" in capsys.readouterr().err


@pytest.mark.long
def test_a_store_without_calls_has_a_digest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--dsn", f"chdb://{tmp_path}/store", "--data-dir", str(tmp_path)]
    assert run(["digest", "--daily", *place]) == 0
    assert ": no calls\nNo calls yesterday" in capsys.readouterr().out
    assert run(["digest", "--weekly", *place]) == 0
    assert capsys.readouterr().out == "no calls in the last whole week\n"
