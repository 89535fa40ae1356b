"""Of the containers of a lot an export tells what happened to them while the lot was inside, and nothing else."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wayproof.store.pool import tenant_transaction
from wayproof.trace.exports.compliance import Sheet, Sources, sources_of, tables_of
from wayproof.trace.exports.fsma import CTE, Kind
from wayproof.trace.exports.history import histories, valid
from wayproof.trace.exports.related import Recorded, Related, recorded, related
from wayproof.trace.exports.sheets import Cell

from fix_epcis import declared_wrong
from fix_graph import DEPOT, MILK, PLANT, START, A, B, C, Event, Network, P, Q, X, made, packed, packed_lot, seen

LOT = "Traceability lot code"
USED = "Traceability lot code used"
CRATE, PALLET = P, Q


def ids(*events: Event) -> set[str]:
    """The eventIDs of events."""
    return {event["eventID"] for event in events}


def told_of(network: Network, tenant: UUID, *uris: str, as_of: datetime | None = None) -> set[str]:
    """The eventIDs of what an export of things tells."""
    with tenant_transaction(network.pool, tenant) as conn:
        return {event.epcis_id for event in related(conn, tenant, uris, as_of=as_of).events}


def dossier_of(network: Network, tenant: UUID, *uris: str) -> Recorded:
    """What a dossier of things tells."""
    with tenant_transaction(network.pool, tenant) as conn:
        return recorded(conn, tenant, uris)


def moves(network: Network, tenant: UUID, *uris: str) -> list[tuple[str, Cell, Cell]]:
    """What the spreadsheet says was shipped and received: kind, lot, and how much."""
    with tenant_transaction(network.pool, tenant) as conn:
        tables = tables_of(Sheet.FSMA204, sources_of(conn, tenant, uris))
    transports = [table for table in tables if table.title in {Kind.SHIPPING, Kind.RECEIVING}]
    return [(table.title, row[LOT], row["Quantity"]) for table in transports for row in table.rows]


def use(minute: int, lot: str) -> list[Event]:
    """The crate is filled, sent, received and emptied."""
    return [
        packed(minute, CRATE, lot),
        seen(minute + 1, "shipping", CRATE, PLANT),
        seen(minute + 2, "receiving", CRATE, DEPOT),
        packed(minute + 3, CRATE, lot, action="DELETE"),
        seen(minute + 4, "shipping", CRATE, DEPOT),
    ]


def test_a_crate_that_is_used_again(network: Network) -> None:
    """The exports of one lot tell of its own use of a crate, not of other people's goods and not of its way back."""
    before, own, after = use(0, A), use(10, B), use(20, C)
    tenant = network.tell([*before, *own, *after])
    assert told_of(network, tenant, B) == ids(*own[:4])
    found = dossier_of(network, tenant, B)
    assert {each.epcis_id for each in found.stored} == ids(*own[:4])
    assert moves(network, tenant, B) == [(Kind.SHIPPING, B, 1), (Kind.RECEIVING, B, 1)]


def test_a_crate_that_was_asked_for(network: Network) -> None:
    """Of a container that was asked for everything is told, and of what was in it."""
    told = [*use(0, A), *use(10, B), seen(30, "shipping", A, DEPOT)]
    assert told_of(network, network.tell(told), CRATE) == ids(*told)


def test_a_crate_that_is_emptied_without_a_list(network: Network) -> None:
    """The event that empties a container is told, whether it lists what was inside or not."""
    own = [packed(1, CRATE, A), packed(3, CRATE, action="DELETE")]
    tenant = network.tell([packed(0, CRATE, action="DELETE"), *own, packed(4, CRATE, B), packed(5, PALLET, CRATE)])
    assert told_of(network, tenant, A) == ids(*own)


def test_both_ends_belong_to_a_stay(network: Network) -> None:
    """What happens to a container at the instant of packing or unpacking is told."""
    own = [seen(1, "receiving", CRATE), packed(1, CRATE, A), packed(3, CRATE, A, action="DELETE")]
    last = seen(3, "receiving", CRATE)
    tenant = network.tell([seen(0, "shipping", CRATE), *own, last, seen(4, "shipping", CRATE)])
    assert told_of(network, tenant, A) == ids(*own, last)


def test_a_crate_on_a_pallet(network: Network) -> None:
    """Of a pallet under a crate those events count of the time in which the lot was in the crate, and both loadings."""
    told = [
        seen(0, "shipping", PALLET),
        packed(1, PALLET, CRATE),
        seen(2, "shipping", PALLET),
        packed(3, CRATE, A),
        seen(4, "shipping", PALLET),
        packed(5, CRATE, A, action="DELETE"),
        seen(6, "shipping", PALLET),
        packed(7, PALLET, CRATE, action="DELETE"),
        seen(8, "shipping", PALLET),
    ]
    tenant = network.tell(told)
    assert told_of(network, tenant, A) == ids(told[1], *told[3:6], told[7])
    assert moves(network, tenant, A) == [(Kind.SHIPPING, A, 1)]


def test_a_crate_that_left_the_pallet_empty(network: Network) -> None:
    """A lot that comes into a crate is not on the pallet that the crate was on before, whoever else is on it."""
    tenant = network.tell(
        [
            packed(0, PALLET, B),
            packed(1, PALLET, CRATE),
            packed(2, PALLET, B, action="DELETE"),
            packed(3, PALLET, CRATE, action="DELETE"),
            packed(4, CRATE, A),
            packed(5, PALLET, B),
            seen(6, "shipping", PALLET),
        ]
    )
    assert moves(network, tenant, A, B) == [(Kind.SHIPPING, B, 1)]


def test_a_crate_that_others_fill(network: Network) -> None:
    """A crate that was on a pallet of the lot with other people's goods is no lot there, although it seems empty."""
    tenant = network.tell(
        [
            packed(0, CRATE, C),
            {**packed(1, PALLET, B, CRATE), "bizStep": "shipping"},
            seen(2, "receiving", PALLET, DEPOT),
            packed(3, PALLET, action="DELETE"),
            packed(4, CRATE, C, action="DELETE"),
            *use(10, B),
        ]
    )
    assert moves(network, tenant, B) == [(kind, B, 1) for kind in (Kind.SHIPPING, Kind.RECEIVING) for _ in range(2)]


def test_a_crate_that_is_on_the_pallet_before(network: Network) -> None:
    """What is told of a loading only so that one knows what was on the pallet later makes no row."""
    loaded = {**packed(1, PALLET, CRATE), "bizStep": "shipping"}
    tenant = network.tell([loaded, packed(2, CRATE, A), seen(3, "shipping", PALLET, PLANT)])
    assert told_of(network, tenant, A) >= ids(loaded)
    assert moves(network, tenant, A) == [(Kind.SHIPPING, A, 1)]


def test_containers_in_each_other(network: Network) -> None:
    """Containers that events say to be in each other are told of while a thing was in one of them."""
    own = [packed(1, P, Q), packed(2, Q, P), packed(3, P, A), seen(4, "shipping", Q), packed(5, P, A, action="DELETE")]
    tenant = network.tell([seen(0, "shipping", Q), *own, seen(6, "shipping", P), seen(6, "shipping", Q)])
    assert told_of(network, tenant, A) == ids(*own)
    assert moves(network, tenant, A) == [(Kind.SHIPPING, A, 1)]


def test_a_stay_of_which_one_end_is_told(network: Network) -> None:
    """Who was never taken out is inside still; who was never put in was so ever; who was only seen, from then on."""
    early, late = seen(1, "shipping", CRATE), seen(9, "shipping", CRATE)
    for told, shipped in (
        (packed(5, CRATE, A), late),
        (packed(5, CRATE, A, action="DELETE"), early),
        (packed(5, CRATE, A, action="OBSERVE"), late),
    ):
        assert told_of(network, network.tell([early, told, late]), A) == ids(told, shipped)


def test_what_was_seen_inside_moves_along(network: Network) -> None:
    """A lot that was seen in a container which nobody told to be packed is shipped with it, and not counted twice."""
    told = [packed_lot(minute, CRATE, MILK, action="OBSERVE", quantity=5, uom="KGM") for minute in (2, 3)]
    tenant = network.tell([packed(0, CRATE, B), seen(1, "shipping", CRATE), *told, seen(4, "shipping", CRATE)])
    assert moves(network, tenant, MILK) == [(Kind.SHIPPING, MILK, 5)]


def test_amounts_in_different_units(network: Network) -> None:
    """What is put in and taken out in different units is reckoned in the first."""
    told = [
        packed_lot(1, CRATE, MILK, quantity=30, uom="KGM"),
        packed_lot(2, CRATE, MILK, quantity=500, uom="GRM"),
        packed_lot(4, CRATE, MILK, quantity=10, uom="LBR", action="DELETE"),
        seen(5, "shipping", CRATE),
        packed_lot(6, CRATE, MILK, quantity=25964.0763, uom="GRM", action="DELETE"),
        seen(7, "shipping", CRATE),
    ]
    assert moves(network, network.tell(told), MILK) == [(Kind.SHIPPING, MILK, Decimal("25.9640763"))]


def test_pounds_come_out_as_pounds(network: Network) -> None:
    """An amount that has no end in the other unit's decimals leaves nothing behind that would be shipped."""
    told = [
        packed_lot(1, CRATE, MILK, quantity=3, uom="LBR"),
        packed_lot(2, CRATE, MILK, quantity=1, uom="KGM", action="DELETE"),
        packed_lot(3, CRATE, MILK, quantity=360.77711, uom="GRM", action="DELETE"),
        packed(4, CRATE, B),
        seen(5, "shipping", CRATE),
    ]
    assert moves(network, network.tell(told), MILK, B) == [(Kind.SHIPPING, B, 1)]


def test_what_belongs_together_is_in_nothing(network: Network) -> None:
    """Of what a thing only belongs to, by an association, an export tells no more than that."""
    attached = {**packed(1, X, A), "type": "AssociationEvent"}
    assert told_of(network, network.tell([attached, seen(2, "shipping", X)]), A) == ids(attached)


def test_wrong_events_of_a_stay(network: Network) -> None:
    """What was declared wrong of a container is in the dossier with its declaration if it was of the stay, else not."""
    before, own, after = use(0, A), use(10, B), use(20, C)
    tenant = network.tell([*before, *own, *after])
    network.tell_more(tenant, [declared_wrong(each[1]) for each in (before, own, after)])
    found = dossier_of(network, tenant, B)
    assert sorted(each.epcis_id for each in found.stored) == sorted([*ids(*own[:4]), own[1]["eventID"]])
    assert [(each.is_void, each.declared_at is None) for each in found.stored if each.epcis_id in ids(own[1])] == [
        (True, True),
        (False, False),
    ]
    assert {event.epcis_id for event in found.events} == ids(own[0], *own[2:4])


def test_a_wrong_packing_is_no_stay(network: Network) -> None:
    """A packing that was declared wrong is told of the lot, and nothing more of the container."""
    told = packed(1, CRATE, A)
    tenant = network.tell([told, seen(2, "shipping", CRATE), declared_wrong(told)])
    found = dossier_of(network, tenant, A)
    assert {each.epcis_id for each in found.stored} == ids(told)
    assert found.events == []


ALL = [A, B, C, P, Q]
CONTAINERS = [P, Q]
CHECKED = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def networks(draw: st.DrawFn) -> list[Event]:
    """Things in containers in containers, which become others; after each change all containers are shipped."""
    told = []
    for minute in range(0, 10 * draw(st.integers(3, 12)), 10):
        shipped = [seen(minute + place, "shipping", uri) for place, uri in enumerate(CONTAINERS, 1)]
        told += [draw(_changes(minute)), *shipped]
    return told


def _changes(minute: int) -> st.SearchStrategy[Event]:
    packings = st.builds(
        lambda inside, action, step: {**packed(minute, inside[0], *inside[1:], action=action), **step},
        st.sampled_from([(P, A), (P, B), (P, A, B), (P, Q), (Q, P), (Q, P, A), (Q, A)]),
        st.sampled_from(["ADD", "ADD", "DELETE", "OBSERVE"]),
        st.sampled_from([{}, {"bizStep": "receiving"}]),
    )
    emptied = st.builds(lambda parent: packed(minute, parent, action="DELETE"), st.sampled_from(CONTAINERS))
    used = st.builds(lambda inputs: made(minute, inputs, [C]), st.sampled_from([[A], [B], [P], [A, Q]]))
    return st.one_of(*[packings] * 6, emptied, used)


@CHECKED
@given(told=networks(), data=st.data())
def test_the_rows_are_those_of_all_events(network: Network, told: list[Event], data: st.DataObject) -> None:
    """Of lots the spreadsheet has the rows that it would have if everything were told of their containers.

    Not so of containers themselves, which it names where they seem to be empty or are used up.
    """
    tenant = network.tell(told)
    starts = data.draw(st.lists(st.sampled_from(_named(told)), min_size=1, max_size=2, unique=True))
    with tenant_transaction(network.pool, tenant) as conn:
        found, kept = related(conn, tenant, starts), recorded(conn, tenant, starts)
        whole = Related(things=found.things, stays=found.stays, events=valid(histories(conn, ALL)))
    assert (found.things, found.events) == (kept.things, kept.events)
    of = found.things - set(CONTAINERS).difference(starts)
    assert _rows(found, of=of) == _rows(whole, of=of)


@CHECKED
@given(told=networks(), data=st.data())
def test_what_was_known_then(network: Network, told: list[Event], data: st.DataObject) -> None:
    """As of a time, an export tells what it would if nothing had been told, or declared wrong, after it."""
    known = data.draw(st.integers(1, len(told)))
    wrong = data.draw(st.lists(st.sampled_from(told[:known]), max_size=2, unique_by=id))
    then, tenant = network.tell(told[:known]), network.tell([])
    network.tell_more(tenant, told[:known], now=START)
    network.tell_more(tenant, [*told[known:], *map(declared_wrong, wrong)], now=START + timedelta(days=1))
    for uri in _named(told[:known]):
        assert told_of(network, tenant, uri, as_of=START + timedelta(hours=1)) == told_of(network, then, uri)


def _named(told: list[Event]) -> list[str]:
    lists = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
    return sorted({uri for event in told for name in lists for uri in event.get(name) or ()})


def _rows(found: Related, *, of: frozenset[str]) -> list[list[tuple[str, str]]]:
    tables = tables_of(Sheet.FSMA204, Sources(found=found, places={}))
    rows = [{CTE: table.title, **row} for table in tables for row in table.rows if {row[LOT], row.get(USED)} & of]
    return sorted(sorted((name, str(cell)) for name, cell in row.items()) for row in rows)
