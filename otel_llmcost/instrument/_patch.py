"""What every patch of an SDK does alike: it waits for the import, replaces functions, puts them back, frames a call.

A module of ours says which functions of which modules are replaced, how a call begins there, and what its answer
tells. `framed` does the rest in this order: start, call, usage, record, on every exit.
"""

from __future__ import annotations

import functools
import importlib
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import wrapt
from opentelemetry import context, trace

from otel_llmcost import semconv
from otel_llmcost.instrument._call import in_progress, note_fault
from otel_llmcost.instrument._lazy import where_asked
from otel_llmcost.telemetry.log import warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

    from otel_llmcost.instrument._call import Hook, OpenCall

VERSION: Final = version("otel-llmcost")


class ModulePatch:
    """The patch of one SDK, on or off. A subclass replaces functions in `wrap`.

    Args:
        package: The SDK's package, which also names the scope of its spans.
        modules: The modules in which functions are replaced, as soon as they are imported.

    Attributes:
        scope: Name and version of the instrumentation scope of its spans.
        tracer: Where the spans go; None as long as the patch has never been on.
        is_on: Whether calls are recorded.
        fault: Why the last attempt to patch a module failed; empty where none did.
        request_hook: Called with the span and what the SDK asks, before it asks; None for nothing.
        response_hook: Called with the span and what the SDK is answered; None for nothing.
        keeps_stream_options: Whether streams are asked for as the application asks, though they may tell no usage then.
    """

    request_hook: Hook | None = None
    response_hook: Hook | None = None
    keeps_stream_options = False

    def __init__(self, package: str, *modules: str) -> None:
        self.package = package
        self.scope = (f"{semconv.SCOPE_PREFIX}{package}", VERSION)
        self.tracer: Tracer | None = None
        self.is_on = False
        self.fault = ""
        self._modules = modules
        self._awaited: set[str] = set()
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def apply(self, tracer_provider: trace.TracerProvider | None = None) -> None:
        """Patch the SDK, now or when it is imported; nothing happens a second time."""
        if self.is_on:
            return
        self.is_on = True
        self.tracer = trace.get_tracer(*self.scope, tracer_provider, semconv.SCHEMA_URL)
        for name in self._modules:
            if name in sys.modules:
                self._imported(sys.modules[name])
            elif name not in self._awaited:
                self._awaited.add(name)
                wrapt.register_post_import_hook(self._imported, name)

    def remove(self) -> None:
        """Undo the patch. What somebody else has wrapped since stays wrapped, around a patch that does nothing."""
        self.is_on = False
        for owner, name, original, ours in reversed(self._replaced):
            if owner.__dict__[name] is ours:
                setattr(owner, name, original)
        self._replaced.clear()

    def try_on(self) -> str:
        """Import what is to be patched, patch it and undo it; return what does not fit, empty if all does.

        A release newer than any that we know may have moved a function, or lack the module altogether.
        """
        was_on, self.fault = self.is_on, ""
        self.apply()
        found = sum(map(_imports, self._modules))
        fits = self.fault or ("" if found and self._replaced else f"none of {', '.join(self._modules)} is there")
        if not was_on:
            self.remove()
        return fits

    def wrap(self, module: Any) -> None:
        """Replace the functions of a module that has been imported, each by `replace`."""
        raise NotImplementedError

    def replace(self, owner: Any, name: str, around: Callable[[Any], Any]) -> None:
        """Put a plain function in the place of another: half the work of a proxy, on a path that every call takes."""
        original = owner.__dict__[name]
        function = original.__func__ if isinstance(original, classmethod) else original
        ours: Any = functools.wraps(function)(around(function))
        if isinstance(original, classmethod):
            ours = classmethod(ours)
        setattr(owner, name, ours)
        self._replaced.append((owner, name, original, ours))

    def _imported(self, module: Any) -> None:
        """Patch a module. One that looks unlike any release we know is left alone, and its import succeeds."""
        if not self.is_on:
            return
        try:
            self.wrap(module)
        except Exception as error:  # noqa: BLE001 - the application's import goes on
            self.fault = f"{type(error).__name__}: {error}"
            warn("calls of %s are not recorded: %s", self.package, self.fault)
            self.remove()

    # --- the frame ---

    def framed(self, begin: Callable[..., OpenCall | None], see: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
        """Return what puts a frame around a function that asks a provider.

        Args:
            begin: Takes the function's arguments and returns the call that begins here, None if it is none.
            see: Takes the call and the result, notes what it tells, and returns the result. If its body is still to
                come, it sets `awaits_body`, and whoever watches the body finishes the call.
        """

        def around(original: Any) -> Any:
            def ask(*args: Any, **kwargs: Any) -> Any:
                call = self._entered(begin, args, kwargs)
                if call is None:
                    return original(*args, **kwargs)
                try:
                    result = original(*args, **kwargs)
                except BaseException as error:
                    call.over(error)
                    raise
                return self._seen(see, call, result)

            return ask

        return around

    def framed_async(
        self, begin: Callable[..., OpenCall | None], see: Callable[[Any, Any], Any]
    ) -> Callable[[Any], Any]:
        """Return the same for a coroutine function."""

        def around(original: Any) -> Any:
            async def ask(*args: Any, **kwargs: Any) -> Any:
                call = self._entered(begin, args, kwargs)
                if call is None:
                    return await original(*args, **kwargs)
                try:
                    result = await original(*args, **kwargs)
                except BaseException as error:
                    call.over(error)
                    raise
                return self._seen(see, call, result)

            return ask

        return around

    def _entered(
        self, begin: Callable[..., OpenCall | None], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> OpenCall | None:
        """Return the call that begins here, in progress; None where there is none, or our own code fails."""
        call = self._begun(begin, args, kwargs)
        if call is not None:
            try:
                call.enter()
            except Exception as error:  # noqa: BLE001 - the application's call goes on
                note_fault(f"recording a call of {self.package}", error)
                call.finish()
                return None
        return call

    def _begun(
        self, begin: Callable[..., OpenCall | None], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> OpenCall | None:
        """Return the call that begins here; None where there is none, or our own code fails.

        Inside a call of ours no other one begins: the outer one tells it.
        """
        if not self.is_on:
            return None
        try:
            if (outer := in_progress.get()) is not None:
                outer.asked_again(self)
                return None
            asked_in = where_asked()
            call = begin(*args, **kwargs) if asked_in is None else _run_in(asked_in, begin, args, kwargs)
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault(f"recording a call of {self.package}", error)
            return None
        if call is not None and self.request_hook is not None:
            call.run_hook(self.request_hook, (args, kwargs))
        return call

    def _seen(self, see: Callable[[Any, Any], Any], call: OpenCall, result: Any) -> Any:
        try:
            call.leave()
            if self.response_hook is not None:
                call.run_hook(self.response_hook, result)
            result = see(call, result)
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault(f"reading an answer of {self.package}", error)
        try:
            call.returned()
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault(f"recording a call of {self.package}", error)
        return result


def _imports(name: str) -> bool:
    """Import a module, and return whether it is there."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def _run_in(
    asked_in: Context, begin: Callable[..., OpenCall | None], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> OpenCall | None:
    """Return the call that begins as if it did in another context."""
    token = context.attach(asked_in)
    try:
        return begin(*args, **kwargs)
    finally:
        token.var.reset(token)
