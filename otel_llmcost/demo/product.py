"""Deskhand, a small support product: what it does for its customers, each feature with a model behind it.

Written as an application would be: it names who pays where it knows, and nothing else of otel_llmcost shows. One
feature, the language detection, was forgotten, as one always is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from anthropic import Anthropic
from openai import AsyncOpenAI, OpenAI

from otel_llmcost import feature, request, session

if TYPE_CHECKING:
    from anthropic.types import MessageParam, ToolUnionParam

    from otel_llmcost.demo.ledger import Ledger

HANDBOOK: Final = "\n".join(
    f"{number}. {rule}"
    for number, rule in enumerate(
        (
            "Refunds above 500 EUR need a second agent's approval before anything is promised to the customer.",
            "Never ask for a password or a full card number; the last four digits are enough to find an order.",
            "An outage is confirmed only by the status page; until then say that we are looking into it.",
            "Exports older than ninety days come from cold storage and take up to six hours.",
            "A workspace owner may transfer seats; a member may not, whatever the plan says.",
            "Answer in the customer's language, in short sentences, and end with the next step.",
        )
        * 14,
        start=1,
    )
)
"""About 2,000 tokens of house rules, the same in every prompt: what prompt caches are for."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One customer question: its number, the tenant it comes from and what it says."""

    number: int
    tenant: str
    text: str


class Deskhand:
    """The product's synchronous features.

    Args:
        ledger: Where each request is written down before it leaves.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._openai = OpenAI()
        self._anthropic = Anthropic()

    def close(self) -> None:
        """Close the connections."""
        self._openai.close()
        self._anthropic.close()

    def detect_language(self, ticket: Ticket) -> str:
        """Return the ticket's language. Nobody has named a feature for this one."""
        raw = self._openai.chat.completions.with_raw_response.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": f"Name the language of this text: {ticket.text}"}],
            max_completion_tokens=12,
            extra_headers=self._ledger.headers("", ticket.tenant),
        )
        return raw.parse().choices[0].message.content or ""

    def triage(self, ticket: Ticket) -> dict[str, Any]:
        """Return category, priority and queue; a small model first, a dearer one where its JSON is unusable."""
        with feature("triage_ticket", team="support", tenant=ticket.tenant), request() as req:
            for model in ("gpt-5-mini", "gpt-5.4"):
                answer = self._ask_for_triage(ticket, model, ("category", "priority", "queue"))
                if answer:
                    return answer
                req.reject("json_parse")
        return {}

    def triage_after_release_41(self, ticket: Ticket, attempts: int) -> dict[str, Any]:
        """Return a triage with a field that no model gives: release 41 asks again and again, and is always answered."""
        with feature("triage_ticket", team="support", tenant=ticket.tenant), request() as req:
            for _ in range(attempts):
                answer = self._ask_for_triage(ticket, "gpt-5-mini", ("category", "sentiment"))
                if answer:
                    return answer
                req.reject("schema_mismatch")
        return {}

    def _ask_for_triage(self, ticket: Ticket, model: str, fields: tuple[str, ...]) -> dict[str, Any]:
        """Return the model's answer, empty unless it is JSON with all of `fields`."""
        answer = self._openai.chat.completions.create(
            model=model,
            messages=[
                {"role": "system", "content": f"Sort support tickets by these rules.\n{HANDBOOK}"},
                {"role": "user", "content": f"Reply in JSON with {', '.join(fields)}. Ticket: {ticket.text}"},
            ],
            response_format={"type": "json_object"},
            extra_headers=self._ledger.headers("triage_ticket", ticket.tenant),
        )
        try:
            said = json.loads(answer.choices[0].message.content or "")
        except ValueError:
            return {}
        return said if all(name in said for name in fields) else {}

    def answer(self, ticket: Ticket, questions: tuple[str, ...]) -> str:
        """Return the last answer of a conversation, each turn streamed to the customer as it comes."""
        tools: list[ToolUnionParam] = [{"type": "web_search_20250305", "name": "web_search"}]
        said, turns = "", list[str]()
        with feature("answer_ticket", team="support", tenant=ticket.tenant), session(f"conv_{ticket.number}"):
            for question in (ticket.text, *questions):
                turns.append(question)
                with self._anthropic.messages.stream(
                    model="claude-sonnet-4-6",
                    max_tokens=500,
                    system=[_cached(f"You answer support tickets.\n{HANDBOOK}", "5m")],
                    messages=_conversation(turns),
                    tools=tools if "outage" in ticket.text else [],
                    extra_headers=self._ledger.headers("answer_ticket", ticket.tenant),
                ) as stream:
                    said = "".join(stream.text_stream)
                turns.append(said)
        return said

    def summarize(self, ticket: Ticket, thread: str) -> str:
        """Return a summary of the thread of a ticket."""
        with feature("summarize_thread", team="support", tenant=ticket.tenant):
            message = self._anthropic.messages.create(
                model="claude-haiku-4-5",
                max_tokens=200,
                system=[_cached(f"You summarize support threads.\n{HANDBOOK}", "1h")],
                messages=[{"role": "user", "content": thread}],
                extra_headers=self._ledger.headers("summarize_thread", ticket.tenant),
            )
        return "".join(block.text for block in message.content if block.type == "text")


class DeskhandGrowth:
    """The asynchronous features: the help search and the campaign drafts."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._openai = AsyncOpenAI()

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def search_help(self, tenant: str, query: str) -> str:
        """Return an answer from the help pages, and from the web where they say nothing."""
        async with feature("search_help", team="growth", tenant=tenant), request():
            await self._openai.embeddings.create(
                model="text-embedding-3-small", input=query, extra_headers=self._ledger.headers("search_help", tenant)
            )
            answer = await self._openai.responses.create(
                model="gpt-5.6-luna",
                instructions=f"Answer from the help pages.\n{HANDBOOK}",
                input=query,
                tools=[{"type": "web_search"}],
                extra_headers=self._ledger.headers("search_help", tenant),
            )
        return answer.output_text

    async def draft_campaign(self, tenant: str, brief: str, model: str) -> str:
        """Return a campaign mail, streamed into the editor."""
        said = []
        with feature("draft_campaign", team="growth", tenant=tenant):
            stream = await self._openai.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": f"Draft a campaign mail. {brief}"}],
                stream=True,
                extra_headers=self._ledger.headers("draft_campaign", tenant),
            )
            async for chunk in stream:
                said += [choice.delta.content or "" for choice in chunk.choices]
        return "".join(said)

    async def draft_and_leave(self, tenant: str, brief: str) -> None:
        """Start an essay and close the tab after its first words: the provider never tells what it cost."""
        with feature("draft_campaign", team="growth", tenant=tenant):
            stream = await self._openai.chat.completions.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": f"Draft a white paper. {brief}"}],
                max_completion_tokens=16_000,
                stream=True,
                extra_headers=self._ledger.headers("draft_campaign", tenant),
            )
            await anext(aiter(stream))
            await stream.close()

    async def polish_at_night(self, tenant: str, draft: str) -> str:
        """Return a draft polished by the cheaper, slower tier."""
        said = []
        with feature("draft_campaign", team="growth", tenant=tenant, workload="background"):
            stream = await self._openai.responses.create(
                model="gpt-5-mini",
                input=f"Polish this draft: {draft}",
                service_tier="flex",
                stream=True,
                extra_headers=self._ledger.headers("draft_campaign", tenant),
            )
            async for event in stream:
                said += [event.delta] if event.type == "response.output_text.delta" else []
        return "".join(said)


def _cached(text: str, ttl: str) -> Any:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}}


def _conversation(turns: list[str]) -> list[MessageParam]:
    """Return customer and assistant in turn; only the newest turn carries a cache mark."""
    *past, newest = turns
    said: list[MessageParam] = []
    for question, answer in zip(past[::2], past[1::2], strict=True):
        said += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*said, {"role": "user", "content": [_cached(newest, "5m")]}]
