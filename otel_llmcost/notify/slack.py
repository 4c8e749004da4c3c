"""Messages as Slack takes them: blocks of bounded length, and a text for notifications and for its likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.notify.message import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otel_llmcost.notify.message import Message

# https://docs.slack.dev/reference/block-kit/blocks, 2026-11: what one block and one message may hold.
SECTION: Final = 3000
BLOCKS: Final = 50
TEXT: Final = 4000

MARKS: Final = {"critical": ":red_circle:", "warning": ":large_orange_circle:", "info": ":large_blue_circle:"}
_OVER: Final = ":white_check_mark:"


def bodies(messages: Sequence[Message]) -> Iterator[dict[str, Any]]:
    """Yield the posts that messages need: mostly one."""
    blocks: list[dict[str, Any]] = []
    texts: list[str] = []
    for message in messages:
        said = _said(message)
        its = [{"type": "section", "text": {"type": "mrkdwn", "text": part}} for part in _parts(said)]
        if blocks and len(blocks) + len(its) > BLOCKS:
            yield {"text": "\n\n".join(texts)[:TEXT], "blocks": blocks}
            blocks, texts = [], []
        blocks += its
        texts.append(said)
    if blocks:
        yield {"text": "\n\n".join(texts)[:TEXT], "blocks": blocks}


def _said(message: Message) -> str:
    mark = _OVER if message.is_over else MARKS[message.severity]
    return f"{mark} *{escaped(message.subject)}*\n{message.mrkdwn}"


def _parts(text: str) -> Iterator[str]:
    """Yield the text in parts that fit into a section, cut between lines where there are any."""
    while len(text) > SECTION:
        cut = text.rfind("\n", 1, SECTION)
        cut = cut if cut > 0 else SECTION
        yield text[:cut]
        text = text[cut:].lstrip("\n")
    if text:
        yield text
