"""Carries the attribution into work that is handed to a `ThreadPoolExecutor`, which starts with an empty context.

Only work submitted under an attribution is touched. A bare `threading.Thread` is not: one started inside a feature
often outlives it (a client's background sender), and would go on booking to it.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry import context
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.instrumentation.utils import unwrap

from otel_llmcost.attribution import NOBODY, carried, current
from otel_llmcost.instrument._call import note_fault

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextvars import Token

    from opentelemetry.context import Context


class ThreadsInstrumentor(BaseInstrumentor):
    """Patches `ThreadPoolExecutor.submit`."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: it is Python's own."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - the signature is OpenTelemetry's
        wrapt.wrap_function_wrapper(ThreadPoolExecutor, "submit", _submit)

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - the signature is OpenTelemetry's
        unwrap(ThreadPoolExecutor, "submit")


def _submit(wrapped: Any, _executor: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        ctx = context.get_current()
        if args and current(ctx) is not NOBODY:
            args = (functools.partial(_run, ctx, args[0]), *args[1:])
    except Exception as error:  # noqa: BLE001 - the application's work goes on
        note_fault("handing work to a thread", error)
    return wrapped(*args, **kwargs)


def _run(submitted_in: Context, function: Any, *args: Any, **kwargs: Any) -> Any:
    token = _attached(submitted_in)
    try:
        return function(*args, **kwargs)
    finally:
        if token is not None:
            context.detach(token)


def _attached(submitted_in: Context) -> Token[Context] | None:
    """Bring what was said where work was submitted to where it runs; None where our own code fails."""
    try:
        return context.attach(carried(submitted_in, context.get_current()))
    except Exception as error:  # noqa: BLE001 - the application's work goes on
        note_fault("attributing work of a thread", error)
        return None
