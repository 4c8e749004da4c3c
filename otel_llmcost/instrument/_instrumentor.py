"""What all instrumentors do alike: say which releases they take, apply their patch unless told not to, undo it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from otel_llmcost.instrument._patch import ModulePatch

_DISABLED: Final = "LLMCOST_DISABLED_INSTRUMENTATIONS"
_KEEPING: Final = "LLMCOST_KEEP_STREAM_OPTIONS"
_ALL: Final = "*"


class Instrumentor(BaseInstrumentor):
    """Instruments one SDK. A subclass says which.

    Attributes:
        name: The name of the module of ours, by which it can be disabled.
        requires: The oldest release that works. There is no newest: a missing release would silently go unbilled.
        tested: The newest release that the tests have seen; `llmcost doctor` tries the patch on a newer one.
        patch: What is done; also is done besides.
    """

    name: ClassVar[str]
    requires: ClassVar[str]
    tested: ClassVar[str]
    patch: ClassVar[ModulePatch]
    also: ClassVar[tuple[ModulePatch, ...]] = ()

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the oldest release that works."""
        return (self.requires,)

    def try_on(self) -> str:
        """Return what of the installed release the patch does not fit; empty if all of it does."""
        return "; ".join(filter(None, (patch.try_on() for patch in (self.patch, *self.also))))

    def _instrument(self, **kwargs: Any) -> None:
        """Apply the patch.

        Args:
            **kwargs: `tracer_provider`; `request_hook` and `response_hook`, each called with the span and with what
                the SDK asks or is answered. What a hook raises is logged, and the call goes on.
                `keep_stream_options`: whether streams are asked for as the application asks.
        """
        if self.name in disabled(os.environ):
            return
        keeping = _named(os.environ, _KEEPING)
        for patch in (self.patch, *self.also):
            patch.keeps_stream_options = kwargs.get("keep_stream_options", bool({self.name, _ALL} & keeping))
            patch.request_hook = kwargs.get("request_hook")
            patch.response_hook = kwargs.get("response_hook")
            patch.apply(kwargs.get("tracer_provider"))

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - the signature is OpenTelemetry's
        for patch in (self.patch, *self.also):
            patch.remove()


def disabled(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the instrumentations that are to stay off, by the name of their module."""
    return _named(environ, _DISABLED)


def _named(environ: Mapping[str, str], variable: str) -> frozenset[str]:
    return frozenset(filter(None, (name.strip() for name in environ.get(variable, "").split(","))))
