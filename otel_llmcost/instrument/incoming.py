"""What other processes say about who pays: marked as theirs, or taken, as `LLMCOST_TRUST_INCOMING` has it.

Every server instrumentation of OpenTelemetry extracts the context of a request through the W3C baggage propagator,
so that is where both baggage and the tags header are met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry import context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.instrumentation.utils import unwrap
from opentelemetry.propagators.textmap import default_getter

from otel_llmcost.attribution import mark_outside, with_header
from otel_llmcost.instrument._call import note_fault
from otel_llmcost.telemetry import runtime

if TYPE_CHECKING:
    from collections.abc import Collection


class IncomingInstrumentor(BaseInstrumentor):
    """Patches `W3CBaggagePropagator.extract`."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: it is part of the OpenTelemetry API."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - the signature is OpenTelemetry's
        wrapt.wrap_function_wrapper(W3CBaggagePropagator, "extract", _extract)

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - the signature is OpenTelemetry's
        unwrap(W3CBaggagePropagator, "extract")


def _extract(wrapped: Any, _propagator: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    extracted = wrapped(*args, **kwargs)
    try:
        return _judged(extracted, *args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the application's request goes on
        note_fault("reading incoming attribution", error)
        return extracted


def _judged(extracted: Any, carrier: Any, context_: Any = None, getter: Any = default_getter, **kwargs: Any) -> Any:
    settings = runtime.started().settings
    before = kwargs.get("context", context_)
    if not settings.trusts_incoming:
        return mark_outside(extracted, context.get_current() if before is None else before)
    header = getter.get(carrier, settings.tags_header)
    return with_header(extracted, header[0]) if header else extracted
