"""What a contact point sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to tell somebody.

    Attributes:
        kind: alert, digest or test.
        subject: One line: what it is about.
        text: All of it as plain text, the subject not repeated.
        mrkdwn: The same in Slack's mark-up, its special characters escaped.
        severity: info, warning or critical. Only what is critical pages somebody.
        key: Names what is wrong for good, so that a pager folds repeated messages into one incident; empty for none.
        is_over: Whether what `key` names is over.
        details: What a program reads; it has to be JSON.
        to: E-mail addresses instead of the usual ones.
    """

    kind: str
    subject: str
    text: str
    mrkdwn: str
    severity: str = "info"
    key: str = ""
    is_over: bool = False
    details: Mapping[str, object] = field(default_factory=dict)
    to: tuple[str, ...] = ()


def escaped(text: str) -> str:
    """Return text for Slack's mark-up, in which names of ours are nothing but text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
