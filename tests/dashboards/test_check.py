"""`llmcost check` finds what the alerts find, says it, sends it and keeps it."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.cli.app import run
from otel_llmcost.store import connect
from tests.support.months import SHOP, Product, altered, month

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTE_NS = 60 * 10**9


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """A store in which search has been called, half an hour ago, with a model that has no price."""
    dsn, until_ns = f"chdb://{tmp_path}/store", time.time_ns() - MINUTE_NS

    def only_search(product: Product, _start_ns: int) -> Product:
        return altered(product, a_day=480 if product.name == "search" else 0, is_priced=False, error_share=0)

    with connect(dsn) as store:
        store.migrate()
        store.write(list(month(until_ns=until_ns, days=1, seed=3, products=SHOP, change=only_search)))
        store.derive()
    return dsn


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[Any]]]:
    taken: list[Any] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", taken
        server.shutdown()
        thread.join()


def test_says_what_is_wrong_and_sends_and_keeps_it(
    dsn: str,
    tmp_path: Path,
    webhook: tuple[str, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address, taken = webhook
    monkeypatch.setenv("LLMCOST_WEBHOOK_URL", address)
    place = ["--dsn", dsn, "--data-dir", str(tmp_path / "data")]
    for _ in range(2):  # the second one tells the same event again
        assert run(["check", "--notify", *place]) == 1
    said = capsys.readouterr().out
    assert "[warning] A model without a price: model novel-1" in said
    assert "calls of openai/novel-1 have no price" in said
    assert "To stop it: `llmcost rates update`" in said
    assert taken[0]["text"] in said.replace("[warning] ", "").replace("[critical] ", "").replace("[info] ", "")
    with connect(dsn) as store:
        kept = store.query("SELECT subject, severity, reason FROM cost_events WHERE kind = 'anomaly'").dicts()
    assert [row["severity"] for row in kept if row["subject"] == "unpriced_model"] == ["warning"]


def test_nothing_wrong_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLMCOST_WEBHOOK_URL", raising=False)
    place = ["--dsn", f"chdb://{tmp_path}/store", "--data-dir", str(tmp_path / "data")]
    assert run(["check", *place]) == 0
    assert capsys.readouterr().out == "nothing is wrong\n"
    assert run(["check", "--notify", *place]) == 2
    assert "LLMCOST_WEBHOOK_URL is ''" in capsys.readouterr().err
