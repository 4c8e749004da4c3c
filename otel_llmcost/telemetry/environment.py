"""What `opentelemetry-instrument` needs so that it works with no variable set at all.

opentelemetry-distro exports by OTLP over gRPC unless told otherwise. Where the gRPC exporter is not installed, and we
do not ask for it, its configurator fails and with it every instrumentation. The command loads this module (entry
point `opentelemetry_environment_variables`) before it starts the application, early enough to say what is meant:
OTLP over HTTP where an endpoint is named, no export of spans where none is. Whatever the user has set stays.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_SIGNALS: Final = ("TRACES", "METRICS", "LOGS")


def prepare(environ: MutableMapping[str, str], *, has_grpc: bool) -> None:
    """Set what is missing in `environ`.

    Args:
        environ: The environment that the application will have.
        has_grpc: Whether OTLP can be exported over gRPC, as is the distro's default.
    """
    if has_grpc or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL"):
        return
    for signal in _SIGNALS:
        if environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"):
            continue
        named = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
        if not named and not environ.get(f"OTEL_{signal}_EXPORTER"):
            environ[f"OTEL_{signal}_EXPORTER"] = "none"
    environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"


try:
    prepare(os.environ, has_grpc=bool(entry_points(group="opentelemetry_traces_exporter", name="otlp_proto_grpc")))
except Exception:  # noqa: BLE001, S110 - the command goes on as it would without us
    pass
