"""Where things are now, by what was told of them last: where, since when, in what container, and who has them.

An event on a container holds for what is in it at that time. The rules of what an event says are in `steps`, those by
which a lot is in several places in `stock`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from uuid import UUID

from wayproof.store.pool import Conn
from wayproof.trace.graph.amounts import factor, measure_of
from wayproof.trace.graph.happenings import History, Told, told_of
from wayproof.trace.graph.names import party_names, place_names
from wayproof.trace.graph.pieces import Piece, single
from wayproof.trace.graph.steps import State
from wayproof.trace.graph.stock import Stock

__all__ = ["State", "Whereabouts", "whereabouts"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Whereabouts:
    """Where a thing is, or one of the parts of a lot. Identifiers are canonical URIs."""

    node: UUID
    state: State
    #: Where it was told of last: `bizLocation`, else `readPoint`; of what is in transit, where that was told. None:
    #: nobody told.
    place: str | None
    #: Of the tenant's site with that GLN; None: there is none.
    place_name: str | None
    #: Since when it has been told there, in this state and container.
    since: datetime
    #: What it is in, and what that is in at last; both None: nothing.
    container: str | None
    outermost: str | None
    #: Where it is bound for, as long as it is in transit and where that was told.
    destination: str | None
    #: The last possessing or owning party that was told, or who received it in an accepted handoff.
    holder: str | None
    holder_name: str | None
    #: How much of a lot is there; None: it is a single thing, or nobody knows.
    quantity: float | None
    #: UN/ECE Recommendation 20; None: pieces.
    unit: str | None
    #: Number of the last event that tells.
    event_id: int | None


def whereabouts(
    conn: Conn, tenant_id: UUID, keys: Collection[UUID], *, as_of: datetime | None = None
) -> dict[UUID, tuple[Whereabouts, ...]]:
    """Where each of these things is, by what had been recorded up to `as_of` (None: up to now).

    A single thing is in one place, a lot may be in many. Things of which no event tells are left out.
    """
    told = told_of(conn, keys, as_of=as_of)
    shown = _Shown.of(conn, tenant_id, told)
    found: dict[UUID, tuple[Whereabouts, ...]] = {}
    for history in told.histories():
        pieces = _settled(history)
        found |= {key: shown.all_of(key, pieces) for key in history.keys}
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """What turns keys and URIs into what people read."""

    uris: Mapping[UUID, str]
    #: In what a container is now.
    around: Mapping[UUID, UUID]
    places: Mapping[str, str]
    holders: Mapping[str, str]

    @classmethod
    def of(cls, conn: Conn, tenant_id: UUID, told: Told) -> Self:
        """What is needed for all that was told."""
        places, parties = told.said()
        return cls(
            uris={key: container.uri for key, container in told.containers.items()},
            around=told.stays.now(),
            places=place_names(conn, places),
            holders={**told.receivers(), **party_names(conn, tenant_id, parties)},
        )

    def all_of(self, node: UUID, pieces: Sequence[Piece]) -> tuple[Whereabouts, ...]:
        """Where a thing is."""
        if len(pieces) == 1:
            return (self._one(node, pieces[0]),)
        return tuple(sorted((self._one(node, piece) for piece in pieces), key=_order))

    def _one(self, node: UUID, piece: Piece) -> Whereabouts:
        return Whereabouts(
            node=node,
            state=piece.state or State.UNKNOWN,
            place=piece.place,
            place_name=self.places.get(piece.place or ""),
            since=piece.since,
            container=None if piece.container is None else self.uris[piece.container],
            outermost=None if piece.container is None else self.uris[self._outermost(piece.container)],
            destination=piece.destination,
            holder=piece.holder,
            holder_name=self.holders.get(piece.holder or ""),
            quantity=piece.quantity,
            unit=piece.unit,
            event_id=piece.event_id,
        )

    def _outermost(self, container: UUID) -> UUID:
        met = {container}
        while (outer := self.around.get(container)) and outer not in met:
            met.add(outer)
            container = outer
        return container


def _settled(history: History) -> list[Piece]:
    """The pieces of a thing after its history, those in one position together."""
    if history.is_single:
        piece = single(history.happenings)
        return [piece] if piece else []
    merged: dict[tuple[object, ...], Piece] = {}
    for piece in sorted(Stock.after(history.happenings).pieces, key=lambda each: each.since):
        position = (piece.state, piece.place, piece.container, piece.destination, piece.holder, measure_of(piece.unit))
        if piece.quantity != 0:
            merged[position] = _sum(merged[position], piece) if position in merged else piece
    return list(merged.values())


def _sum(one: Piece, other: Piece) -> Piece:
    newer = max(one, other, key=lambda each: each.told_at)
    ratio = factor(other.unit, one.unit)
    if one.quantity is None or other.quantity is None or ratio is None:
        quantity = None
    else:
        quantity = one.quantity + other.quantity * ratio
    return replace(one, quantity=quantity, told_at=newer.told_at, event_id=newer.event_id)


def _order(each: Whereabouts) -> tuple[object, ...]:
    state = list(State).index(each.state)
    return state, each.place or "", each.container or "", each.destination or "", each.holder or "", each.unit or ""
