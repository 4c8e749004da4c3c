"""A web service that tells who pays, for the tests of attribution: `python -m tests.e2e.attribution_app`.

It prints the port that it listens on, and serves until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator  # noqa: TC003 - the framework reads annotations as it runs
from typing import Annotated, Any

import httpx
import uvicorn
from fastapi import Depends, FastAPI, Query
from fastapi.responses import StreamingResponse
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

import otel_llmcost
from otel_llmcost import attribution, feature, request, session
from otel_llmcost.attribution import current

app = FastAPI()

Who = dict[str, Any]


def who() -> Who:
    """Return what is said of who pays here."""
    return {name: value for name, value in dataclasses.asdict(current()).items() if value}


async def paying() -> AsyncIterator[None]:
    """Say who pays for the rest of the request."""
    with feature("dependency", team="growth"):
        yield


def paying_in_a_thread() -> Iterator[None]:
    """Say it in a thread whose context ends before the endpoint begins."""
    with feature("dependency", team="growth"):
        yield


@app.get("/who")
async def tell() -> Who:
    """Tell who pays as the request arrives."""
    return who()


@app.get("/dependency", dependencies=[Depends(paying)])
async def under_a_dependency() -> Who:
    """Tell who pays under an async dependency."""
    return who()


@app.get("/threads", dependencies=[Depends(paying)])
def in_the_thread_pool() -> Who:
    """Tell who pays in an endpoint that the framework runs in a thread."""
    return who()


@app.get("/thread-dependency", dependencies=[Depends(paying_in_a_thread)])
async def under_a_thread_dependency() -> Who:
    """Tell who pays under a dependency that the framework runs in a thread."""
    return who()


@app.get("/executor")
@feature("executor")
async def in_an_executor() -> Who:
    """Tell who pays in work handed to the loop's executor."""
    return await asyncio.get_running_loop().run_in_executor(None, who)


@feature("stream")
async def pieces() -> AsyncIterator[str]:
    """Yield who pays, three times."""
    for _ in range(3):
        await asyncio.sleep(0)
        yield current().feature + "\n"


@app.get("/stream", dependencies=[Depends(paying)])
async def streamed() -> StreamingResponse:
    """Stream from a decorated generator, which the framework consumes in a task of its own."""
    return StreamingResponse(pieces())


@app.get("/relay")
async def relayed(to: Annotated[str, Query()], *, propagate: bool = True) -> Who:
    """Ask another service who pays, in blocks of our own."""
    with (
        feature("r&d, 50%", tenant="Ærø", tags={"a b": "1 + 1"}, propagate=propagate),
        session("conv_17", propagate=propagate),
        request("action-1", propagate=propagate),
    ):
        async with httpx.AsyncClient(trust_env=False) as client:
            return {"here": who(), "there": (await client.get(to)).json()}


@app.get("/nested")
async def nested(to: Annotated[str, Query()]) -> Who:
    """Ask another service, which asks a third, in a block that says one thing more."""
    with attribution(workload="batch"), request():
        async with httpx.AsyncClient(trust_env=False) as client:
            return {"here": who(), "there": (await client.get(to)).json()}


def main() -> None:
    """Serve until standard input is closed."""
    otel_llmcost.instrument()
    HTTPXClientInstrumentor().instrument()
    FastAPIInstrumentor.instrument_app(app)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        serving.start()
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()
        server.should_exit = True
        serving.join()


if __name__ == "__main__":
    main()
