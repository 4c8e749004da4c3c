"""What an answer tells about itself, whoever gave it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from otel_llmcost.errors import InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from otel_llmcost.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one answer tells about itself; what it does not tell is empty or None.

    Attributes:
        model: The model that answered.
        response_id: The provider's id of the answer.
        usage: What was consumed; None where the answer does not say.
        service_tier: The provider's own word for the tier that served.
        speed: The provider's own word for a faster mode that served.
        region: Where it was processed, where the provider tells.
        finish_reason: Why the answer ended; several are joined by a comma.
        tool_call_count: How many tools the answer asks to call.
        error_type: What the provider calls the error that ended a stream; empty without one.
        fault: What is wrong with the counts, where they cannot be believed; empty otherwise.
    """

    model: str = ""
    response_id: str = ""
    usage: Usage | None = None
    service_tier: str = ""
    speed: str = ""
    region: str = ""
    finish_reason: str = ""
    tool_call_count: int | None = None
    error_type: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """One kind of call of a provider's API, and how its answer is read.

    Attributes:
        operation: What semconv calls it: chat, embeddings, …
        read: Reads the answer's JSON body.
        fold: Reads the events of a stream, in order: the first one, and those that hold one of `marks`.
        marks: An event with none of these bytes in it cannot matter.
        tail: Whether `read` needs only what stands behind a long answer's data, such as embeddings.
    """

    operation: str
    read: Callable[[Mapping[str, Any]], Reading]
    fold: Callable[[Sequence[Mapping[str, Any]]], Reading] | None = None
    marks: tuple[bytes, ...] = ()
    tail: bool = field(default=False)


def count(of: Mapping[str, Any] | None, key: str) -> int:
    """Return the count under `key`, 0 where it is absent or null.

    Raises:
        InvalidUsageError: There is something that is no count.
    """
    value = of.get(key) if of else None
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or int(value) != value:
        msg = f"{key} is {value!r}, not a count"
        raise InvalidUsageError(msg)
    return int(value)


def section(of: Mapping[str, Any] | None, *keys: str) -> Mapping[str, Any] | None:
    """Return the first object that stands under one of `keys`, None where there is none."""
    for key in keys:
        value = of.get(key) if of else None
        if isinstance(value, dict):
            return value
    return None


def objects(of: Mapping[str, Any] | None, key: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list under `key`, none where there is no list."""
    value = of.get(key) if of else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def word(of: Mapping[str, Any], key: str) -> str:
    """Return the text under `key`, empty where there is none."""
    value = of.get(key)
    return value if isinstance(value, str) else ""


def error_in(event: Mapping[str, Any]) -> str:
    """Return what a provider calls the error that an event or answer tells of; empty without one."""
    error = section(event, "error")
    return (word(error, "type") or word(error, "code") or "error") if error else ""


def usage_or_fault(
    read: Callable[[Mapping[str, Any]], Usage], usage: Mapping[str, Any] | None
) -> tuple[Usage | None, str]:
    """Return what `read` makes of `usage`, or None and what is wrong with it."""
    if usage is None:
        return None, ""
    try:
        return read(usage), ""
    except InvalidUsageError as error:
        return None, str(error)


def decoded_events(payloads: Iterable[bytes]) -> list[Mapping[str, Any]]:
    """Return the events that are JSON objects, the others (such as `[DONE]`) left out."""
    events: list[Mapping[str, Any]] = []
    for payload in payloads:
        try:
            event = json.loads(payload)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events
