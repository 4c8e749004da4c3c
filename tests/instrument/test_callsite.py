"""Where a call was made: in a checkout, and in an application that is installed among the libraries."""

import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from otel_llmcost.instrument import _callsite

INSTALLED = Path(sysconfig.get_path("purelib"))
STANDARD = Path(sysconfig.get_path("stdlib"))
OURS = Path(_callsite.__file__).parents[1]


def _asking(module: str, asks: Callable[[], str], *, below: Path = INSTALLED) -> Callable[[], str]:
    """Return a function of that module which asks in its second line."""
    code = compile("def ask():\n    return asks()\n", str(below / f"{module.replace('.', '/')}.py"), "exec")
    names = {"__name__": module, "asks": asks}
    exec(code, names)
    return names["ask"]


def _told_alone(ask: Callable[[], str]) -> str:
    """Return what it tells in a thread, where no frame of these tests is around it."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(ask).result()


def test_the_innermost_frame_of_the_application_is_told():
    shop = _asking("shop.basket", _asking("sdk.client", _callsite.call_site))
    assert shop().startswith(f"{__name__}:test_the_innermost_frame_of_the_application_is_told:")


def test_an_application_that_is_installed_is_the_first_frame_outside_of_the_sdk():
    sdk = _asking("sdk.chat", _asking("sdk._client", _callsite.call_site))
    assert _told_alone(_asking("server.loop", _asking("shop.basket", sdk))) == "shop.basket:ask:2"


def test_what_stands_between_the_sdk_and_an_installed_application_is_not_told():
    sdk = _asking("sdk._client", _asking("otel_llmcost.instrument._call", _callsite.call_site, below=OURS.parent))
    others = _asking("opentelemetry.instrumentation.sdk", _asking("asyncio.runners", sdk, below=STANDARD))
    assert _told_alone(_asking("shop.basket", others)) == "shop.basket:ask:2"


def test_an_sdk_that_nobody_is_seen_to_call_has_no_place():
    assert _told_alone(_asking("sdk._client", _callsite.call_site)) == ""
