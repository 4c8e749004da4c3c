"""What a call and a streamed chunk cost: rounds in which every worker does the same jobs, one after the other."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final

from tests.bench.driver import Driven
from tests.bench.subjects import BARE, BY_HAND, INPUT_TOKENS, OURS, rivals_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CALLS: Final = 150
STREAMS: Final = 6
FEW, MANY = 8, 408


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Who does what in one SDK.

    Attributes:
        sdk: Its package.
        others: Whom we are measured beside.
        jobs: What every worker does in each round; the first one is tried before.
        chunks: What each further chunk costs: the names of a short and a long stream.
        reported: What is reported.
    """

    sdk: str
    others: Sequence[str]
    jobs: Mapping[str, Mapping[str, Any]]
    chunks: Mapping[str, tuple[str, str]]
    reported: Sequence[str]


_JOBS: Final = {
    "chat": {"job": "chat", "calls": CALLS},
    "chat in a feature": {"job": "chat_in_feature", "calls": CALLS},
    "async chat": {"job": "chat_async", "calls": CALLS},
    "short stream": {"job": "stream", "calls": 5 * STREAMS, "chunks": FEW, "asks_for_usage": True},
    "long stream": {"job": "stream", "calls": STREAMS, "chunks": MANY, "asks_for_usage": True},
    "short stream, usage not asked": {"job": "stream", "calls": 5 * STREAMS, "chunks": FEW, "asks_for_usage": False},
    "long stream, usage not asked": {"job": "stream", "calls": STREAMS, "chunks": MANY, "asks_for_usage": False},
}
_CHUNKS: Final = {
    "chunk": ("short stream", "long stream"),
    "chunk, usage not asked": ("short stream, usage not asked", "long stream, usage not asked"),
}
OPENAI: Final = Contest(
    sdk="openai",
    others=rivals_of("openai"),
    jobs=_JOBS,
    chunks=_CHUNKS,
    reported=("chat", "chat in a feature", "async chat", "short stream", *_CHUNKS),
)
FLOOR: Final = Contest(
    sdk="openai",
    others=(BY_HAND,),
    jobs={"chat": _JOBS["chat"]},
    chunks={},
    reported=("chat",),
)
ANTHROPIC: Final = Contest(
    sdk="anthropic",
    others=rivals_of("anthropic"),
    jobs={
        "message": {"job": "message", "calls": CALLS},
        "async message": {"job": "message_async", "calls": CALLS},
        "short stream": {"job": "message_stream", "calls": 5 * STREAMS, "chunks": FEW},
        "long stream": {"job": "message_stream", "calls": STREAMS, "chunks": MANY},
    },
    chunks={"chunk of a message": ("short stream", "long stream")},
    reported=("message", "async message", "short stream", "chunk of a message"),
)
BEDROCK: Final = Contest(
    sdk="boto3",
    others=rivals_of("boto3"),
    jobs={
        "converse": {"job": "converse", "calls": CALLS},
        "short stream": {"job": "converse_stream", "calls": 5 * STREAMS, "chunks": FEW},
        "long stream": {"job": "converse_stream", "calls": STREAMS, "chunks": MANY},
    },
    chunks={"chunk of converse": ("short stream", "long stream")},
    reported=("converse", "short stream", "chunk of converse"),
)

Round = dict[str, dict[str, float]]
"""The CPU microseconds of each job by subject."""


def measure(contest: Contest, rounds: int) -> dict[str, Any]:
    """Return, for each thing reported and each subject, the microseconds on top of bare, and who the subjects are.

    Args:
        contest: Who does what.
        rounds: How often every worker does every job; one more, at first, warms up.
    """
    subjects = (*BARE, OURS, *contest.others)
    reported = contest.reported
    with ExitStack() as stack:
        workers = {subject: stack.enter_context(Driven(subject, first=contest.sdk)) for subject in subjects}
        for subject in (OURS, *contest.others):
            _check(workers[subject], next(iter(contest.jobs.values()))["job"])
        taken = [_round(contest, workers, number) for number in range(rounds + 1)][1:]
        about = {subject: worker.do("about") for subject, worker in workers.items()}
    return {
        "bare_us": {what: median(_bare(each, what) for each in taken) for what in reported},
        "added_us": {what: {subject: _spread(taken, what, subject) for subject in workers} for what in reported},
        "subjects": about,
    }


def _check(worker: Driven, job: str) -> None:
    """See that a subject does what it is measured for: one span a call, and the usage on it."""
    worker.do(job, calls=10)
    about = worker.do("about")
    if about["spans"] != 10 or about["input_tokens"] != INPUT_TOKENS:
        msg = f"10 calls made {about['spans']} spans, the last with {about['input_tokens']} input tokens"
        raise RuntimeError(msg)


def _round(contest: Contest, workers: Mapping[str, Driven], number: int) -> Round:
    """Return one round; the order turns from round to round, so that nobody always follows the same neighbour."""
    subjects = list(workers)
    turned = subjects[number % len(subjects) :] + subjects[: number % len(subjects)]
    taken: Round = {}
    for name, job in contest.jobs.items():
        for subject in turned:
            taken.setdefault(subject, {})[name] = workers[subject].cpu_us(**job)
    for of_subject in taken.values():
        for name, (short, long) in contest.chunks.items():
            of_subject[name] = (of_subject[long] - of_subject[short]) / (MANY - FEW)
    return taken


def _bare(taken: Round, what: str) -> float:
    return sum(taken[subject][what] for subject in BARE) / len(BARE)


def _spread(taken: list[Round], what: str, subject: str) -> dict[str, float]:
    """Return quartiles of what a subject adds; for the bare ones, to each other."""
    others = [each[BARE[0]][what] if subject in BARE else _bare(each, what) for each in taken]
    added = [each[subject][what] - other for each, other in zip(taken, others, strict=True)]
    low, middle, high = quantiles(added, n=4)
    return {"median": middle, "low": low, "high": high}
