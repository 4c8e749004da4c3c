"""`llmcost check` finds what the alerts find, says it, sends it once to each contact point, and keeps it."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.cli.app import run
from otel_llmcost.reports.alerts import RULES
from otel_llmcost.reports.alerts.check import Firing, check
from otel_llmcost.reports.alerts.told import event_of, to_tell, told_before
from otel_llmcost.store import Store, connect
from tests.support.inboxes import PAGERDUTY_KEY, SLACK_PATH, Web, as_all, web
from tests.support.months import HOUR_NS, SHOP, Product, altered, month
from tests.support.stores import ENGINES, copied, migrated, needs_room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTE_NS = 60 * 10**9
REPEAT_NS = 4 * HOUR_NS


@pytest.fixture
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store in which search has been called, half an hour ago, with a model that has no price."""
    return copied(tmp_path_factory, "unpriced", fill_unpriced)


def fill_unpriced(dsn: str) -> None:
    def only_search(product: Product, _start_ns: int) -> Product:
        return altered(product, a_day=480 if product.name == "search" else 0, is_priced=False, error_share=0)

    until_ns = time.time_ns() - MINUTE_NS
    with connect(dsn) as store:
        store.migrate()
        store.write(list(month(until_ns=until_ns, days=1, seed=3, products=SHOP, change=only_search)))
        store.derive()


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with web(as_all) as taken:
        monkeypatch.setenv("LLMCOST_SLACK_URL", taken.url + SLACK_PATH)
        monkeypatch.setenv("LLMCOST_WEBHOOK_URL", taken.url + "/hook")
        yield taken


def test_says_what_is_wrong_sends_it_once_and_keeps_it(
    dsn: str, tmp_path: Path, inbox: Web, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--dsn", dsn, "--data-dir", str(tmp_path / "data")]
    for _ in range(2):  # the second one tells the same event again
        assert run(["check", "--notify", *place]) == 1
    said = capsys.readouterr().out
    assert "[warning] A model without a price: model novel-1\n" in said
    assert "calls of openai/novel-1 without a price" in said
    assert "Most of it: search" in said
    assert "To stop it: `llmcost rates update`" in said
    assert "Look at: llmcost dashboard trust --from 20" in said
    [hook] = inbox.bodies("/hook")
    assert hook["text"].splitlines()[0] in said
    assert len(inbox.bodies(SLACK_PATH)) == 1
    with connect(dsn) as store:
        kept = store.query("SELECT kind, subject, severity FROM cost_events ORDER BY kind, subject").dicts()
    assert {(row["kind"], row["subject"], row["severity"]) for row in kept} >= {
        ("anomaly", "unpriced_model", "warning"),
        ("notification", "slack", "warning"),
        ("notification", "webhook", "warning"),
    }


@pytest.mark.long
def test_a_contact_point_that_was_away_is_told_by_the_next_look_and_no_other(
    dsn: str, tmp_path: Path, inbox: Web, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--dsn", dsn, "--data-dir", str(tmp_path / "data")]
    monkeypatch.setenv("LLMCOST_WEBHOOK_URL", inbox.url + "/nobody")
    assert run(["check", "--notify", *place]) == 1
    assert "webhook (127.0.0.1:" in capsys.readouterr().err
    monkeypatch.setenv("LLMCOST_WEBHOOK_URL", inbox.url + "/hook")
    assert run(["check", "--notify", *place]) == 1
    assert len(inbox.bodies(SLACK_PATH)) == 1
    assert len(inbox.bodies("/hook")) == 1


@pytest.mark.long
def test_json_holds_every_column_and_where_to_look(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLMCOST_GRAFANA_URL", "https://grafana.example.com/")
    assert run(["check", "--format", "json", "--dsn", dsn, "--data-dir", str(tmp_path / "data")]) == 1
    [row] = [row for row in json.loads(capsys.readouterr().out) if row["rule"] == "unpriced_model"]
    assert row["escalate_to"] == "platform"
    assert row["offenders"] == ["search"]
    assert row["link"].startswith("https://grafana.example.com/d/llmcost-trust?from=")


@needs_room
def test_nothing_wrong_is_said_so(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SLACK_URL", "PAGERDUTY_KEY", "EMAIL_TO", "WEBHOOK_URL"):
        monkeypatch.delenv(f"LLMCOST_{name}", raising=False)
    place = ["--dsn", migrated(tmp_path_factory), "--data-dir", str(tmp_path / "data")]
    assert run(["check", *place]) == 0
    assert capsys.readouterr().out == "nothing is wrong\n"
    assert run(["check", "--notify", *place]) == 2
    assert "there is nowhere to send to: set LLMCOST_SLACK_URL, LLMCOST_PAGERDUTY_KEY" in capsys.readouterr().err


RULE = {rule.name: rule for rule in RULES}["velocity"]


def firing(feature: str, at_ns: int) -> Firing:
    row = {
        "feature": feature,
        "environment": "",
        "tenant": "",
        "subject": "spend velocity",
        "owner": "Grace",
        "lead": "Ken",
        "sponsor": "",
        "channel": "#growth",
        "runbook": "runbooks/search",
        "value": 9.0,
        "so_far_usd": 12.5,
        "by_midnight_usd": 1234.5,
        "since_s": at_ns / 10**9 - 600,
        "what": "$40.00 an hour",
        "driver": "more calls",
        "offenders": ["acme app:1", "hooli app:2"],
        "offender": "acme app:1",
        "marker": "release 2.4.0 of 2026-11-20 10:00",
    }
    return Firing(rule=RULE, at_ns=at_ns, row=row)


def test_without_grafana_a_message_names_the_command_that_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = firing("search & find", 1_790_000_000 * 10**9).link("")
    said = "--from 2026-09-21T13:03:20Z --to 2026-09-21T14:13:20Z --feature 'search & find'"
    assert command == f"llmcost dashboard feature {said}"
    place = ["--dsn", f"chdb://{tmp_path}/store", "--data-dir", str(tmp_path), "--out", str(tmp_path / "page.html")]
    assert run([*shlex.split(command)[1:], *place]) == 0
    assert "Feature" in capsys.readouterr().out


def test_what_is_about_nobody_is_named_once() -> None:
    at_ns = 1_790_000_000 * 10**9
    assert firing("search", at_ns).subject == "Money runs: search (spend velocity)"
    assert firing("", at_ns).subject == "Money runs: spend velocity"


def test_a_message_says_all_of_it() -> None:
    at_ns = 1_790_000_000 * 10**9  # 2026-09-21 14:13:20 UTC
    assert firing("search", at_ns).message("https://grafana.example.com").text.splitlines() == [
        "$40.00 an hour",
        "Since: 2026-09-21 14:03 UTC: $12.50 so far; the feature's day comes to $1,234.50 by midnight (UTC)",
        "Driver: more calls",
        "Changed: release 2.4.0 of 2026-11-20 10:00",
        "Most of it: acme app:1, hooli app:2",
        "For: owner Grace then lead Ken then sponsor, in #growth",
        "Runbook: runbooks/search",
        f"To stop it: {RULE.stop}",
        # from an hour before it began: 1,790,000,000 - 600 - 3,600 seconds
        "Look at: https://grafana.example.com/d/llmcost-feature?from=1789995800000&to=1790000000000&var-feature=search",
    ]


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    dsn = migrated(tmp_path_factory) if request.param == "chdb" else request.getfixturevalue("server").dsn("told")
    with connect(dsn) as store:
        store.migrate()
        yield store


def look(store: Store, at_ns: int, *features: str) -> list[str]:
    """Return what Slack is told of these features at a moment, and keep it as the command does."""
    found = [firing(feature, at_ns) for feature in features]
    store.record("cost_events_log", [each.event() for each in found])
    messages = to_tell("slack", found, told_before(store, at_ns=at_ns), at_ns=at_ns, repeat_ns=REPEAT_NS)
    store.record("cost_events_log", [event_of("slack", each, at_ns=at_ns) for each in messages])
    return [each.subject for each in messages]


def test_the_same_is_told_once_in_four_hours_and_when_it_is_over(store: Store) -> None:
    start_ns = time.time_ns() // HOUR_NS * HOUR_NS - 20 * HOUR_NS
    said = {
        minutes: look(store, start_ns + minutes * MINUTE_NS, *features)
        for minutes, features in (
            (0, ["search"]),
            (5, ["search", "chat"]),
            (10, ["search", "chat"]),
            (70, ["search"]),  # chat was seen at :05 of the hour before, more than an hour ago
            (80, ["search"]),
            (245, ["search"]),  # four hours after the first telling
            (250, ["search", "chat"]),  # chat is new again
            (400, []),
            (405, []),
        )
    }
    assert said == {
        0: ["Money runs: search (spend velocity)"],
        5: ["Money runs: chat (spend velocity)"],
        10: [],
        70: ["Over: Money runs: chat (spend velocity)"],
        80: [],
        245: ["Money runs: search (spend velocity)"],
        250: ["Money runs: chat (spend velocity)"],
        400: ["Over: Money runs: chat (spend velocity)", "Over: Money runs: search (spend velocity)"],  # by name
        405: [],
    }


def test_who_comes_next_is_told_every_four_hours_until_it_is_over(store: Store) -> None:
    """The owner first, then the lead and the sponsor, whose name nobody gave; however seldom the same is repeated."""
    start_ns, repeat_ns, said = time.time_ns() // HOUR_NS * HOUR_NS - 40 * HOUR_NS, 24 * HOUR_NS, {}
    for minutes in (0, 235, 245, 475, 485, 780, 1435, 1445, 1600, 1610):
        at_ns = start_ns + minutes * MINUTE_NS
        found = [firing("slow", at_ns)] if minutes != 1600 else []
        store.record("cost_events_log", [each.event() for each in found])
        messages = to_tell("slack", found, told_before(store, at_ns=at_ns), at_ns=at_ns, repeat_ns=repeat_ns)
        store.record("cost_events_log", [event_of("slack", each, at_ns=at_ns) for each in messages])
        for each in messages:
            if each.key == firing("slow", at_ns).fingerprint:
                said[minutes] = each.text.splitlines()[0], each.details.get("escalate_to")
    assert said == {
        0: ("$40.00 an hour", "owner"),
        245: ("Not over after 4 hours: now for lead Ken", "lead"),
        485: ("Not over after 8 hours: now for sponsor", "sponsor"),
        1600: ("It has not been seen for an hour.", None),
        1610: ("$40.00 an hour", "owner"),  # it began anew
    }


def test_another_contact_point_is_told_all_the_same(store: Store) -> None:
    at_ns = time.time_ns()
    found = [firing("other", at_ns)]
    before = told_before(store, at_ns=at_ns)
    assert [each.subject for each in to_tell("email", found, before, at_ns=at_ns, repeat_ns=REPEAT_NS)] == [
        "Money runs: other (spend velocity)"
    ]


def test_every_rule_answers_on_this_engine(store: Store) -> None:
    """Real rows come of the incidents' months; here it is the engine that is asked."""
    assert [each.rule.name for each in check(store, at_ns=time.time_ns())] in ([], ["disk_full"])


def test_the_pager_is_told_what_is_critical_and_closed_when_it_is_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from otel_llmcost.notify import contact_points, deliver

    start_ns = time.time_ns() - 10 * HOUR_NS
    with web(as_all) as inbox:
        given = {"LLMCOST_PAGERDUTY_KEY": PAGERDUTY_KEY, "LLMCOST_PAGERDUTY_URL": inbox.url + "/v2/enqueue"}
        [pager] = contact_points(given)[0]
        for hours, features in ((0, ["paged"]), (3, [])):
            at_ns = start_ns + hours * HOUR_NS
            found = [firing(feature, at_ns) for feature in features]
            store.record("cost_events_log", [each.event() for each in found])
            before = told_before(store, at_ns=at_ns)
            messages = to_tell("pagerduty", found, before, at_ns=at_ns, repeat_ns=REPEAT_NS)
            assert [each.is_whole for each in deliver([pager], messages)] == [True]
            store.record("cost_events_log", [event_of("pagerduty", each, at_ns=at_ns) for each in messages])
    events = inbox.bodies("/v2/enqueue")
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert events[0]["dedup_key"] == events[1]["dedup_key"]
