"""Recalls on a real database: from where they start, and what they reach."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import pytest
from fix_recalls import (
    OTHER_TRUCK,
    TRUCK,
    Logger,
    above,
    dairy_events,
    evaluated,
    every,
    minute,
    names,
    starts,
    stored,
)

from wayproof.model.custody import shipment_item
from wayproof.model.errors import InvalidInput, NotFound
from wayproof.store import recalls
from wayproof.store.packing import pack_day
from wayproof.store.partitions import open_days_ahead
from wayproof.store.pool import Conn, snapshot_transaction, tenant_transaction
from wayproof.trace.recall.criteria import Place, Supplier, lots
from wayproof.trace.recall.evaluate import evaluate
from wayproof.trace.recall.heat import find_heat
from wayproof.trace.recall.report import items_of, report_of

from fix_exports import Exporter
from fix_intake import write
from fix_registry import MONDAY, Registry
from recall_events import DAIRY, FARM, SHOP, lot, made, moved, packed, sscc


def test_lots(dairy: Exporter) -> None:
    """A lot with everything that was made of it, and the pallets that hold some of it still."""
    found = names(evaluated(dairy, lots("(01)09520000000011(10)MILK")))
    assert found == {lot("MILK"): 0, lot("CHEESE"): 1, sscc(2): 2, lot("TOAST"): 2}


def test_worst_case_and_share(exporter: Exporter) -> None:
    """Of a vat that was filled from two lots all is affected, and by mass as much as came from the one recalled."""
    exporter.capture_events(
        moved(0, "commissioning", lot("A"), FARM, action="ADD", quantity=30),
        moved(1, "commissioning", lot("B"), FARM, action="ADD", quantity=90),
        made(10, {lot("A"): 30, lot("B"): 90}, {lot("VAT"): 100}, DAIRY),
        moved(20, "receiving", lot("VAT"), SHOP, quantity=100),
    )
    found = evaluated(exporter, lots(lot("A")))
    assert {each.uri: each.share for each in found.affected} == {lot("A"): 1.0, lot("VAT"): pytest.approx(0.25)}
    told = {total["of"]: total for total in report_of(found, items_of(found))["by_recipient"]}
    assert (told[SHOP]["quantity"], told[SHOP]["weighted"]) == (100.0, pytest.approx(25.0))


def test_a_container_stands_for_what_is_in_it(dairy: Exporter) -> None:
    """A recall of a pallet starts from the lots that were on it as well."""
    assert starts(evaluated(dairy, lots(sscc(1)))) == {sscc(1), lot("CHEESE")}


def test_unknown_lots(dairy: Exporter) -> None:
    """A lot that no event tells of is not found: a typing error must not look like a clean bill."""
    with pytest.raises(NotFound, match="NONE"):
        evaluated(dairy, lots(lot("MILK"), lot("NONE")))


def test_mistyped_places(dairy: Exporter) -> None:
    """Nor must one in a place or a supplier: a wrong check digit is named, and so is a good GLN that no event has."""
    span = {"since": minute(0), "until": minute(1000)}
    for mistyped in ("https://id.gs1.org/414/9520000000203", "(414)9520000000203", "9520000000202"):
        for criteria in (Place(place=mistyped, **span), Supplier(source=mistyped, **span)):
            with pytest.raises(InvalidInput):
                evaluated(dairy, criteria)
    unknown = "https://id.gs1.org/414/9520000000905"
    for criteria in (Place(place=unknown, **span), Supplier(source=unknown, **span)):
        with pytest.raises(NotFound, match="9520000000905"):
            evaluated(dairy, criteria)
    before = {"since": minute(-20), "until": minute(-10)}
    assert starts(evaluated(dairy, Place(place=FARM, **before))) == set()
    assert starts(evaluated(dairy, Supplier(source=FARM, **before))) == set()


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (0, 11, {lot("MILK")}),
        (20, 50, set()),
        (70, 110, {lot("MILK")}),
        (130, 170, {lot("CHEESE")}),
        (190, 195, {lot("CHEESE"), sscc(1), sscc(2)}),
        (210, 1000, {lot("CHEESE"), sscc(2)}),
    ],
)
def test_place(dairy: Exporter, since: float, until: float, expected: set[str]) -> None:
    """What was at a place in a time: what had come and not left, and nothing from before or after."""
    found = set[str]()
    for place in (FARM, DAIRY):
        found |= starts(evaluated(dairy, Place(place=place, since=minute(since), until=minute(until))))
    assert found == expected


def test_a_part_of_a_place_is_that_place(exporter: Exporter) -> None:
    """What was in a room of a house was in the house."""
    exporter.capture_events(moved(0, "storing", sscc(1), f"{DAIRY}/254/room-7"))
    assert starts(evaluated(exporter, Place(place=DAIRY, since=minute(5), until=minute(6)))) == {sscc(1)}
    with pytest.raises(NotFound, match="room-8"):
        evaluated(exporter, Place(place=f"{DAIRY}/254/room-8", since=minute(5), until=minute(6)))


def test_what_left_in_a_container_has_left(exporter: Exporter) -> None:
    """A lot of which nobody told since it was packed is where its pallet went."""
    exporter.capture_events(
        packed(0, sscc(1), {lot("CHEESE"): 6}, DAIRY),
        moved(10, "shipping", sscc(1), DAIRY),
        moved(90, "receiving", sscc(1), SHOP),
    )
    there = [evaluated(exporter, Place(place=place, since=minute(100), until=minute(110))) for place in (DAIRY, SHOP)]
    assert [starts(each) for each in there] == [set(), {sscc(1), lot("CHEESE")}]


@pytest.mark.parametrize("source", [FARM, FARM.replace("/414/", "/417/")])
def test_supplier(dairy: Exporter, source: str) -> None:
    """What a party or its place made or sent in a time, and everything that came of it."""
    asked = Supplier(source=source, since=minute(0), until=minute(60))
    found = evaluated(dairy, asked)
    assert starts(found) == {lot("MILK")}
    assert lot("TOAST") in names(found)
    assert not starts(evaluated(dairy, Supplier(source=source, since=minute(60), until=minute(600))))


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(30, {sscc(1), lot("CHEESE")}), (41, set())],
)
def test_exposure_on_a_truck(dairy: Exporter, logger: Logger, minutes: float, expected: set[str]) -> None:
    """What was on the truck of the sensor stands in the heat, as long as it was on it; so does what came of it."""
    dairy.capture_events(packed(0, TRUCK, [logger.uri], kind="AssociationEvent"))
    logger.tell(every(5, 200, 320, (250, 400)))
    found = evaluated(dairy, above(8, minutes))
    assert starts(found) == expected
    assert (lot("TOAST") in names(found)) is bool(expected)
    assert lot("MILK") not in names(found)


def test_only_what_stood_long_enough_itself(exporter: Exporter, logger: Logger) -> None:
    """Of two pallets on a hot truck the one that came late is not affected; one packed anew counts through."""
    exporter.capture_events(
        packed(0, TRUCK, [logger.uri], kind="AssociationEvent"),
        packed(0, TRUCK, [sscc(1), sscc(3)]),
        packed(30, TRUCK, [sscc(2)]),
        packed(0, sscc(1), {lot("A"): 1}),
        packed(20, sscc(1), {lot("A"): 1}, action="DELETE"),
        packed(20, sscc(3), {lot("A"): 1}),
    )
    logger.tell(every(5, 0, 100, (0, 45)))
    assert starts(evaluated(exporter, above(8, 45))) == {sscc(1), sscc(3), lot("A")}
    assert sscc(2) in starts(evaluated(exporter, above(8, 15)))


def test_from_one_hot_truck_to_another(exporter: Exporter, logger_factory: Callable[[str], Logger]) -> None:
    """Heat on one truck and then on the next is one time for what changed trucks, and for nothing else."""
    first, second = logger_factory("one"), logger_factory("two")
    exporter.capture_events(
        packed(0, TRUCK, [first.uri], kind="AssociationEvent"),
        packed(0, OTHER_TRUCK, [second.uri], kind="AssociationEvent"),
        packed(0, TRUCK, [sscc(1), sscc(2)]),
        packed(20, TRUCK, [sscc(1)], action="DELETE"),
        packed(20, OTHER_TRUCK, [sscc(1)]),
    )
    first.tell(every(5, 0, 100, (0, 20)))
    second.tell(every(5, 0, 100, (20, 40)))
    assert starts(evaluated(exporter, above(8, 40))) == {sscc(1)}


def test_exposure_of_a_shipment(exporter: Exporter, registry: Registry, logger: Logger) -> None:
    """What was in a shipment to which the device was assigned, from then until it was delivered."""
    shipment = registry.change(registry.shipment(), picked_up_at=MONDAY, delivered_at=minute(40))
    registry.assignment(shipment, logger.device, minute(10))
    item = shipment_item(shipment.shipment_id)
    exporter.capture_events(packed(0, item, [sscc(1)]), packed(35, item, [sscc(2)]))
    logger.tell(every(5, 0, 100, (0, 90)))
    assert starts(evaluated(exporter, above(8, 30))) == {item, sscc(1)}
    assert starts(evaluated(exporter, above(8, 31))) == set()
    report = report_of(found := evaluated(exporter, above(8, 5)), items_of(found))
    assert report["exposures"][0]["shipments"] == [shipment.reference]


def test_exposure_at_a_place(dairy: Exporter, logger: Logger) -> None:
    """A sensor that belongs to a place tells of what was there."""
    dairy.capture_events(packed(0, DAIRY, [logger.uri], kind="AssociationEvent"))
    logger.tell(every(5, 150, 260, (190, 240)))
    assert starts(evaluated(dairy, above(8, 40))) == {sscc(2), lot("CHEESE")}


def test_below(exporter: Exporter, logger: Logger) -> None:
    """Too cold is asked for as too warm is; the other one is not meant."""
    exporter.capture_events(packed(0, sscc(1), [logger.uri]), packed(0, TRUCK, [sscc(1)]))
    logger.tell(every(5, 0, 100, (20, 60), -3.0))
    cold = above(0, 30, above_c=None, below_c=0.0)
    assert starts(evaluated(exporter, cold)) == {sscc(1)}, "a logger in a box tells nothing of the truck"
    assert not starts(evaluated(exporter, above(8, 5)))


def test_gaps_are_told_and_not_counted(exporter: Exporter, logger: Logger) -> None:
    """What nobody saw is no exposure; what would be one with it is suspected."""
    exporter.capture_events(packed(0, sscc(1), [logger.uri]))
    logger.tell({0: 9.0, 120: 9.0, 125: 5.0})
    found = evaluated(exporter, above(8, 60))
    assert (starts(found), [each.uri for each in found.found.suspects]) == (set(), [sscc(1)])
    [ride] = found.found.rides
    assert (ride.heat.known_s, ride.heat.unknown_s) == (20 * 60, 105 * 60)
    assert starts(evaluated(exporter, above(8, 20))) == {sscc(1)}


def test_of_one_device(exporter: Exporter, logger_factory: Callable[[str], Logger]) -> None:
    """Where a device is named, others do not count; one that does not exist is not found."""
    for place, name in enumerate(("one", "two")):
        each = logger_factory(name)
        exporter.capture_events(packed(0, sscc(place), [each.uri]))
        each.tell(every(5, 0, 60, (0, 60)))
    assert starts(evaluated(exporter, above(8, 30, device="two"))) == {sscc(1)}
    assert starts(evaluated(exporter, above(8, 30))) == {sscc(0), sscc(1)}
    with pytest.raises(NotFound, match="three"):
        evaluated(exporter, above(8, 30, device="three"))


@pytest.mark.parametrize("seed", range(3))
def test_rollups_prune_nothing_that_counts(
    exporter: Exporter, logger_factory: Callable[[str], Logger], seed: int
) -> None:
    """By rollups or by every reading the same times beyond the limit are found, whatever gaps there are."""
    rng = random.Random(seed)
    for name in ("a", "b", "c"):
        at, series = 0.0, dict[float, float]()
        while at < 1200:
            at += rng.choice([0.5, 1, 5, 14.9, 15, 29, 31, 90])
            series[at] = rng.choice([4.0, 7.99, 8.0, 8.004, 8.01, 9.5])
        logger_factory(name).tell(series)
    asked = above(8, 0, since=minute(100.5), until=minute(1000))
    with tenant_transaction(exporter.pool, exporter.tenant_id) as conn:
        pruned = find_heat(conn, asked, as_of=MONDAY + timedelta(days=2))
        plain = find_heat(conn, asked, as_of=MONDAY + timedelta(days=2), is_plain=True)
    assert pruned == plain
    assert len(pruned) > 10


def test_packed_days_tell_the_same(dairy: Exporter, logger: Logger, superuser: Conn, plain: None) -> None:
    """Packing the day changes no time beyond the limit and nothing that is affected."""
    open_days_ahead(superuser, MONDAY.date(), 1)
    dairy.capture_events(packed(0, TRUCK, [logger.uri], kind="AssociationEvent"))
    logger.tell(every(5, 200, 320, (250, 400)))
    before = evaluated(dairy, above(8, 30))
    pack_day(superuser, MONDAY.date())
    assert superuser.execute("select count(*) from reading").fetchone() == (0,)
    after = evaluated(dairy, above(8, 30))
    assert (after.found, after.affected) == (before.found, before.affected)
    assert after.found.rides


def test_a_day_that_is_packed_meanwhile(dairy: Exporter, logger: Logger, superuser: Conn, plain: None) -> None:
    """An evaluation that has begun tells what a day said, although somebody is about to pack it."""
    open_days_ahead(superuser, MONDAY.date(), 1)
    dairy.capture_events(packed(0, TRUCK, [logger.uri], kind="AssociationEvent"))
    logger.tell(every(5, 200, 320, (250, 400)))
    with ThreadPoolExecutor(1) as other:
        with snapshot_transaction(dairy.pool, dairy.tenant_id, with_readings=True) as conn:
            packing = other.submit(pack_day, superuser, MONDAY.date())
            wait([packing], timeout=1)
            assert evaluate(conn, dairy.tenant_id, above(8, 30)).found.rides
        packing.result(timeout=60)
    assert superuser.execute("select count(*) from reading").fetchone() == (0,)


def test_order_does_not_matter(registry_factory: Callable[[str], Registry], ingest_conn: Any) -> None:
    """However events and readings come, the recall is the same."""
    found = []
    for seed in range(3):
        rng, registry = random.Random(seed), registry_factory(f"tenant-{seed}")
        exporter = Exporter(pool=registry.pool, tenant_id=registry.tenant_id)
        logger = Logger(registry.device(f"logger-{seed}"), lambda arrivals: write(ingest_conn, arrivals))
        events = [*dairy_events(), packed(0, TRUCK, [logger.uri], kind="AssociationEvent")]
        arrivals = logger.arrivals(every(5, 200, 320, (250, 400)), received_at=MONDAY + timedelta(days=1))
        rng.shuffle(events)
        rng.shuffle(arrivals)
        for event in events:
            exporter.capture_events(event)
        for each in arrivals:
            write(ingest_conn, [each])
        evaluation = evaluated(exporter, above(8, 30))
        found.append(
            [
                (item.uri, item.depth, item.share, item.state, item.place, item.quantity, item.recipient)
                for item in items_of(evaluation)
            ]
        )
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 3


def test_nothing_of_another_tenant(
    dairy: Exporter, logger: Logger, registry_factory: Callable[[str], Registry]
) -> None:
    """One tenant's goods, readings and recalls are nothing to another."""
    dairy.capture_events(packed(0, TRUCK, [logger.uri], kind="AssociationEvent"))
    logger.tell(every(5, 200, 320, (250, 400)))
    kept = stored(dairy, above(8, 30))
    registry = registry_factory("other")
    other = Exporter(pool=registry.pool, tenant_id=registry.tenant_id)
    assert not names(evaluated(other, above(8, 30)))
    with pytest.raises(NotFound):
        evaluated(other, Place(place=DAIRY, since=MONDAY, until=minute(999)))
    with tenant_transaction(other.pool, other.tenant_id) as conn:
        assert recalls.list_recalls(conn, limit=9) == []
        with pytest.raises(NotFound):
            recalls.get_recall(conn, kept.recall_id)
