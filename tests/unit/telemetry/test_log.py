"""What is wrong is said, and not with every call."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from otel_llmcost.telemetry import log
from otel_llmcost.telemetry.log import MAX_REMEMBERED, REPEAT_S, warn

if TYPE_CHECKING:
    import pytest


def test_what_stays_wrong_is_said_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    for _ in range(3):
        warn("%s failed: %s", "reading", ValueError("odd"))
    assert caplog.messages == ["reading failed: odd"]

    now_s += REPEAT_S
    warn("%s failed: %s", "reading", ValueError("odd"))
    assert caplog.messages == ["reading failed: odd"] * 2


def test_another_fault_is_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    warn("%s failed: %s", "reading", ValueError("odd"))
    warn("%s failed: %s", "reading", ValueError("odder"))
    warn("%s failed: %s", "hashing", ValueError("odd"))
    assert caplog.messages == ["reading failed: odd", "reading failed: odder", "hashing failed: odd"]


def test_faults_of_ever_other_words_do_not_pile_up() -> None:
    for number in range(3 * MAX_REMEMBERED):
        warn("%s failed", number)
    assert len(log._said_at_s) <= MAX_REMEMBERED


def test_an_argument_that_cannot_be_shown_is_no_fault_of_the_application() -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    warn("%s failed", Odd())
