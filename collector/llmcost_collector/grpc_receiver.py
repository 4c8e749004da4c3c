"""OTLP over gRPC. Requests arrive as bytes: what is no LLM call is never decoded.

Source: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response (1.x): which status means that a client shall
retry, and RetryInfo as what makes RESOURCE_EXHAUSTED one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from llmcost_collector.receiver import RETRY_AFTER_S, Answer, BusyError, Receiver, Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from otel_llmcost.spool import Signal

_PACKAGE: Final = "opentelemetry.proto.collector"
_METHODS: Final[dict[str, Signal]] = {
    f"/{_PACKAGE}.trace.v1.TraceService/Export": "traces",
    f"/{_PACKAGE}.logs.v1.LogsService/Export": "logs",
}
_METRICS: Final = f"/{_PACKAGE}.metrics.v1.MetricsService/Export"

_CODES: Final = {
    Verdict.BAD: grpc.StatusCode.INVALID_ARGUMENT,
    Verdict.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Verdict.TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Verdict.FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Verdict.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}
_RETRYABLE: Final = (Verdict.FULL, Verdict.UNAVAILABLE)
MAX_CONCURRENT: Final = 256


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of TLS, as bytes.

    Attributes:
        cert: The certificate chain of the server, PEM.
        key: Its private key.
        client_ca: Who signs the certificates of clients, which are then demanded; None lets in clients without one.
    """

    cert: bytes
    key: bytes
    client_ca: bytes | None


async def start(receiver: Receiver, host: str, port: int, *, max_bytes: int, tls: Tls | None) -> tuple[Any, int]:
    """Start a server, and return it with its port.

    Args:
        receiver: Takes the requests.
        host: Where to listen.
        port: 0 for any.
        max_bytes: Of a request, decompressed.
        tls: None for none.

    Raises:
        OSError: Nobody can listen there.
    """
    options = [
        ("grpc.max_receive_message_length", max_bytes),
        ("grpc.so_reuseport", 0),
        ("grpc.max_connection_idle_ms", 300_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=MAX_CONCURRENT)
    server.add_generic_rpc_handlers((_Handlers(receiver),))
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_secure_port(address, _credentials(tls)) if tls else server.add_insecure_port(address)
    except RuntimeError as error:
        msg = f"cannot listen on {address}: {error}"
        raise OSError(msg) from error
    await server.start()
    return server, bound


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(tls.key, tls.cert)], root_certificates=tls.client_ca, require_client_auth=tls.client_ca is not None
    )


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
    """The three services; without deserializers, so that a request comes as its bytes."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        handlers = {method: self._export(signal) for method, signal in _METHODS.items()}
        handlers[_METRICS] = self._drop
        self._handlers = {method: grpc.unary_unary_rpc_method_handler(handler) for method, handler in handlers.items()}

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a method, None for one that nobody knows."""
        return self._handlers.get(handler_call_details.method)

    def _export(self, signal: Signal) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def export(data: bytes, context: Any) -> bytes:
            if not self._is_let_in(context):
                await _abort(context, self._stranger())
            try:
                with self._receiver.in_flight.held() as hold:
                    hold(len(data))
                    answer = await self._receiver.take("grpc", signal, data)
            except BusyError as error:
                answer = self._receiver.refuse("grpc", Verdict.FULL, str(error))
            if answer.verdict is not Verdict.TAKEN:
                await _abort(context, answer)
            response: Any = answer.response
            return bytes(response.SerializeToString())

        return export

    async def _drop(self, _: bytes, context: Any) -> bytes:
        """Answer metrics, in which no call is told, with success."""
        if not self._is_let_in(context):
            await _abort(context, self._stranger())
        return b""

    def _is_let_in(self, context: Any) -> bool:
        said = dict(context.invocation_metadata() or ())
        return self._receiver.lets_in(str(said.get("authorization", "")))

    def _stranger(self) -> Answer:
        return self._receiver.refuse(
            "grpc", Verdict.UNAUTHENTICATED, "a bearer token is needed, or this one is unknown"
        )


async def _abort(context: Any, answer: Answer) -> None:
    """End a call with the status of its answer, and with RetryInfo where it shall be tried again."""
    code = _CODES[answer.verdict]
    status = Status(code=code.value[0], message=answer.reason)
    if answer.verdict in _RETRYABLE:
        retry = RetryInfo()
        retry.retry_delay.seconds = RETRY_AFTER_S
        status.details.add().Pack(retry)
    await context.abort(code, answer.reason, (("grpc-status-details-bin", status.SerializeToString()),))
