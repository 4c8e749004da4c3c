"""The page in a real browser: it asks nobody, complains of nothing, fits a phone, and runs nobody's script.

The calls are of people who mean harm: their features, customers, models and sessions are named so that a page which
wrote one of them down unescaped would run their script.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.pages import Asker, answer, chosen_first, load_boards, offline_page
from otel_llmcost.store import connect
from tests.support import chromium, months

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from otel_llmcost.store import PricedCall

HOSTILE = (
    "<img src=x onerror=pwned=1>",
    "</script><script>pwned=1</script>",
    '"><svg onload=pwned=1>',
    "{{ 7 * 7 }}<b>bold</b>",
    "' onmouseover='pwned=1",
    "javascript:pwned=1",
    "\\'); pwned=1; //",
)
BOARDS = [board.uid for board in load_boards()]
PHONE = {"width": 360, "height": 740}


@dataclass(slots=True)
class Opened:
    """A page in a browser, with what it complained of and whom it asked."""

    page: Page
    complaints: list[str]
    asked: list[str]


def hostile(call: PricedCall, number: int) -> PricedCall:
    name = HOSTILE[number % len(HOSTILE)]
    who = replace(call.call.attribution, feature=name, tenant=name, team=name, session_id=f"{name}{number % 9}")
    return replace(
        call, call=replace(call.call, attribution=who, response_model=name, call_site=name, prompt_hash=name)
    )


@pytest.fixture(scope="module")
def file(until_ns: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All nine dashboards of ten days in one file."""
    place = tmp_path_factory.mktemp("page")
    calls = list(months.month(until_ns=until_ns, days=10, seed=3, products=months.SHOP[:2]))
    with connect(f"chdb://{place}/store", clock_ns=lambda: until_ns) as store:
        store.migrate()
        store.write([hostile(call, number) for number, call in enumerate(calls)])
        store.derive()
        chosen = [chosen_first(board, now_ms=until_ns // 10**6) for board in load_boards()]
        shown = [answer(Asker(store), board, each) for board, each in zip(load_boards(), chosen, strict=True)]
    page = offline_page(shown, made_at=datetime.fromtimestamp(until_ns // 10**9, UTC))
    (place / "page.html").write_text(page, encoding="utf-8")
    return place / "page.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        with chromium.running() as browser:
            yield browser
    except chromium.UnavailableError as error:
        pytest.skip(f"no browser: {error}")


@pytest.fixture
def opened(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    options: dict[str, Any] = getattr(request, "param", {})
    with browser.new_context(**options) as context:
        context.set_default_timeout(120_000)  # a busy machine may be slow, and is not wrong
        page = context.new_page()
        found = Opened(page, [], [])
        page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("dialog", lambda dialog: found.complaints.append(dialog.message))
        page.on("request", lambda asked: found.asked.append(asked.url))
        page.goto(file.as_uri())
        yield found


def every_board(page: Page) -> Iterator[str]:
    """Go from one dashboard to the next by the links at the top."""
    for uid in BOARDS:
        page.click(f"nav a[href='#{uid}']")
        page.wait_for_selector(f"#{uid}:not([hidden])")
        if page.query_selector(f"#{uid} .chart"):
            page.wait_for_selector(f"#{uid} .chart canvas")
        yield uid


@pytest.mark.parametrize(
    "opened", [{}, pytest.param({"color_scheme": "dark", "viewport": PHONE}, marks=pytest.mark.long)], indirect=True
)
def test_a_page_asks_nobody_and_complains_of_nothing(opened: Opened, file: Path) -> None:
    for uid in every_board(opened.page):
        for number in range(opened.page.locator(f"#{uid} .chart").count()):
            opened.page.locator(f"#{uid} .chart").nth(number).hover()
    assert opened.complaints == []
    assert {url.partition("#")[0] for url in opened.asked if not url.startswith("data:")} == {file.as_uri()}


@pytest.mark.long
def test_no_name_becomes_a_script_or_an_element(opened: Opened) -> None:
    page = opened.page
    for uid in every_board(page):
        for summary in page.query_selector_all(f"#{uid} .numbers > summary"):
            summary.click()
        for head in page.query_selector_all(f"#{uid} thead th:first-child button"):
            head.click()
        for number in range(page.locator(f"#{uid} .chart").count()):
            page.locator(f"#{uid} .chart").nth(number).press("End")
    assert page.evaluate("typeof pwned") == "undefined"
    assert page.locator("main img, main b b, main svg, main script:not([type='application/json'])").count() == 0
    assert "{{ 7 * 7 }}" in page.inner_text("#llmcost-calls")
    assert HOSTILE[0] in page.text_content("#llmcost-overview .legend >> nth=0")  # type: ignore[operator]
    assert opened.complaints == []


@pytest.mark.parametrize("opened", [{"viewport": PHONE, "has_touch": True, "is_mobile": True}], indirect=True)
def test_on_a_phone_nothing_reaches_over_the_edge(opened: Opened) -> None:
    wide = {
        uid: opened.page.evaluate("document.documentElement.scrollWidth")
        for uid in every_board(opened.page)
        if opened.page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]
    }
    assert wide == {}


@pytest.mark.parametrize("opened", [{"color_scheme": "dark"}], indirect=True)
def test_the_theme_is_the_systems_until_one_is_chosen(opened: Opened) -> None:
    page = opened.page
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    page.click("#theme")
    assert page.evaluate(background) != dark
    assert page.get_attribute("#theme", "aria-pressed") == "false"
    page.reload()
    assert page.evaluate(background) != dark


@pytest.mark.parametrize("opened", [{"color_scheme": scheme} for scheme in ("light", "dark")], indirect=True)
def test_text_stands_out_from_what_is_behind_it(opened: Opened) -> None:
    """WCAG AA asks for 4.5 to 1."""
    script = """() => {
        const light = (rgb) => rgb.match(/[\\d.]+/g).slice(0, 3)
            .map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
            .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
        const probe = document.body.appendChild(document.createElement("i"));
        const of = (name) => { probe.style.color = `var(--${name})`; return light(getComputedStyle(probe).color); };
        const texts = ["ink", "muted", "accent", "dearer", "cheaper", "warned"], backs = ["page", "panel", "soft"];
        return texts.flatMap((text) => backs.map((back) => {
            const [high, low] = [of(text), of(back)].sort((one, other) => other - one);
            return [`${text} on ${back}`, (high + 0.05) / (low + 0.05)];
        }));
    }"""
    assert {pair: ratio for pair, ratio in opened.page.evaluate(script) if ratio < 4.5} == {}


def test_the_keyboard_reaches_everything_in_the_order_in_which_it_stands(opened: Opened) -> None:
    page = opened.page
    assert page.locator("[tabindex]:not([tabindex='0'], [tabindex='-1'])").count() == 0
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.chart')"):
            break
    skip, *_ = page.query_selector_all("a")
    assert skip.get_attribute("href") == "#main"
    assert page.evaluate("document.activeElement.matches('.chart')")
    page.keyboard.press("Home")
    first = page.inner_text(".tip.shown")
    page.keyboard.press("ArrowRight")
    second = page.inner_text(".tip.shown")
    assert first != second
    assert "$" in first
    page.keyboard.press("Escape")
    assert page.locator(".tip.shown").count() == 0


def test_focus_is_seen(opened: Opened) -> None:
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_table_sorts_by_a_click_on_a_heading(opened: Opened) -> None:
    page = opened.page
    page.click("nav a[href='#llmcost-calls']")
    head = page.locator("#llmcost-calls th", has_text="Input tokens")
    column = head.evaluate("(cell) => cell.cellIndex")
    texts = f"#llmcost-calls tbody td:nth-child({column + 1})"
    head.locator("button").click()
    down = [int(text.replace(",", "")) for text in page.locator(texts).all_inner_texts()]
    assert head.get_attribute("aria-sort") == "descending"
    assert down == sorted(down, reverse=True)
    head.locator("button").click()
    up = [int(text.replace(",", "")) for text in page.locator(texts).all_inner_texts()]
    assert up == sorted(down)


def test_a_series_is_hidden_by_its_name_and_its_numbers_are_a_table(opened: Opened) -> None:
    page = opened.page
    figure = page.locator("#llmcost-overview figure.over-time").first
    button = figure.locator(".legend button").first
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    figure.locator(".numbers > summary").click()
    heads = figure.locator(".numbers th[scope=col]").all_inner_texts()
    assert heads[0] == "Time (UTC)"
    assert len(heads) == 1 + figure.locator(".legend button").count()


def test_a_dashboard_is_reached_by_its_own_address(opened: Opened, file: Path) -> None:
    opened.page.goto(f"{file.as_uri()}#llmcost-month")
    opened.page.reload()
    assert opened.page.locator(".board:visible").count() == 1
    assert opened.page.title() == "Month and showback · LLM cost"
    assert opened.page.get_attribute("nav a[href='#llmcost-month']", "aria-current") == "page"
