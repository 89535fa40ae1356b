"""What an export tells of: just the things that were asked for, and as much as a file can hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.model.errors import InvalidInput, NotFound
from wayproof.store.pool import tenant_transaction
from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.times import parse_instant
from wayproof.trace.exports import sheets
from wayproof.trace.exports.cargo import Cargo
from wayproof.trace.exports.compliance import Sheet, sources_of, tables_of
from wayproof.trace.exports.fsma import Kind
from wayproof.trace.exports.history import Event
from wayproof.trace.exports.related import recorded, related

from fix_epcis import new_event
from fix_exports import DRESSING, FISH, PACKED, PALLET, RAW, SALAD, Exporter
from fix_graph import made, packed, thing

TOMATO = "https://id.gs1.org/01/10860009999920"


def rows_of(exporter: Exporter, *uris: str) -> dict[str, int]:
    """How many rows each table of FSMA 204 has."""
    with tenant_transaction(exporter.pool, exporter.tenant_id) as conn:
        sources = sources_of(conn, exporter.tenant_id, uris)
    return {table.title: len(table.rows) for table in tables_of(Sheet.FSMA204, sources)}


def test_containers_in_a_ring_are_opened_once(exporter: Exporter) -> None:
    """What events say to be in itself, in many ways, makes no more rows than there are things."""
    around, inside = thing("around"), [thing(f"inside-{number}") for number in range(6)]
    rings = [packed(2, each, around) for each in inside]
    exporter.capture_events(
        packed(1, around, *inside), *rings, new_event(9, bizStep="receiving", epcList=[around], eventTime=LATER)
    )
    assert rows_of(exporter, around)[Kind.RECEIVING] == len(inside)


def test_a_file_has_a_bound(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs times outputs of one event can be more rows than any spreadsheet: that is refused, with what to ask."""
    monkeypatch.setattr(sheets, "MOST_ROWS", 1_000)
    inputs, outputs = ([thing(f"{side}-{number}") for number in range(32)] for side in ("in", "out"))
    exporter.capture_events(made(1, inputs, outputs))
    with pytest.raises(InvalidInput, match="fewer lots"):
        rows_of(exporter, inputs[0])


def test_a_class_is_not_its_lots(fsma: Exporter) -> None:
    """A product of which only lots are told of is not found, instead of an empty file."""
    with pytest.raises(NotFound, match="lots"):
        rows_of(fsma, TOMATO)


def test_dossier_and_spreadsheet_tell_the_same(fsma: Exporter) -> None:
    """Both go by the same events, also where one names a class and no lot of it."""
    bare = {"epcClass": TOMATO, "quantity": 1}
    made_of_it = new_event(
        8,
        type="TransformationEvent",
        action=None,
        epcList=None,
        bizStep="commissioning",
        inputQuantityList=[bare],
        outputQuantityList=[{"epcClass": f"{SALAD}-2", "quantity": 1}],
    )
    assert not fsma.capture_events(made_of_it).faults
    for uri in (RAW, PACKED, DRESSING, SALAD, FISH, PALLET, TOMATO, f"{SALAD}-2"):
        with tenant_transaction(fsma.pool, fsma.tenant_id) as conn:
            told, kept = related(conn, fsma.tenant_id, [uri]), recorded(conn, fsma.tenant_id, [uri])
        assert (told.things, told.events) == (kept.things, kept.events)


LATER = "2026-02-01T00:00:00Z"
THINGS = st.sampled_from("PQRab")


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["ADD", "DELETE"]), THINGS, st.lists(THINGS)), max_size=10),
    st.lists(st.tuples(st.integers(0, 5), THINGS), max_size=10),
)
def test_contents_at_any_time(told: list[tuple[int, str, str, list[str]]], asked: list[tuple[int, str]]) -> None:
    """Whatever was asked before, and whether later or earlier, the answer is that of a look at the events alone."""
    events = [_event(day, action, parent, children) for day, action, parent, children in sorted(told)]
    cargo = Cargo(events)
    for day, parent in asked:
        moved = _event(day, "OBSERVE", parent, [])
        assert cargo.moved(moved, "childEPCs") == Cargo(events).moved(moved, "childEPCs")


def _event(day: int, action: str, parent: str, children: list[str]) -> Event:
    at = parse_instant(f"2026-01-0{day + 1}T00:00:00Z")
    return Event(
        event_id=1,
        epcis_id="e",
        at=at,
        record_time=at,
        event_type="AggregationEvent",
        action=action,
        step=None,
        read_point=None,
        location=None,
        parent=parent,
        body={"childEPCs": children},
        context=Context(),
    )
