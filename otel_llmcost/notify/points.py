"""The four contact points, and which of them the environment configures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from otel_llmcost.errors import ConfigError, DeliveryError
from otel_llmcost.notify import http, mail, slack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from otel_llmcost.notify.message import Message

SLACK: Final = "LLMCOST_SLACK_URL"
PAGERDUTY: Final = "LLMCOST_PAGERDUTY_KEY"
PAGERDUTY_URL: Final = "LLMCOST_PAGERDUTY_URL"
EMAIL: Final = "LLMCOST_EMAIL_TO"
EMAIL_FROM: Final = "LLMCOST_EMAIL_FROM"
SMTP: Final = "LLMCOST_SMTP_URL"
WEBHOOK: Final = "LLMCOST_WEBHOOK_URL"

PAGERDUTY_EVENTS: Final = "https://events.pagerduty.com/v2/enqueue"
"""Events API v2; accounts of the European region have another host."""

_SUMMARY: Final = 1024
"""Characters that PagerDuty takes as an event's summary."""


class ContactPoint(Protocol):
    """A place where messages go."""

    @property
    def name(self) -> str:
        """slack, pagerduty, email or webhook."""

    @property
    def where(self) -> str:
        """As much of its address as may be shown."""

    def takes(self, message: Message) -> bool:
        """Whether such a message goes here at all."""

    def send(self, messages: Sequence[Message]) -> str:
        """Send all of them and return what was answered.

        Raises:
            DeliveryError: They were not taken.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of messages at a contact point.

    Attributes:
        name: Of the contact point.
        where: As much of its address as may be shown.
        is_sent: Whether it took them, for some of its readers at least.
        is_whole: Whether it took them for all.
        answer: What it answered, or why it did not take them.
    """

    name: str
    where: str
    is_sent: bool
    is_whole: bool
    answer: str


@dataclass(frozen=True, slots=True)
class Slack:
    """An incoming webhook of Slack, or of what speaks its format."""

    url: str
    name: str = "slack"

    @property
    def where(self) -> str:
        """The host; the path is the secret."""
        return _host(self.url)

    def takes(self, _message: Message) -> bool:
        """Everything."""
        return True

    def send(self, messages: Sequence[Message]) -> str:
        """Send all in one post, or in several where they are too long for one."""
        said = ""
        for body in slack.bodies(messages):
            said = http.post(self.url, body, secrets=_secrets(self.url))
        return said


@dataclass(frozen=True, slots=True)
class PagerDuty:
    """A service of PagerDuty, by Events API v2. What is critical opens an incident, what is over closes it."""

    key: str
    url: str = PAGERDUTY_EVENTS
    name: str = "pagerduty"

    @property
    def where(self) -> str:
        """The host."""
        return _host(self.url)

    def takes(self, message: Message) -> bool:
        """What is critical, and tests: warnings go where people read, not where they are woken."""
        return message.severity == "critical" or message.kind == "test"

    def send(self, messages: Sequence[Message]) -> str:
        """Send an event for each; a test's incident is closed at once."""
        said = ""
        for message in messages:
            actions = ["resolve"] if message.is_over else ["trigger"]
            actions += ["resolve"] if message.kind == "test" else []
            for action in actions:
                said = http.post(self.url, self._event(message, action), secrets=(self.key,))
        return said

    def _event(self, message: Message, action: str) -> dict[str, object]:
        event: dict[str, object] = {"routing_key": self.key, "event_action": action, "dedup_key": message.key}
        if action == "resolve":
            return event
        return event | {
            "client": "llmcost",
            "payload": {
                "summary": message.subject[:_SUMMARY],
                "source": "llmcost",
                "severity": message.severity,
                "custom_details": {"message": message.text} | dict(message.details),
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """Addresses, by an SMTP server."""

    server: mail.Server
    sender: str
    to: tuple[str, ...]
    name: str = "email"

    @property
    def where(self) -> str:
        """The addresses and the server."""
        return f"{', '.join(self.to)} by {self.server.host}:{self.server.port}"

    def takes(self, _message: Message) -> bool:
        """Everything."""
        return True

    def send(self, messages: Sequence[Message]) -> str:
        """Send one mail to everybody who gets the same."""
        by_reader: dict[tuple[str, ...], list[Message]] = {}
        for message in messages:
            by_reader.setdefault(message.to or self.to, []).append(message)
        said = []
        for to, theirs in by_reader.items():
            more = f" and {len(theirs) - 1} more" if len(theirs) > 1 else ""
            text = "\n\n\n".join(f"{each.subject}\n\n{each.text}" for each in theirs)
            said.append(mail.send(self.server, sender=self.sender, to=to, subject=theirs[0].subject + more, text=text))
        return "; ".join(said)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Any address that takes JSON; `text` is what Slack and its likes look for."""

    url: str
    name: str = "webhook"

    @property
    def where(self) -> str:
        """The host; the path may be a secret."""
        return _host(self.url)

    def takes(self, _message: Message) -> bool:
        """Everything."""
        return True

    def send(self, messages: Sequence[Message]) -> str:
        """Send all in one post."""
        body: dict[str, object] = {
            "version": 1,
            "text": "\n\n".join(f"{each.subject}\n{each.text}" for each in messages),
            "messages": [
                {
                    "kind": each.kind,
                    "subject": each.subject,
                    "text": each.text,
                    "severity": each.severity,
                    "key": each.key,
                    "is_over": each.is_over,
                    "details": dict(each.details),
                }
                for each in messages
            ],
        }
        return http.post(self.url, body, secrets=_secrets(self.url))


def contact_points(environ: Mapping[str, str]) -> tuple[list[ContactPoint], dict[str, str]]:
    """Return the contact points that are configured, and of each other one the variable that is missing.

    Raises:
        ConfigError: A variable is set to what cannot be used. The message does not repeat the value.
    """
    makers: dict[str, Callable[[Mapping[str, str]], ContactPoint | str]] = {
        "slack": lambda given: Slack(_address(given, SLACK)) if given.get(SLACK) else SLACK,
        "pagerduty": _pagerduty,
        "email": _email,
        "webhook": lambda given: Webhook(_address(given, WEBHOOK)) if given.get(WEBHOOK) else WEBHOOK,
    }
    found: list[ContactPoint] = []
    missing: dict[str, str] = {}
    for name, make in makers.items():
        made = make(environ)
        if isinstance(made, str):
            missing[name] = made
        else:
            found.append(made)
    return found, missing


def deliver(points: Iterable[ContactPoint], messages: Sequence[Message]) -> list[Outcome]:
    """Send messages through each contact point that takes any of them; one that fails stops no other."""
    outcomes = []
    for point in points:
        taken = [message for message in messages if point.takes(message)]
        if not taken:
            continue
        try:
            answer, is_sent, is_whole = point.send(taken), True, True
        except DeliveryError as error:
            answer, is_sent, is_whole = str(error), error.is_partly, False
        outcomes.append(Outcome(name=point.name, where=point.where, is_sent=is_sent, is_whole=is_whole, answer=answer))
    return outcomes


def _pagerduty(given: Mapping[str, str]) -> ContactPoint | str:
    key = given.get(PAGERDUTY, "")
    if not key:
        return PAGERDUTY
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,64}", key):
        msg = f"{PAGERDUTY} is no integration key of PagerDuty"
        raise ConfigError(msg)
    return PagerDuty(key, _address(given, PAGERDUTY_URL) if given.get(PAGERDUTY_URL) else PAGERDUTY_EVENTS)


def _email(given: Mapping[str, str]) -> ContactPoint | str:
    for name in (EMAIL, SMTP):
        if not given.get(name):
            return name
    to = tuple(each.strip() for each in re.split(r"[;,]", given[EMAIL]) if each.strip())
    wrong = [each for each in to if not is_address(each)]
    sender = given.get(EMAIL_FROM, "llmcost@localhost")
    if wrong or not is_address(sender):
        msg = f"{EMAIL if wrong else EMAIL_FROM} holds what is no e-mail address: {(wrong or [sender])[0]}"
        raise ConfigError(msg)
    return Email(server=mail.server_of(given[SMTP]), sender=sender, to=to)


def is_address(text: str) -> bool:
    """Whether text is an e-mail address, bare."""
    return re.fullmatch(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+", text) is not None


def _address(given: Mapping[str, str], variable: str) -> str:
    url = given[variable]
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    may_be_plain = variable == WEBHOOK or host in mail.LOOPBACK
    if not host or parts.scheme not in (("https", "http") if may_be_plain else ("https",)):
        msg = f"{variable} is no address that begins with https://"
        raise ConfigError(msg)
    return url


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _secrets(url: str) -> tuple[str, ...]:
    """Return what of an address may not be shown: all but the host, whole and in the pieces that identify it."""
    parts = urlsplit(url)
    pieces = [url, parts.path.strip("/"), parts.query, parts.password or "", *parts.path.split("/")]
    return tuple(sorted({piece for piece in pieces if len(piece) >= 8}, key=len, reverse=True))  # noqa: PLR2004 # shorter ones are words
