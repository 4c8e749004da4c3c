"""Every recorded exchange, through the real SDK: record and span say what the provider billed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.instrument.expectations import assert_told_as_expected
from tests.support.exchanges import PATHS, client_for, create, run
from tests.support.replay import recordings

if TYPE_CHECKING:
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import Recording, ReplayServer

_ALL, _WHY_NONE = recordings("openai", "anthropic")
RECORDINGS = [recording for recording in _ALL if recording.path in PATHS]


async def _run_async(recording: Recording, url: str) -> None:
    async with client_for(recording, url, is_async=True) as client:
        answer = await create(client, recording)
        if recording.is_stream:
            async for _ in answer:
                pass


def _claims(recording: Recording) -> Any:
    """Return the part of a cell that a recording fills; nothing where its counts are not known."""
    if not recording.expected:
        return ()
    surface = recording.path.removeprefix("/v1/").removesuffix("/completions")
    shape = "stream" if recording.is_stream else "plain"
    return pytest.mark.cell(provider=recording.provider, surface=surface, shape=shape)


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")  # the SDK, of models then current
@pytest.mark.skipif(not RECORDINGS, reason=_WHY_NONE or "no recording of these paths")
@pytest.mark.parametrize(
    "is_async",
    [
        pytest.param(False, id="sync", marks=pytest.mark.cell(mode="sync")),
        pytest.param(True, id="async", marks=pytest.mark.cell(mode="async")),
    ],
)
@pytest.mark.parametrize("recording", [pytest.param(each, id=each.id, marks=_claims(each)) for each in RECORDINGS])
def test_a_recorded_exchange_is_told_as_the_provider_billed_it(
    recording: Recording, telemetry: Telemetry, server: ReplayServer, *, is_async: bool
) -> None:
    server.replay(recording, chunk_size=29)
    if is_async:
        asyncio.run(_run_async(recording, server.url))
    else:
        run(recording, server.url)
    if recording.request.get("background"):  # it is told by whoever fetches its answer
        assert telemetry.calls() == []
        return
    assert_told_as_expected(recording, telemetry)
