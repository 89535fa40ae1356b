"""Events of the journal as one EPCIS document that anybody can capture again."""

from collections.abc import Sequence
from typing import Final

from wayproof.store.events import StoredEvent
from wayproof.store.journal import JournalEvent
from wayproof.trace.epcis.formats import EpcFormat
from wayproof.trace.epcis.query_document import event_out, written_time
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.epcis.writing import write_json
from wayproof.trace.epcis.xml_in import CONTEXT_URL

_VERSION: Final = "2.0"


def journal_document(found: Sequence[JournalEvent]) -> str:
    """JSON of an EPCISDocument with these events as they came in, each with its eventID and recordTime.

    Its creation date is that of its newest event, so the same events are the same text.
    """
    first, *others = {each.context for each in found} or {None}
    head = CONTEXT_URL if others or first is None else read_json(first.encode())
    return write_json(
        {
            "@context": head,
            "type": "EPCISDocument",
            "schemaVersion": _VERSION,
            "creationDate": written_time(max(each.record_time for each in found)),
            "epcisBody": {"eventList": [event_out(_stored(each), head, EpcFormat.NEVER_TRANSLATES) for each in found]},
        }
    )


def _stored(each: JournalEvent) -> StoredEvent:
    return StoredEvent(
        event_id=each.event_id,
        epcis_id=each.epcis_id,
        record_time=each.record_time,
        body=each.body,
        context=each.context,
    )
