"""The event loop of the receivers, in a thread of its own: gRPC and HTTP side by side."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from llmcost_collector import grpc_receiver
from llmcost_collector.bounded import BoundedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmcost_collector.receiver import Receiver
    from otel_llmcost.config.collector import CollectorSettings, Endpoint

_log: Final = logging.getLogger("llmcost_collector")

MAX_CONNECTIONS: Final = 1024
IDLE_FOR_S: Final = 75
FINISH_WITHIN_S: Final = 5.0
"""How long requests that are under way may take when the collector stops."""

HTTP: Final = "http"
GRPC: Final = "grpc"
QUERY: Final = "query"


@dataclass(slots=True)
class Servers:
    """Listens, and answers until stopped.

    Attributes:
        settings: Where, and with which certificates.
        receiver: Takes requests over gRPC.
        apps: The ASGI application of each HTTP endpoint: `http`, and `query` where there is one.
        ports: Where each one listens, once started.
    """

    settings: CollectorSettings
    receiver: Receiver
    apps: Mapping[str, Any]
    ports: dict[str, int] = field(default_factory=dict)
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _stop: asyncio.Event | None = None

    def start(self) -> None:
        """Listen, and return once everything answers.

        Raises:
            OSError: An endpoint cannot be listened on, or a certificate cannot be used.
        """
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="llmcost-receivers", daemon=True)
        self._thread.start()
        started.result()

    def stop(self) -> None:
        """Take no more connections, finish what is under way, and end."""
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self, started: Future[None]) -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the start
            if started.done():
                _log.exception("the receivers have failed")
            else:
                started.set_exception(error)

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        endings: list[Callable[[], Any]] = []
        try:
            if self.settings.grpc_endpoint is not None:
                endings.append(await self._serve_grpc(self.settings.grpc_endpoint))
            for name, endpoint in ((HTTP, self.settings.http_endpoint), (QUERY, self.settings.query_endpoint)):
                if endpoint is not None and name in self.apps:
                    endings.append(await self._serve_http(name, endpoint))
            started.set_result(None)
            await self._stop.wait()
        finally:
            for end in endings:
                await end()

    async def _serve_grpc(self, endpoint: Endpoint) -> Callable[[], Any]:
        said, tls = self.settings, None
        if said.tls_cert:
            client_ca = _read(said.tls_client_ca) if said.tls_client_ca else None
            tls = grpc_receiver.Tls(_read(said.tls_cert), _read(said.tls_key), client_ca)
        max_bytes = self.settings.max_request_bytes
        server, self.ports[GRPC] = await grpc_receiver.start(
            self.receiver, endpoint.host, endpoint.port, max_bytes=max_bytes, tls=tls
        )
        return lambda: server.stop(FINISH_WITHIN_S)

    async def _serve_http(self, name: str, endpoint: Endpoint) -> Callable[[], Any]:
        listener = _listening(endpoint)
        self.ports[name] = listener.getsockname()[1]
        server = uvicorn.Server(self._uvicorn_config(name))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            if serving.done():
                listener.close()
                serving.result()
                msg = f"cannot serve on {endpoint}"
                raise OSError(msg)
            await asyncio.sleep(0.01)

        async def end() -> None:
            server.should_exit = True
            await serving
            listener.close()

        return end

    def _uvicorn_config(self, name: str) -> uvicorn.Config:
        settings = self.settings
        tls: dict[str, Any] = {}
        if settings.tls_cert and name == HTTP:
            tls = {"ssl_certfile": settings.tls_cert, "ssl_keyfile": settings.tls_key}
            if settings.tls_client_ca:
                tls |= {"ssl_ca_certs": settings.tls_client_ca, "ssl_cert_reqs": ssl.CERT_REQUIRED}
        return uvicorn.Config(
            self.apps[name],
            http=BoundedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=IDLE_FOR_S,
            timeout_graceful_shutdown=int(FINISH_WITHIN_S),
            **tls,
        )


def _listening(endpoint: Endpoint) -> socket.socket:
    """Return a socket that is bound but does not listen yet."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        msg = f"cannot listen on {endpoint}: {error.strerror or error}"
        raise OSError(msg) from error
    return listener


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - a setting is a text
        return file.read()
