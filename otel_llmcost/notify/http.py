"""Posting JSON to an address that somebody chose: bounded in time and tries, and never to another address."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import requests
from urllib3.exceptions import HTTPError

from otel_llmcost.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRIES: Final = 3
CONNECTS_WITHIN_S: Final = 5
ANSWERS_WITHIN_S: Final = 10
WAITS_AT_MOST_S: Final = 5.0
"""Between two tries, whatever the other side asks for."""

_ANSWER_BYTES: Final = 2048
_SHOWN: Final = 200


def post(
    url: str, body: Mapping[str, object], *, secrets: tuple[str, ...], sleep: Callable[[float], None] = time.sleep
) -> str:
    """Post a body as JSON and return what was answered, such as `200 ok`.

    No connection, no answer, 429 and 5xx are tried again. A redirect is an error: nobody chose where it leads. What
    `~/.netrc` holds is not sent along.

    Args:
        url: http(s).
        body: JSON.
        secrets: What the returned text and errors must not hold.
        sleep: Waits, in seconds.

    Raises:
        DeliveryError: It was not taken.
    """
    fault = ""
    for attempt in range(1, TRIES + 1):
        wait_s = 0.5 * 2**attempt
        try:
            with _posted(url, body) as answer:
                said = f"{answer.status_code} {_read(answer, secrets)}".strip()
                if answer.ok and not answer.is_redirect:
                    return said
                fault = f"answered {said}"
                if (
                    answer.status_code != HTTPStatus.TOO_MANY_REQUESTS
                    and answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
                ):
                    raise DeliveryError(fault)
                wait_s = _asked_to_wait_s(answer, wait_s)
        except requests.RequestException as error:
            fault = _fault_of(error)
        if attempt < TRIES:
            sleep(min(wait_s, WAITS_AT_MOST_S))
    msg = f"{fault}, {TRIES} times"
    raise DeliveryError(msg)


def _posted(url: str, body: Mapping[str, object]) -> requests.Response:
    return requests.post(
        url,
        json=body,
        timeout=(CONNECTS_WITHIN_S, ANSWERS_WITHIN_S),
        allow_redirects=False,
        stream=True,
        auth=lambda request: request,
    )


def _read(answer: requests.Response, secrets: tuple[str, ...]) -> str:
    """Return the beginning of an answer, as far as it comes at once: one that drips must not hold us."""
    read = getattr(answer.raw, "read1", None)  # urllib3 1 has none
    try:
        text = read(_ANSWER_BYTES, decode_content=True).decode("utf-8", "replace") if read else ""
    except (HTTPError, OSError):
        return ""  # the status has come, and it is what counts
    for secret in secrets:
        text = text.replace(secret, "***")
    return " ".join(text.split())[:_SHOWN]


def _asked_to_wait_s(answer: requests.Response, otherwise: float) -> float:
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else otherwise


def _fault_of(error: requests.RequestException) -> str:
    """Return what went wrong; the error's own text holds the whole address."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its TLS certificate is not to be trusted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, requests.exceptions.Timeout):
        return f"did not answer within {ANSWERS_WITHIN_S} s"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection"
    return type(error).__name__
