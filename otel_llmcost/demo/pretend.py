"""The pretend model behind the simulator: what it answers and what that consumes, the same every time for a seed.

The idea: nothing depends on the order in which requests arrive. The random numbers of an answer come from the seed,
the request's own content and how often that content was asked before; the prompt cache is a set of prefixes, so a
prefix is written once and read every other time, whoever comes first.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any, Final

MIN_CACHEABLE_TOKENS: Final = 1024
OPENAI_CACHE_STEP_TOKENS: Final = 128
"""OpenAI caches prompts of 1,024 tokens and more, in steps of 128.

Source: https://platform.openai.com/docs/guides/prompt-caching, 2026-11.
"""

UNLIMITED_TOKENS: Final = 128_000

SERVED_AS: Final = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5.4": "gpt-5.4-2026-03-05",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
}
"""The snapshot that answers when an alias is asked; other names answer as themselves."""

_PROSE: Final = (
    "the refund was booked on Tuesday and your invoice shows it from tomorrow please check whether the sync finished "
    "before you reset the token because settings under Workspace apply to every seat we have raised the limit for now "
    "and will tell you as soon as the export is ready in the meantime the older report stays where it was"
)
_WORDS: Final = _PROSE.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a prompt: its text, and for how long the caller asked to cache up to here (`5m`, `1h` or empty)."""

    text: str
    cache_ttl: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a request asks, whichever provider's words it came in.

    Attributes:
        provider: openai or anthropic.
        model: The model asked for.
        pieces: System prompt, tool definitions and messages, in order.
        max_output_tokens: At least 1; UNLIMITED_TOKENS where the caller set no limit.
        is_stream: Whether the answer is wanted as events.
        includes_usage: Whether a chat stream ends with its usage (`stream_options.include_usage`).
        wants_json: Whether the answer has to be a JSON object.
        may_search: Whether a web search tool was declared.
        service_tier: The tier asked for, empty if none.
    """

    provider: str
    model: str
    pieces: tuple[Piece, ...]
    max_output_tokens: int = UNLIMITED_TOKENS
    is_stream: bool = False
    includes_usage: bool = False
    wants_json: bool = False
    may_search: bool = False
    service_tier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What the model said and consumed.

    Attributes:
        text: The answer.
        model: The model that served.
        input_tokens: All input, cached and written tokens included.
        output_tokens: All output, reasoning included.
        web_searches: The queries that were run.
        service_tier: The tier that served.
        is_cut: Whether the answer ended at the limit of tokens.
    """

    text: str
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    web_searches: tuple[str, ...] = ()
    service_tier: str = "default"
    is_cut: bool = False


class PretendModel:
    """Completes prompts. Threads may share one."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._cached: set[bytes] = set()
        self._lock = threading.Lock()

    def key_of(self, body: dict[str, Any], *, is_resent: bool) -> str:
        """Return what tells this request from all others: a digest of its content, and how often it was asked.

        Args:
            body: The request; whether it wants its usage streamed changes nothing about the answer.
            is_resent: Whether the SDK sends it again after an error, which is not another question.
        """
        content = {name: value for name, value in body.items() if name != "stream_options"}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]
        with self._lock:
            self._asked[digest] += not is_resent
            return f"{digest}:{self._asked[digest]}"

    def random_of(self, key: str, purpose: str) -> Random:
        """Return the random numbers of one request for one purpose."""
        return Random(f"{self._seed}:{key}:{purpose}")

    def complete(self, prompt: Prompt, key: str) -> Completion:
        """Return the answer to `prompt`."""
        random = self.random_of(key, "answer")
        reasoning = random.randrange(2, 12) * 64 if _reasons(prompt.model) else 0
        room = max(0, prompt.max_output_tokens - reasoning)
        text = _json_text(random, prompt.model) if prompt.wants_json else _prose(random, prompt.max_output_tokens)
        text = text[: room * 4]
        searches = _searches(random) if prompt.may_search else ()
        found = sum(random.randrange(900, 2400) for _ in searches)
        read, write_5m, write_1h = self._caching(prompt)
        return Completion(
            text=text,
            model=SERVED_AS.get(prompt.model, prompt.model),
            input_tokens=sum(tokens_of(piece.text) for piece in prompt.pieces) + found,
            output_tokens=min(reasoning + tokens_of(text), prompt.max_output_tokens),
            cache_read_tokens=read,
            cache_write_5m_tokens=write_5m,
            cache_write_1h_tokens=write_1h,
            reasoning_tokens=min(reasoning, prompt.max_output_tokens),
            web_searches=searches,
            service_tier=_tier(prompt),
            is_cut=not text,
        )

    # --- prompt cache ---

    def _caching(self, prompt: Prompt) -> tuple[int, int, int]:
        """Return the tokens read from the cache, written for five minutes and written for an hour."""
        return self._marked_caching(prompt) if prompt.provider == "anthropic" else self._automatic_caching(prompt)

    def _automatic_caching(self, prompt: Prompt) -> tuple[int, int, int]:
        """Cache every prefix, as OpenAI does; models from 5.6 on bill what is written."""
        total = read = 0
        for piece, known in self._prefixes(prompt):
            total += tokens_of(piece.text)
            read = total if known else read
        read, total = (_cacheable(tokens) for tokens in (read, total))
        return read, (total - read if bills_cache_writes(prompt.model) else 0), 0

    def _marked_caching(self, prompt: Prompt) -> tuple[int, int, int]:
        """Cache up to each marked piece, as Anthropic does."""
        total = done = read = 0
        written = {"5m": 0, "1h": 0}
        for piece, known in self._prefixes(prompt):
            total += tokens_of(piece.text)
            if not piece.cache_ttl or total < MIN_CACHEABLE_TOKENS:
                continue
            if known:
                read, written = total, {"5m": 0, "1h": 0}
            else:
                written[piece.cache_ttl] += total - done
            done = total
        return read, written["5m"], written["1h"]

    def _prefixes(self, prompt: Prompt) -> list[tuple[Piece, bool]]:
        """Return each piece with whether the prompt up to its end is cached, and cache what is to be."""
        digest = hashlib.sha256(prompt.model.encode())
        is_automatic = prompt.provider == "openai"
        seen = []
        with self._lock:
            for piece in prompt.pieces:
                digest.update(piece.text.encode() + b"\0")
                seen.append((piece, digest.digest() in self._cached))
                if is_automatic or piece.cache_ttl:
                    self._cached.add(digest.digest())
        return seen


def tokens_of(text: str) -> int:
    """Return the tokens of `text`, at least 1: four characters each, near enough for English."""
    return (len(text) + 3) // 4 or 1


def bills_cache_writes(model: str) -> bool:
    """Say whether an OpenAI model bills cache writes: from GPT-5.6 on, at 1.25 times its input price."""
    return model.startswith(("gpt-5.6", "gpt-6"))


def _reasons(model: str) -> bool:
    return model.startswith(("gpt-5", "gpt-6"))


def _cacheable(tokens: int) -> int:
    steps = tokens // OPENAI_CACHE_STEP_TOKENS
    return steps * OPENAI_CACHE_STEP_TOKENS if tokens >= MIN_CACHEABLE_TOKENS else 0


def _tier(prompt: Prompt) -> str:
    if prompt.provider == "anthropic":
        return "standard"
    return "flex" if prompt.service_tier == "flex" else "default"


def _prose(random: Random, max_output_tokens: int) -> str:
    """Return some sentences: a few hundred tokens, or an essay where the caller made room for one."""
    most = min(max_output_tokens, 4000) if max_output_tokens < UNLIMITED_TOKENS else 400
    size = (most - random.randrange(most // 3 + 1)) * 4
    start = random.randrange(len(_WORDS))
    words = _WORDS[start:] + _WORDS[:start]
    return " ".join(words * (size // 200 + 1))[: size - 1].strip() + "."


def _json_text(random: Random, model: str) -> str:
    """Return a ticket's triage; small models break off now and then."""
    kind = random.choice(("billing", "login", "bug", "how_to", "export"))
    text = json.dumps({"category": kind, "priority": random.randrange(1, 5), "queue": f"{kind}_queue"})
    is_broken = "mini" in model and random.random() < 0.2  # noqa: PLR2004 - one in five
    return text[: len(text) // 2] if is_broken else text


def _searches(random: Random) -> tuple[str, ...]:
    asked = ("status page incident", "release notes export", "api rate limit change")
    return tuple(random.sample(asked, random.choice((0, 0, 1, 2))))
