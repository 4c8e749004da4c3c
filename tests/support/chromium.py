"""A real browser without a window, where there is one, that may not ask the network for anything."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS: Final = ("--no-sandbox", "--disable-dev-shm-usage")
"""Tests run as root in containers, where Chromium's own sandbox cannot be had."""


class UnavailableError(Exception):
    """There is no browser; the message says why."""


@contextmanager
def running() -> Iterator[Browser]:
    """Give a browser.

    Raises:
        UnavailableError: Neither the system nor Playwright has one.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        msg = "playwright is not installed"
        raise UnavailableError(msg) from error
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, _NAMES)), "")
        if not found and not Path(playwright.chromium.executable_path).exists():
            msg = "no Chromium: `make chromium` installs one where it can"
            raise UnavailableError(msg)
        try:
            browser = playwright.chromium.launch(executable_path=found or None, args=list(_ARGUMENTS))
        except Error as error:
            msg = f"Chromium does not start: {' '.join(str(error).split())[:200]}"
            raise UnavailableError(msg) from error
        try:
            yield browser
        finally:
            browser.close()


def main() -> int:
    """Return whether there is one, as an exit code."""
    try:
        with running() as browser:
            sys.stdout.write(f"Chromium {browser.version}\n")
    except UnavailableError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
