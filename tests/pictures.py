"""Makes the pictures of the dashboards: `python -m tests.pictures docs/pictures`, or `make pictures`.

A month of the demo's product is filled into a store of its own, with owners, limits, releases and what the alert rules
find in it; every dashboard is written as a page, and a browser looks at it, as a person would.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from otel_llmcost.config import parse_config
from otel_llmcost.demo.month import month
from otel_llmcost.ledger.catalogue import load
from otel_llmcost.pages import Asker, answer, chosen_first, load_boards, offline_page
from otel_llmcost.pricing import load_rate_table, price
from otel_llmcost.reports.alerts.check import check
from otel_llmcost.store import PricedCall, Store, connect
from tests.support import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from playwright.sync_api import Browser

    from otel_llmcost.call import LLMCall

DAYS: Final = 54
DAY_MS: Final = 86_400 * 10**3
DAY_NS: Final = 86_400 * 10**9
HOUR_NS: Final = 3600 * 10**9
BATCH_CALLS: Final = 20_000
MAX_BYTES: Final = 250_000
WIDTH: Final = 1360
PHONE: Final = {"width": 390, "height": 844}
FEATURE: Final = "draft_campaign"
"""The feature whose dashboard is shown: it slid to a dearer model."""

CATALOGUE: Final = """
features:
  search_help: {team: growth, owner: Grace, channel: "#growth", cost_center: CC-1, runbook: runbooks/search}
  draft_campaign: {team: growth, owner: Katherine, channel: "#growth", cost_center: CC-1, runbook: runbooks/campaigns}
  answer_ticket: {team: support, owner: Barbara, channel: "#support", cost_center: CC-2, runbook: runbooks/answers}
  triage_ticket: {team: support, owner: Barbara, channel: "#support", cost_center: CC-2, runbook: runbooks/triage}
  summarize_thread: {team: support, owner: Linus, channel: "#support", cost_center: CC-2, runbook: runbooks/threads}
limits:
  - {window: month, warn: 450, cap: 600}
  - {scope: {feature: draft_campaign}, window: day, warn: 2, cap: 5}
  - {scope: {feature: search_help}, window: day, warn: 12, cap: 20}
  - {scope: {feature: answer_ticket}, window: day, warn: 12, cap: 20}
tags: [tier]
"""
RELEASES: Final = (("2.3.1", 12), ("2.4.0", 7))
"""Releases by how many days ago they were."""

LOOKED_DAYS_AGO: Final = (7, 5, 1, 0)
"""When the alert rules looked, in days ago."""

TIERS: Final = {"acme": "enterprise", "globex": "business", "initech": "free"}
AGENTS: Final = {"answer_ticket": "helper", "triage_ticket": "sorter"}


def main(folder: Path) -> int:
    """Write the pictures into a folder; without a browser, say so and leave those that are there."""
    try:
        with chromium.running() as browser, tempfile.TemporaryDirectory() as place:
            page = _page(Path(place), _last_wednesday_ns())
            for name, picture in _pictures(browser, page):
                (folder / f"{name}.png").write_bytes(picture)
                sys.stdout.write(f"{folder / name}.png: {len(picture) // 1000} kB\n")
    except chromium.UnavailableError as error:
        sys.stdout.write(f"no pictures of the dashboards: {error}\n")
    return 0


def _last_wednesday_ns() -> int:
    """Return 16:00 (UTC) of the last Wednesday that is over: a weekday's afternoon, in the middle of a week."""
    now = datetime.now(UTC)
    days = now.toordinal() - datetime(1970, 1, 7, tzinfo=UTC).toordinal()
    return (6 + (days - 1) // 7 * 7) * DAY_NS + 16 * HOUR_NS


def _page(place: Path, until_ns: int) -> Path:
    """Return the page of all dashboards."""
    until_ms, asked = until_ns // 10**6, []
    with connect(f"chdb://{place}/store", clock_ns=lambda: until_ns) as store:
        store.migrate()
        _fill(store, until_ns)
        asker = Asker(store)
        for board in load_boards():
            chosen = chosen_first(board, now_ms=until_ms)
            if board.name == "feature":
                since_ms = until_ms - 9 * DAY_MS
                chosen = chosen_first(board, now_ms=until_ms, since_ms=since_ms, values={"feature": (FEATURE,)})
            asked.append(answer(asker, board, chosen, with_offers=False))
    page = place / "page.html"
    page.write_text(offline_page(asked, made_at=datetime.fromtimestamp(until_ns // 10**9, UTC)), encoding="utf-8")
    return page


def _fill(store: Store, until_ns: int) -> None:
    """Write the calls, who answers for them, the releases, and what the alert rules find."""
    table, batch = load_rate_table(), list[PricedCall]()
    for call in month(until_ns=until_ns, days=DAYS):
        named = _named(call, until_ns)
        told_ns = call.started_at_ns + call.duration_ns + 2 * 10**9
        batch.append(PricedCall(call=named, pricing=price(named, table), received_at_ns=told_ns))
        if len(batch) == BATCH_CALLS:
            store.write(batch)
            batch.clear()
    store.write(batch)
    catalogue = parse_config(CATALOGUE.encode(), Path("llmcost.yaml")).catalogue
    assert catalogue is not None
    first_day = datetime.fromtimestamp((until_ns - DAYS * DAY_NS) // 10**9, UTC).date()
    load(store, catalogue, today=first_day, actor="Ada")
    store.record("cost_events_log", [_release(version, until_ns - days * DAY_NS) for version, days in RELEASES])
    store.derive()
    for days in LOOKED_DAYS_AGO:
        firings = check(store, at_ns=until_ns - days * DAY_NS)
        store.record("cost_events_log", [firing.event() for firing in firings])


def _release(version: str, at_ns: int) -> dict[str, object]:
    return {
        "occurred_at": datetime.fromtimestamp(at_ns // 10**9, UTC),
        "kind": "release",
        "event_id": version,
        "severity": "info",
        "feature": FEATURE,
        "subject": version,
        "reason": "a larger model",
    }


def _named(call: LLMCall, until_ns: int) -> LLMCall:
    """Return a call that says more of itself than those of the demo: its agent, its prompt, its customer's tier."""
    who = call.attribution
    agent, tier = AGENTS.get(who.feature, ""), TIERS.get(who.tenant, "")
    is_new = call.started_at_ns > until_ns - 8 * DAY_NS and who.feature == FEATURE
    prompt = f"{who.feature.partition('_')[0]}-{'v8' if is_new else 'v7'}" if who.feature else ""
    named = replace(who, agent=agent, tags=(("tier", tier),) if tier else ())
    return replace(call, attribution=named, prompt_hash=prompt)


def _pictures(browser: Browser, page: Path) -> Iterator[tuple[str, bytes]]:
    """Yield pictures by their names: every dashboard, the first one also by night and on a phone."""
    desk = {"width": WIDTH, "height": 900}
    for board in load_boards():
        yield board.name, _looked_at(browser, page, board.uid, viewport=desk)
    first = load_boards()[0].uid
    yield "overview-dark", _looked_at(browser, page, first, viewport=desk, color_scheme="dark")
    yield "overview-phone", _looked_at(browser, page, first, whole=False, viewport=PHONE, device_scale_factor=2)


def _looked_at(browser: Browser, page: Path, uid: str, *, whole: bool = True, **options: Any) -> bytes:
    with browser.new_context(**options) as context:
        context.set_default_timeout(120_000)
        tab = context.new_page()
        tab.goto(f"{page.as_uri()}#{uid}")
        if tab.query_selector(f"#{uid} .chart"):
            tab.wait_for_selector(f"#{uid} .chart canvas")
        return _small(tab.screenshot(full_page=whole))


def _small(picture: bytes) -> bytes:
    """Return a picture in a palette: half of it the commonest colours, as they are, and half those that are spread."""
    whole, out = Image.open(BytesIO(picture)).convert("RGB"), BytesIO()
    common = sorted(whole.getcolors(whole.width * whole.height), reverse=True)[:128]
    spread = whole.quantize(128, method=Image.Quantize.MAXCOVERAGE).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, color in common for part in color] + spread)
    whole.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    assert out.tell() <= MAX_BYTES, f"{out.tell()} bytes are too many for a picture"
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
