"""Capture: a document's events into the journal, all or none of them, or those that are good (EPCIS 2.0 §8.1, §12.6).

What is slow and needs no database is done first: the journal's lock is held for writing alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from wayproof.model.errors import InvalidInput
from wayproof.store import captures, events
from wayproof.store.captures import Outcome
from wayproof.store.events import Batch, NewEvent
from wayproof.store.pool import Conn
from wayproof.trace.epcis.context import Context, context_of
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.event_hash import event_hash
from wayproof.trace.epcis.fields import Path
from wayproof.trace.epcis.formats import canonical_in
from wayproof.trace.epcis.rules import Rule
from wayproof.trace.epcis.times import parse_instant
from wayproof.trace.epcis.validate import Checked, Fault, check_document, events_of, pointer, shown
from wayproof.trace.epcis.writing import write_json
from wayproof.trace.facts import Facts, facts_of
from wayproof.trace.graph import build
from wayproof.trace.graph.build import Told
from wayproof.trace.indexing import terms_and_numbers
from wayproof.trace.query.terms import TooMuch

MOST_FAULTS: Final = 1_000
"""How many faults of a document are kept and told."""
MOST_CONTEXT_BYTES: Final = 1 << 16
"""Of a document's `@context`, which is told again with each of its events."""

_Key: TypeAlias = tuple[str, datetime | None]
"""An eventID; and when it was declared wrong, for a declaration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Captured:
    """What came of a document."""

    #: The job under which it is known; None for an event that came alone.
    capture_id: UUID | None
    #: Places of its events in the journal, in the document's order; empty where it was refused.
    event_ids: Sequence[int]
    #: Their eventIDs, as sent or as given here.
    epcis_ids: Sequence[str]
    #: When they were recorded.
    record_time: datetime | None
    #: Why it was refused, or, where good events are captured although others are at fault, why those were not.
    faults: Sequence[Fault]
    #: What was let through.
    forgiven: Sequence[Fault]


class _Ready(Struct, frozen=True, kw_only=True):
    """An event that waits for the journal's lock."""

    place: int
    #: Where the events are listed; None for one that stands alone.
    within: Path | None
    new: NewEvent
    facts: Facts

    @property
    def key(self) -> _Key:
        return self.new.epcis_id, self.new.declared_at

    def fault(self, rule: Rule, said: str, expected: str, got: object) -> Fault:
        """Something wrong with the event as a whole."""
        where = _where(self.within, self.place)
        return Fault(event=self.place, pointer=where, rule=rule, said=said, expected=expected, got=shown(got))


class _Rows(Struct, frozen=True, kw_only=True):
    """What events add to the journal and to the graph."""

    journal: Sequence[Batch]
    graph: build.Ready


def capture(
    conn: Conn,
    tenant_id: UUID,
    data: bytes,
    *,
    lenient: bool = False,
    proceed: bool = False,
    now: datetime | None = None,
) -> Captured:
    """Captures a document of either binding in the caller's transaction, and writes down how it went.

    Args:
        conn: within a transaction of the tenant.
        tenant_id: whose journal it is.
        data: EPCISDocument, EPCISQueryDocument or a single event, in JSON, JSON-LD or XML.
        lenient: lets through what leaves an event's meaning clear, and lists it.
        proceed: captures good events although others are at fault; otherwise all of them or none.
        now: the record time; None: the database's, once nobody else can write.
    """
    capture_id = captures.create_capture(conn, tenant_id, is_proceeding=proceed, is_lenient=lenient)
    return fulfil(conn, tenant_id, capture_id, data, lenient=lenient, proceed=proceed, now=now)


def fulfil(
    conn: Conn,
    tenant_id: UUID,
    capture_id: UUID,
    data: bytes,
    *,
    lenient: bool,
    proceed: bool,
    now: datetime | None = None,
) -> Captured:
    """The same for a job that exists."""
    checked = _checked(data, lenient=lenient)
    captured = _record(conn, tenant_id, capture_id, checked, proceed=proceed, now=now)
    captures.finish_capture(conn, capture_id, _outcome(checked, captured))
    return captured


def capture_event(
    conn: Conn, tenant_id: UUID, data: bytes, *, lenient: bool = False, now: datetime | None = None
) -> Captured:
    """Captures one event that stands alone, without a job.

    Raises:
        InvalidInput: a document, or no JSON or XML at all.
    """
    document = read_document(data)
    path, found = events_of(document)
    if path is not None:
        raise InvalidInput(f"expected one event, got a document of {len(found)}", pointer="")
    checked = _check(document, lenient=lenient)
    return _record(conn, tenant_id, None, checked, proceed=False, now=now)


def _checked(data: bytes, *, lenient: bool) -> Checked:
    try:
        return _check(read_document(data), lenient=lenient)
    except InvalidInput as error:
        return Checked(document={}, events=(), faults=(unreadable(error),))


def _check(document: Mapping[str, Any], *, lenient: bool) -> Checked:
    checked = check_document(document, now=datetime.now(UTC), lenient=lenient)
    size = len(write_json(document.get("@context")).encode())
    if size <= MOST_CONTEXT_BYTES:
        return checked
    fault = Fault(
        event=None,
        pointer="/@context",
        rule=Rule.SIZE,
        said="the context is too large",
        expected=f"at most {MOST_CONTEXT_BYTES:,} bytes of prefixes, or their address",
        got=f"{size:,}",
    )
    return replace(checked, faults=(*checked.faults, fault))


def unreadable(error: InvalidInput) -> Fault:
    """The fault of bytes that are no document. Messages of the readers are of the form that is taken apart here."""
    said, _, rest = str(error).partition(": expected ")
    expected, _, got = rest.partition(", got ")
    return Fault(
        event=None,
        pointer=error.pointer or "",
        rule=Rule.STRUCTURE,
        said=said,
        expected=expected or "a document",
        got=got.removeprefix(": ") or "none",
    )


def _record(
    conn: Conn, tenant_id: UUID, capture_id: UUID | None, checked: Checked, *, proceed: bool, now: datetime | None
) -> Captured:
    ready, faults = _to_write(checked, proceed=proceed)
    known: set[_Key] = set()
    record_time, event_ids = None, []
    rows = _rows(tenant_id, ready)
    if ready:
        locked_at = events.lock_journal(conn, tenant_id)
        known = events.find_known(conn, tenant_id, {each.new.epcis_id for each in ready})
        new, taken = _apart(ready, known)
        if taken:
            faults, ready = (*faults, *taken), new if proceed else []
            rows = _rows(tenant_id, ready)
        record_time = (now or locked_at) if ready else None
    if record_time:
        context = checked.document.get("@context")
        event_ids = _append(conn, tenant_id, rows, capture_id=capture_id, context=context, record_time=record_time)
        keys = [*known, *(each.key for each in ready)]
        declared = {epcis_id for epcis_id, declared_at in keys if declared_at}
        times = [record_time] * len(event_ids)
        build.add_events(conn, tenant_id, rows.graph, event_ids=event_ids, record_times=times, declared=declared)
    return Captured(
        capture_id=capture_id,
        event_ids=event_ids,
        epcis_ids=[each.new.epcis_id for each in ready],
        record_time=record_time,
        faults=faults,
        forgiven=checked.forgiven,
    )


def _to_write(checked: Checked, *, proceed: bool) -> tuple[Sequence[_Ready], Sequence[Fault]]:
    """What is to be written as far as the document itself tells, and why other events are not."""
    if checked.faults and not proceed:
        return [], checked.faults
    ready, too_large = _ready(checked)
    return [] if too_large and not proceed else ready, (*checked.faults, *too_large)


def _rows(tenant_id: UUID, ready: Sequence[_Ready]) -> _Rows:
    told = [Told(each.new.epcis_id, each.new.declared_at, each.facts) for each in ready]
    return _Rows(journal=events.prepare([each.new for each in ready]), graph=build.prepare(tenant_id, told))


def _append(
    conn: Conn, tenant_id: UUID, rows: _Rows, *, capture_id: UUID | None, context: Any, record_time: datetime
) -> list[int]:
    return events.add_events(
        conn,
        tenant_id,
        rows.journal,
        capture_id=capture_id,
        context_id=None if context is None else events.add_context(conn, write_json(context)),
        record_time=record_time,
    )


def _ready(checked: Checked) -> tuple[list[_Ready], list[Fault]]:
    """Events that may be written, and a fault for each that is too large for it."""
    context = context_of(checked.document)
    canonical = canonical_in(context)
    path, found = events_of(checked.document)
    if path is None:  # its context is kept as a document's is
        found = [{name: value for name, value in checked.document.items() if name != "@context"}]
    ready: list[_Ready] = []
    faults: list[Fault] = []
    for place in checked.good_events():
        indexed = canonical(found[place])
        try:
            new = _new_event(found[place], indexed, context)
        except TooMuch as error:
            faults.append(_too_large(place, _where(path, place), error))
        else:
            ready.append(_Ready(place=place, within=path, new=new, facts=facts_of(indexed)))
    return ready, faults


def _where(within: Path | None, place: int) -> str:
    return "" if within is None else pointer((*within, place))


def _too_large(place: int, where: str, error: TooMuch) -> Fault:
    return Fault(
        event=place,
        pointer=where,
        rule=Rule.SIZE,
        said="the event names too much",
        expected="several events for so many things",
        got=str(error),
    )


def _new_event(event: Mapping[str, Any], indexed: Mapping[str, Any], context: Context) -> NewEvent:
    terms, numbers = terms_and_numbers(indexed, context)
    declaration = event.get("errorDeclaration")
    return NewEvent(
        epcis_id=event.get("eventID") or event_hash(event, context),
        event_type=context.expand(event["type"]),
        action=event.get("action"),
        event_time=parse_instant(event["eventTime"]),
        biz_step=indexed.get("bizStep"),
        disposition=indexed.get("disposition"),
        read_point=_id(indexed.get("readPoint")),
        biz_location=_id(indexed.get("bizLocation")),
        declared_at=parse_instant(declaration["declarationTime"]) if declaration else None,
        body=write_json(event),
        canonical=write_json(indexed),
        terms=terms,
        numbers=numbers,
    )


def _id(place: Mapping[str, str] | None) -> str | None:
    return place["id"] if place else None


def _apart(ready: Sequence[_Ready], known: Collection[_Key]) -> tuple[list[_Ready], list[Fault]]:
    """Those that are new, and a fault for each that is not.

    The journal knows an id as an event's, and once more for each declaration that the event was wrong; in any order,
    as corrections may arrive before what they correct.
    """
    seen = set(known)
    new, taken = [], []
    for each in ready:
        if each.key in seen:
            taken.append(_taken(each))
        else:
            new.append(each)
            seen.add(each.key)
    return new, taken


def _taken(each: _Ready) -> Fault:
    what = "event" if each.new.declared_at is None else "error declaration"
    expected = "an eventID that is new, or an error declaration of the event that has it"
    return each.fault(Rule.DUPLICATE, f"the {what} is in the journal already", expected, each.new.epcis_id)


def _outcome(checked: Checked, captured: Captured) -> Outcome:
    envelope = {name: value for name, value in checked.document.items() if name != "epcisBody"}
    return Outcome(
        is_success=not captured.faults,
        events=len(captured.event_ids),
        errors=[asdict(fault) for fault in captured.faults[:MOST_FAULTS]],
        forgiven=[asdict(fault) for fault in captured.forgiven[:MOST_FAULTS]],
        envelope=write_json(envelope) if captured.event_ids else None,
    )
