"""`llmcost alert test` sends one message through each contact point, says what it answered, and tells no secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.cli.app import run
from tests.support.inboxes import PAGERDUTY_KEY, SLACK_PATH, Mails, Web, as_all, mails, web

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLES = ("SLACK_URL", "PAGERDUTY_KEY", "PAGERDUTY_URL", "EMAIL_TO", "EMAIL_FROM", "SMTP_URL", "WEBHOOK_URL")


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"LLMCOST_{name}", raising=False)


@pytest.fixture
def inbox() -> Iterator[Web]:
    with web(as_all) as taken:
        yield taken


@pytest.fixture
def mailbox() -> Iterator[Mails]:
    with mails() as taken:
        yield taken


@pytest.fixture
def configured(inbox: Web, mailbox: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCOST_SLACK_URL", inbox.url + SLACK_PATH)
    monkeypatch.setenv("LLMCOST_PAGERDUTY_KEY", PAGERDUTY_KEY)
    monkeypatch.setenv("LLMCOST_PAGERDUTY_URL", inbox.url + "/v2/enqueue")
    monkeypatch.setenv("LLMCOST_EMAIL_TO", "ann@example.com")
    monkeypatch.setenv("LLMCOST_SMTP_URL", f"smtp://127.0.0.1:{mailbox.port}")
    monkeypatch.setenv("LLMCOST_WEBHOOK_URL", inbox.url + "/hook")


@pytest.mark.usefixtures("configured")
def test_one_message_goes_through_each(inbox: Web, mailbox: Mails, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alert", "test"]) == 0
    said = capsys.readouterr().out
    host = inbox.url.removeprefix("http://")
    assert said.splitlines() == [
        f"slack      sent    {host}: 200 ok",
        f"pagerduty  sent    {host}: 202 " + said.partition(": 202 ")[2].splitlines()[0],
        f"email      sent    ann@example.com by 127.0.0.1:{mailbox.port}: taken for ann@example.com",
        f"webhook    sent    {host}: 200 thanks",
    ]
    assert [secret for secret in (SLACK_PATH, PAGERDUTY_KEY) if secret in said] == []
    assert len(inbox.bodies(SLACK_PATH)) == len(inbox.bodies("/hook")) == len(mailbox.taken) == 1
    actions = [(event["event_action"], event["dedup_key"]) for event in inbox.bodies("/v2/enqueue")]
    assert [action for action, _ in actions] == ["trigger", "resolve"]
    assert len({key for _, key in actions}) == 1


@pytest.mark.usefixtures("configured")
def test_one_that_fails_is_named_and_the_others_are_sent(
    inbox: Web, mailbox: Mails, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLMCOST_SLACK_URL", inbox.url + "/services/T1/B1/a-secret-that-is-wrong")
    monkeypatch.delenv("LLMCOST_PAGERDUTY_KEY")
    assert run(["alert", "test", "--format", "json"]) == 1
    said = capsys.readouterr().out
    told = json.loads(said)
    assert {row["name"]: row["is_whole"] for row in told["sent"]} == {"slack": False, "email": True, "webhook": True}
    assert told["not_configured"] == {"pagerduty": "LLMCOST_PAGERDUTY_KEY"}
    assert "a-secret" not in said
    assert len(mailbox.taken) == 1


@pytest.mark.usefixtures("configured")
def test_one_alone_can_be_tried(inbox: Web, mailbox: Mails, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alert", "test", "--only", "webhook"]) == 0
    assert capsys.readouterr().out.startswith("webhook    sent")
    assert [path for path, _ in inbox.taken] == ["/hook"]
    assert mailbox.taken == []
    assert run(["alert", "test", "--only", "telegram"]) == 2
    assert "there is no contact point 'telegram'; there are email, pagerduty, slack, webhook" in capsys.readouterr().err


def test_nothing_configured_is_said_and_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alert", "test"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "slack      not configured: LLMCOST_SLACK_URL is not set",
        "pagerduty  not configured: LLMCOST_PAGERDUTY_KEY is not set",
        "email      not configured: LLMCOST_EMAIL_TO is not set",
        "webhook    not configured: LLMCOST_WEBHOOK_URL is not set",
    ]


def test_a_setting_that_cannot_be_used_is_named_before_anything_is_sent(
    inbox: Web, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLMCOST_WEBHOOK_URL", inbox.url + "/hook")
    monkeypatch.setenv("LLMCOST_SLACK_URL", "http://hooks.example.com/services/a-secret")
    assert run(["alert", "test"]) == 2
    assert capsys.readouterr().err == "llmcost: LLMCOST_SLACK_URL is no address that begins with https://\n"
    assert inbox.requests == 0
