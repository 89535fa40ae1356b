"""Third parties' documents through the journal and back."""

import json
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from wayproof.store.events import StoredEvent, get_events
from wayproof.store.pool import Conn, Pool, tenant_transaction
from wayproof.trace.capture import Captured, capture
from wayproof.trace.epcis.context import context_of
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.event_hash import document_hashes
from wayproof.trace.epcis.query_document import query_document
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.epcis.rules import Rule
from wayproof.trace.epcis.validate import Checked, events_of

from epcis_conformance import outcomes, repeated_events
from epcis_vectors import invalid_files, needs_vectors, valid_files, xml_files

pytestmark = needs_vectors

_ADDED: Final = frozenset({"eventID", "recordTime", "@context"})


class Journals:
    """A journal for each document, as documents of one author use the same ids again."""

    def __init__(self, pool: Pool, make: Callable[[str], UUID]) -> None:
        self.pool = pool
        self._make = make
        self._numbers = count(1)

    def capture(self, data: bytes, *, lenient: bool = False, proceed: bool = False) -> tuple[Captured, dict[str, Any]]:
        """What came of a document, and the query document in which its events come back."""
        tenant_id = self._make(f"tenant-{next(self._numbers)}")
        with tenant_transaction(self.pool, tenant_id) as conn:
            captured = capture(conn, tenant_id, data, lenient=lenient, proceed=proceed)
            stored = [each for epcis_id in dict.fromkeys(captured.epcis_ids) for each in get_events(conn, epcis_id)]
        document: dict[str, Any] = read_json(query_document(sorted(stored, key=_place)).encode())
        return captured, document


def _place(stored: StoredEvent) -> int:
    return stored.event_id


@pytest.fixture
def journals(api_pool: Pool, tenant_factory: Callable[[str], UUID]) -> Journals:
    """Journals to capture into."""
    return Journals(api_pool, tenant_factory)


def content(path: Path) -> bytes:
    """A document, without the comment that its author says to strip."""
    if path.parent.name != "fsma204":
        return path.read_bytes()
    document = json.loads(path.read_bytes())
    document.pop("_comment_gs1us_mapping", None)
    return json.dumps(document).encode()


def plain(document: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Each event of a document with what its names mean, without what capture adds; and the context in force there."""
    context = context_of(document)
    return [
        ({name: value for name, value in event.items() if name not in _ADDED}, context.within(event.get("@context")))
        for event in events_of(document)[1]
    ]


@pytest.fixture(scope="module")
def valid() -> dict[str, bytes]:
    """The bytes of the documents that their authors call valid and that a strict check takes, by name."""
    files = {**valid_files(), **xml_files()}
    good = {name for name, got in outcomes().items() if isinstance(got, Checked) and got.is_valid}
    return {name: content(files[name]) for name in sorted(good)}


def test_valid_documents_come_back_equal(journals: Journals, valid: dict[str, bytes]) -> None:
    """Every event comes back with the same fields, values and meaning of names; what is repeated is refused."""
    repeated = {name for name, data in valid.items() if repeated_events(read_document(data))}
    for name, data in valid.items():
        captured, document = journals.capture(data, proceed=name in repeated)
        assert {fault.rule for fault in captured.faults} == ({Rule.DUPLICATE} if name in repeated else set()), name
        taken = {fault.event for fault in captured.faults}
        sent = [each for place, each in enumerate(plain(read_document(data))) if place not in taken]
        assert plain(document) == sent, name
    assert len(valid) > 140
    assert all(name.startswith("event-hash/") for name in repeated)


def test_an_unread_id_is_given_back_with_the_event(journals: Journals, valid: dict[str, bytes]) -> None:
    """Events come back with the eventID that they were sent with, or else their hash, and a record time."""
    for name in [name for name in valid if name.startswith("gs1-epcis/")]:
        captured, document = journals.capture(valid[name])
        events = events_of(document)[1]
        assert [event["eventID"] for event in events] == captured.epcis_ids
        sent = read_document(valid[name])
        assert captured.epcis_ids == [
            event.get("eventID") or wanted
            for event, wanted in zip(events_of(sent)[1], document_hashes(sent), strict=True)
        ]
        assert all(event["recordTime"] for event in events)


def test_the_rest_is_captured_leniently(journals: Journals) -> None:
    """Of GS1's and OpenEPCIS's valid documents all but the unreadable one are captured by a lenient import."""
    files = {name: path for name, path in valid_files().items() if not name.startswith("event-hash/")}
    refused = [name for name, path in files.items() if journals.capture(content(path), lenient=True)[0].faults]

    assert refused == ["gs1-epcis/JSON/AssociationEvent/AssociationEvent-h.jsonld"]
    assert len(files) > 100


@pytest.mark.parametrize("proceed", [False, True])
def test_invalid_documents_leave_nothing(journals: Journals, superuser: Conn, *, proceed: bool) -> None:
    """Every document that its authors call invalid is refused with a pointer; no event at fault is stored."""
    for name, path in invalid_files().items():
        captured, _ = journals.capture(content(path), proceed=proceed)
        assert captured.faults, name
        good = len(events_of(read_json(content(path)))[1]) - len({fault.event for fault in captured.faults})
        assert len(captured.event_ids) == (good if proceed and None not in {f.event for f in captured.faults} else 0)
        assert all(fault.pointer or fault.event is None or fault.said for fault in captured.faults)
    if not proceed:
        assert superuser.execute("select count(*) from epcis_event").fetchone() == (0,)
