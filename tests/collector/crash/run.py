"""Two collectors, one ClickHouse, and a client that fails over between them, while all of them are killed.

The seed decides the calls, the batches, whom to kill and at which point of the work; a kill comes only while requests
are under way. Afterwards the ledger and the rollups have to say exactly what the sender says.
"""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from otel_llmcost.drain import Read
from otel_llmcost.pricing import Pricer, load_rate_table
from otel_llmcost.spool import Frame, SegmentWriter, read_segment
from otel_llmcost.store import connect
from otel_llmcost.store.calls import PricedCalls
from tests.collector.crash.book import OVERLAY, Book, request_of_all, said_by, told_again, told_by, written_by
from tests.collector.crash.sender import Sender, Target
from tests.collector.process import Service
from tests.support import ports
from tests.support.clickhouse import Server

if TYPE_CHECKING:
    from pathlib import Path

    from otel_llmcost.call import LLMCall

SENDERS: Final = 6
IN_SPOOL: Final = 0.05
"""The part of the calls that an application has spooled as well, or instead."""

AWAY_S: Final = (0.5, 4.0)
"""How long a killed server stays away, while both collectors go on accepting."""

SECONDS_A_KILL: Final = 1.5
"""How long the calls are stretched for each kill, so that one that was killed is mostly back before the next."""

DRAINED_S: Final = 300
"""What is left may take so long to be written."""

DEADLINE_S: Final = 1800


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall happen.

    Attributes:
        calls: How many calls are sent.
        collector_kills: How often a collector is killed.
        server_kills: How often the ClickHouse server is killed.
        seed: Decides everything else.
    """

    calls: int = 200_000
    collector_kills: int = 50
    server_kills: int = 10
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What the sender and the store say.

    Attributes:
        sent: By the sender's own sums.
        stored: By the ledger and its rollups.
        by_column: How many tellings of calls the collectors' segments hold that are read by column.
        one_by_one: How many others.
        log: What happened, a line each.
    """

    sent: Book
    stored: Book
    by_column: int
    one_by_one: int
    log: list[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        return self.sent == self.stored


@dataclass(slots=True)
class _Stage:
    """Everything that runs."""

    collectors: list[Service]
    server: Server
    sender: Sender
    log: list[str] = field(default_factory=list)
    _server_back_s: float = 0.0

    def note(self, what: str) -> None:
        told = f"after {self.sender.acknowledged} acknowledged calls: {what}"
        self.log.append(told)
        sys.stderr.write(told + "\n")

    def kill(self, victim: int, rng: Random) -> None:
        """Kill a collector, or the server (the last number), while something is under way."""
        deadline_s = time.monotonic() + 60
        time.sleep(rng.uniform(0, 0.25))
        while not self.sender.in_flight and not self.sender.is_done and time.monotonic() < deadline_s:
            time.sleep(0.001)
        if victim == len(self.collectors):
            self.server.kill()
            away_s = rng.uniform(*AWAY_S)
            self._server_back_s = time.monotonic() + away_s
            self.note(f"killed the server for {away_s:.1f} s")
        else:
            collector = self.collectors[victim]
            collector.end(signal.SIGKILL)
            collector.spawn()
            self.note(f"killed collector {victim}")

    def revive(self, *, at_once: bool = False) -> None:
        """Start the server again when its time has come."""
        if self._server_back_s and (at_once or time.monotonic() >= self._server_back_s):
            self._server_back_s = 0.0
            self.server.start()
            self.note("the server is back")


def run(plan: Plan, place: Path, library: Path) -> Outcome:
    """Run the test in a directory, and return what came out."""
    rng = Random(plan.seed)
    calls = written_by(rng, plan.calls)
    tellings = calls + told_again(rng, calls)
    rng.shuffle(tellings)
    server = Server(place / "server", library)
    config = place / "llmcost.yaml"
    config.write_text(OVERLAY)
    targets = [Target(ports.held_for(server), ports.held_for(server)) for _ in range(2)]
    collectors = [_collector(place / f"collector{n}", target, server, config) for n, target in enumerate(targets)]
    kills = plan.collector_kills + plan.server_kills
    stage = _Stage(
        collectors, server, Sender(targets, plan.seed, pause_s=SENDERS * SECONDS_A_KILL * kills / len(tellings))
    )
    server.start()
    try:
        for collector in collectors:
            collector.start()
        sent = _spooled(tellings, rng, place)
        stage.sender.start(sent, SENDERS)
        _disturb(stage, plan, rng, len(sent))
        for number, collector in enumerate(collectors):
            collector.line("ready", after=collector.spawned_at)
            stage.note(f"collector {number} stopped with {collector.end(signal.SIGTERM, within_s=DRAINED_S)}")
        with connect(server.dsn()) as store:
            store.derive()
            return Outcome(told_by(calls), said_by(store), *_ways(place), stage.log)
    finally:
        for collector in collectors:
            collector.__exit__()
        server.kill()


def _disturb(stage: _Stage, plan: Plan, rng: Random, count: int) -> None:
    """Kill whom the plan says, at the points of the work that the seed says, until everything is sent."""
    victims = [rng.randrange(2) for _ in range(plan.collector_kills)] + [2] * plan.server_kills
    rng.shuffle(victims)
    points = sorted(rng.uniform(0.02, 0.98) for _ in victims)
    kills = list(zip(points, victims, strict=True))
    deadline_s = time.monotonic() + DEADLINE_S
    while not stage.sender.is_done or kills:
        assert time.monotonic() < deadline_s, f"not done within {DEADLINE_S} s: {stage.log[-5:]}"
        stage.revive()
        if kills and (stage.sender.acknowledged >= kills[0][0] * count or stage.sender.is_done):
            _, victim = kills.pop(0)
            if victim == 2:
                stage.revive(at_once=True)
            stage.kill(victim, rng)
        time.sleep(0.005)
    stage.revive(at_once=True)


def _spooled(calls: list[LLMCall], rng: Random, place: Path) -> list[LLMCall]:
    """Leave some calls in the spools of applications, and return those that are to be sent: half of these as well."""
    spooled = rng.sample(calls, int(len(calls) * IN_SPOOL))
    only_spooled = {call.span_id for call in spooled[::2]}
    for number in range(2):
        writer = SegmentWriter(place / f"collector{number}" / "spool")
        for call in spooled[number::2]:
            writer.append(Frame(time.time_ns(), request_of_all([call])))
        writer.seal()
    return [call for call in calls if call.span_id not in only_spooled]


def _ways(place: Path) -> tuple[int, int]:
    """Return how many tellings are read by column and how many one by one, in the segments that were acknowledged.

    Those are kept for a quarter of an hour. Each is read as the collector has read it, whole and by itself.
    """
    pricer, columns, singles = Pricer(load_rate_table()), 0, 0
    for path in place.glob("collector*/wal/acknowledged/*.segment"):
        rows = Read(path, read_segment(path).frames).priced(pricer)
        by_column = sum(map(len, rows.batches)) if isinstance(rows, PricedCalls) else 0
        columns, singles = columns + by_column, singles + len(rows) - by_column
    return columns, singles


def _collector(data_dir: Path, target: Target, server: Server, config: Path) -> Service:
    said = {
        "LLMCOST_DSN": server.dsn(),
        "LLMCOST_CONFIG": str(config),
        "LLMCOST_GRPC_ENDPOINT": f"127.0.0.1:{target.grpc}",
        "LLMCOST_HTTP_ENDPOINT": f"127.0.0.1:{target.http}",
        "LLMCOST_SHUTDOWN_S": str(DRAINED_S),
    }
    return Service(data_dir, said)
