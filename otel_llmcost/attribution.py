"""Who pays: the feature, team, tenant, session and user action that a call belongs to.

The idea: what our context managers set is held in the OTel context under a private key, beside the baggage
entries written for it. Whoever reads, reads the private key and only those baggage entries that somebody has
changed since; entries that came in from another process are marked when they are extracted, and do not count
unless trusted. Around a provider call the baggage entries are taken out and the private key stays: spans below
still know who pays, the provider's HTTP headers do not.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Self, TypeVar

from opentelemetry import baggage, context
from opentelemetry.context import Context

from otel_llmcost import _decorate, semconv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token
    from types import TracebackType


F = TypeVar("F", bound="Callable[..., object]")

MAX_TAGS: Final = 10
MAX_KEY_LENGTH: Final = 64
MAX_VALUE_LENGTH: Final = 256
OVERFLOW: Final = "__overflow__"

losses: Counter[str] = Counter()
"""What was lost, by kind: `value_cut`, `key_cut`, `value_unreadable`, `tag_dropped`, `feature_overflow`,
`tenant_overflow`, and `fault` for what our own code lost by failing."""

_BAGGAGE: Final = next(iter(baggage.set_baggage("llmcost", "", Context())))
"""Where OpenTelemetry keeps the baggage in a context."""

_HELD: Final = context.create_key("llmcost-held")
_FRAME: Final = context.create_key("llmcost-frame")
_REQUEST: Final = context.create_key("llmcost-request")
_OUTSIDE: Final = context.create_key("llmcost-outside")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Who pays for a call. An empty string means: not said.

    Attributes:
        feature: The product feature, the main key of every report.
        team: The team that answers for it.
        environment: Where it runs: production, staging, …
        tenant: The customer on whose behalf.
        user: The end user, as the application names them.
        session_id: The conversation or run that calls belong to.
        request_id: One user action; its retries and fallbacks share it.
        parent_request_id: The user action that caused this one.
        agent: The agent that made the call.
        workload: interactive, background, batch, eval or ci.
        tags: At most ten (key, value) pairs of the user's own, sorted by key.
    """

    feature: str = ""
    team: str = ""
    environment: str = ""
    tenant: str = ""
    user: str = ""
    session_id: str = ""
    request_id: str = ""
    parent_request_id: str = ""
    agent: str = ""
    workload: str = ""
    tags: tuple[tuple[str, str], ...] = ()

    def over(self, outer: Attribution) -> Attribution:
        """Return this attribution with what it does not say filled in from `outer`."""
        if outer is NOBODY:
            return self
        said = {name: getattr(self, name) or getattr(outer, name) for name in NAMES}
        return Attribution(**said, tags=_joined_tags(self.tags, outer.tags))

    def entries(self) -> dict[str, str]:
        """Return what is said as span attributes, which are also the baggage entries."""
        said = {semconv.ATTRIBUTION_ATTRIBUTES[name]: value for name in NAMES if (value := getattr(self, name))}
        said.update((semconv.TAG_PREFIX + key, value) for key, value in self.tags)
        return said


NAMES: Final = tuple(field.name for field in fields(Attribution) if field.name != "tags")
"""The fields of Attribution that hold one value."""

NOBODY: Final = Attribution()
"""Nothing is said about who pays."""

_FIELD_OF: Final = {entry: name for name, entry in semconv.ATTRIBUTION_ATTRIBUTES.items()} | {
    # Read where ours is absent, so they stand behind ours in every look-up.
    semconv.SESSION_ID: "session_id",
    semconv.GEN_AI_CONVERSATION_ID: "session_id",
    semconv.GEN_AI_AGENT_NAME: "agent",
    semconv.USER_ID: "user",
}


@dataclass(frozen=True, slots=True)
class _Held:
    """What our context managers said, and the baggage as they left it."""

    attribution: Attribution
    baggage: Mapping[str, object]


@dataclass(slots=True)
class _Frame:
    """Marks the context that one `with` block attached, so that only its own exit resets it.

    Blocks may be left in another order than they were entered: a generator that holds one open, finished inside
    a younger block. A frame that is left below others is reset as soon as those above it are gone.
    """

    owner: object
    outer: _Frame | None
    token: Token[Context] | None = None
    is_left: bool = False

    def leave(self) -> bool:
        """Reset the context to what it was before; return whether this was the context that was entered."""
        if self.token is None:
            return False
        try:
            self.token.var.reset(self.token)
        except (ValueError, RuntimeError):  # made in another task, whose context ends with it or is reset already
            return False
        return True


# --- reading ---


def current(ctx: Context | None = None) -> Attribution:
    """Return who pays for a call made in `ctx`, by default the current context."""
    ctx = context.get_current() if ctx is None else ctx
    held = ctx.get(_HELD)
    entries = baggage.get_all(ctx)
    if not isinstance(held, _Held):
        return from_entries(_inside(entries, ctx)) if entries else NOBODY
    if entries == held.baggage:
        return held.attribution
    inside = _inside(entries, ctx)
    changed = {key: value for key, value in inside.items() if held.baggage.get(key) != value and _is_ours(key)}
    others = {key: value for key, value in inside.items() if not _is_ours(key)}
    return from_entries(changed).over(held.attribution).over(from_entries(others))


def from_entries(entries: Mapping[str, object]) -> Attribution:
    """Return the attribution that span attributes or baggage entries name; others are passed over."""
    said: dict[str, str] = {}
    for entry, name in _FIELD_OF.items():
        if name not in said and (value := entries.get(entry)):
            said[name] = _limited(value, MAX_VALUE_LENGTH, "value_cut")
    prefix = semconv.TAG_PREFIX
    tags = {key[len(prefix) :]: value for key, value in entries.items() if key.startswith(prefix)}
    return Attribution(**said, tags=_limited_tags(tags)) if said or tags else NOBODY


def concealed(ctx: Context) -> Context:
    """Return `ctx` without our baggage entries: spans below keep the attribution, HTTP headers show nothing."""
    entries = baggage.get_all(ctx)
    if not any(map(_is_ours, entries)):
        return ctx
    attribution = current(ctx)
    return _hold(ctx, attribution, {key: value for key, value in entries.items() if not _is_ours(key)})


def carried(source: Context, target: Context) -> Context:
    """Return `target` with the attribution of `source`, as work handed to another thread needs it."""
    theirs = {key: value for key, value in baggage.get_all(target).items() if not _is_ours(key)}
    ours = {key: value for key, value in _inside(baggage.get_all(source), source).items() if _is_ours(key)}
    ctx = _hold(target, current(source), theirs | ours)
    return context.set_value(_REQUEST, source.get(_REQUEST), ctx)


# --- from outside ---


def mark_outside(ctx: Context, before: Context) -> Context:
    """Return `ctx` with the baggage that an extraction added to `before` marked as coming from outside."""
    known = baggage.get_all(before)
    came = {key: value for key, value in baggage.get_all(ctx).items() if known.get(key) != value}
    earlier = before.get(_OUTSIDE)
    marked = earlier | came if isinstance(earlier, dict) else came
    return context.set_value(_OUTSIDE, marked, ctx) if came else ctx


def with_header(ctx: Context, text: str) -> Context:
    """Return `ctx` attributed as a trusted `X-LLMCost-Tags` header says.

    Args:
        ctx: The context to extend.
        text: `feature=search,team=growth,plan=pro`, or a JSON object of the same; what is no field is a tag.
    """
    said = _parsed_header(text)
    return _attributed(ctx, _said({name: said.pop(name, None) for name in NAMES}, said), propagate=True)


def _parsed_header(text: str) -> dict[str, str]:
    if text.lstrip().startswith("{"):
        try:
            pairs = json.loads(text).items()
        except (ValueError, AttributeError, RecursionError):
            return {}
        return {str(key): str(value) for key, value in pairs if value is not None}
    pairs = (part.partition("=") for part in text.split(","))
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip() and value.strip()}


def _inside(entries: Mapping[str, object], ctx: Context) -> Mapping[str, object]:
    """Return the entries without those that an untrusted caller sent."""
    outside = ctx.get(_OUTSIDE)
    if not isinstance(outside, dict):
        return entries
    return {key: value for key, value in entries.items() if outside.get(key) != value}


def _is_ours(key: str) -> bool:
    return key.startswith(semconv.ATTRIBUTION_PREFIX)


# --- writing ---


class attribution:  # noqa: N801 - read as a statement: `with attribution(team="growth"):`
    """Says who pays for every call in a `with` block or a decorated function, of any kind.

    What is not said stays as the enclosing block says it. Values are cut at 256 characters, keys of tags at 64,
    tags after the tenth are dropped; each cut is counted and nothing raises.

    Args:
        feature: The product feature; the other names are the fields of `Attribution`.
        tags: More key-value pairs of your own.
        propagate: Whether the names travel to other services of yours as W3C baggage. They never reach a provider.
    """

    def __init__(  # noqa: PLR0913 - keywords only, one for each field
        self,
        *,
        feature: str | None = None,
        team: str | None = None,
        environment: str | None = None,
        tenant: str | None = None,
        user: str | None = None,
        session_id: str | None = None,
        agent: str | None = None,
        workload: str | None = None,
        tags: Mapping[str, object] | None = None,
        propagate: bool = True,
    ) -> None:
        named = {
            "feature": feature,
            "team": team,
            "environment": environment,
            "tenant": tenant,
            "user": user,
            "session_id": session_id,
            "agent": agent,
            "workload": workload,
        }
        self._attribution = _said(named, tags or {})
        self._propagate = propagate

    def __enter__(self) -> Self:
        """Attach to the current context."""
        try:
            ctx = context.get_current()
            outer = ctx.get(_FRAME)
            frame = _Frame(self, outer if isinstance(outer, _Frame) else None)
            frame.token = context.attach(context.set_value(_FRAME, frame, self._extended(ctx)))
        except Exception:  # noqa: BLE001 - the application's block runs, without a name
            losses["fault"] += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave. In a task other than the one that entered there is nothing to reset, and no error."""
        try:
            newest = context.get_value(_FRAME)
            frame = own = newest if isinstance(newest, _Frame) else None
            while own is not None and (own.owner is not self or own.is_left):
                own = own.outer
            if own is not None:
                own.is_left = True
            while frame is not None and frame.is_left and frame.leave():
                frame = frame.outer
        except Exception:  # noqa: BLE001 - the application goes on as its block ended
            losses["fault"] += 1

    async def __aenter__(self) -> Self:
        """Attach to the current context, for `async with`."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave, for `async with`."""
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Decorate a function, coroutine function, generator or async generator function."""
        try:
            return _decorate.each_call(function, self._fresh)
        except Exception:  # noqa: BLE001 - the application's function runs, without a name
            losses["fault"] += 1
            return function

    def _fresh(self) -> attribution:
        return self

    def _extended(self, ctx: Context) -> Context:
        return _attributed(ctx, self._attribution, propagate=self._propagate)


class feature(attribution):  # noqa: N801 - read as a statement: `with feature("search"):`
    """Names the feature that pays: `with feature("search", team="growth"):`, or as a decorator."""

    def __init__(  # noqa: PLR0913 - keywords only, one for each field
        self,
        name: str,
        *,
        team: str | None = None,
        environment: str | None = None,
        tenant: str | None = None,
        user: str | None = None,
        session_id: str | None = None,
        agent: str | None = None,
        workload: str | None = None,
        tags: Mapping[str, object] | None = None,
        propagate: bool = True,
    ) -> None:
        super().__init__(
            feature=name,
            team=team,
            environment=environment,
            tenant=tenant,
            user=user,
            session_id=session_id,
            agent=agent,
            workload=workload,
            tags=tags,
            propagate=propagate,
        )


class session(attribution):  # noqa: N801 - read as a statement: `with session("conv_17"):`
    """Names the conversation or run that calls belong to: `with session("conv_17", agent="planner"):`."""

    def __init__(
        self, session_id: str, *, agent: str | None = None, user: str | None = None, propagate: bool = True
    ) -> None:
        super().__init__(session_id=session_id, agent=agent, user=user, propagate=propagate)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which try of a user action a call is.

    Attributes:
        kind: first, retry (same model as the try before) or fallback (another model).
        reason: Why the try before was not enough: what `reject` was told, or its error type; empty for a first one.
    """

    kind: str = "first"
    reason: str = ""


class request(attribution):  # noqa: N801 - read as a statement: `with request() as req:`
    """One user action, whose retries and fallbacks belong together.

    Inside another `request` the outer one becomes `parent_request_id`. After `reject`, or after a call that
    failed, the next call in the block is a retry, or a fallback where it asks another model. The record of a call is
    held back until the next one begins or the block is left, so that `reject` can still mark it.
    """

    def __init__(self, request_id: str | None = None, *, propagate: bool = True) -> None:
        super().__init__(propagate=propagate)
        self._given_id = request_id
        self.request_id: str = _id_of_request(request_id)
        self._last_model = ""
        self._unmet = ""
        self._held: Callable[[str], None] | None = None
        self._is_left = False

    def __enter__(self) -> Self:
        """Attach to the current context."""
        self._is_left = False
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave; nothing can be rejected any more."""
        super().__exit__(kind, error, trace)
        self._is_left = True
        self._release("")

    def reject(self, reason: str) -> None:
        """Say that the last answer was unusable, and why: its cost is waste, the next call makes up for it."""
        try:
            self._unmet = _limited(reason or "rejected", MAX_VALUE_LENGTH, "value_cut")
        except Exception:  # noqa: BLE001 - the application goes on, and the answer was rejected all the same
            losses["fault"] += 1
            self._unmet = "rejected"
        self._release(self._unmet)

    def hold(self, release: Callable[[str], None]) -> None:
        """Keep the last call's record, which `release` hands on with the reason why it was rejected, empty for none."""
        self._release("")
        self._held = release
        if self._is_left:
            self._release("")

    def _release(self, rejected: str) -> None:
        held, self._held = self._held, None
        if held is not None:
            held(rejected)

    def next_attempt(self, model: str) -> Attempt:
        """Return which try a call to `model` is that starts now."""
        self._release("")
        reason, self._unmet = self._unmet, ""
        last, self._last_model = self._last_model, model
        if not reason or not last:
            return Attempt()
        return Attempt("retry" if model == last else "fallback", reason)

    def failed(self, error_type: str) -> None:
        """Note that a call in this block failed."""
        self._unmet = self._unmet or error_type

    def _fresh(self) -> request:
        return request(self._given_id, propagate=self._propagate)

    def _extended(self, ctx: Context) -> Context:
        outer = current(ctx).request_id
        said = Attribution(request_id=self.request_id, parent_request_id=outer if outer != self.request_id else "")
        return context.set_value(_REQUEST, self, _attributed(ctx, said, propagate=self._propagate))


def current_request(ctx: Context | None = None) -> request | None:
    """Return the innermost `request` block of `ctx`, if there is one."""
    held = context.get_value(_REQUEST, ctx)
    return held if isinstance(held, request) else None


def _attributed(ctx: Context, said: Attribution, *, propagate: bool) -> Context:
    """Return `ctx` with `said` over what it said before."""
    merged = said.over(current(ctx))
    entries = baggage.get_all(ctx)
    inside = _inside(entries, ctx)
    # What others have in the baggage travels on; our names from an untrusted caller do not.
    kept = {key: value for key, value in entries.items() if key in inside or not _is_ours(key)}
    return _hold(ctx, merged, kept | said.entries() if propagate else kept)


def _hold(ctx: Context, said: Attribution, entries: dict[str, object]) -> Context:
    """Return `ctx` holding `said`, with exactly `entries` as its baggage.

    One new context, where clearing the baggage and setting it entry by entry would make one for each.
    """
    return Context({**ctx, _BAGGAGE: entries, _HELD: _Held(said, entries)})


# --- limits ---


def _said(named: Mapping[str, object | None], tags: Mapping[str, object]) -> Attribution:
    try:
        values = {name: _limited(value, MAX_VALUE_LENGTH, "value_cut") for name, value in named.items()}
        return Attribution(**values, tags=_limited_tags(tags))
    except Exception:  # noqa: BLE001 - such as tags that are no mapping; the application's block runs, without a name
        losses["fault"] += 1
        return NOBODY


def _id_of_request(given: str | None) -> str:
    try:
        return _limited(given or uuid.uuid4().hex, MAX_VALUE_LENGTH, "value_cut")
    except Exception:  # noqa: BLE001 - the application's block runs, without an id
        losses["fault"] += 1
        return ""


def _limited_tags(tags: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    read = {
        _limited(key, MAX_KEY_LENGTH, "key_cut"): _limited(value, MAX_VALUE_LENGTH, "value_cut")
        for key, value in tags.items()
    }
    return _joined_tags(tuple(sorted((key, value) for key, value in read.items() if key and value)), ())


def _joined_tags(said: tuple[tuple[str, str], ...], outer: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return at most ten tags by key: those said here before those of the enclosing block."""
    joined = dict(said)
    joined |= {key: value for key, value in outer if key not in joined}
    if len(joined) > MAX_TAGS:
        losses["tag_dropped"] += len(joined) - MAX_TAGS
    return tuple(sorted(list(joined.items())[:MAX_TAGS]))


def _limited(value: object, limit: int, loss: str) -> str:
    """Return `value` as text of at most `limit` characters; a longer one ends in a hash, so that it stays itself."""
    text = value if isinstance(value, str) else _text(value)
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate fits in no header and in no record
    if len(text) <= limit:
        return text
    losses[loss] += 1
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[: limit - 9]}~{digest}"


def _text(value: object) -> str:
    if value is None:
        return ""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the user's own class; a name that cannot be read must not break a call
        losses["value_unreadable"] += 1
        return ""


class DailyCap:
    """Admits a limited number of distinct names a day; the rest are `__overflow__`, and counted.

    Calls need not come in the order of their days: the days seen last are remembered, each with its names.

    Args:
        limit: Distinct names a day, at least 1.
        loss: The kind under which overflowing calls are counted in `losses`.
    """

    def __init__(self, limit: int, loss: str) -> None:
        self._limit, self._loss = limit, loss
        self._seen: dict[int, set[str]] = {}

    def admit(self, name: str, started_at_ns: int) -> str:
        """Return `name`, or `__overflow__` once the day (UTC) of `started_at_ns` has seen its limit of others."""
        if not name:
            return name
        day = started_at_ns // _NS_PER_DAY
        seen = self._seen[day] = self._seen.pop(day, set())
        if len(self._seen) > _DAYS_REMEMBERED:
            self._seen.pop(next(iter(self._seen)), None)
        if name in seen:
            return name
        if len(seen) >= self._limit:
            losses[self._loss] += 1
            return OVERFLOW
        seen.add(name)
        return name


_NS_PER_DAY: Final = 86_400_000_000_000
_DAYS_REMEMBERED: Final = 3
