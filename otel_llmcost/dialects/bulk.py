"""Many requests at once: spans that say the same are read once.

The idea: thousands of spans say the same of themselves, but for their ids, times, counts and a few texts (`words`).
Spans that are equal in all the rest, byte by byte, are of one form. One of them, the sample, is read by the reader that
reads single spans; the others are the sample with ids, times, counts and texts of their own.
Rule 1: a form is told apart by every attribute that the reader asked its sample for. Rule 2: what the columns say of a
sample has to be what the reader says of it. Rule 3: spans that are odd or of a rare form, and forms that break a rule,
are read one by one. So a new dialect needs nothing here: it is read in bulk as far as it speaks the conventions' words.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_llmcost import semconv
from otel_llmcost.dialects import coding_agents, own, wire
from otel_llmcost.dialects.batch import CallBatch, mixed
from otel_llmcost.dialects.otlp import span_reader_of, telling_of
from otel_llmcost.dialects.reading import is_attribution
from otel_llmcost.dialects.registry import reader_of
from otel_llmcost.dialects.samples import EVERYTHING, Sample, Watched
from otel_llmcost.dialects.scopes import may_tell
from otel_llmcost.dialects.words import NUMBERS, OURS, RULES, THEIRS, our_counts, rule_of, their_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.otlp import SpanReader
    from otel_llmcost.dialects.registry import Reader
    from otel_llmcost.dialects.wire import Flags, Ints
    from otel_llmcost.dialects.words import Words

FEWEST: Final = 3
"""A form with fewer spans is rare."""

MAX_TEXT_BYTES: Final = 256
MAX_COUNT: Final = 2**40
MAX_FIRST_CHUNK_S: Final = 86_400.0
"""Values beyond these make a span odd."""

_ROUNDS: Final = 4
_MAX_ASKED: Final = 4_096
_FIRST_CHUNK: Final = semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK

_asked: Final = defaultdict["Reader", set[str]](set)
"""Every attribute that each reader of others' spans has asked samples for so far; more of them only make more forms."""


@dataclass(slots=True)
class Bulk:
    """What requests tell.

    Attributes:
        calls: Those that were read by column; None for none.
        singles: The others, each with the number of its request.
        torn: Requests that are none, by their number.
        faults: What was wrong with spans that cannot be read.
    """

    calls: CallBatch | None = None
    singles: list[tuple[int, LLMCall]] = field(default_factory=list)
    torn: list[int] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)


def read_in_bulk(requests: Sequence[bytes]) -> Bulk:
    """Return the calls that ExportTraceServiceRequests tell of."""
    return _Reading(requests).bulk()


class _Kin(NamedTuple):
    """What the spans of one scope of one process share; `theirs` is None for spans of our own."""

    scope: InstrumentationScope
    resource: dict[str, Any]
    read: SpanReader
    theirs: Reader | None


class _Form(NamedTuple):
    """How the spans of a form are read: as `call`, the sample's, is; None where they tell of no call."""

    call: LLMCall | None
    known: int = 0
    assumed: int = 0


class _Reading:
    """One reading of requests.

    Args:
        requests: Their bytes.
    """

    def __init__(self, requests: Sequence[bytes]) -> None:
        self._found = Bulk()
        self._kin: list[_Kin] = []
        self._data = b"".join((*requests, bytes(wire.PADDING)))
        begin, end, self._kin_of, self._frame = self._outlined(requests)
        self._spans = wire.read_spans(np.frombuffer(self._data, np.uint8), begin, end)
        order = np.argsort(self._spans.key, kind="stable")
        edges = np.searchsorted(self._spans.key[order], np.arange(len(self._spans.keys) + 1))
        names = self._spans.keys
        self._places = {name: order[edges[at] : edges[at + 1]] for at, name in enumerate(names)}
        self._is_ours: Flags = np.array([each.theirs is None for each in self._kin], np.bool_)[self._kin_of]
        self._is_single: Flags = self._spans.is_odd.copy()
        key, rows = self._spans.key[order], self._spans.values.rows[order]
        self._is_single[rows[1:][(key[1:] == key[:-1]) & (rows[1:] == rows[:-1])]] = True  # told twice: the last counts
        self._texts: dict[str, tuple[Ints, Ints]] = {}
        self._wholes: dict[str, tuple[Ints, Flags]] = {}

    def bulk(self) -> Bulk:
        """Return what was told."""
        for words, rows in ((OURS, self._is_ours), (THEIRS, ~self._is_ours)):
            self._gather_texts(words, rows)
            self._gather_wholes(words, rows)
        self._gather_first_chunk()
        is_agents = np.array([each.theirs is coding_agents.read_span for each in self._kin], np.bool_)[self._kin_of]
        self._is_single |= is_agents | (~self._is_ours & self._have((semconv.DIALECT,)))
        tells = self._is_ours | self._have([name for name in self._places if may_tell((name,))])
        if (told := np.flatnonzero(~self._is_single & tells)).size:
            self._take(told, *self._formed(told))
        for row in np.flatnonzero(self._is_single).tolist():
            self._read_one(row)
        return self._found

    # --- where things are ---

    def _outlined(self, requests: Sequence[bytes]) -> tuple[Ints, Ints, Ints, Ints]:
        """Return begin, end, kin and request of the spans that may tell of calls."""
        places: list[tuple[int, int]] = []
        kin, frames = list[int](), list[int]()
        numbers: dict[tuple[bytes, bytes], int] = {}
        base = 0
        for frame, request in enumerate(requests):
            try:
                groups = list(wire.outline(request))
            except wire.TornError:
                groups = []
                self._found.torn.append(frame)
            for group in groups:
                about = (group.resource, group.scope)
                number = numbers[about] if about in numbers else numbers.setdefault(about, self._number_of(*about))
                if number >= 0:
                    places += [(base + first, base + last) for first, last in group.spans]
                    kin += [number] * len(group.spans)
                    frames += [frame] * len(group.spans)
            base += len(request)
        begin, end = np.array(places, np.int64).reshape(-1, 2).T.copy()
        return begin, end, np.array(kin, np.int64), np.array(frames, np.int64)

    def _number_of(self, resource: bytes, scope: bytes) -> int:
        """Return the number of a kin, -1 for one that never tells of calls."""
        told = InstrumentationScope.FromString(scope)
        read = span_reader_of(told.name)
        if read is None:
            return -1
        is_ours = told.name.startswith(semconv.SCOPE_PREFIX)
        attributes = own.values(Resource.FromString(resource).attributes)
        self._kin.append(_Kin(told, attributes, read, None if is_ours else reader_of(told.name)))
        return len(self._kin) - 1

    def _have(self, names: Sequence[str]) -> Flags:
        """Return which spans have one of these attributes."""
        have = np.zeros(self._frame.size, np.bool_)
        for name in names:
            if name in self._places:
                have[self._spans.values.rows[self._places[name]]] = True
        return have

    def _values(self, name: str, rows: Flags) -> wire.Slices | None:
        """Return the values of an attribute in some of the spans; None where no span has it."""
        if name not in self._places:
            return None
        values = self._spans.values.of(self._places[name])
        return values.of(rows[values.rows])

    def _gather_texts(self, words: Words, rows: Flags) -> None:
        for name, told in words.texts.items():
            for attribute in reversed(told):
                if (values := self._values(attribute, rows)) is None:
                    continue
                texts, is_text = wire.texts_in(self._spans.data, values)
                size = texts.end - texts.begin
                self._is_single[values.rows[~is_text | (size > MAX_TEXT_BYTES)]] = True
                said = texts.of(is_text & (size > 0))
                begin, end = self._texts.setdefault(name, (np.zeros_like(self._frame), np.zeros_like(self._frame)))
                begin[said.rows], end[said.rows] = said.begin, said.end

    def _gather_wholes(self, words: Words, rows: Flags) -> None:
        for name, told in words.wholes.items():
            for attribute in reversed(told):
                if (values := self._values(attribute, rows)) is None:
                    continue
                found, is_whole = wire.wholes_in(self._spans.data, values, below=MAX_COUNT)
                self._is_single[values.rows[~is_whole]] = True
                column, is_told = self._column(name)
                column[values.rows], is_told[values.rows] = found, True

    def _gather_first_chunk(self) -> None:
        if (values := self._values(_FIRST_CHUNK, ~self._is_single)) is None:
            return
        found, is_double = wire.doubles_in(self._spans.data, values)
        is_sound = is_double & (found >= 0) & (found < MAX_FIRST_CHUNK_S)
        self._is_single[values.rows[~is_sound]] = True
        column, is_told = self._column("time_to_first_token_ns")
        column[values.rows[is_sound]] = np.rint(found[is_sound] * 1e9).astype(np.int64)
        is_told[values.rows] = True

    def _column(self, name: str) -> tuple[Ints, Flags]:
        count = self._frame.size
        return self._wholes.setdefault(name, (np.zeros(count, np.int64), np.zeros(count, np.bool_)))

    # --- forms ---

    def _formed(self, rows: Ints) -> tuple[list[_Form | None], Ints]:
        """Return the forms of spans, None for one whose spans are read one by one, and which each span is of."""
        for _ in range(_ROUNDS):
            _, first, form, spans = np.unique(
                self._codes(rows), return_index=True, return_inverse=True, return_counts=True
            )
            asked = defaultdict["Reader", set[str]](set)
            forms = [
                self._sampled(rows[at], asked) if count >= FEWEST else None
                for at, count in zip(first.tolist(), spans.tolist(), strict=True)
            ]
            if all(names <= _asked[reader] for reader, names in asked.items()):
                return forms, form.astype(np.int64)
            for reader, names in asked.items():
                _asked[reader] = names if len(_asked[reader]) > _MAX_ASKED else _asked[reader] | names
        return [None] * len(forms), form.astype(np.int64)

    def _codes(self, rows: Ints) -> Ints:
        """Return a number for each span that is the same for spans of one form."""
        code = (self._kin_of[rows], len(self._kin))
        is_theirs = ~self._is_ours
        for number in (wire.NAME, wire.STATUS):
            begin = np.maximum(self._spans.at[number], 0)
            size = np.where(is_theirs, self._spans.size[number], 0)
            code = mixed(code, self._different(begin[rows], (begin + size)[rows]))
        readers = list(dict.fromkeys(each.theirs for each in self._kin))
        reader = np.array([readers.index(each.theirs) for each in self._kin], np.int64)[self._kin_of]
        for name in self._places:
            asks = np.array([_asks(each, name) for each in readers], np.bool_)
            values = self._values(name, asks[reader]) if asks.any() else None
            if values is not None and values.rows.size:
                numbers, count = self._different(values.begin, values.end)
                column = np.zeros(self._frame.size, np.int64)
                column[values.rows] = numbers + 1
                code = mixed(code, (column[rows], count + 1))
        told = [end > begin for begin, end in self._texts.values()] + [told for _, told in self._wholes.values()]
        for flags in told:
            code = mixed(code, (flags[rows].astype(np.int64), 2))
        return code[0]

    def _different(self, begin: Ints, end: Ints) -> tuple[Ints, int]:
        """Return a number for each of these slices, the same for the same bytes, and how many there are."""
        encoded = wire.slices_of(self._spans.data, begin, end).dictionary_encode()
        return encoded.indices.to_numpy().astype(np.int64), max(len(encoded.dictionary), 1)

    def _sampled(self, row: int, asked: dict[Reader, set[str]]) -> _Form | None:
        """Return how the spans of a form are read; None where one by one, and there it is told what is wrong."""
        kin = self._kin[self._kin_of[row]]
        try:
            span = self._span(row)
            if kin.theirs is None:
                call = kin.read(span, kin.scope, kin.resource)
                return None if call is None or not _is_plain(call) else _Form(call)
            fields = telling_of(span, kin.scope, kin.resource)
            sample = Sample(**fields | {"attributes": Watched(fields["attributes"])})
            call = kin.theirs(sample)
        except Exception:  # noqa: BLE001 - anybody can send anything
            return None
        asked[kin.theirs] |= sample.attributes.asked - {EVERYTHING}
        if EVERYTHING in sample.attributes.asked:
            return None
        if call is None:
            return _Form(None)
        if len(sample.meant) != 1 or sample.meant[0].is_amended or not _is_plain(call):
            return None
        known, assumed, _ = sample.meant[0]
        return _Form(call, rule_of(known, "scope"), rule_of(assumed, "assumed"))

    # --- calls ---

    def _take(self, rows: Ints, forms: Sequence[_Form | None], form: Ints) -> None:
        """Take in the spans of forms by column, but for those of no form, or of one that breaks rule 2."""
        tells = np.array([each is not None and each.call is not None for each in forms], np.bool_)
        self._is_single[rows[np.array([each is None for each in forms], np.bool_)[form]]] = True
        if not tells.any():
            return
        number = np.cumsum(tells) - 1
        chosen = tells[form]
        kept = [each for each in forms if each is not None and each.call is not None]
        batch = self._batch(rows[chosen], kept, number[form[chosen]])
        _, samples = np.unique(batch.form, return_index=True)
        is_sound = np.array(
            [batch.call(at) == kept[at_form].call for at_form, at in enumerate(samples.tolist())], np.bool_
        )
        if not is_sound.all():
            self._is_single[rows[chosen][~is_sound[batch.form]]] = True
            batch = batch.take(np.flatnonzero(is_sound[batch.form]))
        if len(batch):
            self._found.calls = batch

    def _batch(self, rows: Ints, forms: Sequence[_Form], form: Ints) -> CallBatch:
        spans, ours = self._spans, self._is_ours[rows]
        counts, rule = self._counts(rows, forms, form)
        calls = [each.call for each in forms if each.call is not None]
        rules = list(dict.fromkeys((*RULES, *(call.input_semantics for call in calls))))
        said = np.array([rules.index(call.input_semantics) for call in calls], np.int64)[form]
        has_usage = np.array([call.usage is not None for call in calls], np.bool_)[form]
        return CallBatch(
            patterns=calls,
            form=form,
            frame=self._frame[rows],
            trace_id=spans.ids(wire.TRACE_ID, 16)[rows],
            span_id=spans.ids(wire.SPAN_ID, 8)[rows],
            parent_span_id=spans.ids(wire.PARENT, 8)[rows],
            has_parent=spans.size[wire.PARENT][rows] > 0,
            started_at_ns=spans.times[wire.START][rows],
            duration_ns=np.maximum(spans.times[wire.END] - spans.times[wire.START], 0)[rows],
            texts={
                name: wire.slices_of(spans.data, begin[rows], end[rows]).cast(pa.utf8())
                for name, (begin, end) in self._texts.items()
            },
            numbers={
                name: (column[rows], is_told[rows])
                for name, (column, is_told) in self._wholes.items()
                if name in (*NUMBERS, "time_to_first_token_ns")
            },
            counts={name: np.where(has_usage, column, 0) for name, column in counts.items()},
            semantics=np.where(ours, said, np.where(has_usage, rule, 0)),
            rules=rules,
        )

    def _counts(self, rows: Ints, forms: Sequence[_Form], form: Ints) -> tuple[dict[str, Ints], Ints]:
        """Return the counts of the usage, and by which rule the input of others was read."""
        ours, nothing = self._is_ours[rows], np.zeros(rows.size, np.int64)
        told = {name: column[rows] for name, (column, _) in self._wholes.items()}
        known, assumed = (np.array([each[at] for each in forms], np.int64)[form] for at in (1, 2))
        of_theirs, rule = their_counts({name: told.get(name, nothing) for name in THEIRS.wholes}, known, assumed)
        of_ours = our_counts({name: told.get(name, nothing) for name in OURS.wholes})
        counts = {
            name: np.where(ours, of_ours.get(name, nothing), of_theirs.get(name, nothing))
            for name in dict.fromkeys((*of_ours, *of_theirs))
        }
        return {name: column for name, column in counts.items() if column.any()}, rule

    def _span(self, row: int) -> Span:
        span: Span = Span.FromString(self._data[self._spans.begin[row] : self._spans.end[row]])
        return span

    def _read_one(self, row: int) -> None:
        kin = self._kin[self._kin_of[row]]
        try:
            call = kin.read(self._span(row), kin.scope, kin.resource)
        except Exception as error:  # noqa: BLE001 - anybody can send anything
            self._found.faults.append(error)
        else:
            if call is not None:
                self._found.singles.append((int(self._frame[row]), call))


def _asks(reader: Reader | None, name: str) -> bool:
    """Tell whether forms are told apart by an attribute; None reads our own spans."""
    if reader is None:
        return own.is_read(name) and name not in OURS.names
    return (name in _asked[reader] or is_attribution(name)) and name not in THEIRS.names


def _is_plain(call: LLMCall) -> bool:
    """Tell whether nothing but what was consumed decides on the price of a call."""
    return call.billed is None and call.reported_cost is None
