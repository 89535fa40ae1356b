"""Mass balances of lots: worked out by hand, over random histories, and over third parties' documents."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wayproof.model.errors import InvalidInput
from wayproof.store.pool import tenant_transaction
from wayproof.store.whereabouts import EventPart, ToldEvent
from wayproof.trace.graph.balance import Balance, Finding, FindingKind, balance, balance_of, downstream_balance
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.happenings import History, Thing, Told
from wayproof.trace.graph.stays import Stay, Stays

from fix_exports import PACKED, RAW, Exporter
from fix_graph import (
    DEPOT,
    ITEM,
    LOT,
    MILK,
    OTHER_LOT,
    PLANT,
    SHOP,
    START,
    Event,
    Network,
    P,
    Q,
    lot_events,
    mixed,
    packed,
    packed_lot,
    seen,
)


def told(network: Network | Exporter, tenant_id: UUID, uri: str, *, downstream: bool = False, **said: Any) -> Balance:
    """The balance of a lot."""
    with tenant_transaction(network.pool, tenant_id) as conn:
        if downstream:
            found = downstream_balance(conn, tenant_id, uri, **said)
        else:
            found = balance(conn, key_of(tenant_id, uri), **said)
    assert found is not None
    return found


def lines(found: Balance) -> dict[str, float]:
    """What is not zero."""
    names = ("made", "received", "used", "destroyed", "sold", "shipped", "returned", "on_hand", "lost", "unexplained")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def kg(minute: int, step: str | None, quantity: float, where: str, **said: Any) -> Event:
    """So many kilograms of a lot."""
    return seen(minute, step, LOT, where, quantity=quantity, uom="KGM", **said)


def used(minute: int, quantity: float, where: str) -> Event:
    """So many kilograms of it become something else."""
    return mixed(minute, {LOT: (quantity, "KGM")}, {OTHER_LOT: (quantity, "KGM")}, where)


def test_every_line(network: Network) -> None:
    """Each kilogram stands on one line, whatever it went through; units of one measure are added up."""
    events = [
        kg(1, "commissioning", 100, PLANT, action="ADD"),
        packed_lot(2, P, LOT, PLANT, quantity=40, uom="KGM"),
        seen(3, "shipping", P, PLANT),
        seen(4, "receiving", P, DEPOT),
        seen(5, "shipping", P, DEPOT),
        mixed(6, {LOT: (15_000, "GRM")}, {OTHER_LOT: (15, "KGM")}, PLANT),
        kg(7, "shipping", 20, PLANT),
        kg(8, "receiving", 12, SHOP),
        kg(9, "retail_selling", 7, SHOP),
        kg(10, "destroying", 2, SHOP, action="DELETE"),
        kg(11, "receiving", 1, SHOP, disposition="returned"),
    ]
    found = told(network, network.tell(events), LOT)
    assert lines(found) == {
        "made": 100.0,
        "used": 15.0,
        "destroyed": 2.0,
        "sold": 7.0,
        "shipped": 47.0,
        "returned": 1.0,
        "on_hand": 28.0,
    }
    assert (found.unit, found.percent, found.findings) == ("KGM", 100.0, ())
    assert told(network, network.tell(events), LOT, unit="TNE").made == pytest.approx(0.1)
    with pytest.raises(InvalidInput, match=r"^unit: expected GRM, KGM or another unit of the same measure, got MTR$"):
        told(network, network.tell(events), LOT, unit="MTR")


def test_more_than_there_was(network: Network) -> None:
    """Who uses more than was made cannot have: more than 100 %, and a finding that says by how much."""
    events = [kg(1, "commissioning", 100, PLANT, action="ADD"), used(2, 110, PLANT)]
    found = told(network, network.tell(events), LOT)
    assert lines(found) == {"made": 100.0, "used": 110.0, "unexplained": 10.0}
    assert found.percent == pytest.approx(110.0)
    detail = "events tell of 10 KGM more than was made and received"
    assert found.findings == (Finding(kind=FindingKind.MORE_THAN_THERE_WAS, detail=detail),)


def test_counted_less(network: Network) -> None:
    """What was not there when somebody counted is lost, until it is found; what is packed need not be counted."""
    events = [
        kg(1, "commissioning", 100, PLANT, action="ADD"),
        packed_lot(2, P, LOT, PLANT, quantity=30, uom="KGM"),
        kg(3, "stock_taking", 66, PLANT),
        kg(4, "stock_taking", 69, PLANT),
    ]
    found = told(network, network.tell(events[:3]), LOT)
    assert lines(found) == {"made": 100.0, "on_hand": 96.0, "lost": 4.0}
    assert (found.percent, found.findings[0].kind) == (96.0, FindingKind.LOST)
    assert lines(told(network, network.tell(events), LOT)) == {"made": 100.0, "on_hand": 99.0, "lost": 1.0}


def test_from_outside(network: Network) -> None:
    """What arrives of a lot that nobody has told to be made was received; what was only seen is taken as made."""
    events = [kg(1, "receiving", 60, PLANT), kg(2, "receiving", 40, DEPOT), used(3, 50, PLANT)]
    assert lines(told(network, network.tell(events), LOT)) == {"received": 100.0, "used": 50.0, "on_hand": 50.0}
    assert lines(told(network, network.tell([kg(1, "storing", 60, PLANT)]), LOT)) == {"made": 60.0, "on_hand": 60.0}


def test_what_cannot_be_compared_is_told(network: Network) -> None:
    """Cases are no kilograms and no quantity is no number: both are told, and nothing is guessed."""
    events = [
        kg(1, "commissioning", 100, PLANT, action="ADD"),
        seen(2, "shipping", LOT, PLANT, quantity=4, uom="CS"),
        seen(3, "receiving", LOT, SHOP, quantity=4),
        seen(4, "commissioning", LOT, DEPOT, is_lot=True, action="ADD"),
    ]
    found = told(network, network.tell(events), LOT)
    assert [(each.kind, each.detail) for each in found.findings] == [
        (FindingKind.UNIT_DIFFERS, "1 quantity in CS, not comparable with KGM"),
        (FindingKind.UNIT_DIFFERS, "1 quantity in pieces, not comparable with KGM"),
        (FindingKind.QUANTITY_MISSING, "of 1 part nobody told how much it is"),
    ]
    assert lines(found) == {"made": 100.0, "on_hand": 100.0}
    assert lines(told(network, network.tell(events), LOT, unit="EA")) == {"received": 4.0, "on_hand": 4.0}


def test_single_things_and_pieces(network: Network) -> None:
    """A single thing is one piece; what is told without a unit are pieces, and so are those in units of count."""
    assert lines(told(network, network.tell([seen(1, "receiving", ITEM, SHOP)]), ITEM)) == {"received": 1, "on_hand": 1}
    events = [
        seen(1, None, LOT, PLANT, quantity=24, action="ADD"),
        seen(2, "shipping", LOT, PLANT, quantity=1, uom="DZN"),
    ]
    assert lines(told(network, network.tell(events), LOT)) == {"made": 24.0, "shipped": 12.0, "on_hand": 12.0}


def test_downstream(network: Network) -> None:
    """What went into other lots is where those are, by its share in them; what is lost in a process stays used."""
    events = [
        seen(1, "commissioning", MILK, PLANT, quantity=100, uom="KGM", action="ADD"),
        mixed(2, {MILK: (80, "KGM"), OTHER_LOT: (20, "KGM")}, {LOT: (50, "KGM")}, PLANT),
        kg(3, "shipping", 20, PLANT),
        kg(4, "destroying", 5, PLANT, action="DELETE"),
    ]
    found = told(network, network.tell(events), MILK, downstream=True)
    assert lines(found) == {"made": 100.0, "used": 40.0, "shipped": 16.0, "destroyed": 4.0, "on_hand": 40.0}
    assert found.percent == 100.0
    events[1] = mixed(2, {MILK: (80, "KGM")}, {LOT: (7, "CS")}, PLANT)
    found = told(network, network.tell(events[:2]), MILK, downstream=True)
    assert lines(found) == {"made": 100.0, "used": 80.0, "on_hand": 20.0}
    assert found.findings[0].detail == "nobody can say how much of it is in 1 thing downstream"


KEY, BOX = UUID(int=1), UUID(int=2)
STEPS = ("commissioning", "shipping", "receiving", "storing", "stock_taking", "retail_selling", "destroying", None)
PARTS = [
    *(("o", action) for action in ("ADD", "OBSERVE", "OBSERVE", "OBSERVE", "DELETE")),
    *(("c", action) for action in ("ADD", "OBSERVE", "DELETE")),
    ("i", None),
    ("t", None),
    ("p", "OBSERVE"),
]
TYPES = {
    "o": "ObjectEvent",
    "p": "ObjectEvent",
    "c": "AggregationEvent",
    "i": "TransformationEvent",
    "t": "TransformationEvent",
}


@st.composite
def parts(draw: st.DrawFn) -> tuple[list[tuple[ToldEvent, EventPart]], list[tuple[ToldEvent, EventPart]]]:
    """What may be told of a lot, sense or not: of itself, and of a box that it was in from minute 2 until 7."""
    own: list[tuple[ToldEvent, EventPart]] = []
    of_box: list[tuple[ToldEvent, EventPart]] = []
    for number in range(draw(st.integers(1, 10))):
        role, action = draw(st.sampled_from(PARTS))
        event = ToldEvent(
            event_id=number,
            epcis_id=f"urn:uuid:{draw(st.integers(0, 10**6))}-{number}",
            at=START + timedelta(minutes=draw(st.integers(0, 9))),
            event_type=TYPES[role],
            action=action,
            biz_step=draw(st.sampled_from(STEPS)),
            disposition=draw(st.sampled_from([None, None, "in_transit", "returned", "in_progress"])),
            read_point=draw(st.sampled_from([PLANT, DEPOT, SHOP, None])),
            biz_location=None,
            sources=None,
            destinations=draw(st.sampled_from([None, [{"type": "location", "destination": SHOP}]])),
        )
        quantity = draw(st.one_of(st.integers(1, 50).map(float), st.sampled_from([0.1, 0.2, 0.7])))
        part = (0, number, role, quantity, draw(st.sampled_from(["KGM", "GRM"])), BOX if role == "c" else None)
        (of_box if role == "p" else own).append((event, part))
    return own, of_box


def history(own: list[tuple[ToldEvent, EventPart]], of_box: list[tuple[ToldEvent, EventPart]]) -> History:
    """What was told, as it is read from the database."""
    stay = Stay(BOX, START + timedelta(minutes=2), START + timedelta(minutes=7))
    told_of_both = Told(
        things=[Thing(KEY, LOT, [part for _, part in own], (stay,))] if own else [],
        containers={BOX: Thing(BOX, P, [part for _, part in of_box])},
        stays=Stays({KEY: (stay,)}, {stay: ()}),
        events={event.event_id: event for event, _ in (*own, *of_box)},
    )
    [only] = told_of_both.histories()
    return only


@given(told_parts=parts(), data=st.data())
def test_both_sides_are_equal(told_parts: tuple[list[Any], list[Any]], data: st.DataObject) -> None:
    """Whatever is told, in whatever order it is read: both sides are equal, and no line is negative."""
    own, of_box = told_parts
    assume(own)
    found = balance_of(KEY, history(own, of_box))
    assert found.accounted + found.lost == pytest.approx(found.there_was + found.unexplained)
    assert all(value > 0 for value in lines(found).values())
    assert not any(each.kind is FindingKind.QUANTITY_MISSING for each in found.findings)
    shuffled = history(data.draw(st.permutations(own)), data.draw(st.permutations(of_box)))
    assert shuffled.happenings == history(own, of_box).happenings
    assert balance_of(KEY, shuffled) == found


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_order_of_capture_does_not_matter(network: Network, data: st.DataObject) -> None:
    """The same events in another order and in other documents give the same answers."""
    told_once = [*lot_events(), packed(6, Q, P), seen(8, "shipping", Q, DEPOT)]
    order = data.draw(st.permutations(range(len(told_once))))
    tenant, other = network.tell(told_once), network.tell([told_once[place] for place in order], batch=4)
    assert told(network, tenant, LOT) == replace(told(network, other, LOT), node=key_of(tenant, LOT))
    for uri in (LOT, P, Q):
        found = [replace(each, node=KEY, event_id=0) for each in network.where(tenant, uri)]
        assert found == [replace(each, node=KEY, event_id=0) for each in network.where(other, uri)]
        assert found


def test_third_parties_documents(fsma: Exporter) -> None:
    """The documents tell of more cases than were packed: some were used before the pallet with all of them came."""
    found = told(fsma, fsma.tenant_id, PACKED)
    assert (lines(found), found.unit) == ({"made": 525, "used": 100, "on_hand": 500, "unexplained": 75}, "CS")
    assert found.percent == pytest.approx(114.29, abs=0.01)
    assert told(fsma, fsma.tenant_id, RAW).unit == "LBR"
