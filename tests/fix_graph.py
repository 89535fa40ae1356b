"""Tenants that are told of little networks of things."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from wayproof.store.pool import Conn, Pool, tenant_transaction
from wayproof.trace.capture import capture
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.questions import Direction, Question, trace
from wayproof.trace.graph.whereabouts import Whereabouts, whereabouts
from wayproof.trace.identifiers.characters import check_digit

from fix_epcis import dumped, new_document, new_event

START = datetime(2026, 1, 1, tzinfo=UTC)
Event = dict[str, Any]

GRAPH = """
    select n.uri, t.role, coalesce(h.uri, case when t.hub_id is not null then 'transformation' end), t.is_association,
           t.action, t.event_time, t.voided_at is not null, t.quantity, t.unit, e.epcis_id
      from trace_thing t join trace_node n using (node_id) join epcis_event e using (event_id)
      left join trace_node h on h.node_id = t.hub_id
     where t.tenant_id = %(tenant)s order by 1, 2, 3, 6, 10, 5
"""
INSIDE = """
    select p.uri, c.uri, t.is_association, t.since::text, t.until::text, t.quantity, t.unit, o.epcis_id, e.epcis_id
      from trace_containment t join trace_node p on p.node_id = parent_id join trace_node c on c.node_id = child_id
      left join epcis_event o on o.event_id = opened_by left join epcis_event e on e.event_id = closed_by
     where t.tenant_id = %(tenant)s order by 1, 2, 4, 5
"""


class Network:
    """Tenants with journals of their own."""

    def __init__(self, pool: Pool, superuser: Conn, tenant_factory: Callable[[str], UUID]) -> None:
        self.pool = pool
        self.superuser = superuser
        self.tenant_factory = tenant_factory

    def tell(self, events: Iterable[Event], *, batch: int = 1000) -> UUID:
        """A new tenant that is told these events, so many a document."""
        tenant_id, told = self.tenant_factory(uuid4().hex), list(events)
        for start in range(0, len(told), batch):
            self.tell_more(tenant_id, told[start : start + batch])
        return tenant_id

    def tell_more(self, tenant_id: UUID, events: Sequence[Event], now: datetime | None = None) -> None:
        """Tells a tenant more."""
        with tenant_transaction(self.pool, tenant_id) as conn:
            done = capture(conn, tenant_id, dumped(new_document(*events)), now=now)
            assert not done.faults

    def tables(self, tenant_id: UUID) -> list[list[Any]]:
        """The whole graph."""
        return [self.superuser.execute(query, {"tenant": tenant_id}).fetchall() for query in (GRAPH, INSIDE)]

    def reach(self, tenant_id: UUID, uri: str, direction: Direction, **said: Any) -> set[str]:
        """Everything up or down from a thing, without itself."""
        with tenant_transaction(self.pool, tenant_id) as conn:
            found = trace(conn, tenant_id, Question(starts=(uri,), direction=direction, **said))
        return {node.uri for node in found.nodes if node.depth}

    def where(self, tenant_id: UUID, uri: str, **said: Any) -> tuple[Whereabouts, ...]:
        """Where a thing is."""
        key = key_of(tenant_id, uri)
        with tenant_transaction(self.pool, tenant_id) as conn:
            return whereabouts(conn, tenant_id, [key], **said).get(key, ())


@pytest.fixture
def network(api_pool: Pool, superuser: Conn, tenant_factory: Callable[[str], UUID]) -> Network:
    """Journals."""
    return Network(api_pool, superuser, tenant_factory)


NUMBERS = count(1)


def at(minute: int) -> str:
    """An instant."""
    return (START + timedelta(minutes=minute)).isoformat()


def packed(minute: int, parent: str, *children: str, action: str = "ADD") -> Event:
    """Things go into a container, or out of it."""
    return new_event(
        next(NUMBERS),
        type="AggregationEvent",
        parentID=parent,
        childEPCs=list(children),
        action=action,
        epcList=None,
        eventTime=at(minute),
        bizStep=None,
        readPoint=None,
        eventTimeZoneOffset="+00:00",
    )


def made(minute: int, inputs: Sequence[str], outputs: Sequence[str], process: str | None = None) -> Event:
    """Things become others."""
    return new_event(
        next(NUMBERS),
        type="TransformationEvent",
        inputEPCList=list(inputs) or None,
        outputEPCList=list(outputs) or None,
        transformationID=process,
        action=None,
        epcList=None,
        eventTime=at(minute),
        bizStep=None,
        readPoint=None,
        eventTimeZoneOffset="+00:00",
    )


def thing(name: str) -> str:
    """An identifier."""
    return f"https://example.org/thing/{name}"


A, B, C, P, Q, X, Y, Z = map(thing, "ABCPQXYZ")


_GTIN = "0952000123458" + check_digit("0952000123458")
LOT, OTHER_LOT, MILK = (f"https://id.gs1.org/01/{_GTIN}/10/{lot}" for lot in ("L1", "L2", "R1"))
ITEM = f"https://id.gs1.org/01/{_GTIN}/21/1001"


def site(number: int) -> str:
    """A place."""
    return f"https://id.gs1.org/414/{gln(number)}"


def party(number: int) -> str:
    """A party."""
    return f"https://id.gs1.org/417/{gln(number)}"


def gln(number: int) -> str:
    """A location number."""
    digits = f"95200000{number:04}"
    return digits + check_digit(digits)


PLANT, DEPOT, SHOP = map(site, range(1, 4))


def seen(minute: int, step: str | None, item: str, where: str | None = None, **said: Any) -> Event:
    """An ObjectEvent on one thing, or with `quantity` and `uom` on so much of a lot, at a place."""
    quantity, unit = said.pop("quantity", None), said.pop("uom", None)
    element = {"epcClass": item, "quantity": quantity, "uom": unit}
    is_lot = quantity is not None or said.pop("is_lot", False)
    return new_event(
        next(NUMBERS),
        bizStep=step,
        epcList=None if is_lot else [item],
        quantityList=[{name: value for name, value in element.items() if value is not None}] if is_lot else None,
        eventTime=at(minute),
        eventTimeZoneOffset="+00:00",
        **{"readPoint": None, **_at_place(where)},
        **said,
    )


def mixed(
    minute: int, inputs: dict[str, tuple[float, str]], outputs: dict[str, tuple[float, str]], where: str | None = None
) -> Event:
    """So much of lots becomes so much of others."""

    def elements(lots: dict[str, tuple[float, str]]) -> list[dict[str, Any]]:
        return [{"epcClass": lot, "quantity": quantity, "uom": unit} for lot, (quantity, unit) in lots.items()]

    lists = {"inputQuantityList": elements(inputs), "outputQuantityList": elements(outputs)}
    return {**made(minute, [], []), **lists, **_at_place(where)}


def packed_lot(minute: int, parent: str, item: str, where: str | None = None, **said: Any) -> Event:
    """So much of a lot goes into a container, or out of it."""
    element = {"epcClass": item, "quantity": said.pop("quantity"), "uom": said.pop("uom", None)}
    elements = [{name: value for name, value in element.items() if value is not None}]
    return {**packed(minute, parent, **said), "childEPCs": [], "childQuantityList": elements, **_at_place(where)}


def _at_place(where: str | None) -> dict[str, Any]:
    return {"readPoint": {"id": where}, "bizLocation": {"id": where}} if where else {}


def lot_events() -> list[Event]:
    """A lot that is made, packed in part, shipped, received in part, used, sold and thrown away."""
    return [
        seen(1, "commissioning", LOT, PLANT, quantity=100, uom="KGM", action="ADD"),
        packed_lot(2, P, LOT, PLANT, quantity=30, uom="KGM"),
        seen(3, "shipping", P, PLANT),
        seen(4, "receiving", P, DEPOT),
        packed_lot(5, P, LOT, DEPOT, quantity=10_000, uom="GRM", action="DELETE"),
        seen(6, "shipping", LOT, PLANT, quantity=25, uom="KGM", destinationList=[_to(SHOP)]),
        seen(7, "receiving", LOT, SHOP, quantity=20, uom="KGM"),
        seen(8, "retail_selling", LOT, SHOP, quantity=5, uom="KGM"),
        seen(9, "destroying", LOT, DEPOT, quantity=1, uom="KGM", action="DELETE"),
    ]


def _to(place: str) -> dict[str, str]:
    return {"type": "location", "destination": place}
