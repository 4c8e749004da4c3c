"""One day at Deskhand, in a few seconds: quiet hours, then four incidents that cost money.

Run it as any application is run: `opentelemetry-instrument python -m otel_llmcost.demo.app`. It calls only
providers on this machine, at OPENAI_BASE_URL and ANTHROPIC_BASE_URL, and refuses to start with others.
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from otel_llmcost.demo.ledger import Ledger
from otel_llmcost.demo.product import Deskhand, DeskhandGrowth, Ticket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

TENANTS: Final = ("acme", "globex", "initech")

_QUESTIONS: Final = (
    "The invoice for October shows two seats too many, and I need it corrected before the books close.",
    "I cannot log in since this morning, the page says that my session is not valid any more.",
    "Is there an outage? Our exports have been waiting for an hour and the page does not load.",
    "How do I move a workspace to another owner without losing the history of its tickets?",
    "Your last release broke our webhook: the signature does not match the body.",
)


def main() -> None:
    """Live through the day; exit with 2 where the providers are not on this machine."""
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        if urlsplit(os.environ.get(name, "")).hostname not in ("127.0.0.1", "localhost"):
            print(f"{name} must point to this machine: start the demo with `llmcost demo`", file=sys.stderr)
            sys.exit(2)
    ledger = Ledger(Path(os.environ.get("DEMO_LEDGER", os.devnull)))
    try:
        _support_desk(ledger)
        asyncio.run(_growth_desk(ledger))
    finally:
        ledger.close()


def ticket(number: int, tenant: str = "") -> Ticket:
    """Return the ticket with this number; the tenants take turns."""
    text = f"[{number}] {_QUESTIONS[number % len(_QUESTIONS)]}"
    return Ticket(number, tenant or TENANTS[number % len(TENANTS)], text)


def _support_desk(ledger: Ledger) -> None:
    """Serve tickets, four at a time. Then a prompt grows tenfold, and a release asks for what no model gives."""
    desk = Deskhand(ledger)
    with ThreadPoolExecutor(4) as agents:
        _all(agents, desk.detect_language, map(ticket, range(50)))
        _all(agents, desk.triage, map(ticket, range(70)))
        _all(agents, lambda each: desk.answer(each, _follow_ups(each)), map(ticket, range(18)))
        _all(agents, lambda each: desk.summarize(each, _thread(each, 12)), map(ticket, range(36)))
        _all(agents, lambda each: desk.summarize(each, _thread(each, 120)), map(ticket, range(36, 50)))
        _all(agents, lambda each: desk.triage_after_release_41(each, attempts=30), map(ticket, range(70, 72)))
    desk.close()


async def _growth_desk(ledger: Ledger) -> None:
    """Search and draft, eight at a time. Then one tenant searches for five, and the drafts slide to a dearer model."""
    desk = DeskhandGrowth(ledger)
    quiet = [ticket(number) for number in range(30)]
    await _gather(desk.search_help(each.tenant, each.text) for each in quiet)
    await _gather(desk.draft_campaign(each.tenant, each.text, "gpt-4o-mini") for each in quiet)
    await _gather(desk.search_help(each.tenant, each.text) for each in (ticket(n, "globex") for n in range(30, 80)))
    await _gather(desk.draft_campaign(each.tenant, each.text, "gpt-5.4") for each in map(ticket, range(30, 48)))
    await _gather(desk.polish_at_night(each.tenant, each.text) for each in quiet[:12])
    await desk.draft_and_leave("initech", _QUESTIONS[0])
    await desk.close()


def _follow_ups(each: Ticket) -> tuple[str, ...]:
    return ("Thanks, and what about the second workspace?", "One more thing: who is told?")[: each.number % 3]


def _thread(each: Ticket, mails: int) -> str:
    return "\n".join(f"Mail {number}: {each.text} {_QUESTIONS[number % len(_QUESTIONS)]}" for number in range(mails))


def _all(agents: ThreadPoolExecutor, serve: Callable[[Ticket], object], tickets: Iterable[Ticket]) -> None:
    """Serve every ticket and wait; the first error, if any, ends the day."""
    for _ in agents.map(serve, tickets):
        pass


async def _gather(jobs: Iterable[Awaitable[object]]) -> None:
    limit = asyncio.Semaphore(8)

    async def one(job: Awaitable[object]) -> None:
        async with limit:
            await job

    await asyncio.gather(*map(one, jobs))


if __name__ == "__main__":
    main()
