"""From when to when a thing was in a container: out of what was packed and unpacked, in whatever order it was told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Final, TypeAlias
from uuid import UUID

from wayproof.model.graph import EVER_AFTER, EVER_BEFORE, Containment, Packing
from wayproof.trace.graph.amounts import factor

_ADD: Final = "ADD"
_DELETE: Final = "DELETE"
_NOTHING: Final = 1e-9
"""Of what was inside: sums of decimal fractions."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A thing that is inside at the moment."""

    since: datetime
    by: int | None
    quantity: float | None
    unit: str | None


_Taken: TypeAlias = dict[UUID | None, datetime]
"""When each thing was last taken out; under None, when all that was inside was: older times matter no more."""


def containments(packings: Iterable[Packing]) -> list[Containment]:
    """The intervals in which things were in containers, of all packings of those containers.

    Half-open: a thing is inside from the instant of its packing until before that of its unpacking. What is taken out
    and was not put in had been inside since it, or all that was inside, was last taken out, or for ever; what was
    observed inside and never put in, from then on. Of packings and unpackings at one instant, what was inside goes out
    first and what was not comes in first.
    """
    by_parent: dict[tuple[UUID, bool], list[Packing]] = {}
    for packing in packings:
        by_parent.setdefault((packing.parent_id, packing.is_association), []).append(packing)
    return [each for of_parent in by_parent.values() for each in _of_parent(of_parent)]


def _of_parent(packings: list[Packing]) -> list[Containment]:
    inside: dict[UUID, _Open] = {}
    out: _Taken = {}
    done: list[Containment] = []
    ordered = sorted(packings, key=lambda each: (each.at, each.event_key))
    for _, at_once in groupby(ordered, key=lambda each: each.at):
        of_then = _of_instant(list(at_once), inside)
        for packing in of_then:
            for child_id in [packing.child_id] if packing.child_id else list(inside):
                _step(packing, child_id, inside, out, done)
        if any(each.child_id is None and each.action == _DELETE for each in of_then):
            out = {None: of_then[0].at}
    parent = packings[0]
    done += [_closed(parent, child_id, held, EVER_AFTER, None) for child_id, held in inside.items()]
    return done


def _of_instant(packings: list[Packing], inside: Mapping[UUID, _Open]) -> list[Packing]:
    """Those of one instant: first what takes out of what is inside, then what puts in, then the rest."""
    out = [each for each in packings if each.action == _DELETE]
    first = [each for each in out if each.child_id is None or each.child_id in inside]
    last = [each for each in out if not (each.child_id is None or each.child_id in inside)]
    return [*first, *(each for each in packings if each.action != _DELETE), *last]


def _step(
    packing: Packing,
    child_id: UUID,
    inside: dict[UUID, _Open],
    out: _Taken,
    done: list[Containment],
) -> None:
    held = inside.get(child_id)
    if packing.action != _DELETE:
        if held is None:
            inside[child_id] = _Open(packing.at, packing.event_id, packing.quantity, packing.unit)
        elif packing.action == _ADD and held.quantity is not None and packing.quantity is not None:
            ratio = factor(packing.unit, held.unit)
            more = None if ratio is None else held.quantity + packing.quantity * ratio
            inside[child_id] = replace(held, quantity=more)
        return
    if held is None:
        since = out.get(child_id, out.get(None, EVER_BEFORE))
        held = _Open(since, None, packing.quantity, packing.unit)
    left = _left(held, packing)
    if left is not None:
        inside[child_id] = left
        return
    inside.pop(child_id, None)
    out[child_id] = packing.at
    if held.since < packing.at:
        done.append(_closed(packing, child_id, held, packing.at, packing.event_id))


def _left(held: _Open, packing: Packing) -> _Open | None:
    """What stays when so much is taken out; None where nothing does, or nobody knows."""
    if held.quantity is None or packing.quantity is None:
        return None
    ratio = factor(packing.unit, held.unit)
    if ratio is None:  # some of it, which cannot be compared
        return replace(held, quantity=None)
    left = held.quantity - packing.quantity * ratio
    return replace(held, quantity=left) if left > held.quantity * _NOTHING else None


def _closed(packing: Packing, child_id: UUID, held: _Open, until: datetime, closed_by: int | None) -> Containment:
    return Containment(
        parent_id=packing.parent_id,
        child_id=child_id,
        is_association=packing.is_association,
        since=held.since,
        until=until,
        quantity=held.quantity,
        unit=held.unit,
        opened_by=held.by,
        closed_by=closed_by,
    )
