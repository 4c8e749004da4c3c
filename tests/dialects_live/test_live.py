"""The real libraries on the real SDKs, alone and beside us. Their environment is made once, under `.build/`."""

from __future__ import annotations

import os
import random
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.drain import calls_of, priced
from otel_llmcost.pricing import Pricer
from otel_llmcost.pricing.table import load_rate_table
from otel_llmcost.spool import Spool
from otel_llmcost.store import connect
from otel_llmcost.usage import UsageQuality
from tests.dialects_live.__main__ import BEGIN, END, PAGE
from tests.dialects_live.compare import compared, run, told_in
from tests.dialects_live.libraries import LIBRARIES
from tests.support.replay import recordings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not recordings()[0], reason=recordings()[1] or "no recordings"),
]


def ran(library: str, mode: str, tmp_path: Path) -> Path:
    """Run a library, or skip where its environment cannot be had, but never in CI."""
    try:
        return run(library, mode, tmp_path)
    except subprocess.CalledProcessError as error:
        if "pip" in map(str, error.cmd) and os.environ.get("CI") != "true":
            pytest.skip(f"no environment for the other libraries: {error}")
        raise


@pytest.mark.parametrize("library", LIBRARIES)
def test_nothing_that_a_library_tells_wrong_is_unflagged(library: str, tmp_path: Path) -> None:
    """And the page says of each library what was found: how many exchanges, how many exact."""
    page = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    cells = compared(library, ran(library, "alone", tmp_path))

    assert cells
    for surface, cell in cells.items():
        assert cell.unflagged == []
        assert f"| {LIBRARIES[library].title} | {surface} | {cell.exchanges} | {cell.exact} |" in page


@pytest.mark.parametrize("library", [name for name, library in LIBRARIES.items() if library.runs_beside])
def test_beside_us_every_call_is_billed_once_and_it_is_ours(library: str, tmp_path: Path) -> None:
    """Anthropic's own spans are among them. Our records come from the spool, the spans as a collector gets them.

    Where no provider told counts, a library that guessed them has more to say than we have: its guess is the call.
    """
    out = ran(library, "beside", tmp_path)
    told = told_in(out)
    spans = [call for calls in told.values() for call in calls]
    with Spool(out / "data" / "spool") as spool:
        records = [call for segment in spool.segments() for frame in segment.frames for call in calls_of(frame)]
    ours = [call for call in records if not call.dialect]
    assert len(ours) == len(told)
    assert any(call.dialect == LIBRARIES[library].dialect for call in spans + records)
    everything = [*spans, *records]
    random.Random(7).shuffle(everything)
    rows = priced(everything, Pricer(load_rate_table()), received_at_ns=time.time_ns())
    with connect(f"chdb://{tmp_path}/store") as store:
        store.migrate()
        while rows:
            store.write(rows[:17])
            rows = rows[17:]
        billed = [str(span) for (span,) in store.query("SELECT span_id FROM llm_calls")]
        besides = {str(span) for (span,) in store.query("SELECT span_id FROM llm_tellings WHERE is_retelling")}
    guesses = (call for call in spans if call.response_id and call.usage_quality is UsageQuality.ESTIMATED)
    guessed = {call.response_id: call.span_id for call in guesses}
    due = {call.span_id if call.usage else guessed.get(call.response_id, call.span_id) for call in ours}
    assert sorted(billed) == sorted(due)
    assert len(due) == len(told)
    assert besides == {call.span_id for call in everything} - due
