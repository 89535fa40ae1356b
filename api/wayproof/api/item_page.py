"""What the page of one thing shows: where it was, who held it, and where to ask for more."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from wayproof.model.custody import StoredHandoff
from wayproof.store import handoffs
from wayproof.store.pool import Conn
from wayproof.trace.exports.history import Event, histories, valid
from wayproof.trace.exports.places import known_places
from wayproof.trace.identifiers import Identifier, display

_SHOWN: Final = 100


def item_page(conn: Conn, thing: Identifier) -> Mapping[str, Any]:
    """The values of the template; the newest event first."""
    events = valid(histories(conn, [thing.uri]))
    places = known_places(conn, events)
    chain = handoffs.list_chain(conn, item=thing.uri, limit=_SHOWN)
    return {
        "name": display(thing),
        "uri": thing.uri,
        "events": [_row(event, places) for event in events[::-1][:_SHOWN]],
        "event_count": len(events),
        "handoffs": [_handoff(each) for each in chain[::-1]],
        "trace": f"/v1/trace?{urlencode({'item': thing.uri, 'direction': 'both'})}",
        "dossier": f"/v1/dossiers/items/{quote(thing.uri, safe='')}",
        "sheet": f"/v1/exports/fsma204?{urlencode({'id': thing.uri, 'format': 'xlsx'})}",
    }


def _row(event: Event, places: Mapping[str, str]) -> dict[str, Any]:
    return {"at": event.at, "step": event.words, "where": places.get(event.where or "", event.where or "")}


def _handoff(handoff: StoredHandoff) -> dict[str, Any]:
    return {
        "at": handoff.record.occurred_at if handoff.record else handoff.created_at,
        "releaser": handoff.releaser.name,
        "receiver": handoff.receiver.name,
        "anchor": handoff.anchor_state.value if handoff.anchor_state else "",
        "bundle": f"/v1/handoffs/{handoff.handoff_id}/bundle",
    }
