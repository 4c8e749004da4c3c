"""Anthropic's own API: messages, and the results of message batches.

Source: Anthropic API reference, "Messages" and "Message Batches"; checked 2026-11-22 against recorded exchanges.
"""

from __future__ import annotations

from typing import Final

from otel_llmcost.providers.formats.anthropic import (
    MESSAGES,
    fold_message,
    read_any,
    read_batch_line,
    read_message,
    read_usage,
)

__all__ = ["SURFACES", "fold_message", "read_any", "read_batch_line", "read_message", "read_usage"]

SURFACES: Final = {"/v1/messages": MESSAGES}
"""How each path of the API is read."""
