"""Stored events on their way out: as they came in, with their eventID and recordTime (EPCIS 2.0 §8.2.7, §10.2)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from wayproof.store.events import StoredEvent
from wayproof.trace.epcis.formats import EpcFormat, translated
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.epcis.writing import write_json
from wayproof.trace.epcis.xml_in import CONTEXT_URL

QUERY_NAME: Final = "SimpleEventQuery"
"""The standard's own query, by which whatever is no named query is answered."""


def query_document(
    stored: Sequence[StoredEvent],
    *,
    epcs: EpcFormat = EpcFormat.NO_PREFERENCE,
    query_name: str = QUERY_NAME,
    subscription_id: str | None = None,
) -> str:
    """The JSON of an EPCISQueryDocument that holds these events.

    A context that all of them share stands at its head; otherwise each event has its own.
    """
    first, *others = {each.context for each in stored} or {None}
    head = CONTEXT_URL if others or first is None else read_json(first.encode())
    return write_json(
        {
            "@context": head,
            "type": "EPCISQueryDocument",
            "schemaVersion": "2.0",
            "creationDate": written_time(datetime.now(UTC)),
            "epcisBody": {
                "queryResults": {
                    **({"subscriptionID": subscription_id} if subscription_id else {}),
                    "queryName": query_name,
                    "resultsBody": {"eventList": [event_out(each, head, epcs) for each in stored]},
                }
            },
        }
    )


def single_event(stored: StoredEvent, epcs: EpcFormat = EpcFormat.NO_PREFERENCE) -> str:
    """The JSON of an event that stands alone."""
    return write_json(event_out(stored, None, epcs))


def event_out(stored: StoredEvent, head: Any, epcs: EpcFormat) -> Mapping[str, Any]:
    """The event as it is told; with its document's context, where that is not the one at the head."""
    body = translated(read_json(stored.body.encode()), epcs)
    context = None if stored.context is None else read_json(stored.context.encode())
    made = {"eventID": stored.epcis_id, **body, "recordTime": written_time(stored.record_time)}
    if context is None or context == head:
        return made
    return {**made, "@context": _joined(context, body.get("@context"))}


def written_time(at: datetime) -> str:
    """RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _joined(outer: Any, inner: Any) -> Any:
    """The contexts of a document and of an event in it as one: what comes later counts (JSON-LD 1.1 §4.1).

    GS1's schema takes no part twice: a name stands where it comes first, as what follows builds on its words, and what
    is defined in place where it comes last, as it counts there.
    """
    if inner is None:
        return outer
    parts = [part for each in (outer, inner) for part in (each if isinstance(each, list) else [each])]
    return [
        part
        for place, part in enumerate(parts)
        if part not in (parts[:place] if isinstance(part, str) else parts[place + 1 :])
    ]
