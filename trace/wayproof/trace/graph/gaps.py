"""What the events do not tell: goods without an origin, shipped and never received, used more than there was."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Final
from uuid import UUID

from wayproof.store import graph
from wayproof.store.graph import Front, Happened
from wayproof.store.pool import Conn
from wayproof.trace.facts import Role
from wayproof.trace.graph import holding

_STEP: Final = "https://ref.gs1.org/cbv/BizStep-"
_SHIPPED: Final = {_STEP + word for word in ("shipping", "departing", "transporting", "loading")}
_ARRIVED: Final = {_STEP + word for word in ("receiving", "arriving", "accepting", "storing", "unloading", "unpacking")}
_MADE: Final = {_STEP + word for word in ("commissioning", "creating_class_instance")}
_TOLERANCE: Final = 1.0 + 1e-9
"""Sums of decimal fractions."""


class GapKind(StrEnum):
    """What is missing. Stored and shown as text."""

    UNKNOWN_ORIGIN = "unknown_origin"
    """No event tells how it came to be."""
    NEVER_RECEIVED = "never_received"
    """It was shipped, and nothing was heard of it since."""
    QUANTITY_MISMATCH = "quantity_mismatch"
    """More of it was used than was made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """One thing that the events do not tell."""

    kind: GapKind
    node: UUID
    #: Of the event after which something is missing, or of the first that tells of the thing.
    at: datetime
    detail: str


def find_gaps(conn: Conn, nodes: Iterable[UUID], *, as_of: datetime | None = None) -> list[Gap]:
    """The gaps in what is told of these things, thing by thing."""
    then = as_of or graph.NOW
    happened = graph.happened(conn, list(nodes), as_of=then)
    of_node = {node: list(events) for node, events in groupby(happened, key=lambda event: event.node_id)}
    gaps = [gap for node, events in of_node.items() for gap in (*_origin(node, events), *_quantities(node, events))]
    return gaps + _lost(conn, of_node, as_of)


def _origin(node: UUID, events: Sequence[Happened]) -> Iterator[Gap]:
    roles = {event.role for event in events}
    is_made = any(event.role == Role.OBJECT and (event.action == "ADD" or event.biz_step in _MADE) for event in events)
    if not is_made and not roles & {Role.OUTPUT, Role.PARENT}:
        detail = f"first told of by {events[0].epcis_id}, no event made it"
        yield Gap(kind=GapKind.UNKNOWN_ORIGIN, node=node, at=events[0].at, detail=detail)


def _quantities(node: UUID, events: Sequence[Happened]) -> Iterator[Gap]:
    made: defaultdict[str | None, float] = defaultdict(float)
    used: defaultdict[str | None, float] = defaultdict(float)
    for event in events:
        if event.quantity is None:
            continue
        if event.role == Role.INPUT:
            used[event.unit] += event.quantity
        elif event.role == Role.OUTPUT or (event.role == Role.OBJECT and event.action == "ADD"):
            made[event.unit] += event.quantity
    for unit in made.keys() & used.keys():
        if used[unit] > made[unit] * _TOLERANCE:
            detail = f"{made[unit]:g} {unit or 'pieces'} made, {used[unit]:g} used"
            yield Gap(kind=GapKind.QUANTITY_MISMATCH, node=node, at=events[-1].at, detail=detail)


def _lost(conn: Conn, of_node: dict[UUID, list[Happened]], as_of: datetime | None) -> list[Gap]:
    """Things that were shipped, alone or in a container, and of which neither it nor the container tells any more."""
    last = {node: shipped for node, events in of_node.items() if (shipped := _left_behind(events))}
    if not last:
        return []
    nodes = list(last)
    times = [last[node].at for node in nodes]
    around: defaultdict[UUID, set[UUID]] = defaultdict(set)
    front = Front(nodes, times, times)
    for held in holding.containers(conn, front, as_of):
        if not held.is_association:
            around[nodes[held.place]].add(held.node_id)
    told = defaultdict(list)
    for event in graph.happened(conn, {node for each in around.values() for node in each}, as_of=as_of or graph.NOW):
        told[event.node_id].append(event)
    return [
        Gap(kind=GapKind.NEVER_RECEIVED, node=node, at=shipped.at, detail=f"shipped by {shipped.epcis_id}")
        for node, shipped in last.items()
        if not any(
            event.at > shipped.at or (event.at == shipped.at and event.biz_step in _ARRIVED)
            for container in around[node]
            for event in told[container]
        )
    ]


def _left_behind(events: Sequence[Happened]) -> Happened | None:
    """The last event, where it ships."""
    newest = [event for event in events if event.at == events[-1].at]
    shipped = [event for event in newest if event.biz_step in _SHIPPED]
    return shipped[-1] if shipped and not any(event.biz_step in _ARRIVED for event in newest) else None
