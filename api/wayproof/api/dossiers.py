"""The audit dossier: what `trace` knows of a thing and what `ledger` can prove of it, put into one file.

Only here do the two rooms meet; neither imports the other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter

from wayproof.ledger.bundles import make_bundle
from wayproof.ledger.verify.dossier import BUNDLES, EVENTS, MOST_BYTES, READINGS, pack
from wayproof.model.canonical import reading_bytes
from wayproof.model.custody import StoredHandoff, shipment_item
from wayproof.model.errors import InvalidInput, NotFound
from wayproof.model.shipment import Shipment
from wayproof.store import evidence, handoffs, shipments
from wayproof.store.journal import JournalEvent
from wayproof.store.pool import Conn
from wayproof.trace.exports.compliance import Sheet, Sources, tables_of
from wayproof.trace.exports.fsma import CTE
from wayproof.trace.exports.gdp import TemperatureStatement, temperature_statement
from wayproof.trace.exports.journal_document import journal_document
from wayproof.trace.exports.pages import dossier_page, temperature_page
from wayproof.trace.exports.places import known_places
from wayproof.trace.exports.related import Recorded, recorded
from wayproof.trace.exports.sheets import to_csv
from wayproof.trace.identifiers import canonical_uri, display, parse

_MOST_HANDOFFS: Final = 5_000
_STATEMENT: Final = TypeAdapter(TemperatureStatement)


@dataclass(kw_only=True)
class _Parts:
    """What has been gathered so far."""

    subject: str
    title: str
    chain: Sequence[StoredHandoff]
    found: Recorded
    statements: Sequence[TemperatureStatement]
    files: dict[str, bytes] = field(default_factory=dict)
    #: What a reader may expect and does not find, and why.
    missing: list[str] = field(default_factory=list)


def item_dossier(conn: Conn, tenant_id: UUID, text: str) -> bytes:
    """The dossier of a lot, thing or container, by any spelling. NotFound where the tenant knows nothing of it."""
    uri = canonical_uri(text)
    chain = _chain(conn, dict.fromkeys((text, uri)), None)
    found = _recorded(conn, tenant_id, [uri])
    if not (chain or found.stored):
        raise NotFound(f"no event names {uri}, and no handoff of it was yours")
    own = sorted({each.shipment_id for each in chain if each.shipment_id and each.shipment_tenant_id == tenant_id})
    parts = _Parts(
        subject=uri,
        title=display(parse(text)),
        chain=chain,
        found=found,
        statements=[_statement(conn, shipments.get_shipment(conn, each)) for each in own],
    )
    return _packed(conn, tenant_id, parts)


def shipment_dossier(conn: Conn, tenant_id: UUID, shipment_id: UUID) -> bytes:
    """The dossier of a shipment and of the items handed over with it. NotFound where the tenant has none of that id."""
    shipment = shipments.get_shipment(conn, shipment_id)
    item = shipment_item(shipment_id)
    chain = _chain(conn, [item], shipment_id)
    parts = _Parts(
        subject=item,
        title=f"Shipment {shipment.reference}",
        chain=chain,
        found=_recorded(conn, tenant_id, dict.fromkeys((item, *(canonical_uri(each.item) for each in chain)))),
        statements=[_statement(conn, shipment)],
    )
    return _packed(conn, tenant_id, parts)


def _chain(conn: Conn, items: Iterable[str], shipment_id: UUID | None) -> list[StoredHandoff]:
    found = [
        each
        for item in items
        for each in handoffs.list_chain(conn, item=item, shipment_id=shipment_id, limit=_MOST_HANDOFFS)
    ]
    return sorted(found, key=lambda each: (each.item, each.seq))


def _recorded(conn: Conn, tenant_id: UUID, uris: Iterable[str]) -> Recorded:
    try:
        return recorded(conn, tenant_id, uris)
    except NotFound:
        return Recorded(things=frozenset(), stays={}, stored=(), events=())


def _statement(conn: Conn, shipment: Shipment) -> TemperatureStatement:
    # Of what has ended the same statement is made at any time: the dossier's bytes stay the same.
    ended = shipment.delivered_at or shipment.cancelled_at
    return temperature_statement(conn, shipment.shipment_id, now=ended or datetime.now(UTC))


def _packed(conn: Conn, tenant_id: UUID, parts: _Parts) -> bytes:
    for handoff in parts.chain:
        _add_proof(conn, tenant_id, handoff, parts)
    if parts.found.stored:
        parts.files[EVENTS] = journal_document(parts.found.stored).encode()
        _add_sheet(conn, parts)
    for statement in parts.statements:
        parts.files[f"temperature/{statement.shipment_id}.json"] = _STATEMENT.dump_json(statement)
        parts.files[f"temperature/{statement.shipment_id}.html"] = temperature_page(statement).encode()
    as_of = _as_of(parts)
    parts.files["report.html"] = dossier_page(_report(conn, parts, as_of)).encode()
    return pack(parts.files, subject=parts.subject, as_of=as_of.isoformat())


def _add_sheet(conn: Conn, parts: _Parts) -> None:
    sources = Sources(found=parts.found, places=known_places(conn, parts.found.events))
    try:
        tables = tables_of(Sheet.FSMA204, sources)
    except InvalidInput as error:
        parts.missing.append(f"fsma204.csv: {error}")
        return
    if any(table.rows for table in tables):
        parts.files["fsma204.csv"] = to_csv(tables, CTE)


def _add_proof(conn: Conn, tenant_id: UUID, handoff: StoredHandoff, parts: _Parts) -> None:
    name = _name(handoff)
    try:
        parts.files[f"{BUNDLES}{name}.json"] = make_bundle(conn, handoff).data
    except NotFound as error:
        parts.missing.append(f"Handoff {handoff.seq} of {handoff.item}: {error}")
        return
    if handoff.evidence_id is None:
        return
    found = evidence.get_evidence(conn, handoff.evidence_id)
    if found.tenant_id != tenant_id:
        parts.missing.append(f"Readings of handoff {handoff.seq} of {handoff.item}: they are the other party's")
        return
    room = MOST_BYTES - sum(map(len, parts.files.values()))
    lines = (reading_bytes(device, stored).hex() for device, stored in evidence.list_readings(conn, found))
    parts.files[f"{READINGS}{name}.txt"] = _joined(lines, room // 2)


def _joined(lines: Iterator[str], most_bytes: int) -> bytes:
    data = bytearray()
    for line in lines:
        data += f"{line}\n".encode()
        if len(data) > most_bytes:
            raise InvalidInput(
                "dossier: expected readings that fit one file, got more; ask for a shipment or a single item"
            )
    return bytes(data)


def _name(handoff: StoredHandoff) -> str:
    return f"{handoff.seq:04}-{handoff.handoff_id}"


def _as_of(parts: _Parts) -> datetime:
    """The time of the newest record in the dossier, not of its making: the same records make the same bytes."""
    times = [each.record_time for each in parts.found.stored]
    times += [each.answered_at or each.created_at for each in parts.chain]
    times += [statement.made_at for statement in parts.statements]
    return max(times).astimezone(UTC)


def _report(conn: Conn, parts: _Parts, as_of: datetime) -> Mapping[str, Any]:
    events = parts.found.events
    places = known_places(conn, events)
    return {
        "title": parts.title,
        "subject": parts.subject,
        "as_of": as_of,
        "events": [
            {
                "at": each.at,
                "step": each.words,
                "things": _things(each.uris),
                "where": places.get(each.where or "", each.where or ""),
            }
            for each in events
        ],
        "void": [_void(each) for each in parts.found.stored if each.is_void],
        "handoffs": [_handoff(each, parts.files) for each in parts.chain],
        "statements": parts.statements,
        "missing": parts.missing,
        "files": sorted(parts.files),
    }


def _things(uris: Sequence[str]) -> str:
    shown = 5
    more = f" and {len(uris) - shown} more" if len(uris) > shown else ""
    return "; ".join(uris[:shown]) + more


def _void(stored: JournalEvent) -> dict[str, Any]:
    return {"at": stored.event_time, "id": stored.epcis_id}


def _handoff(handoff: StoredHandoff, files: Mapping[str, bytes]) -> dict[str, Any]:
    path = f"{BUNDLES}{_name(handoff)}.json"
    return {
        "at": handoff.record.occurred_at if handoff.record else None,
        "item": handoff.item,
        "seq": handoff.seq,
        "releaser": handoff.releaser.name,
        "receiver": handoff.receiver.name,
        "readings": handoff.record.evidence_size if handoff.record else 0,
        "anchor": handoff.anchor_state.value if handoff.anchor_state else "",
        "bundle": path if path in files else "",
    }
