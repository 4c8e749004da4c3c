"""How the collector runs: the section `collector` of `llmcost.yaml`, over which variables go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from otel_llmcost.errors import ConfigFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_llmcost.config.reading import Value

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen.

    Attributes:
        host: A name or an address; `0.0.0.0` for every one of the machine.
        port: 0 for any.
    """

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it is written in a setting."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """How the collector runs.

    Attributes:
        grpc_endpoint: Where OTLP over gRPC is taken; None for nowhere.
        http_endpoint: Where OTLP over HTTP is taken, and /healthz, /readyz and /metrics answer; None for nowhere.
        query_endpoint: Where an embedded store answers queries; None for nowhere.
        tls_cert: The certificate chain in PEM; empty for no TLS.
        tls_key: Its private key in PEM.
        tls_client_ca: Who signs the certificates of clients; empty for clients without any.
        token_file: A file with the bearer tokens that are let in, a line each; empty for none.
        token: One such token besides.
        max_request_bytes: Of one request, decompressed.
        wal_max_bytes: What may wait on disk for the store.
        shutdown_s: Seconds within which a stopped collector writes what waits.
        max_features: Distinct features a day, of all applications together; further ones become `__overflow__`.
        max_tenants: Likewise tenants.
    """

    grpc_endpoint: Endpoint | None = Endpoint("127.0.0.1", 4317)
    http_endpoint: Endpoint | None = Endpoint("127.0.0.1", 4318)
    query_endpoint: Endpoint | None = Endpoint("127.0.0.1", 0)
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    token_file: str = ""
    token: str = ""
    max_request_bytes: int = 16 * MIB
    wal_max_bytes: int = 10 * 1024 * MIB
    shutdown_s: float = 20.0
    max_features: int = 1_000
    max_tenants: int = 10_000


def _endpoint(text: str) -> Endpoint | None:
    if text.lower() in ("off", "none"):
        return None
    parts = urlsplit(text if "//" in text else f"//{text}")
    if not parts.hostname or parts.port is None or parts.path.strip("/"):
        raise ValueError(text)
    return Endpoint(parts.hostname, parts.port)


def _count(text: str) -> int:
    if (count := int(text.replace("_", ""))) < 1:
        raise ValueError(text)
    return count


def _request_bytes(text: str) -> int:
    if (count := _count(text)) > 60 * MIB:
        raise ValueError(text)
    return count


def _seconds(text: str) -> float:
    if not 0 <= (seconds := float(text)) <= 3600:  # noqa: PLR2004 - an hour
        raise ValueError(text)
    return seconds


def _file(text: str) -> str:
    path = Path(text).expanduser()
    with path.open("rb"):
        return str(path)


_ENDPOINT: Final = "an endpoint; write host:port such as 127.0.0.1:4317, or off"
_COUNT: Final = "a number of bytes above 0"
_FILE: Final = "a file that can be read"
_SETTINGS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "grpc_endpoint": (_endpoint, _ENDPOINT),
    "http_endpoint": (_endpoint, _ENDPOINT),
    "query_endpoint": (_endpoint, _ENDPOINT),
    "tls_cert": (_file, _FILE),
    "tls_key": (_file, _FILE),
    "tls_client_ca": (_file, _FILE),
    "token_file": (_file, _FILE),
    "token": (str, "a token"),
    "max_request_bytes": (_request_bytes, "a number of bytes from 1 to 62914560"),
    "wal_max_bytes": (_count, _COUNT),
    "shutdown_s": (_seconds, "a number of seconds from 0 to 3600"),
    "max_features": (_count, "a number above 0"),
    "max_tenants": (_count, "a number above 0"),
}
_IN_FILE: Final = tuple(name for name in _SETTINGS if name != "token")  # a secret stands in no file of settings


def read_collector(section: Value) -> dict[str, Any]:
    """Return what the section says, by the names of `CollectorSettings`; what is wrong with it goes to its faults."""
    told = section.fields(_IN_FILE)
    found = {name: value.read(_safely(_SETTINGS[name][0]), _SETTINGS[name][1]) for name, value in told.items()}
    return {name: value for name, value in found.items() if value is not None or name.endswith("_endpoint")}


def settings_of(said: Mapping[str, Any], environ: Mapping[str, str]) -> CollectorSettings:
    """Return the settings: variables go over the file, and the file over the defaults.

    Args:
        said: What `read_collector` found in the file.
        environ: The variables: `LLMCOST_` and the name of the setting.

    Raises:
        ConfigFileError: Variables cannot be used, or settings do not go together; all of it at once.
    """
    settings, faults = replace(CollectorSettings(), **said), list[str]()
    for name, (parse, expected) in _SETTINGS.items():
        variable = f"LLMCOST_{name.upper()}"
        if text := environ.get(variable, "").strip():
            try:
                settings = replace(settings, **{name: _safely(parse)(text)})
            except ValueError:
                shown = "its value" if name == "token" else repr(text)
                faults.append(f"{variable}: {shown} is not {expected}")
    faults += _contradictions(settings)
    if faults:
        raise ConfigFileError(faults)
    return settings


def _safely(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return parse(text)
        except OSError as error:
            raise ValueError(text) from error

    return read


def _contradictions(settings: CollectorSettings) -> list[str]:
    faults = []
    if bool(settings.tls_cert) != bool(settings.tls_key):
        faults.append("tls_cert and tls_key go together; give both or none")
    if settings.tls_client_ca and not settings.tls_cert:
        faults.append("tls_client_ca needs tls_cert and tls_key")
    if settings.grpc_endpoint is None and settings.http_endpoint is None:
        faults.append("grpc_endpoint and http_endpoint are both off; nothing could be received")
    return faults
