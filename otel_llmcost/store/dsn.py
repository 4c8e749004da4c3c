"""Where the store is: `chdb:///abs/dir`, `clickhouse://user:pw@host:8123/db` or `clickhouses://…` for TLS."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_DATABASE: Final = "llmcost"
MEMORY: Final = ":memory:"

_SHAPES: Final = "chdb:///absolute/directory, clickhouse://user:password@host:8123/database or clickhouses://… for TLS"
_CLUSTER: Final = re.compile(r"[A-Za-z0-9_-]+")
_NATIVE_PORTS: Final = {9000: 8123, 9440: 8443}


@dataclass(frozen=True, slots=True)
class Embedded:
    """A chDB engine inside this process.

    Attributes:
        directory: The absolute data directory, or `:memory:`.
        database: The database inside it.
    """

    directory: str
    database: str = DEFAULT_DATABASE

    def __str__(self) -> str:
        """Return the DSN as it may be shown."""
        return "chdb://memory" if self.directory == MEMORY else f"chdb://{self.directory}"


@dataclass(frozen=True, slots=True)
class Server:
    """A ClickHouse server behind its HTTP interface.

    Attributes:
        options: `connect_timeout`, `send_receive_timeout` (seconds), `verify` and `ca_cert`, where the DSN says them.
        cluster: The name under which the server knows the shards of this store; empty where it has none.
    """

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    database: str
    secure: bool
    options: tuple[tuple[str, int | bool | str], ...] = ()
    cluster: str = ""

    def __str__(self) -> str:
        """Return the DSN as it may be shown: without the password."""
        return f"clickhouse{'s' if self.secure else ''}://{self.username}@{self.host}:{self.port}/{self.database}"


def parse(dsn: str, cluster: str = "") -> Embedded | Server:
    """Return what a DSN says, of a store that is spread over a cluster or not.

    Raises:
        ConfigError: It cannot be used. The message names the part and the fix, and never the password.
    """
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError as exc:
        msg = f"DSN: the host or port cannot be read ({exc}); write {_SHAPES}"
        raise ConfigError(msg) from exc
    if cluster and (parts.scheme == "chdb" or not _CLUSTER.fullmatch(cluster)):
        msg = (
            f"LLMCOST_CLUSTER is {cluster!r}: name one that the server of LLMCOST_DSN has, in letters, digits, _ and -"
        )
        raise ConfigError(msg)
    if parts.scheme == "chdb":
        return _embedded(parts)
    if parts.scheme in ("clickhouse", "clickhouses"):
        return _server(parts, port, cluster)
    said = f"scheme {parts.scheme!r} is not known" if parts.scheme else "it has no scheme"
    msg = f"DSN: {said}; write {_SHAPES}"
    raise ConfigError(msg)


def _embedded(parts: SplitResult) -> Embedded:
    if parts.query:
        msg = f"DSN: chdb:// takes no options, found ?{parts.query}"
        raise ConfigError(msg)
    if parts.netloc == "memory" and parts.path in ("", "/"):
        return Embedded(MEMORY)
    directory = unquote(parts.path)
    if parts.netloc or not directory.strip("/"):
        msg = f"DSN: chdb:// wants an absolute directory after it, found {parts.netloc + parts.path!r}; write chdb:///absolute/directory"
        raise ConfigError(msg)
    return Embedded(directory)


def _server(parts: SplitResult, port: int | None, cluster: str) -> Server:
    secure = parts.scheme == "clickhouses"
    if not parts.hostname:
        msg = f"DSN: the host is missing; write {parts.scheme}://user:password@host:8123/database"
        raise ConfigError(msg)
    if port in _NATIVE_PORTS:
        msg = f"DSN: port {port} speaks the native protocol; name the HTTP port, usually {_NATIVE_PORTS[port]}"
        raise ConfigError(msg)
    database = unquote(parts.path).strip("/") or DEFAULT_DATABASE
    if not database.replace("_", "").isalnum() or not database.isascii():
        msg = f"DSN: database {database!r} may hold only letters, digits and underscores"
        raise ConfigError(msg)
    return Server(
        host=parts.hostname,
        port=port or (8443 if secure else 8123),
        username=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=database,
        secure=secure,
        options=tuple(_option(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True)),
        cluster=cluster,
    )


def _option(name: str, value: str) -> tuple[str, int | bool | str]:
    if name not in _OPTIONS:
        msg = f"DSN: option {name!r} is not known; known are {', '.join(_OPTIONS)}"
        raise ConfigError(msg)
    try:
        return name, _OPTIONS[name](value)
    except (KeyError, ValueError):
        msg = f"DSN: option {name} cannot be {value!r}"
        raise ConfigError(msg) from None


_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_OPTIONS: Final[dict[str, Callable[[str], int | bool | str]]] = {
    "connect_timeout": int,
    "send_receive_timeout": int,
    "verify": _BOOLEANS.__getitem__,
    "ca_cert": str,
}
