"""The events of some things out of the journal, in the form that exports read."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from wayproof.model.clock import LATEST
from wayproof.model.errors import InvalidInput
from wayproof.store import journal
from wayproof.store.journal import IndexedEvent, JournalEvent
from wayproof.store.pool import Conn
from wayproof.trace.epcis.context import Context, context_of
from wayproof.trace.epcis.reading import read_stored
from wayproof.trace.epcis.times import parse_offset
from wayproof.trace.epcis.vocabulary import bare_word
from wayproof.trace.epcis.writing import write_json
from wayproof.trace.identifiers import Level, parse
from wayproof.trace.query.words import term

_REMEMBERED: Final = 256
_INSTANCE_FIELDS: Final = ("epc", "parentID", "inputEPC", "outputEPC")
_CLASS_FIELDS: Final = ("epcClass", "inputEPCClass", "outputEPCClass")

_LISTS: Final = (
    "epcList",
    "quantityList",
    "childEPCs",
    "childQuantityList",
    "inputEPCList",
    "inputQuantityList",
    "outputEPCList",
    "outputQuantityList",
)

Json = Mapping[str, Any]

Scope: TypeAlias = Callable[[str, datetime], bool]
"""Whether rows tell what happened to a thing then."""


class Line(Struct, frozen=True, kw_only=True):
    """One thing in one list of an event."""

    #: Canonical URI.
    uri: str
    #: As JSON has it; None where the event tells none, which for a serialised thing is one piece.
    quantity: Any = None
    #: UN/ECE Recommendation 20; None: pieces.
    unit: str | None = None


class Event(Struct, frozen=True, kw_only=True):
    """One event with its words short."""

    event_id: int
    epcis_id: str
    at: datetime
    record_time: datetime
    #: ObjectEvent and so on.
    event_type: str
    #: ADD, OBSERVE, DELETE; None for a transformation.
    action: str | None
    #: The bare word of the business step.
    step: str | None
    #: Where it was.
    read_point: str | None
    #: Where the things were then.
    location: str | None
    #: The container.
    parent: str | None
    #: As indexed: identifiers in canonical form.
    body: Json
    context: Context

    @property
    def local_date(self) -> date:
        """The day at the place of the event (EPCIS 2.0 §7.4.1: eventTimeZoneOffset is that place's)."""
        return self.at.astimezone(parse_offset(self.body["eventTimeZoneOffset"])).date()

    @property
    def where(self) -> str | None:
        """The place that says most."""
        return self.location or self.read_point

    @property
    def words(self) -> str:
        """What was done, for people."""
        return (self.step or self.event_type).replace("_", " ")

    @property
    def uris(self) -> list[str]:
        """Every thing in it, each once."""
        named = [self.parent, *(line.uri for line in self.lines(*_LISTS))]
        return list(dict.fromkeys(uri for uri in named if uri))

    def lines(self, *lists: str) -> list[Line]:
        """The things in these lists, whether they have serial numbers or quantities."""
        return [_line(each) for name in lists for each in self.body.get(name) or ()]

    def party(self, side: str, kind: str) -> str | None:
        """The first `source` or `destination` of a type (owning_party, possessing_party, location)."""
        for entry in self.body.get(f"{side}List") or ():
            if self.word("sourceDestinationType", entry["type"]) == kind:
                return str(entry[side])
        return None

    def documents(self) -> list[tuple[str, str]]:
        """Type and identifier of every business transaction."""
        entries = self.body.get("bizTransactionList") or ()
        return [
            (self.word("bizTransactionType", entry.get("type")) or "", str(entry["bizTransaction"]))
            for entry in entries
        ]

    def master(self, *words: str) -> str | int | Decimal | None:
        """The first of some fields of the instance/lot master data, by local name; None where there is none."""
        for name, value in (self.body.get("ilmd") or {}).items():
            if self.context.expand_field(name).replace("/", ":").rpartition(":")[2] in words:
                return _plain(value)
        return None

    @staticmethod
    def word(vocabulary: str, text: str | None) -> str | None:
        """A word of the vocabulary without what stands before it; another text as it is."""
        return None if text is None else bare_word(vocabulary, text) or text


def histories(conn: Conn, uris: Iterable[str], *, as_of: datetime | None = None) -> list[JournalEvent]:
    """All events that name any of these things, by time; wrong ones and the declarations of it among them."""
    words = [term(field, uri) for uri in dict.fromkeys(uris) for field in _fields(uri)]
    return journal.list_naming(conn, words, as_of=as_of or LATEST)


def _fields(uri: str) -> tuple[str, ...]:
    """Under which fields events are indexed that name a thing."""
    try:
        level = parse(uri).level
    except InvalidInput:  # a lenient import keeps these
        level = Level.UNKNOWN
    # A lot stands among serialised things where somebody took it for one.
    return _INSTANCE_FIELDS if level is Level.INSTANCE else _INSTANCE_FIELDS + _CLASS_FIELDS


def told(
    conn: Conn, nodes: Collection[UUID], *, also: Collection[int] = (), as_of: datetime | None = None
) -> list[Event]:
    """Valid events of just these things of the graph and those with ids in `also`, in no order."""
    return [_event(each) for each in journal.list_told(conn, nodes, also=also, as_of=as_of or LATEST)]


def recorded_of(
    conn: Conn, uris: Collection[str], *, as_of: datetime | None = None
) -> list[tuple[JournalEvent, Event]]:
    """All that was recorded of just these things, by time: the words of a class find events of its lots as well."""
    wanted = set(uris)
    read = ((each, _event(each)) for each in histories(conn, sorted(wanted), as_of=as_of))
    return [(each, event) for each, event in read if not wanted.isdisjoint(event.uris)]


def recorded_as(conn: Conn, event_ids: Collection[int]) -> list[tuple[JournalEvent, Event]]:
    """Events by their ids with the declarations that they were wrong, in no order."""
    return [(each, _event(each)) for each in journal.list_recorded(conn, event_ids)]


def is_valid(stored: JournalEvent) -> bool:
    """Whether nobody has declared it wrong, and it is no declaration."""
    return not stored.is_void and stored.declared_at is None


def valid(found: Iterable[JournalEvent]) -> list[Event]:
    """Those that nobody has declared wrong, and no declarations."""
    return [_event(each) for each in found if is_valid(each)]


def _event(stored: IndexedEvent) -> Event:
    context = _context(stored.context)
    body = read_stored(stored.canonical)
    return Event(
        event_id=stored.event_id,
        epcis_id=stored.epcis_id,
        at=stored.event_time,
        record_time=stored.record_time,
        event_type=body["type"],
        action=body.get("action"),
        step=Event.word("bizStep", body.get("bizStep")),
        read_point=_place(body, "readPoint"),
        location=_place(body, "bizLocation"),
        parent=body.get("parentID"),
        body=body,
        context=context.within(body.get("@context")),
    )


def _place(body: Json, name: str) -> str | None:
    place = body.get(name)
    return None if place is None else place.get("id")


@lru_cache(maxsize=_REMEMBERED)
def _context(text: str | None) -> Context:
    return context_of({"@context": read_stored(text)} if text else {})


def _plain(value: Any) -> str | int | Decimal | None:
    """What a cell can hold of a value that may be anything: several become one text, empty ones nothing."""
    if isinstance(value, list):
        return "; ".join(str(part) for part in map(_plain, value) if part is not None) or None
    if isinstance(value, Mapping):  # as JSON-LD types a value, or XML gives it attributes
        named = next((value[name] for name in ("@value", "#text", "@id") if name in value), None)
        return write_json(value) if named is None else _plain(named)
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str | int | Decimal) else None


def _line(each: Any) -> Line:
    if isinstance(each, str):
        return Line(uri=each)
    return Line(uri=each["epcClass"], quantity=each.get("quantity"), unit=each.get("uom"))
