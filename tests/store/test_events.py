"""The journal of EPCIS events: appended to, by tenant, found by its indexes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from wayproof.store import captures, events
from wayproof.store.arrays import TextArray
from wayproof.store.captures import Outcome
from wayproof.store.events import NewEvent
from wayproof.store.pool import Conn, Pool, tenant_transaction
from wayproof.store.settings import DatabaseSettings

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def new(epcis_id: str, **fields: object) -> NewEvent:
    """An event."""
    values: dict[str, object] = {
        "epcis_id": epcis_id,
        "event_type": "ObjectEvent",
        "action": "OBSERVE",
        "event_time": NOON,
        "biz_step": None,
        "disposition": None,
        "read_point": None,
        "biz_location": None,
        "declared_at": None,
        "body": json.dumps({"id": epcis_id}),
        "canonical": "{}",
        "terms": ("00000000000000aa", "00000000000000bb", "00000000000000aa"),
        "numbers": (("quantity", "kg", 1.5),),
        **fields,
    }
    return NewEvent(**values)  # type: ignore[arg-type]


def append(conn: Conn, tenant: UUID, *rows: NewEvent) -> list[int]:
    """Appends events."""
    return events.add_events(conn, tenant, events.prepare(rows), capture_id=None, context_id=None, record_time=NOON)


@pytest.fixture
def tenant(tenant_factory: Callable[[str], UUID]) -> UUID:
    """A tenant."""
    return tenant_factory("acme")


def test_texts_pass_as_they_are(api_pool: Pool) -> None:
    """An array of texts arrives with every character, and None as null."""
    texts = ['{"a": "\\"', "", None, "ä€\U0001f4a9", "{}, NULL", "\t\n\\"]
    with api_pool.connection() as conn:
        assert conn.execute("select %s", [TextArray(texts)]).fetchone() == (texts,)
        assert conn.execute("select %s", [TextArray([])]).fetchone() == ([],)


def test_events_get_ascending_numbers(api_pool: Pool, superuser: Conn, tenant: UUID) -> None:
    """Events are numbered in their order, with their words once each and their numbers beside them."""
    with tenant_transaction(api_pool, tenant) as conn:
        places = append(conn, tenant, new("urn:a:1"), new("urn:a:2", numbers=(), action=None))

    assert places == sorted(places)
    rows = superuser.execute(
        "select event_id, epcis_id, action, declared_at, terms::text from epcis_event order by event_id"
    ).fetchall()
    words = "'00000000000000aa' '00000000000000bb'"
    assert rows == [
        (places[0], "urn:a:1", "OBSERVE", None, words),
        (places[1], "urn:a:2", None, None, words),
    ]
    numbers = superuser.execute("select event_id, field, dimension, value from event_number").fetchall()
    assert numbers == [(places[0], "quantity", "kg", 1.5)]


def test_the_journal_tells_events_from_declarations(api_pool: Pool, tenant: UUID) -> None:
    """Of each id the journal tells whether it has an event, and the time of each declaration."""
    with tenant_transaction(api_pool, tenant) as conn:
        append(conn, tenant, new("urn:a:1"), new("urn:a:1", declared_at=NOON), new("urn:a:2", declared_at=NOON))
        assert events.find_known(conn, tenant, ["urn:a:1", "urn:a:2", "urn:a:3"]) == {
            ("urn:a:1", None),
            ("urn:a:1", NOON),
            ("urn:a:2", NOON),
        }


def test_a_context_is_kept_once(api_pool: Pool, superuser: Conn) -> None:
    """The same context has the same number, whoever sends it, and however long it is."""
    contexts = ["[]", json.dumps(["x" * 100_000]), "[]"]
    with api_pool.connection() as conn:
        first, second, third = (events.add_context(conn, content) for content in contexts)

    assert first == third != second
    assert superuser.execute("select count(*) from epcis_context").fetchone() == (2,)


@pytest.mark.parametrize("table", ["epcis_event", "event_number"])
def test_nothing_in_the_journal_is_changed(api_pool: Pool, tenant: UUID, table: str) -> None:
    """The API's role can neither change nor delete what the journal holds."""
    for statement in (f"delete from {table}", f"update {table} set tenant_id = null"):  # noqa: S608 - from the list above
        with pytest.raises(psycopg.errors.InsufficientPrivilege), tenant_transaction(api_pool, tenant) as conn:
            conn.execute(statement.encode())


def test_tenants_see_their_own(api_pool: Pool, tenant: UUID, tenant_factory: Callable[[str], UUID]) -> None:
    """Events, numbers, jobs and documents are seen by their tenant alone, and written for no other."""
    other = tenant_factory("other")
    with tenant_transaction(api_pool, tenant) as conn:
        append(conn, tenant, new("urn:a:1"))
        job = captures.create_capture(conn, tenant, is_proceeding=False, is_lenient=False)
        captures.keep_document(conn, tenant, job, b"{}")
    for table in ("epcis_event", "tenant_epcis_event", "event_number", "epcis_capture", "epcis_capture_document"):
        statement = f"select count(*) from {table}".encode()  # noqa: S608 - from the list above
        with tenant_transaction(api_pool, other) as conn:
            assert conn.execute(statement).fetchone() == (0,)
        with tenant_transaction(api_pool, tenant) as conn:
            assert conn.execute(statement).fetchone() == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), tenant_transaction(api_pool, other) as conn:
        append(conn, tenant, new("urn:a:2"))


def test_words_are_found_by_their_index(api_pool: Pool, superuser: Conn, tenant: UUID) -> None:
    """Under the tenant's view the index on words can be used; below row-level security it could not."""
    with tenant_transaction(api_pool, tenant) as conn:
        append(conn, tenant, *(new(f"urn:a:{number}", terms=(f"{number:016x}",)) for number in range(500)))
    superuser.execute("vacuum analyze epcis_event")
    with tenant_transaction(api_pool, tenant) as conn:
        conn.execute("set local enable_seqscan = off")
        plans = [
            str(conn.execute(f"explain select from {name} where terms @@ '000000000000002a'".encode()).fetchall())
            for name in ("tenant_epcis_event", "epcis_event")
        ]

    assert ["epcis_event_by_terms" in plan for plan in plans] == [True, False]


def test_a_job_is_finished_once_written_down(api_pool: Pool, database: DatabaseSettings, tenant: UUID) -> None:
    """A job that was made waits with its document; finished, it says how it went and the document is gone."""
    with tenant_transaction(api_pool, tenant) as conn:
        job = captures.create_capture(conn, tenant, is_proceeding=True, is_lenient=True)
        captures.keep_document(conn, tenant, job, b"\x00{}")
    with tenant_transaction(api_pool, tenant) as conn:
        document = captures.take_document(conn, job)
        assert document is not None
        assert (document.content, document.is_proceeding, document.is_lenient) == (b"\x00{}", True, True)
        with tenant_transaction(api_pool, tenant) as another:
            assert captures.take_document(another, job) is None
            assert captures.count_try(another, job) is None
        outcome = Outcome(is_success=False, events=3, errors=[{"said": "x"}], forgiven=[], envelope='{"a": 1}')
        captures.finish_capture(conn, job, outcome)
        captures.drop_document(conn, job)
        found = captures.get_capture(conn, job)
    assert found.finished_at is not None
    assert (found.is_success, found.events, found.errors) == (False, 3, [{"said": "x"}])
    with api_pool.connection() as conn:
        assert captures.list_waiting(conn, 10) == []
