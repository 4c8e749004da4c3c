"""Anthropic's own API: messages, and the results of message batches.

"You are not billed for a request refused before any output is generated": its counts are told all the same.
Source: Anthropic API reference, "Messages" and "Message Batches"; Claude Platform release notes, June 2026, on Claude
Fable 5; checked 2026-11-22, the first two against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import anthropic
from otel_llmcost.providers.formats.anthropic import MESSAGES, read_usage
from otel_llmcost.providers.reading import Reading, objects, section
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SURFACES", "fold_message", "read_any", "read_batch_line", "read_message", "read_usage"]


def read_message(body: Mapping[str, Any]) -> Reading:
    """Return what a Message tells, and what is billed of it."""
    reading = anthropic.read_message(body)
    return reading if objects(body, "content") else _unless_refused(reading)


def fold_message(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of a streamed message tell, cut short or complete, and what is billed of it."""
    reading = anthropic.fold_message(events)
    return reading if any(section(event, "content_block") for event in events) else _unless_refused(reading)


def read_batch_line(line: Mapping[str, Any]) -> Reading:
    """Return what a line of a message batch's results tells; only one that succeeded has a message and a price."""
    message = section(section(line, "result"), "message")
    return read_message(message) if message else anthropic.read_batch_line(line)


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape: a message, a line of a batch's results, or a usage object alone."""
    if "result" in body:
        return read_batch_line(body)
    return read_message(body) if "content" in body else anthropic.read_any(body)


def _unless_refused(reading: Reading) -> Reading:
    """Return the reading of an answer without content: if it was refused, nothing is billed."""
    return replace(reading, billed=Usage()) if reading.finish_reason == "refusal" and reading.usage else reading


SURFACES: Final = {"/v1/messages": replace(MESSAGES, read=read_message, fold=fold_message)}
"""How each path of the API is read."""
