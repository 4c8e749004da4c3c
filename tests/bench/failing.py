"""Has functions of ours fail whenever they are called, inside a worker, at no cost of the measurement's own."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from types import FunctionType
from typing import TYPE_CHECKING, Any

from tests.instrument.faults import seams_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def functions_called(run: Callable[[], object]) -> dict[str, FunctionType]:
    """Return the functions of ours that a run has others of ours call, and that may fail, by their names."""
    run()  # what only a first run passes, such as an import, is none of these
    codes = {seam.called for seam in seams_of(run)}
    found = [each for code in codes for each in gc.get_referrers(code) if isinstance(each, FunctionType)]
    return {f"{each.__module__.removeprefix('otel_llmcost.')}.{each.__qualname__}": each for each in found}


@contextmanager
def failing(function: FunctionType) -> Iterator[None]:
    """Have a function fail, whoever holds it."""
    code = function.__code__
    function.__code__ = _fail.__code__.replace(co_freevars=code.co_freevars)
    try:
        yield
    finally:
        function.__code__ = code


def _fail(*_args: Any, **_kwargs: Any) -> None:
    msg = "a fault of ours"
    raise RuntimeError(msg)
