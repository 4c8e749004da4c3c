"""What each library's spans are worth: every exchange as it was billed, beside what was read from the span."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.dialects.otlp import calls_in_traces
from otel_llmcost.usage import UsageQuality
from tests.bench.environments import ROOT, environment
from tests.dialects_live.libraries import ALL, LIBRARIES
from tests.support.replay import recordings

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from tests.dialects_live.libraries import Environment
    from tests.support.replay import Recording

OUT: Final = ROOT / ".build" / "dialects"
SURFACES: Final = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/embeddings": "embeddings",
    "/messages": "messages",
    "/converse": "Converse",
    "/converse-stream": "Converse",
    "/invoke": "InvokeModel",
    "/invoke-with-response-stream": "InvokeModel",
    "GenerateContent": "content",
    "generateContent": "content",
    "EmbedContents": "embeddings",
}
"""What is asked, by how the path ends."""
_NAMES: Final = {"openai": "OpenAI"}
COUNTS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning", "web_search")


@dataclass
class Cell:
    """What was found of one library on one surface.

    Attributes:
        exchanges: How many there were, exact how many of them were read in every field as they were billed.
        missing: How many were told by no span.
        lost: In how many a field was not told, by field.
        wrong: In how many a field was told wrong, by field.
        unflagged: The exchanges in which it was, and nothing in the record says so.
    """

    exchanges: int = 0
    exact: int = 0
    missing: int = 0
    lost: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    wrong: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unflagged: list[str] = field(default_factory=list)


def run(library: str, mode: str, data_dir: Path | None = None) -> Path:
    """Run the exchanges in the others' environment, and return the directory of what was told."""
    python = _python_of(LIBRARIES[library].environment)
    out = (data_dir or OUT) / f"{library}-{mode}"
    is_native = library == "sdk" or mode == "beside"
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LLMCOST_DATA", "PYTHON"))
    }
    environ = kept | {
        "ANTHROPIC_OPEN_TELEMETRY": str(is_native).lower(),
        "TRACELOOP_TRACE_CONTENT": "false",
        "PYTHONPATH": str(ROOT),
        "LLMCOST_DATA_DIR": str(out / "data"),
    }
    arguments = [python, "-m", "tests.dialects_live.worker", library, mode, str(out)]
    subprocess.run(arguments, cwd=ROOT, env=environ, check=True, timeout=300)
    return out


def _python_of(wanted: Environment) -> Path:
    """Return the interpreter of an environment, made where it is missing or old; ours where it needs nothing else."""
    if not wanted.requirements:
        return Path(sys.executable)
    pins = ROOT / "constraints.txt"
    if wanted.unpinned:
        lines = [] if wanted.unpinned == ALL else pins.read_text().splitlines()
        kept = [line for line in lines if line.partition("==")[0] not in wanted.unpinned]
        pins = OUT / f"constraints-{wanted.name}.txt"
        pins.parent.mkdir(parents=True, exist_ok=True)
        part = pins.with_suffix(f".{os.getpid()}.part")  # another test worker may be reading the same
        part.write_text("\n".join(kept))
        part.rename(pins)
    return environment(wanted.name, *wanted.requirements, "--editable", str(ROOT), constraints=pins)


def told_in(out: Path) -> dict[str, list[LLMCall]]:
    """Return the calls that were told of each exchange, by the recording's id."""
    exchanges = json.loads((out / "exchanges.json").read_text())
    told: dict[str, list[LLMCall]] = {recording: [] for recording in exchanges.values()}
    for call in calls_in_traces((out / "spans").read_bytes()):
        if call.trace_id in exchanges:  # others are of runs that the library tells once more, on their own
            told[exchanges[call.trace_id]].append(call)
    return told


def compared(library: str, out: Path) -> dict[str, Cell]:
    """Return what is exact, lost and wrong, by surface."""
    found = {recording.id: recording for recording in recordings(*LIBRARIES[library].providers)[0]}
    cells: dict[str, Cell] = defaultdict(Cell)
    for recording_id, calls in told_in(out).items():
        recording = found[recording_id]
        cell = cells[_surface_of(recording) + (", streamed" if recording.is_stream else "")]
        cell.exchanges += 1
        if not calls:
            cell.missing += 1
            continue
        (call,) = calls
        expected = {name: value for name, value in (recording.expected or {}).items() if value is not None}
        if recording.provider == "bedrock" and call.response_model:
            expected.pop("model", None)  # the path names it, and the answer in its own way or not at all
        _compare(call, expected, cell)
    return dict(cells)


def _surface_of(recording: Recording) -> str:
    asked = next(name for ending, name in SURFACES.items() if recording.path.endswith(ending))
    return f"{_NAMES.get(recording.provider, recording.provider.capitalize())} {asked}"


def _compare(call: LLMCall, expected: dict[str, Any], cell: Cell) -> None:
    told = _fields_of(call)
    different = {name for name, value in expected.items() if told[name] != value}
    lost = {name for name in different if not told[name]}
    for name in lost:
        cell.lost[name] += 1
    for name in different - lost:
        cell.wrong[name] += 1
    if different - lost and call.usage_quality is UsageQuality.REPORTED:
        cell.unflagged.append(f"{call.scope_name} {call.response_id}: {sorted(different - lost)}")
    cell.exact += not different


def _fields_of(call: LLMCall) -> dict[str, Any]:
    usage = call.usage
    counts = (
        usage.input_tokens, usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.cache_write_1h_tokens,
        usage.output_tokens, usage.reasoning_tokens, usage.web_search,
    ) if usage else (None,) * len(COUNTS)  # fmt: skip
    return {
        "model": call.response_model,
        "response_id": call.response_id,
        "service_tier": call.service_tier,
        **dict(zip(COUNTS, counts, strict=True)),
    }


def table() -> str:
    """Return the table of every library, as Markdown."""
    lines = [
        "| library | surface | exchanges | exact | not told (in how many) | told wrong, and flagged |",
        "|---|---|--:|--:|---|---|",
    ]
    for name, library in LIBRARIES.items():
        for surface, cell in sorted(compared(name, run(name, "alone")).items()):
            assert not cell.unflagged, cell.unflagged
            lost = {"the call itself": cell.missing, **cell.lost} if cell.missing else cell.lost
            said = (library.title, surface, cell.exchanges, cell.exact, _listed(lost), _listed(cell.wrong))
            lines.append(f"| {' | '.join(map(str, said))} |")
    return "\n".join(lines)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(counts.items()))
