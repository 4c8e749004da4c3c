"""LangSmith's runs, told as spans (its modes `otel` and `hybrid`): a run of LangChain's learns the id of its answer.

LangSmith tells a run after it has ended, mostly in another trace than that of the call, and LangChain passes on no id
of a stream's answer. So nothing in the span of such a run says that it tells of a call of ours, and both would be
billed. But a run begins, by `create_run`, in the very context in which LangChain then asks: the call of ours that
begins there belongs to the run, and the id that its answer bears is written on the run's span before that ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.instrument._call import Retelling, note_fault, retelling
from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._patch import ModulePatch

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_REMEMBERED: Final = 10_000
"""So many runs may wait to be told. LangSmith tells them every second or so."""


class _Patch(ModulePatch):
    """The patch of LangSmith's client and of what makes spans of its runs, on or off."""

    def __init__(self) -> None:
        super().__init__("langsmith", "langsmith.client", "langsmith._internal.otel._otel_exporter")
        self._runs: dict[str, Retelling] = {}

    def remove(self) -> None:
        """Undo the patch, and forget what was learned."""
        super().remove()
        self._runs.clear()

    def wrap(self, module: Any) -> None:
        """Replace what begins and ends a run, or what writes its span."""
        if module.__name__ == "langsmith.client":
            self.replace(module.Client, "create_run", self._around(self._run_begun))
            self.replace(module.Client, "update_run", self._around(self._run_ended))
        else:
            self.replace(module.OTELExporter, "_set_span_attributes", self._telling)

    def _around(self, note: Callable[..., None]) -> Callable[[Any], Any]:
        """Return what has something noted before a function is called, whatever its arguments are."""

        def around(original: Any) -> Any:
            def noted(*args: Any, **kwargs: Any) -> Any:
                try:
                    if self.is_on:
                        note(*args, **kwargs)
                except Exception as error:  # noqa: BLE001 - the application's run goes on
                    note_fault("following a run of langsmith", error)
                return original(*args, **kwargs)

            return noted

        return around

    def _run_begun(self, client: Any, *args: Any, **kwargs: Any) -> None:
        """Have the call that begins in this context belong to a run, if LangSmith is to make a span of it."""
        run_type = kwargs.get("run_type") or args[2]
        if run_type != "llm" or getattr(client, "otel_exporter", None) is None:
            return
        if len(self._runs) >= MAX_REMEMBERED:
            self._runs.pop(next(iter(self._runs)))
        run = self._runs[str(kwargs["id"])] = Retelling()
        retelling.set(run)

    def _run_ended(self, _client: Any, *args: Any, **kwargs: Any) -> None:
        """Have no later call belong to a run that ends."""
        run = self._runs.get(str(kwargs.get("run_id") or args[0]))
        if run is not None and kwargs.get("end_time") is not None:
            run.is_over = True

    def _telling(self, original: Any) -> Any:
        def set_span_attributes(exporter: Any, span: Any, run_info: Any, op: Any) -> Any:
            result = original(exporter, span, run_info, op)
            try:
                self._told(span, str(op.id), is_last=bool(run_info.get("end_time")))
            except Exception as error:  # noqa: BLE001 - the application's run is told as it would be
                note_fault("telling a run of langsmith", error)
            return result

        return set_span_attributes

    def _told(self, span: Any, run_id: str, *, is_last: bool) -> None:
        """Write on a span the id of what was answered to its run, if one call was made in it and no more."""
        run = self._runs.pop(run_id, None) if is_last else None
        if run is None or len(run.answers) != 1 or not run.answers[0]:
            return
        if semconv.GEN_AI_RESPONSE_ID not in (getattr(span, "attributes", None) or ()):
            span.set_attribute(semconv.GEN_AI_RESPONSE_ID, run.answers[0])


class LangSmithInstrumentor(Instrumentor):
    """Has LangSmith's spans of LangChain's runs bear the ids of their answers; releases that make no spans stay."""

    name = "langsmith"
    requires = "langsmith >= 0.1"
    tested = "0.15.0"
    patch = _Patch()
