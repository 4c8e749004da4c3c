"""Sending mail through the SMTP server that somebody chose."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from otel_llmcost.errors import ConfigError, DeliveryError

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWERS_WITHIN_S: Final = 10
TRIES: Final = 2
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

_FOR_GOOD: Final = 500
"""From here on a server says no for good; below, for now."""

_PORTS: Final = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An SMTP server.

    Attributes:
        host: Its name.
        port: Its port.
        is_tls: Whether TLS comes first (smtps); else STARTTLS is asked for.
        user: Who logs in; empty for nobody.
        password: With what.
    """

    host: str
    port: int
    is_tls: bool
    user: str
    password: str


def server_of(url: str) -> Server:
    """Return the server that `smtp://user:password@host:587` or `smtps://…:465` names.

    Raises:
        ConfigError: It is none of these. The message does not repeat it, since it may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname:
        msg = "LLMCOST_SMTP_URL is no smtp://user:password@host:587 and no smtps://user:password@host:465"
        raise ConfigError(msg)
    return Server(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        is_tls=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def send(server: Server, *, sender: str, to: Sequence[str], subject: str, text: str) -> str:
    """Send one mail and return what the server said.

    It travels encrypted, except to a server on this machine.

    Raises:
        DeliveryError: It was not taken, or not for everybody.
    """
    mail = EmailMessage()
    mail["Subject"] = " ".join(subject.split())
    mail["From"], mail["To"], mail["Date"] = sender, ", ".join(to), formatdate()
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip("> ") or "localhost")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    for tries_left in reversed(range(TRIES)):
        try:
            with _connected(server) as session:
                refused = session.send_message(mail)
            break
        except (smtplib.SMTPException, OSError) as error:
            fault, may_pass = _fault_of(error, server)
            if not (may_pass and tries_left):
                raise DeliveryError(fault) from None
    if refused:
        raise DeliveryError(_refused(refused), is_partly=True)
    return f"taken for {', '.join(to)}"


def _fault_of(error: Exception, server: Server) -> tuple[str, bool]:
    """Return what went wrong, and whether another try may help."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _refused(error.recipients), False
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {error.smtp_code} {_text(error.smtp_error, server)}", error.smtp_code < _FOR_GOOD
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "closed the connection", True
    if isinstance(error, smtplib.SMTPException):
        return f"cannot take it: {type(error).__name__}", False
    if isinstance(error, ssl.SSLError):
        return "its TLS certificate is not to be trusted", False
    return f"no connection ({getattr(error, 'strerror', '') or type(error).__name__})", True


def _connected(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.is_tls:
        session: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=ANSWERS_WITHIN_S, context=context)
    else:
        session = smtplib.SMTP(server.host, server.port, timeout=ANSWERS_WITHIN_S)
    try:
        session.ehlo()
        if not server.is_tls:
            _encrypt(session, server, context)
        if server.user:
            session.login(server.user, server.password)
    except BaseException:
        session.close()
        raise
    return session


def _encrypt(session: smtplib.SMTP, server: Server, context: ssl.SSLContext) -> None:
    if session.has_extn("starttls"):
        session.starttls(context=context)
        session.ehlo()
    elif server.host not in LOOPBACK:
        msg = "offers no TLS, and is not on this machine"
        raise DeliveryError(msg)


def _text(said: bytes | str, server: Server) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.replace(server.password, "***").split() if server.password else text.split())


def _refused(recipients: dict[str, tuple[int, bytes]]) -> str:
    return "refused " + ", ".join(f"{who} ({code})" for who, (code, _) in sorted(recipients.items()))
