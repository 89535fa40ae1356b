"""What an event says of where a thing is and what has become of it, by the words of the CBV (CBV 2.0 §7.1, §7.2)."""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from wayproof.store.whereabouts import ToldEvent
from wayproof.trace.epcis.vocabulary import bare_word
from wayproof.trace.facts import Role


class State(StrEnum):
    """What has become of a thing. Stored and shown as text."""

    ON_HAND = "on_hand"
    IN_TRANSIT = "in_transit"
    RETURNED = "returned"
    """Sent back, wherever it is by now."""
    SOLD = "sold"
    """To a consumer, or dispensed to a patient."""
    USED_UP = "used_up"
    """It went into something else."""
    DESTROYED = "destroyed"
    UNKNOWN = "unknown"
    """Stolen, lost, or no longer what its label says."""


ENDED: Final = frozenset({State.SOLD, State.USED_UP, State.DESTROYED})
"""Where nothing more is expected to be told."""


class Kind(IntEnum):
    """What an event does with a thing. Of one instant and place, events happen in this order."""

    MAKE = 0
    ARRIVE = 1
    REST = 2
    UNPACK = 3
    PACK = 4
    DEPART = 5
    END = 6
    HAND_OVER = 7


class Effect(NamedTuple):
    """What one event says of things that have one part in it."""

    kind: Kind
    #: None: as it was before.
    state: State | None
    #: Canonical; None: not told.
    place: str | None
    #: Where it comes from, and where it is bound for.
    source: str | None
    destination: str | None
    #: The party that has it from then on.
    holder: str | None
    #: Bare word, or the URI of another's.
    step: str | None


_BY_DISPOSITION: Final = {
    "in_transit": State.IN_TRANSIT,
    "returned": State.RETURNED,
    "retail_sold": State.SOLD,
    "dispensed": State.SOLD,
    "destroyed": State.DESTROYED,
    "disposed": State.DESTROYED,
    "inactive": State.UNKNOWN,
    "stolen": State.UNKNOWN,
    "unknown": State.UNKNOWN,
    "sellable_accessible": State.ON_HAND,
    "sellable_not_accessible": State.ON_HAND,
    "available": State.ON_HAND,
    "partially_dispensed": State.ON_HAND,
}
"""Dispositions that decide by themselves; the others leave it to the step."""

_ARRIVALS: Final = frozenset({"receiving", "arriving", "accepting", "unloading", "void_shipping"})
_DEPARTURES: Final = frozenset({"shipping", "departing", "transporting", "consigning"})
_MAKING: Final = frozenset({"commissioning", "creating_class_instance"})
ONWARD: Final = frozenset({"departing", "transporting", "void_shipping"})
"""Steps that may tell of what was shipped from there already."""

COUNTS: Final = frozenset({"cycle_counting", "stock_taking"})
"""Steps that tell of all there is at a place."""

_SILENT: Final = frozenset({"sensor_reporting", "other", "entering_exiting", "killing", "encoding"})
"""Steps that may happen anywhere, also on the way."""

_BY_STEP: Final = {
    **dict.fromkeys(_ARRIVALS, State.ON_HAND),
    **dict.fromkeys(_DEPARTURES, State.IN_TRANSIT),
    "retail_selling": State.SOLD,
    "dispensing": State.SOLD,
    "destroying": State.DESTROYED,
    "decommissioning": State.UNKNOWN,
}
_LOST: Final = frozenset({"stolen", "unknown"})
_BY_ACTION: Final[Mapping[tuple[str | None, str | None], Kind]] = {
    (Role.CHILD.value, "ADD"): Kind.PACK,
    (Role.CHILD.value, "DELETE"): Kind.UNPACK,
    (Role.EMPTIED.value, "DELETE"): Kind.UNPACK,
    ("ObjectEvent", "ADD"): Kind.MAKE,
    ("ObjectEvent", "DELETE"): Kind.END,
}
_PARTIES: Final = ("possessing_party", "owning_party")


def is_arrival(step: str | None) -> bool:
    """Whether goods come to a place by it."""
    return step in _ARRIVALS


def effect_of(event: ToldEvent, role: str) -> Effect:
    """What the event says of a thing in that part."""
    # Of words there are few combinations, of events there are many.
    said = _said(event[_WORDS], role, event.biz_location, event.read_point)
    if not (event.sources or event.destinations):
        return said
    has_left = said.step in _DEPARTURES
    return said._replace(
        source=_end(event.sources, ("location",)) if said.kind is Kind.ARRIVE else None,
        destination=_end(event.destinations, ("location", *_PARTIES)) if has_left else None,
        holder=_holder(event, has_left=has_left),
    )


def contents_effect(event: ToldEvent, role: str) -> Effect:
    """What the event says of what is in a thing that has that part."""
    effect = effect_of(event, Role.INPUT if role == Role.INPUT else Role.PARENT)
    is_label = effect.state is State.UNKNOWN and _bare("disposition", event.disposition) not in _LOST
    # A label that is no longer used says nothing of what was under it.
    return effect._replace(state=None, kind=Kind.REST) if is_label else effect


def handed_to(holder: str) -> Effect:
    """What an accepted handoff says."""
    return Effect(kind=Kind.HAND_OVER, state=None, place=None, source=None, destination=None, holder=holder, step=None)


_WORDS: Final = slice(ToldEvent._fields.index("event_type"), ToldEvent._fields.index("disposition") + 1)
"""Event type, action, step and disposition."""


@lru_cache(maxsize=1 << 15)
def _said(words: tuple[str | None, ...], role: str, location: str | None, read_point: str | None) -> Effect:
    """What an event says without its sources and destinations."""
    event_type, action, biz_step, disposition = words
    step = _bare("bizStep", biz_step)
    state = _BY_DISPOSITION.get(_bare("disposition", disposition) or "") or _BY_STEP.get(step or "")
    if role == Role.INPUT:
        state = State.USED_UP
    elif state is None and event_type == "ObjectEvent" and action == "DELETE":
        state = State.UNKNOWN
    elif state is None and not (step in _SILENT or (step is None and location is None and action == "OBSERVE")):
        state = State.ON_HAND
    kind = _kind(event_type if role == Role.OBJECT else role, action, step, state)
    return Effect(kind, state, location or read_point, None, None, None, step)


def _kind(part: str | None, action: str | None, step: str | None, state: State | None) -> Kind:
    """By the part that a thing has; for what an event is about, by the event's type."""
    if part == Role.OUTPUT:
        return Kind.MAKE
    if state in ENDED:
        return Kind.END
    by_action = _BY_ACTION.get((part, action))
    if by_action is not None:
        return by_action
    if step in _ARRIVALS:
        return Kind.ARRIVE
    if step in _DEPARTURES:
        return Kind.DEPART
    return Kind.MAKE if part == "ObjectEvent" and step in _MAKING else Kind.REST


def _holder(event: ToldEvent, *, has_left: bool) -> str | None:
    """Who has it after the event: what has left is its sender's until somebody receives it."""
    sender = _end(event.sources, _PARTIES)
    return sender if has_left else _end(event.destinations, _PARTIES) or sender


def _end(entries: Iterable[dict[str, str]] | None, kinds: Iterable[str]) -> str | None:
    """The first source or destination of the first of these kinds that there is."""
    if not entries:
        return None
    told: dict[str | None, str] = {}
    for entry in entries:
        uri = next((value for name, value in entry.items() if name in {"source", "destination"}), None)
        if uri is not None:
            told.setdefault(_bare("sourceDestinationType", entry.get("type")), uri)
    return next((told[kind] for kind in kinds if kind in told), None)


def _bare(vocabulary: str, text: str | None) -> str | None:
    return None if text is None else bare_word(vocabulary, text) or text
