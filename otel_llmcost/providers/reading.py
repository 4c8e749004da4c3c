"""What an answer tells about itself, whoever gave it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import InvalidUsageError
from otel_llmcost.money import PICO_PER_USD, ROW_LIMIT, PicoUSD
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_llmcost.call import LLMCall
    from otel_llmcost.usage import Usage

MAX_COUNT: Final = 10**12
"""No call consumes a trillion of anything: a count above is a fault, not a bill."""

_MAX_SHOWN: Final = 60


UsageReader = Callable[[Mapping[str, Any]], "Usage"]
"""Reads a usage object; raises InvalidUsageError where its counts cannot be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one answer tells about itself; what it does not tell is empty or None.

    Attributes:
        model: The model that answered.
        response_id: The provider's id of the answer.
        usage: What was consumed; None where the answer does not say.
        billed: What the provider bills, where the answer says that this is not what was consumed; None otherwise.
        reported_cost: What the provider says that the call cost; None where it does not say.
        service_tier: The provider's own word for the tier that served.
        speed: The provider's own word for a faster mode that served.
        region: Where it was processed, where the provider tells.
        created_at: The Unix second at which the provider began an answer that may be fetched later; None for others.
        finish_reason: Why the answer ended; several are joined by a comma.
        tool_call_count: How many tools the answer asks to call.
        error_type: What the provider calls the error that ended a stream; empty without one.
        fault: What is wrong with the counts, where they cannot be believed; empty otherwise.
        is_partial: Whether it tells of more that costs than any count here holds, such as the tokens of other models.
    """

    model: str = ""
    response_id: str = ""
    usage: Usage | None = None
    billed: Usage | None = None
    reported_cost: PicoUSD | None = None
    service_tier: str = ""
    speed: str = ""
    region: str = ""
    created_at: int | None = None
    finish_reason: str = ""
    tool_call_count: int | None = None
    error_type: str = ""
    fault: str = ""
    is_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """One kind of call of a provider's API, and how its answer is read.

    Attributes:
        operation: What semconv calls it: chat, embeddings, …
        read: Reads the answer's JSON body.
        fold: Reads the events of a stream, in order: the first one, and those that hold one of `marks`.
        marks: An event with none of these bytes in it cannot matter.
        last: The last event of a stream holds one of these, besides one of `marks`, where it is not `[DONE]`; many
            clients read no further and leave the body open. Each has a JSON key: no word of a model looks like it.
        is_asked_for_usage: Whether a stream tells its usage only where `stream_options` asks for it.
        essence: Returns a copy of what `fold` reads of an event, without the content; None where an event is small,
            and nobody changes it.
        tail: Whether `read` needs only what stands behind a long answer's data, such as embeddings.
        complete: Adds what the HTTP headers tell, their names in lower case; None where they tell nothing.
        sold_as: Under which name of a provider it has its prices; empty where that is the provider's own.
    """

    operation: str
    read: Callable[[Mapping[str, Any]], Reading]
    fold: Callable[[Sequence[Mapping[str, Any]]], Reading] | None = None
    marks: tuple[bytes, ...] = ()
    last: tuple[bytes, ...] = ()
    is_asked_for_usage: bool = False
    essence: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    tail: bool = field(default=False)
    complete: Callable[[Reading, Mapping[str, str]], Reading] | None = None
    sold_as: str = ""


def note(record: LLMCall, reading: Reading) -> None:
    """Write on a record what an answer tells."""
    record.usage, record.billed = reading.usage, reading.billed
    record.reported_cost = reading.reported_cost
    record.response_model = reading.model or record.response_model
    record.response_id = reading.response_id
    record.service_tier = reading.service_tier
    record.speed = reading.speed
    record.region = reading.region or record.region
    record.finish_reason = reading.finish_reason
    record.tool_call_count = reading.tool_call_count
    record.error_type = record.error_type or reading.error_type
    if reading.is_partial:
        record.usage_quality = UsageQuality.PARTIAL


def count(of: Mapping[str, Any] | None, *keys: str) -> int:
    """Return the count under the first of `keys` that holds anything, 0 where all are absent or null.

    Raises:
        InvalidUsageError: There is something that is no count, or more than `MAX_COUNT`.
    """
    if not of:
        return 0
    for key in keys:
        value = of.get(key)
        if type(value) is int and 0 <= value <= MAX_COUNT:  # nearly always, and sixteen times for each answer
            return value
        if value is None:
            continue
        if not _is_number(value, at_most=MAX_COUNT) or int(value) != value:
            msg = f"{key} is {_shown(value)}, not a count"
            raise InvalidUsageError(msg)
        return int(value)
    return 0


def whole(of: Mapping[str, Any] | None, key: str) -> int:
    """Return the count under `key`, 0 where there is none: of what stands beside a usage, and spoils none of it."""
    value = of.get(key) if of else None
    return value if type(value) is int and 0 <= value <= MAX_COUNT else 0


def known(of: Mapping[str, Any], *keys: str) -> None:
    """Do nothing if one of `keys` holds anything.

    Raises:
        InvalidUsageError: None does, so that nothing is known of the usage; and unknown is not zero.
    """
    if all(of.get(key) is None for key in keys):
        msg = f"the usage has none of {', '.join(keys)}"
        raise InvalidUsageError(msg)


def cost(of: Mapping[str, Any] | None, key: str) -> PicoUSD | None:
    """Return the USD under `key` as pico-USD, to the nearest one; None where there is no such amount.

    Providers compute costs in binary floating point and tell them with its noise, so the last digits say nothing.
    A float is read by the shortest text that means it, which is the text it was sent as.
    """
    value = of.get(key) if of else None
    if not _is_number(value, at_most=ROW_LIMIT // PICO_PER_USD):
        return None
    with localcontext(prec=60):
        usd = Decimal(str(value))
        return PicoUSD(int((usd * PICO_PER_USD).to_integral_value(ROUND_HALF_EVEN)))


def _is_number(value: object, *, at_most: int) -> bool:
    """Whether a value is a number from 0 to `at_most`, both included; NaN is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    try:
        return 0 <= value <= at_most
    except ArithmeticError:  # a Decimal that is no number
        return False


def _shown(value: object) -> str:
    """Return a value as text that fits into a message."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a number beyond all bounds"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


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


def word(of: Mapping[str, Any] | None, key: str) -> str:
    """Return the text under `key`, empty where there is none."""
    value = of.get(key) if of else None
    return value if isinstance(value, str) else ""


def spelled(of: Mapping[str, Any] | None, key: str) -> str:
    """Return the text under `key`, or the number of an enumeration as text; empty where there is neither."""
    value = of.get(key) if of else None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return str(value)
    return value if isinstance(value, str) else ""


def error_in(event: Mapping[str, Any]) -> str:
    """Return what a provider calls the error that an event or answer tells of; empty without one."""
    error = section(event, "error")
    return (word(error, "type") or word(error, "status") or word(error, "code") or "error") if error else ""


def first_error(events: Iterable[Mapping[str, Any]]) -> str:
    """Return the first error that events tell of; empty without one."""
    return next(filter(None, map(error_in, events)), "")


def usage_or_fault(read: UsageReader, usage: object) -> tuple[Usage | None, str]:
    """Return what `read` makes of `usage`, or None and what is wrong with it. No usage at all is nothing wrong."""
    if usage is None:
        return None, ""
    if not isinstance(usage, dict):
        return None, f"the usage is {_shown(usage)}, not an object"
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
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            events.append(event)
    return events
