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

if TYPE_CHECKING:
    from collections.abc import Collection

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
    ctx = context.get_current()
    if not args or current(ctx) is NOBODY:
        return wrapped(*args, **kwargs)
    return wrapped(functools.partial(_run, ctx, args[0]), *args[1:], **kwargs)


def _run(submitted_in: Context, function: Any, *args: Any, **kwargs: Any) -> Any:
    token = context.attach(carried(submitted_in, context.get_current()))
    try:
        return function(*args, **kwargs)
    finally:
        context.detach(token)
