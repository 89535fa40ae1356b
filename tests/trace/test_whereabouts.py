"""Where things are now: hand-made histories, random ones, and third parties' documents, on a real database."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from wayproof.store.pool import tenant_transaction
from wayproof.trace.capture import capture
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.happenings import told_of
from wayproof.trace.graph.steps import State
from wayproof.trace.graph.whereabouts import Whereabouts, whereabouts

from epcis_vectors import needs_vectors, valid_files
from fix_custody import Organisation
from fix_epcis import declared_wrong
from fix_exports import PACKED, PALLET, SALAD, Exporter
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
    packed_lot,
    party,
    seen,
    site,
)

FARM = site(4)


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


def test_work_grows_with_what_was_told(network: Network) -> None:
    """A lot that goes out in the same pallet again and again is followed by looking at each event a few times."""
    rounds = 40
    events = [seen(0, "commissioning", LOT, PLANT, quantity=100, action="ADD")]
    for start in range(1, 10 * rounds, 10):
        events += [
            packed_lot(start, P, LOT, PLANT, quantity=5),
            seen(start + 1, "shipping", P, PLANT),
            seen(start + 2, "receiving", P, PLANT),
            packed_lot(start + 3, P, LOT, PLANT, quantity=5, action="DELETE"),
        ]
    tenant = network.tell(events)
    with tenant_transaction(network.pool, tenant) as conn:
        told = told_of(conn, [key_of(tenant, LOT)], as_of=None)
    looked_at = Counter[int]()

    class Counted(dict[int, Any]):
        def __getitem__(self, event_id: int) -> Any:
            looked_at[event_id] += 1
            return super().__getitem__(event_id)

    [history] = replace(told, events=Counted(told.events)).histories()
    assert len(history.happenings) == 1 + 5 * rounds
    assert max(looked_at.values()) < 10
    assert lines(network.where(tenant, LOT)) == [(State.ON_HAND, PLANT, 100.0)]


def test_in_and_out_at_one_instant(network: Network) -> None:
    """What comes out of a container at the instant at which it went in is in none, had it been inside before or not."""
    both = [packed(4, P, A), packed(4, P, A, action="DELETE")]
    before = [packed(2, P, A), packed(3, P, A, action="DELETE")]
    for events in (both, [*before, *both]):
        found = only(network.where(network.tell(events), A))
        assert (found.container, found.outermost) == (None, None)


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


def test_shipped_in_two_steps_and_not_at_all(network: Network) -> None:
    """What departs after it was shipped is the same goods; what did not ship after all is where it was."""
    to_shop = {"destinationList": [{"type": "location", "destination": SHOP}]}
    events = [
        seen(1, "commissioning", LOT, PLANT, quantity=50, action="ADD"),
        seen(2, "shipping", LOT, PLANT, quantity=20, **to_shop),
        seen(3, "departing", LOT, PLANT, quantity=20, **to_shop),
        seen(4, "void_shipping", LOT, PLANT, quantity=5),
        seen(5, "arriving", LOT, SHOP, quantity=15),
        seen(6, "receiving", LOT, SHOP, quantity=15),
    ]
    found = network.where(network.tell(events[:3]), LOT)
    assert lines(found) == [(State.ON_HAND, PLANT, 30.0), (State.IN_TRANSIT, PLANT, 20.0)]
    assert lines(network.where(network.tell(events), LOT)) == [
        (State.ON_HAND, PLANT, 35.0),
        (State.ON_HAND, SHOP, 15.0),
    ]


def test_no_guess_where_several_could_be_it(network: Network) -> None:
    """Goods that come from nowhere are taken from the only place that had enough, and from none where several had."""
    events = [
        seen(1, "commissioning", LOT, PLANT, quantity=50, action="ADD"),
        seen(2, "storing", LOT, DEPOT, quantity=20),
        seen(3, "storing", LOT, SHOP, quantity=25),
        seen(4, "storing", LOT, FARM, quantity=4),
    ]
    found = network.where(network.tell(events), LOT)
    assert {each.place: each.quantity for each in found} == {PLANT: 5, DEPOT: 20, SHOP: 25, FARM: 4}


def test_what_cannot_be_subtracted_is_unknown(network: Network) -> None:
    """Four cases of a hundred kilograms leave nobody knows how many; no quantity is all there is."""
    events = [
        seen(1, "commissioning", LOT, PLANT, quantity=100, uom="KGM", action="ADD"),
        seen(2, "shipping", LOT, PLANT, quantity=4, uom="CS"),
        seen(3, "receiving", LOT, SHOP, is_lot=True),
    ]
    found = network.where(network.tell(events), LOT)
    assert [(each.place, each.quantity, each.unit) for each in found] == [(PLANT, None, "KGM"), (SHOP, 4.0, "CS")]


def test_holder(network: Network) -> None:
    """The sender has what is on its way, the receiver what has come; possession counts before ownership."""
    sold = {
        "sourceList": [{"type": "owning_party", "source": party(1)}],
        "destinationList": [
            {"type": "owning_party", "destination": party(3)},
            {"type": "possessing_party", "destination": party(2)},
        ],
    }
    events = [packed(1, P, A), seen(2, "shipping", P, PLANT, **sold), seen(3, "receiving", P, SHOP, **sold)]
    for count, holder in ((1, None), (2, party(1)), (3, party(2))):
        found = only(network.where(network.tell(events[:count]), A))
        assert (found.holder, found.holder_name) == (holder, None)


def test_receiver_of_a_handoff_holds_what_is_in_it(
    network: Network, shipper: Organisation, carrier: Organisation
) -> None:
    """Who received a pallet in an accepted handoff has what is in it, for both parties and by name, from then on."""
    for tenant in (shipper.tenant_id, carrier.tenant_id):
        network.tell_more(tenant, [packed(1, P, A), seen(2, "shipping", P, PLANT)], now=START)
    shipper.hand_over(carrier, item=P)
    for tenant in (shipper.tenant_id, carrier.tenant_id):
        found = only(network.where(tenant, A))
        assert (found.holder, found.holder_name) == (f"urn:wayproof:party:{carrier.party.party_id}", carrier.party.name)
        assert only(network.where(tenant, A, as_of=datetime(2026, 1, 2, tzinfo=UTC))).holder is None


def test_third_parties_documents(fsma: Exporter) -> None:
    """The salad is where it was made; of the packed lot some was used, and all the rest came on the pallet."""
    salad, packed_lot = (key_of(fsma.tenant_id, uri) for uri in (SALAD, PACKED))
    with tenant_transaction(fsma.pool, fsma.tenant_id) as conn:
        found = whereabouts(conn, fsma.tenant_id, [salad, packed_lot])
    assert lines(found[salad]) == [(State.ON_HAND, "https://id.gs1.org/414/0860009998018", 2000.0)]
    on_pallet, used = found[packed_lot]
    assert (on_pallet.state, on_pallet.container, on_pallet.quantity) == (State.ON_HAND, PALLET, 500.0)
    assert (used.state, used.quantity) == (State.USED_UP, 100.0)


@needs_vectors
def test_every_thing_of_third_parties_is_somewhere(network: Network) -> None:
    """Over all documents of third parties: everything that is told of is somewhere, now and as it is recorded now."""
    tenant = network.tell([])
    for path in valid_files().values():
        with tenant_transaction(network.pool, tenant) as conn:
            capture(conn, tenant, path.read_bytes(), lenient=True, proceed=True)
    keys = [key for (key,) in network.superuser.execute("select node_id from trace_node")]
    with tenant_transaction(network.pool, tenant) as conn:
        found = whereabouts(conn, tenant, keys)
        assert found == whereabouts(conn, tenant, keys[::-1], as_of=datetime.now(UTC))
    assert len(found) == len(keys) > 100
    assert all(found.values())
