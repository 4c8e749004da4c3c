"""Keyed hashes that tell sameness and change without content: of the API key, the prompt, the last message.

No text is kept or sent, only eight bytes of BLAKE2b under a key of one's own, so that nobody can find the text by
trying likely ones. Equal hashes mean equal text wherever the key is the same: `LLMCOST_HASH_KEY`, or else a file in
the data directory that the first process writes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import marshal
import os
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.telemetry.log import logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEY_FILE: Final = "hash-key"
KEY_BYTES: Final = 32
MAX_REMEMBERED: Final = 32
"""Prompts: an application has few, and each is kept as long as it is remembered."""
MAX_HASHED: Final = 64 * 1024
"""Bytes of a text that are hashed, with its length: what differs only behind them in as many bytes is the same."""

_SYSTEM: Final = ("system", "instructions", "systemInstruction", "system_instruction", "preamble")
_SYSTEM_FIRST: Final = ("messages", "input")
"""Turns of which the first may be the system's: those of chat, and of responses."""
_TOOLS: Final = ("tools", "functions", "toolConfig")
_TURNS: Final = ("messages", "contents", "input", "inputs", "texts")
_WHOLE: Final = ("prompt", "message", "inputText", "query")
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})
_Text = str | bytes
"""Text as it stands, anything else as marshal's bytes: those are made in a tenth of the time that JSON takes."""


class Fingerprints:
    """Makes the hashes of a process.

    Args:
        key: Of at most 64 bytes. Without one there are no hashes, since they could be compared with nothing.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.of_credential = lru_cache(MAX_REMEMBERED)(self._hash)
        self._of_prompt = lru_cache(MAX_REMEMBERED)(self._prompt)

    def of_prompt(self, body: Mapping[str, Any]) -> tuple[str, int | None]:
        """Return the hash of a request's system prompt and tool definitions, and their size in bytes.

        Empty and None where the request has neither.
        """
        parts = tuple(filter(None, map(_canonical, _prompt_parts(body))))
        return self._of_prompt(parts) if parts and self._key else ("", None)

    def of_request(self, body: Mapping[str, Any]) -> str:
        """Return the hash of what a request asks last; empty where that is not to be seen."""
        last = _last_of(body)
        return self._hash(_canonical(last)) if last else ""

    def _prompt(self, parts: tuple[_Text, ...]) -> tuple[str, int | None]:
        whole = b"\0".join(_encoded(part) for part in parts)
        return self._hash(whole), sum(map(_size, parts))

    def _hash(self, text: _Text) -> str:
        if not text or not self._key:
            return ""
        encoded = _encoded(text)
        digest = hashlib.blake2b(encoded[:MAX_HASHED], key=self._key, digest_size=8)
        if len(encoded) > MAX_HASHED:
            digest.update(len(encoded).to_bytes(8))
        return digest.hexdigest()


def fingerprints_in(data_dir: Path, key: str) -> Fingerprints:
    """Return what hashes with `key`, or with the key of the data directory where it is empty. Never raises."""
    if key:
        return Fingerprints(hashlib.sha256(key.encode("utf-8", "replace")).digest())
    try:
        return Fingerprints(_stored_key(data_dir / KEY_FILE))
    except OSError as error:
        # The spool says loudly what is wrong with the directory; to an application without a spool this is no fault.
        logger.info("prompts and API keys get no hashes: %s; set LLMCOST_HASH_KEY", error)
        return Fingerprints(b"")


def _stored_key(path: Path) -> bytes:
    """Return the key in a file, which is made if it is not there: of many processes that try, one makes it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f"{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(mine, path)  # unlike a rename it never replaces the key of a process that was faster
        finally:
            mine.unlink(missing_ok=True)
    return path.read_bytes()[:KEY_BYTES]


# --- where requests say what: the names of all providers, of which a request has a few ---


def _prompt_parts(body: Mapping[str, Any]) -> Iterator[object]:
    for name in _SYSTEM:
        if said := body.get(name):
            yield said
    for turns in map(body.get, _SYSTEM_FIRST):
        for turn in turns if isinstance(turns, list) else ():
            if not isinstance(turn, dict) or turn.get("role") not in _SYSTEM_ROLES:
                break
            if said := turn.get("content"):
                yield said
    for name in _TOOLS:
        if said := body.get(name):
            yield said


def _last_of(body: Mapping[str, Any]) -> object:
    for name in _TURNS:
        turns = body.get(name)
        if isinstance(turns, list) and turns:
            last = turns[-1] if isinstance(turns[-1], dict) else turns
            return last.get("content") or last if isinstance(last, dict) else last
        if isinstance(turns, str):
            return turns
    return next((said for name in _WHOLE if isinstance(said := body.get(name), str | list)), None)


def _canonical(said: Any) -> _Text:
    """Return what is said as text or bytes that are the same wherever it is the same; empty where there are none."""
    if isinstance(said, str):
        return said
    try:
        return marshal.dumps(said, 2)  # from version 3 on it notes which objects are one, and so tells more than JSON
    except ValueError:  # objects of the SDK's own, which it turns into JSON later
        return b""


def _encoded(text: _Text) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def _size(part: _Text) -> int:
    """Return the bytes of a part as the provider gets it: UTF-8 text, or compact JSON."""
    if isinstance(part, str):
        return len(_encoded(part))
    return len(json.dumps(marshal.loads(part), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))  # noqa: S302 - our own bytes
