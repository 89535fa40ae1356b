"""Where things are now: hand-made histories, random ones, and third parties' documents, on a real database."""

from datetime import timedelta
from typing import Any

from wayproof.trace.graph.steps import State
from wayproof.trace.graph.whereabouts import Whereabouts

from fix_epcis import declared_wrong
from fix_graph import (
    DEPOT,
    ITEM,
    LOT,
    PLANT,
    SHOP,
    START,
    A,
    B,
    Event,
    Network,
    P,
    Q,
    X,
    lot_events,
    made,
    packed,
    seen,
)


def lines(found: tuple[Whereabouts, ...]) -> list[tuple[Any, ...]]:
    """What matters of each: state, place, quantity."""
    return [(each.state, each.place, each.quantity) for each in found]


def only(found: tuple[Whereabouts, ...]) -> Whereabouts:
    """The only one."""
    [each] = found
    return each


def minute(number: int) -> Any:
    """An instant."""
    return START + timedelta(minutes=number)


def test_single_thing_is_where_it_was_told_of_last(network: Network) -> None:
    """A single thing is in one place, since it was first told there; its state is what the last step made of it."""
    events = [
        seen(1, "commissioning", ITEM, PLANT, action="ADD"),
        seen(2, "shipping", ITEM, PLANT),
        seen(5, "receiving", ITEM, DEPOT),
        seen(7, "storing", ITEM, DEPOT),
    ]
    for count, state, place, since in (
        (1, State.ON_HAND, PLANT, 1),
        (2, State.IN_TRANSIT, PLANT, 2),
        (3, State.ON_HAND, DEPOT, 5),
        (4, State.ON_HAND, DEPOT, 5),
    ):
        found = only(network.where(network.tell(events[:count]), ITEM))
        assert (found.state, found.place, found.since, found.quantity) == (state, place, minute(since), None)
    assert network.where(network.tell(events), X) == ()


def test_what_a_container_meets_its_content_meets(network: Network) -> None:
    """An event on a pallet holds for what is in it, and for what is in that, while it is."""
    events = [
        seen(1, "commissioning", A, PLANT, action="ADD"),
        packed(2, P, A),
        packed(3, Q, P),
        seen(4, "shipping", Q, PLANT, destinationList=[{"type": "location", "destination": SHOP}]),
        seen(6, "receiving", Q, DEPOT),
        packed(7, P, A, action="DELETE"),
        seen(8, "shipping", Q, DEPOT),
    ]
    tenant = network.tell(events[:4])
    found = only(network.where(tenant, A))
    assert (found.state, found.place, found.destination) == (State.IN_TRANSIT, PLANT, SHOP)
    assert (found.container, found.outermost) == (P, Q)
    found = only(network.where(network.tell(events[:5]), A))
    assert (found.state, found.place, found.since, found.destination) == (State.ON_HAND, DEPOT, minute(6), None)
    found = only(network.where(network.tell(events), A))
    assert (found.state, found.place, found.container, found.outermost) == (State.ON_HAND, DEPOT, None, None)
    assert only(network.where(network.tell(events), P)).state is State.IN_TRANSIT


def test_pallet_that_is_used_again(network: Network) -> None:
    """What a pallet meets after its load was taken out, by name or not, is not that load's."""
    emptied = {**packed(3, P, action="DELETE"), "bizLocation": {"id": DEPOT}}
    tenant = network.tell([packed(1, P, A), emptied, packed(4, P, B), seen(5, "receiving", P, SHOP)])
    first, second = only(network.where(tenant, A)), only(network.where(tenant, B))
    assert (first.place, first.container, first.since) == (DEPOT, None, minute(3))
    assert (second.place, second.container) == (SHOP, P)


def test_what_becomes_of_things(network: Network) -> None:
    """Steps and dispositions say whether a thing was used up, sold, destroyed, sent back or lost."""
    told: list[tuple[Event, State]] = [
        (made(2, [A], [X]), State.USED_UP),
        (seen(2, "retail_selling", A, SHOP, action="OBSERVE"), State.SOLD),
        (seen(2, None, A, SHOP, disposition="dispensed"), State.SOLD),
        (seen(2, "destroying", A, SHOP, action="DELETE"), State.DESTROYED),
        (seen(2, "shipping", A, SHOP, disposition="returned"), State.RETURNED),
        (seen(2, "decommissioning", A, SHOP, action="DELETE"), State.UNKNOWN),
        (seen(2, "inspecting", A, SHOP, disposition="stolen"), State.UNKNOWN),
        (seen(2, "void_shipping", A, SHOP), State.ON_HAND),
    ]
    for event, state in told:
        assert only(network.where(network.tell([seen(1, "shipping", A, SHOP), event]), A)).state is state


def test_sensors_on_the_way_end_no_journey(network: Network) -> None:
    """What a sensor reports on the way moves a thing, and leaves it in transit."""
    told = seen(2, "sensor_reporting", A, "geo:50.1,8.6")
    found = only(network.where(network.tell([seen(1, "shipping", A, PLANT), told]), A))
    assert (found.state, found.place) == (State.IN_TRANSIT, "geo:50.1,8.6")


def test_contents_of_what_is_used_are_used(network: Network) -> None:
    """What is in a pallet that goes into a process is used up; what was in one whose label is taken off is not."""
    tenant = network.tell([packed(1, P, A), made(2, [P], [X])])
    assert only(network.where(tenant, A)).state is State.USED_UP
    tenant = network.tell([packed(1, P, A), seen(2, "decommissioning", P, DEPOT, action="DELETE")])
    assert only(network.where(tenant, A)).state is State.ON_HAND


def test_lot_is_in_many_places(network: Network) -> None:
    """So much of a lot is here and so much there: nothing is lost, nothing counted twice, units are converted."""
    found = network.where(network.tell(lot_events()), LOT)
    assert lines(found) == [
        (State.ON_HAND, PLANT, 45.0),
        (State.ON_HAND, DEPOT, 9.0),
        (State.ON_HAND, DEPOT, 20.0),
        (State.ON_HAND, SHOP, 15.0),
        (State.IN_TRANSIT, PLANT, 5.0),
        (State.SOLD, SHOP, 5.0),
        (State.DESTROYED, DEPOT, 1.0),
    ]
    assert [each.container for each in found if each.place == DEPOT] == [None, P, None]
    assert {each.unit for each in found} == {"KGM"}


def test_declared_wrong_and_as_of(network: Network) -> None:
    """What was declared wrong counts no more, and did before: as-of answers what was known."""
    events = [seen(1, "commissioning", ITEM, PLANT, action="ADD"), seen(2, "receiving", ITEM, SHOP), packed(3, P, ITEM)]
    tenant = network.tell([])
    network.tell_more(tenant, events[:2], now=START)
    network.tell_more(tenant, [events[2]], now=START + timedelta(days=1))
    network.tell_more(tenant, [declared_wrong(events[1]), declared_wrong(events[2])], now=START + timedelta(days=2))
    assert only(network.where(tenant, ITEM)).place == PLANT
    assert only(network.where(tenant, ITEM)).container is None
    then = only(network.where(tenant, ITEM, as_of=START + timedelta(days=1)))
    assert (then.place, then.container) == (SHOP, P)
    assert only(network.where(tenant, ITEM, as_of=START)).container is None
    assert network.where(tenant, ITEM, as_of=START - timedelta(days=1)) == ()
