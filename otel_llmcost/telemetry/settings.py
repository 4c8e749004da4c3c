"""What `LLMCOST_*` variables tell the application's side. A fault is said once and the default taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast
from urllib.parse import urlsplit

from otel_llmcost.attribution import NOBODY, Attribution, from_entries
from otel_llmcost.semconv import ATTRIBUTION_ATTRIBUTES, TAGS_HEADER
from otel_llmcost.spool import default_data_dir
from otel_llmcost.telemetry.log import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from otel_llmcost.spool import FsyncPolicy

T = TypeVar("T")

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the application's side.

    Attributes:
        data_dir: Where the spool is.
        endpoint: Base URL of an OTLP/HTTP receiver; empty means that the spool waits for whoever drains it.
        headers: Headers for the endpoint, such as an authorization.
        defaults: Who pays where nothing else says so.
        trusts_incoming: Whether headers and baggage from outside may say who pays.
        tags_header: The header that says so, in lower case.
        max_queue_size: Calls that may wait in memory.
        max_spool_bytes: Bytes that may wait on disk.
        fsync: When the spool is synced.
        max_features: Distinct features a day, max_tenants likewise tenants.
        hash_key: What hashes of prompts and API keys are keyed with; empty for the key in data_dir.
        shows_summary: Whether one line is printed at exit on a terminal.
    """

    data_dir: Path
    endpoint: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    defaults: Attribution = NOBODY
    trusts_incoming: bool = False
    tags_header: str = ""
    max_queue_size: int = 65_536
    max_spool_bytes: int = 1024 * 1024 * 1024
    fsync: FsyncPolicy = "seal"
    max_features: int = 1_000
    max_tenants: int = 10_000
    hash_key: str = ""
    shows_summary: bool = True

    @property
    def spool_dir(self) -> Path:
        """The directory of the segments."""
        return self.data_dir / "spool"


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Return the settings that `environ` tells. Never raises: a fault is logged, and the default stands."""
    said = {name: value for name in _DEFAULT_NAMES if (value := environ.get(f"LLMCOST_{name.upper()}"))}
    return Settings(
        data_dir=default_data_dir(environ),
        endpoint=_parsed(environ, "LLMCOST_ENDPOINT", _url, ""),
        headers=_parsed(environ, "LLMCOST_HEADERS", _pairs, ()),
        defaults=from_entries({ATTRIBUTION_ATTRIBUTES[name]: value for name, value in said.items()}),
        trusts_incoming=_parsed(environ, "LLMCOST_TRUST_INCOMING", _switch, default=False),
        tags_header=environ.get("LLMCOST_TAGS_HEADER", TAGS_HEADER).lower(),
        max_queue_size=_parsed(environ, "LLMCOST_MAX_QUEUE_SIZE", _positive, 65_536),
        max_spool_bytes=_parsed(environ, "LLMCOST_SPOOL_MAX_BYTES", _positive, 1024 * 1024 * 1024),
        fsync=_parsed(environ, "LLMCOST_SPOOL_FSYNC", _fsync, "seal"),
        max_features=_parsed(environ, "LLMCOST_MAX_FEATURES", _positive, 1_000),
        max_tenants=_parsed(environ, "LLMCOST_MAX_TENANTS", _positive, 10_000),
        hash_key=environ.get("LLMCOST_HASH_KEY", "").strip(),
        shows_summary=_parsed(environ, "LLMCOST_SUMMARY", _switch, default=True),
    )


_DEFAULT_NAMES: Final = ("feature", "team", "environment", "tenant", "agent", "workload")


def _parsed(environ: Mapping[str, str], name: str, parse: Callable[[str], T], default: T) -> T:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        return parse(text)
    except ValueError as error:
        warn("%s=%r is %s; taking %r instead", name, text, error, default)
        return default


def _switch(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        msg = "not one of true, false"
        raise ValueError(msg)
    return text.lower() in _TRUE


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        msg = "not a whole number above 0"
        raise ValueError(msg)
    return int(text)


def _url(text: str) -> str:
    msg = "not a URL such as http://collector:4318"
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(msg) from error
    if not is_usable:
        raise ValueError(msg)
    return text.rstrip("/")


def _fsync(text: str) -> FsyncPolicy:
    if text not in ("always", "seal", "never"):
        msg = "not one of always, seal, never"
        raise ValueError(msg)
    return cast("FsyncPolicy", text)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = tuple(part.partition("=") for part in text.split(","))
    if not all(separator for _, separator, _ in pairs):
        msg = "not of the form name=value,name=value"
        raise ValueError(msg)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)
