"""The one runtime of a process: its settings, its pipeline, and its ties to the process and to OpenTelemetry."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry import trace

from otel_llmcost.attribution import DailyCap
from otel_llmcost.telemetry.fingerprint import Fingerprints, fingerprints_in
from otel_llmcost.telemetry.log import warn
from otel_llmcost.telemetry.origin import Served
from otel_llmcost.telemetry.pipeline import Pipeline
from otel_llmcost.telemetry.settings import Settings, settings_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import TracerProvider
    from opentelemetry.util.types import AttributeValue


class Runtime:
    """What the instrumentation needs of the process.

    Args:
        settings: From the environment.
        tracer_provider: Where spans go; None means the global one, also one that is set later.

    Attributes:
        pipeline: Takes finished calls.
        served: The requests being served.
        features: Admits features of a day; tenants likewise.
        open_calls: How to finish each call that is under way, by its id.
    """

    def __init__(self, settings: Settings, tracer_provider: TracerProvider | None = None) -> None:
        self.settings = settings
        self.tracer_provider = tracer_provider
        self._resource: Mapping[str, AttributeValue] | None = None
        self.pipeline = Pipeline(settings, self._resource_attributes)
        self.served = Served()
        self.features = DailyCap(settings.max_features, "feature_overflow")
        self.tenants = DailyCap(settings.max_tenants, "tenant_overflow")
        self.open_calls: dict[int, Callable[[], None]] = {}
        self._attached: set[int] = set()

    @cached_property
    def fingerprints(self) -> Fingerprints:
        """What hashes prompts and API keys; the first call makes it, since that may write a key."""
        return fingerprints_in(self.settings.data_dir, self.settings.hash_key)

    def attach(self, provider: object) -> None:
        """Add our span processor to an SDK provider, once; any other is left alone."""
        add = getattr(provider, "add_span_processor", None)
        if add is None or id(provider) in self._attached:
            return
        from otel_llmcost.telemetry.processor import LLMCostSpanProcessor  # the SDK is there, since its provider is

        add(LLMCostSpanProcessor(self.pipeline, self.served))
        self._attached.add(id(provider))

    def close(self) -> None:
        """Finish what is under way, deliver what is left, and say so."""
        self.end()
        try:
            if self.settings.shows_summary and sys.stderr.isatty() and (line := self.summary()):
                sys.stderr.write(line + "\n")
        except (OSError, ValueError, AttributeError):  # stderr is closed or gone
            pass

    def end(self) -> None:
        """Finish what is under way and deliver what is left, whatever fails at it."""
        for step in (self.finish_open_calls, self.pipeline.close):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - the application's exit goes on
                warn("calls may be lost: %s: %s", type(error).__name__, error)

    def finish_open_calls(self) -> None:
        """Record calls that the end of the process cuts short."""
        for finish in list(self.open_calls.values()):
            try:
                finish()
            except Exception as error:  # noqa: BLE001 - the application's exit goes on, and so do the other calls
                warn("a call is not recorded: %s: %s", type(error).__name__, error)
        self.open_calls.clear()

    def summary(self) -> str:
        """Return what a terminal sees at exit, empty if there were no calls."""
        pipeline = self.pipeline
        if not pipeline.taken:
            return ""
        share = 100 * pipeline.named // pipeline.taken
        where = self.settings.endpoint or f"{self.settings.spool_dir} (`llmcost report` prices them)"
        calls = f"{pipeline.taken} call" + ("s" if pipeline.taken != 1 else "")
        return f"llmcost: {calls}, {share}% named, in {where}"

    def _resource_attributes(self) -> Mapping[str, AttributeValue]:
        if self._resource is None:
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource

            found = getattr(self.tracer_provider or trace.get_tracer_provider(), "resource", None)
            if not isinstance(found, Resource):
                found = OTELResourceDetector().detect()  # not Resource.create: its threads cannot start at exit
            self._resource = dict(found.attributes)
        return self._resource


_current: Runtime | None = None
_lock = threading.RLock()  # the garbage collector may end a call inside of it


def started(tracer_provider: TracerProvider | None = None) -> Runtime:
    """Return the runtime of this process, started by the first call.

    Args:
        tracer_provider: Where spans go; of the first call, None for the global one.
    """
    global _current  # noqa: PLW0603 - one process, one spool segment, one exit
    with _lock:
        if _current is None:
            _current = Runtime(settings_from(os.environ), tracer_provider)
            _tie_to_process()
            _watch_providers()
        _current.attach(tracer_provider or trace.get_tracer_provider())
        return _current


def current() -> Runtime | None:
    """Return the runtime, None if it has not been started."""
    return _current


def stop() -> None:
    """Deliver what is left and forget the runtime; the next `started` reads the environment anew."""
    global _current
    with _lock:
        runtime, _current = _current, None
    if runtime is not None:
        runtime.end()


def _tie_to_process() -> None:
    global _is_tied  # noqa: PLW0603 - ties to a process cannot be undone, so they are made once
    if _is_tied:
        return
    _is_tied = True
    atexit.register(_at_exit)
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


_is_tied = False


def _at_exit() -> None:
    if _current is not None:
        _current.close()


def _on_sigterm(number: int, _frame: object) -> None:
    """Deliver what is queued, then die as if we had not been here. An application's own handler replaces this one."""
    if _current is not None:
        _current.end()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _before_fork() -> None:
    if _current is not None:
        _current.pipeline.before_fork()


def _after_fork_in_parent() -> None:
    if _current is not None:
        _current.pipeline.after_fork_in_parent()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()
    if _current is None:
        return
    _current.open_calls.clear()
    _current.pipeline.after_fork()
    if "multiprocessing.util" in sys.modules:  # its children end without atexit
        from multiprocessing.util import register_after_fork

        register_after_fork(_current, _deliver_at_the_end)


def _deliver_at_the_end(_runtime: Runtime) -> None:
    """Tie to the end of a child of multiprocessing, which has by now forgotten the ties of its parent."""
    from multiprocessing.util import Finalize

    Finalize(None, _at_exit, exitpriority=10)


def _watch_providers() -> None:
    """Attach to a global provider that is set after us, as an application without a distro does."""
    if isinstance(trace.set_tracer_provider, wrapt.ObjectProxy):
        return

    def attach_too(wrapped: Any, _instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        wrapped(*args, **kwargs)
        if _current is not None:
            try:
                _current.attach(trace.get_tracer_provider())
            except Exception as error:  # noqa: BLE001 - the application's own start-up goes on
                warn("spans are not stamped: %s", error)

    wrapt.wrap_function_wrapper("opentelemetry.trace", "set_tracer_provider", attach_too)
