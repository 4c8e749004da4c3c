"""A web service that asks a provider and tells a service of the same company; its telemetry is the environment's."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import httpx
import shop
import uvicorn
from fastapi import FastAPI

from otel_llmcost import feature

app = FastAPI()
client = shop.client_of(os.environ["PROVIDER_URL"])
threads = ThreadPoolExecutor(2)


def ask(number: int) -> None:
    """Ask a question that no feature is named for."""
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": str(number)}])


@app.get("/unnamed/{number}")
def unnamed(number: int) -> str:
    """Ask for nobody in particular."""
    ask(number)
    return "ok"


@app.get("/named/{number}")
def named(number: int) -> str:
    """Ask for a feature, here and in a thread, and tell a service of our own."""
    with feature("search", tenant="acme"):
        ask(number)
        threads.submit(ask, number + 1).result()
        httpx.get(os.environ["NEIGHBOUR_URL"], timeout=5)
    return "ok"


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=0, log_level="info")
