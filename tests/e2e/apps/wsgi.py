"""A web program for gunicorn. It asks question 0 when it is loaded, and the one in the path of each request."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

client = shop.client_of(os.environ["PROVIDER_URL"])
shop.ask(client, 0)


def app(environ: dict[str, str], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer with the process that served."""
    shop.ask(client, int(environ["PATH_INFO"].strip("/")))
    start_response("200 OK", [("content-type", "text/plain")])
    return [str(os.getpid()).encode()]
