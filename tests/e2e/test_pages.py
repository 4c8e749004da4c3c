"""The dashboards of `llmcost up` and `llmcost dashboard`, as a browser and a shell ask for them."""

from __future__ import annotations

import http.client
import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.command import line_of, llmcost, running, spool
from tests.store.ledger import a_call
from tests.support.pages import read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A_MINUTE_AGO_NS = time.time_ns() - 60 * 10**9
BOARDS = [
    "llmcost-overview",
    "llmcost-feature",
    "llmcost-savings",
    "llmcost-weekly",
    "llmcost-sessions",
    "llmcost-customers",
    "llmcost-month",
    "llmcost-trust",
    "llmcost-calls",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight calls of a minute ago: four of chat and four of search, each 0.15 USD a million of 1,000,000 tokens."""
    place = tmp_path_factory.mktemp("pages")
    spool(
        place,
        [
            a_call(
                number,
                started_at_ns=A_MINUTE_AGO_NS + number * 10**9,
                scope_name="otel_llmcost.openai",
                environment="production",
                feature=("chat", "search")[number % 2],
                request_model="gpt-4o-mini",
                response_model="gpt-4o-mini-2024-07-18",
                input_tokens=1_000_000,
                output_tokens=0,
            )
            for number in range(1, 9)
        ],
    )
    return place


@pytest.fixture(scope="module")
def port(place: Path) -> Iterator[int]:
    """Where `llmcost up` serves its pages."""
    with running("up", "--interval", "0.1", "--pages-port", "0", data_dir=place, for_s=600) as up:
        found = re.search(r"dashboards at http://127\.0\.0\.1:(\d+)/", line_of(up))
        assert found
        yield int(found[1])


def ask(port: int, path: str, *, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
    """Return status, body and headers of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        told = {name.lower(): text for name, text in answer.getheaders()}
        return answer.status, answer.read().decode(), told
    finally:
        connection.close()


@pytest.mark.long
def test_every_dashboard_is_asked_for_anew_and_nothing_in_it_fails(port: int) -> None:
    for uid in BOARDS:
        status, page, _ = ask(port, f"/d/{uid}")
        assert status == 200
        assert list(read(page)[0]) == [uid]
        assert "could not be asked" not in page


def test_a_page_shows_what_was_just_spent(port: int) -> None:
    """8 calls of 1,000,000 tokens at 0.15 USD a million are 1.20 USD."""
    panels = read(ask(port, "/d/llmcost-calls")[1])[0]["llmcost-calls"]
    assert panels["All of them"].figures["Cost"] == "$1.20"
    assert panels["All of them"].figures["Calls"] == "8"


def test_an_address_says_what_is_shown(port: int) -> None:
    status, page, _ = ask(port, "/d/llmcost-calls?from=now-6h&var-feature=chat")
    panels, tags = read(page)
    assert status == 200
    assert panels["llmcost-calls"]["All of them"].figures["Cost"] == "$0.60"
    checked = [told["value"] for tag, told in tags if tag == "input" and "checked" in told]
    assert checked == ["production", "chat", "$__all", "$__all"]


def test_a_row_leads_to_its_feature_with_what_was_chosen(port: int) -> None:
    _, page, _ = ask(port, "/d/llmcost-calls?from=now-6h&var-environment=production")
    links = {told["href"] for tag, told in read(page)[1] if tag == "a"}
    assert "/d/llmcost-feature?from=now-6h&var-environment=production&var-feature=chat" in links
    assert ask(port, "/d/llmcost-feature?from=now-6h&var-environment=production&var-feature=chat")[0] == 200


def test_a_name_with_quotes_and_backslashes_is_a_name(port: int) -> None:
    for name in ("%27%20OR%201%3D1%20--", "%5C%27%20OR%201%3D1%20--%20", "%5C", "%27%27%5C%5C%27"):
        status, page, _ = ask(port, f"/d/llmcost-calls?var-feature={name}")
        assert status == 200
        assert "could not be asked" not in page
        assert read(page)[0]["llmcost-calls"]["All of them"].figures.get("Calls", "0") == "0"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""])
def test_a_strangers_name_for_this_machine_is_not_answered(port: int, host: str) -> None:
    """DNS rebinding: the page of a stranger asks under its own name."""
    status, said, _ = ask(port, "/d/llmcost-overview", host=host)
    assert status == 403
    assert said == "pages are answered under 127.0.0.1 and localhost only\n"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:4321", "[::1]:4321"])
def test_this_machines_own_names_are_answered(port: int, host: str) -> None:
    assert ask(port, "/", host=host)[0] == 307


def test_a_strangers_page_may_link_here_and_not_load_from_here(port: int) -> None:
    assert ask(port, "/", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")[0] == 403
    assert ask(port, "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate")[0] == 307


def test_what_is_no_page_is_refused_in_words(port: int) -> None:
    assert ask(port, "/d/llmcost-nothing")[0] == 404
    assert ask(port, "/../../etc/passwd")[0] == 404
    assert ask(port, "/", method="POST")[0] == 405
    status, said, _ = ask(port, "/d/llmcost-trust?from=yesterday")
    assert (status, said) == (400, "from cannot be 'yesterday'; write how far back, such as now-14d\n")
    assert ask(port, "/d/llmcost-trust?to=2026-02-30")[0] == 400


def test_nothing_may_frame_keep_or_script_a_page(port: int) -> None:
    _, _, headers = ask(port, "/d/llmcost-trust", method="HEAD")
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert headers["cache-control"] == "no-store"


def test_while_up_runs_the_command_asks_it(place: Path, port: int, tmp_path: Path) -> None:
    """Every question is one that the owner of an embedded store answers to others."""
    assert port
    out = tmp_path / "page.html"
    done = llmcost("dashboard", "--out", str(out), "--feature", "chat", "--env", "all", data_dir=place)
    assert (done.code, done.err) == (0, "")
    page = out.read_text(encoding="utf-8")
    assert list(read(page)[0]) == BOARDS
    assert "could not be asked" not in page
    assert read(page)[0]["llmcost-calls"]["All of them"].figures["Cost"] == "$0.60"


def test_a_variable_that_no_dashboard_has_is_refused(place: Path) -> None:
    refused = llmcost("dashboard", "savings", "--tenant", "acme", data_dir=place)
    assert refused.code == 2
    assert refused.error == "llmcost: savings cannot be filtered by tenant; by environment, feature, team"
    assert llmcost("dashboard", "spend", data_dir=place).code == 2
    assert llmcost("dashboard", "--var", "tag", data_dir=place).code == 2
    assert llmcost("dashboard", "--from", "soon", data_dir=place).code == 2


def test_a_page_goes_to_the_terminal_too(tmp_path: Path) -> None:
    """And where there is nothing yet, it says so."""
    done = llmcost("dashboard", "overview", "-o", "-", data_dir=tmp_path)
    assert done.code == 0
    assert "Run `llmcost doctor` where the application runs." in done.out
