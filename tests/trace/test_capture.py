"""Documents become events of the journal, all or none of them, or those that are good."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from wayproof.model.errors import InvalidInput
from wayproof.store import captures
from wayproof.store.events import get_events
from wayproof.store.pool import Conn, Pool, tenant_transaction
from wayproof.trace.capture import Captured, capture, capture_event
from wayproof.trace.epcis.event_hash import document_hashes
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.epcis.rules import Rule

from fix_epcis import CONTEXT, declared_wrong, dumped, new_document, new_event

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


class Journal:
    """The journal of one tenant; each capture is a transaction."""

    def __init__(self, pool: Pool, tenant_id: UUID, superuser: Conn) -> None:
        self.pool = pool
        self.tenant_id = tenant_id
        self.superuser = superuser

    def capture(self, *events: dict[str, Any], **options: Any) -> Captured:
        """Captures a document of these events."""
        return self.capture_bytes(dumped(new_document(*events)), **options)

    def capture_bytes(self, data: bytes, **options: Any) -> Captured:
        """Captures a document."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return capture(conn, self.tenant_id, data, **options)

    def rows(self) -> list[Any]:
        """Everything in it, in order."""
        sql = "select body, epcis_id, declared_at, record_time, event_id from epcis_event order by event_id"
        return self.superuser.execute(sql).fetchall()

    def bodies(self) -> list[Any]:
        """The events in it, in order."""
        return [read_json(row[0].encode()) for row in self.rows()]


@pytest.fixture
def journal(api_pool: Pool, superuser: Conn, tenant_factory: Callable[[str], UUID]) -> Journal:
    """An empty journal."""
    return Journal(api_pool, tenant_factory("acme"), superuser)


def test_events_are_kept_as_they_came(journal: Journal) -> None:
    """Unknown extensions, the order of fields and every digit of numbers stand in the journal as they were sent."""
    text = b"""{"@context": ["%b", {"ex": "https://example.org/x/"}], "type": "EPCISDocument", "schemaVersion": "2.0",
      "creationDate": "2026-01-01T12:00:00Z", "ex:sender": {"a": [1, null]}, "epcisBody": {"eventList": [
        {"ex:deep": {"z": 1.50, "a": [1e2, {"b": 123456789012345678901234567890}]}, "type": "ObjectEvent",
         "action": "OBSERVE", "epcList": [], "eventTime": "2026-01-01T12:00:00Z", "eventTimeZoneOffset": "+01:00",
         "eventID": "urn:uuid:1", "quantityList": [{"epcClass": "urn:a:b", "quantity": 2.500, "uom": "KGM"}]}]}}"""
    captured = journal.capture_bytes(text % CONTEXT.encode())

    assert not captured.faults
    (row,) = journal.rows()
    assert row[0].startswith(
        '{"ex:deep":{"z":1.50,"a":[1E+2,{"b":123456789012345678901234567890}]},"type":"ObjectEvent"'
    )
    assert '"quantity":2.500' in row[0]
    context, envelope = journal.superuser.execute(
        "select content, envelope from epcis_event join epcis_context using (context_id)"
        " join epcis_capture using (capture_id)"
    ).fetchone() or ("", {})
    assert read_json(context.encode()) == [CONTEXT, {"ex": "https://example.org/x/"}]
    assert envelope["ex:sender"] == {"a": [1, None]}


def test_one_event_at_fault_keeps_all_out(journal: Journal) -> None:
    """With rollback nothing of a document is stored when one event is at fault; the job says which and where."""
    captured = journal.capture(new_event(1), new_event(2, action="CREATE"))

    assert journal.rows() == []
    assert [(f.event, f.pointer) for f in captured.faults] == [(1, "/epcisBody/eventList/1/action")]
    assert captured.capture_id is not None
    with tenant_transaction(journal.pool, journal.tenant_id) as conn:
        job = captures.get_capture(conn, captured.capture_id)
    assert (job.is_success, job.events, job.errors[0]["pointer"]) == (False, 0, "/epcisBody/eventList/1/action")


def test_good_events_proceed(journal: Journal) -> None:
    """With proceed the good events are captured in their order, the others told."""
    events = [new_event(1), new_event(2, action="CREATE"), new_event(3), new_event(1)]
    captured = journal.capture(*events, proceed=True)

    assert captured.epcis_ids == [new_event(1)["eventID"], new_event(3)["eventID"]]
    assert [row[4] for row in journal.rows()] == captured.event_ids
    assert [(f.event, f.rule) for f in captured.faults] == [(1, Rule.STRUCTURE), (3, Rule.DUPLICATE)]


@pytest.mark.parametrize("proceed", [False, True])
def test_a_document_at_fault_yields_nothing(journal: Journal, *, proceed: bool) -> None:
    """Where the document itself is at fault none of its events is captured."""
    for data in (b"{", b"[1]", b"<!DOCTYPE a><a/>", dumped({**new_document(new_event()), "@context": None})):
        captured = journal.capture_bytes(data, proceed=proceed)
        assert captured.faults
        assert (captured.event_ids, captured.record_time) == ([], None)
    assert journal.rows() == []


def test_a_plain_duplicate_is_a_conflict(journal: Journal) -> None:
    """An eventID that is there already, or twice in a document, is refused, whatever else the event says."""
    assert not journal.capture(new_event(1)).faults
    again = journal.capture(new_event(2), new_event(1, bizStep="receiving"))
    twice = journal.capture(new_event(3), new_event(3))

    assert [(f.rule, f.pointer) for f in (*again.faults, *twice.faults)] == [
        (Rule.DUPLICATE, "/epcisBody/eventList/1")
    ] * 2
    assert len(journal.rows()) == 1


def test_an_error_declaration_reuses_the_id(journal: Journal) -> None:
    """A declaration that an event was wrong has its eventID, may come first, and is itself taken once."""
    wrong = declared_wrong(new_event(1))
    assert not journal.capture(wrong).faults
    assert not journal.capture(new_event(1)).faults
    assert not journal.capture(declared_wrong(new_event(1), at="2026-02-02T12:00:00Z")).faults
    assert [f.rule for f in journal.capture(wrong).faults] == [Rule.DUPLICATE]
    assert [f.rule for f in journal.capture(new_event(1)).faults] == [Rule.DUPLICATE]

    assert [row[2] is not None for row in journal.rows()] == [True, False, True]
    with tenant_transaction(journal.pool, journal.tenant_id) as conn:
        assert len(get_events(conn, new_event(1)["eventID"])) == 3


def test_an_event_without_id_gets_its_hash(journal: Journal) -> None:
    """An event without eventID is known by its event hash, its declaration of error by the same; it stays as sent."""
    event = new_event(eventID=None)
    captured = journal.capture(event)
    declared = journal.capture(declared_wrong(event))

    assert captured.epcis_ids == declared.epcis_ids == document_hashes(new_document(event))
    assert captured.epcis_ids[0].endswith("?ver=CBV2.0")
    assert journal.bodies()[0] == event
    assert [f.rule for f in journal.capture(event).faults] == [Rule.DUPLICATE]


def test_ids_of_tenants_do_not_collide(journal: Journal, tenant_factory: Callable[[str], UUID]) -> None:
    """Two tenants may capture the same event; neither sees the other's."""
    other = Journal(journal.pool, tenant_factory("other"), journal.superuser)
    assert not journal.capture(new_event(1)).faults
    assert not other.capture(new_event(1), new_event(2)).faults

    with tenant_transaction(journal.pool, journal.tenant_id) as conn:
        assert len(get_events(conn, new_event(1)["eventID"])) == 1
        assert get_events(conn, new_event(2)["eventID"]) == []


def test_of_many_writers_one_wins(journal: Journal) -> None:
    """Of writers that capture the same event at the same time exactly one does; numbers follow record times."""
    with ThreadPoolExecutor(6) as writers:
        runs = [writers.submit(journal.capture, new_event(n % 4), new_event(100 + n)) for n in range(24)]
        outcomes = [run.result() for run in runs]

    assert sum(not outcome.faults for outcome in outcomes) == 4
    rows = journal.rows()
    assert len(rows) == 8
    assert [row[3] for row in rows] == sorted(row[3] for row in rows)


def test_record_time_is_one_for_a_document(journal: Journal) -> None:
    """All events of a document have the record time of its capture; what they themselves call so is kept in them."""
    journal.capture(new_event(1, recordTime="2020-01-01T00:00:00Z"), new_event(2), now=NOW)

    assert [row[3] for row in journal.rows()] == [NOW, NOW]
    assert journal.bodies()[0]["recordTime"] == "2020-01-01T00:00:00Z"


def test_lenient_lists_what_it_forgave(journal: Journal) -> None:
    """A lenient capture takes a wrong check digit and says so; a strict one refuses it."""
    event = new_event(1, epcList=["https://id.gs1.org/01/09521141012346"])
    assert [f.rule for f in journal.capture(event).faults] == [Rule.IDENTIFIER]
    captured = journal.capture(event, lenient=True)

    assert [f.rule for f in captured.forgiven] == [Rule.IDENTIFIER]
    assert captured.capture_id is not None
    with tenant_transaction(journal.pool, journal.tenant_id) as conn:
        job = captures.get_capture(conn, captured.capture_id)
    assert (job.is_success, [f["rule"] for f in job.forgiven]) == (True, ["identifier"])


def test_a_single_event_is_captured_without_a_job(journal: Journal) -> None:
    """A single event is captured without a job; a document of events is none."""
    with tenant_transaction(journal.pool, journal.tenant_id) as conn:
        captured = capture_event(conn, journal.tenant_id, dumped({"@context": CONTEXT, **new_event(1)}))
        assert captured.capture_id is None
        with pytest.raises(InvalidInput, match="expected one event, got a document of 1"):
            capture_event(conn, journal.tenant_id, dumped(new_document(new_event(2))))
    assert journal.superuser.execute("select count(*) from epcis_capture").fetchone() == (0,)
    assert len(journal.rows()) == 1


@pytest.mark.parametrize("proceed", [False, True])
def test_an_event_of_too_many_things_is_refused(journal: Journal, *, proceed: bool) -> None:
    """An event that names more than can be indexed is refused by name; thousands of serials are not too many."""
    epcs = [f"https://id.gs1.org/01/09521141012345/21/{serial}" for serial in range(70_000)]
    captured = journal.capture(new_event(1, epcList=epcs), new_event(2, epcList=epcs[:5_000]), proceed=proceed)

    assert [(f.rule, f.event, f.pointer) for f in captured.faults] == [(Rule.SIZE, 0, "/epcisBody/eventList/0")]
    assert captured.epcis_ids == ([new_event(2)["eventID"]] if proceed else [])
    assert len(journal.rows()) == int(proceed)


@pytest.mark.parametrize("proceed", [False, True])
def test_a_context_has_its_bound(journal: Journal, *, proceed: bool) -> None:
    """A context of more prefixes than anybody needs is refused: it would be told again with every event."""
    prefixes = {f"p{number}": f"https://example.org/{number}/" for number in range(3_000)}
    data = dumped({**new_document(new_event(1)), "@context": [CONTEXT, prefixes]})
    captured = journal.capture_bytes(data, proceed=proceed)

    assert [(f.rule, f.event, f.pointer) for f in captured.faults] == [(Rule.SIZE, None, "/@context")]
    assert journal.rows() == []


def test_a_large_document_is_one_transaction(journal: Journal) -> None:
    """A document larger than a batch is stored whole, in its order."""
    captured = journal.capture(*(new_event(n) for n in range(4_500)))

    assert captured.event_ids == sorted(captured.event_ids)
    assert [row[1] for row in journal.rows()] == [new_event(n)["eventID"] for n in range(4_500)]


def test_what_a_document_needs_is_looked_up(journal: Journal) -> None:
    """Capturing and declaring wrong read no table and no index through: a long journal costs no more."""
    tables = ["epcis_event", "trace_node", "trace_thing", "trace_containment"]
    packed = [
        new_event(
            number,
            type="AggregationEvent",
            action="ADD",
            epcList=None,
            parentID=f"urn:epc:id:sscc:952012.1{number:010}",
            childEPCs=[f"urn:epc:id:sgtin:9520123.045678.{number}"],
        )
        for number in range(3_000)
    ]
    for start in range(0, len(packed), 1_000):
        assert not journal.capture(*packed[start : start + 1_000]).faults

    sql = "select sum(seq_tup_read + idx_tup_fetch)::integer from pg_stat_xact_user_tables where relname = any(%s)"
    with tenant_transaction(journal.pool, journal.tenant_id) as conn:
        ((before,),) = conn.execute(sql, [tables])  # what the connection read earlier may not be told yet
        again = [{**event, "eventID": f"{event['eventID']}0"} for event in packed[:10]]
        document = new_document(*again, *map(declared_wrong, packed[10:20]))
        assert not capture(conn, journal.tenant_id, dumped(document)).faults
        ((after,),) = conn.execute(sql, [tables])

    assert 0 < after - before < 500
