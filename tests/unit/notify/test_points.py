"""Contact points speak what Slack, PagerDuty, mail servers and webhooks understand, and tell no secret."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.errors import ConfigError, DeliveryError
from otel_llmcost.notify import Message, contact_points, deliver, http
from otel_llmcost.notify.slack import bodies
from tests.support.inboxes import PAGERDUTY_KEY, SLACK_PATH, Mails, Web, as_all, mails, web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def message(**fields: Any) -> Message:
    said = {
        "kind": "alert",
        "subject": "Money runs: search",
        "text": "since 10:00",
        "mrkdwn": "*Since* 10:00",
        "key": "k",
    }
    return Message(**(said | {"severity": "critical"} | fields))


@pytest.fixture
def inbox() -> Iterator[Web]:
    with web(as_all) as taken:
        yield taken


@pytest.fixture
def mailbox() -> Iterator[Mails]:
    with mails() as taken:
        yield taken


def everywhere(inbox: Web, mailbox: Mails) -> dict[str, str]:
    return {
        "LLMCOST_SLACK_URL": inbox.url + SLACK_PATH,
        "LLMCOST_PAGERDUTY_KEY": PAGERDUTY_KEY,
        "LLMCOST_PAGERDUTY_URL": inbox.url + "/v2/enqueue",
        "LLMCOST_EMAIL_TO": "ann@example.com; bob@example.com",
        "LLMCOST_EMAIL_FROM": "costs@example.com",
        "LLMCOST_SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}",
        "LLMCOST_WEBHOOK_URL": inbox.url + "/hook",
    }


def test_every_contact_point_takes_what_it_is_sent(inbox: Web, mailbox: Mails) -> None:
    points, missing = contact_points(everywhere(inbox, mailbox))
    outcomes = deliver(points, [message(), message(subject="Prompts grew: chat", severity="warning", key="l")])
    assert missing == {}
    assert [(each.name, each.is_sent) for each in outcomes] == [
        ("slack", True),
        ("pagerduty", True),
        ("email", True),
        ("webhook", True),
    ]
    [slack] = inbox.bodies(SLACK_PATH)
    assert [block["text"]["text"] for block in slack["blocks"]] == [
        ":red_circle: *Money runs: search*\n*Since* 10:00",
        ":large_orange_circle: *Prompts grew: chat*\n*Since* 10:00",
    ]
    [event] = inbox.bodies("/v2/enqueue")
    assert (event["event_action"], event["dedup_key"], event["payload"]["severity"]) == ("trigger", "k", "critical")
    [hook] = inbox.bodies("/hook")
    assert hook["text"].startswith("Money runs: search\nsince 10:00")
    assert [each["key"] for each in hook["messages"]] == ["k", "l"]
    [(sender, to, content, _, _)] = mailbox.taken
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert (sender, to) == ("costs@example.com", ["ann@example.com", "bob@example.com"])
    assert mail["Subject"] == "Money runs: search and 1 more"
    assert "Prompts grew: chat\n\nsince 10:00" in mail.get_content().replace("\r\n", "\n")


def test_only_what_is_critical_pages_somebody_and_what_is_over_closes_the_incident(inbox: Web, mailbox: Mails) -> None:
    [pager] = [each for each in contact_points(everywhere(inbox, mailbox))[0] if each.name == "pagerduty"]
    assert deliver([pager], [message(severity="warning")]) == []
    deliver([pager], [message(), message(is_over=True)])
    assert [(each["event_action"], each["dedup_key"]) for each in inbox.bodies("/v2/enqueue")] == [
        ("trigger", "k"),
        ("resolve", "k"),
    ]


def test_a_test_leaves_no_open_incident(inbox: Web, mailbox: Mails) -> None:
    deliver(contact_points(everywhere(inbox, mailbox))[0], [message(kind="test", severity="info")])
    assert [each["event_action"] for each in inbox.bodies("/v2/enqueue")] == ["trigger", "resolve"]


def test_what_is_not_configured_is_named_and_nothing_is_sent_there() -> None:
    points, missing = contact_points({"LLMCOST_EMAIL_TO": "ann@example.com"})
    assert points == []
    assert missing == {
        "slack": "LLMCOST_SLACK_URL",
        "pagerduty": "LLMCOST_PAGERDUTY_KEY",
        "email": "LLMCOST_SMTP_URL",
        "webhook": "LLMCOST_WEBHOOK_URL",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLMCOST_SLACK_URL", "http://hooks.example.com/services/secret-secret"),
        ("LLMCOST_SLACK_URL", "hooks.example.com/services/secret-secret"),
        ("LLMCOST_PAGERDUTY_KEY", "secret secret"),
        ("LLMCOST_WEBHOOK_URL", "ftp://example.com/secret-secret"),
        ("LLMCOST_WEBHOOK_URL", "https://[secret-secret"),
        ("LLMCOST_SMTP_URL", "https://user:secret-secret@example.com"),
        ("LLMCOST_SMTP_URL", "smtp://user:secret-secret@"),
    ],
)
def test_a_wrong_address_is_refused_without_repeating_it(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as raised:
        contact_points({"LLMCOST_EMAIL_TO": "ann@example.com", name: value})
    assert "secret" not in str(raised.value)


def test_a_wrong_mail_address_is_named() -> None:
    given = {"LLMCOST_EMAIL_TO": "ann@example.com, bob", "LLMCOST_SMTP_URL": "smtp://127.0.0.1"}
    with pytest.raises(ConfigError, match="LLMCOST_EMAIL_TO holds what is no e-mail address: bob"):
        contact_points(given)


def test_a_server_that_is_busy_is_asked_again_and_waits_are_bounded(inbox: Web) -> None:
    inbox.faults += [(429, "86400"), (503, "")]
    waited: list[float] = []
    assert http.post(inbox.url + "/hook", {"text": "x"}, secrets=(), sleep=waited.append) == "200 thanks"
    assert waited == [5.0, 2.0]
    assert inbox.requests == 3


def test_who_never_answers_well_is_given_up(inbox: Web) -> None:
    inbox.faults += [(500, "")] * 9
    with pytest.raises(DeliveryError, match="answered 500 not now, 3 times"):
        http.post(inbox.url + "/hook", {"text": "x"}, secrets=(), sleep=lambda _: None)
    assert inbox.requests == 3


def test_an_answer_that_never_ends_holds_nobody() -> None:
    """The status says that it was taken; more is not waited for than comes with it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nok")
                connection.recv(1)  # until the other side hangs up

        thread = threading.Thread(target=drip)
        thread.start()
        said = http.post(f"http://127.0.0.1:{listening.getsockname()[1]}/hook", {"text": "x"}, secrets=())
        thread.join()
    assert said == "200 ok"


def test_a_redirect_is_not_followed(inbox: Web) -> None:
    """Nobody chose where it leads."""
    inbox.faults += [(307, "")]
    with pytest.raises(DeliveryError, match="answered 307"):
        http.post(inbox.url + "/hook", {"text": "x"}, secrets=(), sleep=lambda _: None)
    assert inbox.requests == 1
    assert inbox.taken == []


def test_passwords_of_netrc_are_not_sent_along(inbox: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    http.post(inbox.url + "/hook", {"text": "x"}, secrets=())
    assert "Authorization" not in inbox.headers


def test_no_secret_is_in_what_is_told_of_a_failure(inbox: Web, mailbox: Mails) -> None:
    given = everywhere(inbox, mailbox) | {
        "LLMCOST_SLACK_URL": inbox.url + "/services/T1/B1/not-the-right-secret",
        "LLMCOST_PAGERDUTY_KEY": "fedcba98765432100123456789abcdef",
        "LLMCOST_WEBHOOK_URL": "http://127.0.0.1:9/hooks/very-secret-token",  # the port of "discard": nobody is there
    }
    mailbox.refused |= {"ann@example.com", "bob@example.com"}
    monkeypatched = pytest.MonkeyPatch()
    monkeypatched.setattr(http, "TRIES", 1)
    try:
        outcomes = deliver(contact_points(given)[0], [message()])
    finally:
        monkeypatched.undo()
    said = {each.name: f"{each.where} {each.answer}" for each in outcomes}
    assert [each.is_sent for each in outcomes] == [False] * 4
    assert "404 no_service" in said["slack"]
    assert "'routing_key' is invalid" in said["pagerduty"]
    assert "refused ann@example.com (550), bob@example.com (550)" in said["email"]
    assert "no connection" in said["webhook"]
    assert not [text for text in said.values() if "secret" in text or "fedcba" in text]


def test_who_refuses_one_reader_has_taken_it_for_the_others(inbox: Web, mailbox: Mails) -> None:
    """Else it would be sent again and again to those who have it."""
    mailbox.refused.add("bob@example.com")
    [point] = [each for each in contact_points(everywhere(inbox, mailbox))[0] if each.name == "email"]
    [outcome] = deliver([point], [message()])
    assert (outcome.is_sent, outcome.is_whole, outcome.answer) == (True, False, "refused bob@example.com (550)")


def test_a_server_that_repeats_the_secret_is_not_quoted(inbox: Web) -> None:
    def telltale(path: str, _body: Any) -> tuple[int, str]:
        return 400, f"bad path {path}"

    with web(telltale) as other:
        [point] = contact_points({"LLMCOST_SLACK_URL": other.url + SLACK_PATH})[0]
        [outcome] = deliver([point], [message()])
    assert outcome.answer == "answered 400 bad path /***"


def test_long_messages_are_cut_into_what_slack_takes(inbox: Web) -> None:
    [point] = contact_points({"LLMCOST_SLACK_URL": inbox.url + SLACK_PATH})[0]
    long = message(mrkdwn="\n".join(f"line {number} " + "x" * 90 for number in range(100)))
    [outcome] = deliver([point], [long] * 20)
    assert outcome.is_sent
    posts = inbox.bodies(SLACK_PATH)
    said = "\n".join(block["text"]["text"] for post in posts for block in post["blocks"])
    assert said.count("line 99 ") == 20
    assert len(posts) == 2  # 10,000 characters in sections of 3,000 are 4 blocks, 20 times 4 are more than 50


def test_slack_sees_names_of_ours_as_text() -> None:
    [body] = bodies([message(subject="<!channel> & <@U1>", mrkdwn="x")])
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in body["blocks"][0]["text"]["text"]


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for localhost that this process trusts."""
    made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", "req", *made, *names, *files], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    return context


def mail_point(url: str) -> Any:
    given = {"LLMCOST_EMAIL_TO": "ann@example.com", "LLMCOST_EMAIL_FROM": "costs@example.com", "LLMCOST_SMTP_URL": url}
    return contact_points(given)[0][0]


def test_mail_travels_encrypted_and_with_the_password(tls: ssl.SSLContext) -> None:
    with mails(tls=tls, password=b"p@ss") as taken:
        [outcome] = deliver([mail_point(f"smtp://costs:p%40ss@localhost:{taken.port}")], [message()])
    assert outcome.is_sent, outcome.answer
    [(_, _, _, is_encrypted, user)] = taken.taken
    assert (is_encrypted, user) == (True, "costs")


def test_a_wrong_password_is_told_and_not_repeated(tls: ssl.SSLContext) -> None:
    with mails(tls=tls, password=b"right") as taken:
        [outcome] = deliver([mail_point(f"smtp://costs:wrong-one@localhost:{taken.port}")], [message()])
    assert not outcome.is_sent
    assert outcome.answer.startswith("answered 535")
    assert "wrong-one" not in outcome.answer


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with mails(tls=tls) as taken:
        [outcome] = deliver([mail_point(f"smtp://localhost:{taken.port}")], [message()])
    assert outcome.answer == "its TLS certificate is not to be trusted"
    assert taken.taken == []


def test_a_message_may_go_to_one_reader_only(inbox: Web, mailbox: Mails) -> None:
    [point] = [each for each in contact_points(everywhere(inbox, mailbox))[0] if each.name == "email"]
    deliver([point], [message(to=("grace@example.com",)), message()])
    assert [to for _, to, _, _, _ in mailbox.taken] == [["grace@example.com"], ["ann@example.com", "bob@example.com"]]
