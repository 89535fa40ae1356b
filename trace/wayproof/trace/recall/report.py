"""What is kept of an evaluation beside its items: totals by state, place and recipient, exposures, and gaps."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from wayproof.model.errors import InvalidInput
from wayproof.model.graph import EVER_BEFORE
from wayproof.store.recalls import Item
from wayproof.trace.graph.whereabouts import State, Whereabouts
from wayproof.trace.identifiers import Level, parse
from wayproof.trace.recall.evaluate import Affected, Evaluation, recipient_of
from wayproof.trace.recall.starts import Ride, Start

MOST_TOLD: Final = 1_000
"""Gaps, exposures and suspects that are kept one by one; all of them are counted."""
_S_PER_MINUTE: Final = 60
_REMEMBERED: Final = 1 << 14


@dataclass(frozen=True, kw_only=True, slots=True)
class Total:
    """How much goods there are in one unit, under one heading."""

    #: A state, a place or a recipient; None: nobody knows.
    of: str | None
    name: str | None
    #: UN/ECE Recommendation 20; None: pieces.
    unit: str | None
    things: int
    #: Of things whose quantity is told; a single thing is one piece. The worst case.
    quantity: float
    #: Things of which nobody told how much there is.
    unquantified: int
    #: Of the quantity, what comes from the starts by mass; None: nobody can tell of any of it.
    weighted: float | None
    #: Of the quantity, that of which nobody can tell.
    unweighted: float


def items_of(evaluation: Evaluation) -> list[Item]:
    """The items of an evaluation, numbered from 1."""
    found = ((each, part) for each in evaluation.affected for part in each.parts or (None,))
    return [_item(ordinal, each, part) for ordinal, (each, part) in enumerate(found, 1)]


def report_of(evaluation: Evaluation, items: Sequence[Item]) -> dict[str, Any]:
    """The report of an evaluation, as JSON has it."""
    uris = {each.node: each.uri for each in evaluation.affected}
    goods = [item for item in items if not item.is_container]
    report = {
        "is_complete": evaluation.is_complete,
        "took_ms": round(evaluation.took_s * 1000, 1),
        "starts": len(evaluation.found.starts),
        "things": len(evaluation.affected),
        "containers": sum(each.is_container for each in evaluation.affected),
        "by_state": totals(goods, lambda item: (item.state, None)),
        "by_place": totals(goods, lambda item: (item.place, item.place_name)),
        "by_recipient": totals(goods, lambda item: (item.recipient, None)),
        "located": located(goods),
        "exposures": [_exposure(ride) for ride in evaluation.found.rides[:MOST_TOLD]],
        "exposure_count": len(evaluation.found.rides),
        "suspects": [_suspect(start) for start in evaluation.found.suspects[:MOST_TOLD]],
        "suspect_count": len(evaluation.found.suspects),
        "gaps": [
            {"kind": gap.kind.value, "id": uris[gap.node], "at": gap.at, "detail": gap.detail}
            for gap in evaluation.gaps[:MOST_TOLD]
        ],
        "gap_count": len(evaluation.gaps),
    }
    built: dict[str, Any] = msgspec.to_builtins(report)
    return built


def totals(goods: Iterable[Item], heading: Callable[[Item], tuple[str | None, str | None]]) -> list[Total]:
    """Sums under each heading and unit, the largest first. Sums do not depend on the order of what is summed."""
    groups: defaultdict[tuple[str | None, str | None, str | None], list[Item]] = defaultdict(list)
    for item in goods:
        groups[*heading(item), item.unit].append(item)
    found = [_total(*key, items) for key, items in groups.items()]
    return sorted(found, key=lambda total: (-total.quantity, total.of or "", total.unit or ""))


def located(goods: Iterable[Item]) -> list[dict[str, Any]]:
    """By unit, how much of what is affected events account for: in any state but unknown."""
    by_unit: defaultdict[str | None, list[Item]] = defaultdict(list)
    for item in goods:
        by_unit[item.unit].append(item)
    return [
        {
            "unit": unit,
            "quantity": (total := math.fsum(map(quantity_of, items))),
            "located": (found := math.fsum(quantity_of(item) for item in items if item.state != State.UNKNOWN.value)),
            "pct": percent(found, total),
        }
        for unit, items in sorted(by_unit.items(), key=lambda each: each[0] or "")
    ]


def percent(part: float, whole: float) -> float | None:
    """None of nothing."""
    return round(100 * part / whole, 2) if whole else None


def quantity_of(item: Item) -> float:
    """How much an item is; a single thing is one piece, what nobody told counts as nothing."""
    if item.quantity is not None:
        return item.quantity
    return 0.0 if is_unquantified(item) else 1.0


def is_unquantified(item: Item) -> bool:
    """Whether it is of a lot of which nobody told how much is there."""
    return item.quantity is None and _is_lot(item.uri)


@lru_cache(maxsize=_REMEMBERED)
def _is_lot(uri: str) -> bool:
    try:
        return parse(uri).level in {Level.LOT, Level.CLASS}
    except InvalidInput:
        return False


def _total(of: str | None, name: str | None, unit: str | None, items: Sequence[Item]) -> Total:
    told = [item for item in items if not is_unquantified(item)]
    weighed = [item.share * quantity_of(item) for item in told if item.share is not None]
    return Total(
        of=of,
        name=name,
        unit=unit,
        things=len({item.uri for item in items}),
        quantity=math.fsum(map(quantity_of, told)),
        unquantified=len(items) - len(told),
        weighted=math.fsum(weighed) if weighed else None,
        unweighted=math.fsum(quantity_of(item) for item in told if item.share is None),
    )


def _item(ordinal: int, affected: Affected, part: Whereabouts | None) -> Item:
    since = None if affected.since == EVER_BEFORE else affected.since
    place = None if part is None else part.place
    return Item(
        ordinal=ordinal,
        uri=affected.uri,
        depth=affected.depth,
        is_container=affected.is_container,
        since=since,
        detail=affected.detail,
        share=affected.share,
        state=State.UNKNOWN.value if part is None else part.state.value,
        place=place,
        place_name=None if part is None else part.place_name,
        at_since=None if part is None else part.since,
        container=None if part is None else part.container,
        holder=None if part is None else part.holder,
        quantity=None if part is None else part.quantity,
        unit=None if part is None else part.unit,
        event_id=None if part is None else part.event_id,
        recipient=None if part is None else recipient_of(part),
    )


def _exposure(ride: Ride) -> dict[str, Any]:
    heat = ride.heat
    return {
        "device": heat.device,
        "begins_at": heat.begins_at,
        "ends_at": heat.ends_at,
        "peak_c": heat.peak_c,
        "known_minutes": heat.known_s / _S_PER_MINUTE,
        "unknown_minutes": heat.unknown_s / _S_PER_MINUTE,
        "shipments": list(ride.shipments),
    }


def _suspect(start: Start) -> dict[str, Any]:
    return {"id": start.uri, "since": start.since, "detail": start.detail}
