"""One call under way: from the moment the SDK is asked until its record is handed on.

The order is attribution, start, call, usage, record and span. `finish` does the last two on every exit, once.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from otel_llmcost import semconv
from otel_llmcost.attribution import Attempt, concealed, current, current_request
from otel_llmcost.call import LLMCall, span_name, to_attributes
from otel_llmcost.instrument._callsite import call_site
from otel_llmcost.instrument._official import quieting
from otel_llmcost.providers.reading import note
from otel_llmcost.telemetry.log import logger, warn
from otel_llmcost.telemetry.origin import running_task
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from otel_llmcost.attribution import Attribution, request
    from otel_llmcost.providers.reading import Reading, Surface
    from otel_llmcost.telemetry.runtime import Runtime

Hook = Callable[["Span", Any], None]
"""What an application may have called with a span and with the request or the response."""

in_progress: Final[ContextVar[OpenCall | None]] = ContextVar("llmcost_call", default=None)
"""The call that the SDK is busy with in this context."""


@dataclass(slots=True)
class Retelling:
    """A run of somebody else's who will tell of it, and does not know the ids of what is answered in it.

    Attributes:
        answers: The providers' ids of the answers to our calls in it, as they end; empty ones too.
        is_over: Whether it has ended: what ends later is none of its.
    """

    answers: list[str] = field(default_factory=list)
    is_over: bool = False


retelling: Final[ContextVar[Retelling | None]] = ContextVar("llmcost_retelling", default=None)
"""The run to which a call belongs that begins in this context, None for none."""


@dataclass(slots=True, kw_only=True)
class Asked:
    """What the request tells.

    Attributes:
        surface: Which kind of call it is.
        provider: Who sells it, in semconv's spelling.
        provider_source: How that is known: `host` or `sdk`.
        server_address: The host asked; base_url is the whole address, as the SDK holds it.
        model: The model asked for.
        is_stream: Whether a stream was asked for.
        max_output_tokens: The most it may generate, None if not limited.
        service_tier: The tier asked for, in the provider's words.
        region: Where the request has it processed; empty where it does not say.
        body: The request as JSON, for the hashes of its prompt and its last message; none of it is kept.
        credential: The API key, for its hash.
    """

    surface: Surface
    provider: str
    provider_source: str
    server_address: str
    base_url: Any
    model: str
    is_stream: bool
    max_output_tokens: int | None
    service_tier: str
    region: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    credential: str = ""


class OpenCall:
    """A call under way.

    Args:
        runtime: Where its record goes.
        tracer: Where its span goes.
        asked: What the request tells.
        scope: Name and version of the instrumentation scope.
    """

    def __init__(self, runtime: Runtime, tracer: Tracer, asked: Asked, scope: tuple[str, str]) -> None:
        self._runtime = runtime
        self.asked = asked
        self._is_finished = False
        self.awaits_body = False
        self._reading: Reading | None = None
        self._retelling = retelling.get()
        ctx = context.get_current()
        parent = trace.get_current_span(ctx).get_span_context()
        said, source = attribution_of(runtime, ctx, parent.trace_id)
        self._request = current_request(ctx)
        attempt = self._request.next_attempt(asked.model) if self._request else Attempt()
        self._started = time.perf_counter_ns()
        started_at_ns = time.time_ns()
        self.record = LLMCall(
            trace_id="",
            span_id="",
            parent_span_id=f"{parent.span_id:016x}" if parent.is_valid else "",
            started_at_ns=started_at_ns,
            provider=asked.provider,
            provider_source=asked.provider_source,
            operation=asked.surface.operation,
            request_model=asked.model,
            server_address=asked.server_address,
            is_stream=asked.is_stream,
            max_output_tokens=asked.max_output_tokens,
            service_tier_requested=asked.service_tier,
            region=asked.region,
            attribution=admitted(runtime, said, started_at_ns),
            feature_source=source,
            call_site=call_site(),
            attempt_kind=attempt.kind,
            attempt_reason=attempt.reason,
            scope_name=scope[0],
            scope_version=scope[1],
        )
        self._fingerprint(asked)
        self._span = tracer.start_span(
            span_name(self.record),
            context=ctx,
            kind=SpanKind.CLIENT,
            attributes=_at_start(asked),
            start_time=started_at_ns,
        )
        self.record.trace_id, self.record.span_id = _identity(self._span, parent)
        self._inner_context = quieting(concealed(trace.set_span_in_context(self._span, ctx)))
        runtime.open_calls[id(self)] = self.finish

    def _fingerprint(self, asked: Asked) -> None:
        """Note what tells sameness without content; a fault in it costs the hashes and not the call."""
        try:
            prints, record = self._runtime.fingerprints, self.record
            record.credential_id = prints.of_credential(asked.credential)
            record.prompt_hash, record.prompt_bytes = prints.of_prompt(asked.body)
            record.request_hash = prints.of_request(asked.body)
            record.prompt_name, record.prompt_version = _stored_prompt(asked.body.get("prompt"))
        except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("hashing a prompt", error)

    def enter(self) -> None:
        """Make this the call in progress, its span the current one, and our baggage invisible to the provider."""
        self._context_token = context.attach(self._inner_context)
        self._progress_token = in_progress.set(self)

    def leave(self) -> None:
        """Undo `enter`, in the same task."""
        in_progress.reset(self._progress_token)
        self._context_token.var.reset(self._context_token)

    def over(self, error: BaseException | None = None) -> None:
        """Undo `enter` and note how the SDK ended, by an answer or by an error; without an exception of ours."""
        try:
            self.leave()
        except Exception as fault:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("leaving a call", fault)
        if error is None:
            self.returned()
        else:
            self.ended_by(error)

    def ended_by(self, error: BaseException) -> None:
        """Note the error that ended the call, and finish it whether that succeeds or not."""
        try:
            self.failed(error)
        except Exception as fault:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("ending a call", fault)
            self.finish()

    def run_hook(self, hook: Hook, raw: Any) -> None:
        """Show a hook of the application's the span and what is asked or answered; its faults stay here."""
        try:
            hook(self._span, raw)
        except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("a hook", error)

    # --- what is learned on the way ---

    def asked_again(self, patch: object) -> None:
        """Do nothing: that the SDK asks inside of the call says nothing, unless the call knows the patch it meets."""

    def answered(
        self, request_id: str, resend_count: int, input_bytes: int | None, accounts: tuple[str, str] = ("", "")
    ) -> None:
        """Note what the headers of the answer tell; accounts are who is billed and the part of it that asked."""
        self.record.provider_request_id = request_id
        self.record.resend_count = resend_count
        self.record.input_bytes = input_bytes
        if accounts != ("", ""):  # the request may have told it
            self.record.billing_account_id, self.record.sub_account_id = accounts

    def first_token(self) -> None:
        """Note that the first piece of a stream has arrived."""
        self.record.time_to_first_token_ns = time.perf_counter_ns() - self._started

    def read(self, reading: Reading, quality: UsageQuality) -> None:
        """Note what the answer tells about itself."""
        self._reading = reading
        self.record.usage_quality = quality if reading.usage is not None else UsageQuality.MISSING

    def failed(self, error: BaseException) -> None:
        """Note how the call ended, and finish it."""
        self.record.error_type = type(error).__name__
        response = getattr(error, "response", None)
        if response is not None and not self.record.provider_request_id:
            self.record.provider_request_id = getattr(error, "request_id", None) or ""
        self.finish()

    def returned(self) -> None:
        """The SDK gave its answer: the call is over, unless its body is still to be read."""
        if not self.awaits_body:
            self.finish()

    def mark_end(self) -> None:
        """Take the time: the call has ended, though it may be finished later."""
        self.record.duration_ns = self.record.duration_ns or max(time.perf_counter_ns() - self._started, 1)

    def finish(self) -> None:
        """Hand on the record and end the span; the first time only, and without an exception."""
        if self._is_finished:
            return
        self._is_finished = True
        try:
            self._runtime.open_calls.pop(id(self), None)
            self._hand_on()
        except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("recording a call", error)

    def _hand_on(self) -> None:
        record = self.record
        self.mark_end()
        if self._reading is not None:
            doubted(record.provider, self._reading.fault)
            note(record, self._reading)
        if self._retelling is not None and not self._retelling.is_over:
            self._retelling.answers.append(record.response_id)
        if self._request is not None and record.error_type:
            self._request.failed(record.error_type)
        attributes = to_attributes(record)
        if self._span.is_recording():
            self._span.set_attributes(attributes)
            if record.error_type:
                self._span.set_status(Status(StatusCode.ERROR, record.error_type))
        self._span.end(record.started_at_ns + record.duration_ns)
        if self._request is None or record.error_type:
            self.deliver(attributes)
        else:
            self._hold(self._request, attributes)

    def _hold(self, action: request, attributes: dict[str, Any]) -> None:
        """Have the record wait until it is known whether the answer was usable, or a flush asks for what there is."""
        waiting = self._runtime.pipeline.held

        def release(rejected: str = "") -> None:
            try:
                if waiting.pop(id(self), None) is None:
                    return
                if rejected:
                    self.record.rejected = attributes[semconv.REJECTED] = rejected
                self.deliver(attributes)
            except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
                note_fault("recording a call", error)

        waiting[id(self)] = release
        action.hold(release)

    def deliver(self, attributes: Mapping[str, Any]) -> None:
        """Hand the record on to be billed."""
        self._runtime.pipeline.put(self.record, attributes)


def attribution_of(runtime: Runtime, ctx: Context, trace_id: int) -> tuple[Attribution, str]:
    """Return who pays and how the feature was known."""
    said = current(ctx)
    if said.feature:
        return said.over(runtime.settings.defaults), "span"
    said = said.over(runtime.settings.defaults)
    if not said.feature and (origin := running_task() or runtime.served.route(trace_id)):
        said = replace(said, feature=origin)
    return said, "default" if said.feature else ""


def admitted(runtime: Runtime, said: Attribution, started_at_ns: int) -> Attribution:
    """Return who pays, features and tenants beyond the day's limit put together."""
    feature = runtime.features.admit(said.feature, started_at_ns)
    tenant = runtime.tenants.admit(said.tenant, started_at_ns)
    if feature == said.feature and tenant == said.tenant:
        return said
    return replace(said, feature=feature, tenant=tenant)


def _at_start(asked: Asked) -> dict[str, str]:
    """Return what a sampler may want to know."""
    return {
        semconv.GEN_AI_OPERATION_NAME: asked.surface.operation,
        semconv.GEN_AI_PROVIDER_NAME: asked.provider,
        semconv.GEN_AI_REQUEST_MODEL: asked.model,
    }


def _stored_prompt(prompt: object) -> tuple[str, str]:
    """Return name and version of a prompt that the provider keeps (responses: `{"id": …, "version": …}`)."""
    if not isinstance(prompt, dict):
        return "", ""
    return str(prompt.get("id") or ""), str(prompt.get("version") or "")


def _identity(span: Span, parent: trace.SpanContext) -> tuple[str, str]:
    """Return trace and span id of a call: the span's, or new ones where a no-op tracer repeats its parent's."""
    own = span.get_span_context()
    if own.is_valid and own.span_id != parent.span_id:
        return f"{own.trace_id:032x}", f"{own.span_id:016x}"
    trace_id = f"{parent.trace_id:032x}" if parent.is_valid else secrets.token_hex(16)
    return trace_id, secrets.token_hex(8)


def doubted(provider: str, fault: str) -> None:
    """Say what is wrong with the usage of an answer, if anything is."""
    if fault:
        warn("the usage of an answer of %s cannot be believed: %s", provider, fault)


def note_fault(where: str, error: Exception) -> None:
    """Say that our own code failed, where the application goes on without us."""
    try:
        told = logger.isEnabledFor(logging.DEBUG)
        warn("%s failed, the call goes on unrecorded: %s: %s", where, type(error).__name__, error, with_traceback=told)
    except Exception:  # noqa: BLE001, S110 - a handler or filter of the application's that fails has nobody to tell
        pass
