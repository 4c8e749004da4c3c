"""Bedrock through aiobotocore over httpx: its bodies are other objects, and they are read as they are without us."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

import otel_llmcost
from otel_llmcost.usage import UsageQuality
from tests.instrument import bedrock_wire as wire
from tests.instrument.test_bedrock import ASYNC_READERS

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

pytestmark = pytest.mark.skipif(wire.HTTPX_SESSION is None, reason="this release of aiobotocore has aiohttp alone")


async def _left(client: Any, how: str) -> None:
    """Leave the body of an answer before its end."""
    body = (await client.invoke_model(**wire.INVOKED))["body"]
    if how == "closed":
        await body.read(20)
        await body.close()
    elif how == "with":
        async with body:
            pass
    elif how == "broken":
        async for _ in body.iter_chunks(10):
            break


@pytest.mark.parametrize("reader", ASYNC_READERS)
async def test_a_body_is_read_as_without_us_and_told(reader: str, telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.invoked(wire.claude(), is_stream=True, chunk_size=31))

    async def use() -> Any:
        async with wire.async_client(server, "httpx") as client:
            return await ASYNC_READERS[reader]((await client.invoke_model(**wire.INVOKED))["body"])

    seen = await use()
    call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality, call.service_tier) == (wire.USAGE, UsageQuality.REPORTED, "flex")
    otel_llmcost.uninstrument()
    assert seen == await use()


async def test_an_answer_of_converse_tells_all_that_is_billed(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.invoked(wire.converse()))
    async with wire.async_client(server, "httpx") as client:
        await client.converse(**wire.ASKED)
    assert telemetry.call().usage == wire.USAGE


@pytest.mark.parametrize("how", ["never", "closed", "with", "broken"])
async def test_a_body_that_is_not_read_to_its_end_is_told_by_its_headers(
    how: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    server.answer_with(wire.invoked(wire.claude(), is_stream=True, chunk_size=31))
    async with wire.async_client(server, "httpx") as client:
        await _left(client, how)
        gc.collect()
        for _ in range(10):  # for the loop to close the generators of an abandoned one, one after another
            await asyncio.sleep(0)
    call = telemetry.wait_for_call()
    assert (call.usage, call.usage_quality, call.error_type) == (wire.TOLD_BY_HEADERS, UsageQuality.PARTIAL, "")


async def test_a_body_that_breaks_off_is_the_applications_error(telemetry: Telemetry, server: ReplayServer) -> None:
    server.answer_with(wire.invoked(wire.claude(), cut_after=50))

    async def use() -> str:
        async with wire.async_client(server, "httpx") as client:
            body = (await client.invoke_model(**wire.INVOKED))["body"]
            with pytest.raises(Exception, match="closed connection") as error:
                await body.read()
            return error.typename

    seen = await use()
    call = telemetry.call()
    assert call.error_type == "RemoteProtocolError"
    assert (call.usage, call.usage_quality) == (wire.TOLD_BY_HEADERS, UsageQuality.PARTIAL)
    otel_llmcost.uninstrument()
    assert seen == await use()


async def test_a_stream_is_read_or_fails_as_without_us(telemetry: Telemetry, server: ReplayServer) -> None:
    """Releases up to 3.10 cannot read event streams over httpx at all: then what is told is that nothing was read."""
    server.answer_with(wire.stream(wire.converse_frames()))

    async def use() -> Any:
        async with wire.async_client(server, "httpx") as client:
            stream = (await client.converse_stream(**wire.ASKED))["stream"]
            try:
                return [event async for event in stream]
            except Exception as error:  # noqa: BLE001 - whichever it is
                return type(error), str(error)

    seen = await use()
    gc.collect()
    call = telemetry.wait_for_call()
    assert call.usage == (wire.USAGE if isinstance(seen, list) else None)
    otel_llmcost.uninstrument()
    assert seen == await use()
