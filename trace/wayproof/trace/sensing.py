"""Wayproof's own EPCIS events: departures, arrivals, excursions and handoffs, with what the sensors saw on the way.

EPCIS is not meant for raw sensor data (EPCIS and CBV Implementation Guideline §5.9): each event tells least, greatest
and mean temperature of a leg, and names where the readings are (`rawData`) and by which rule they were judged
(`bizRules`).
Departures and arrivals are those that the shipment's owner told.

Each event has an id made of what it tells of, so it is recorded once, however often this runs; an event that was
recorded stays as it is, whatever is corrected or read later: the temperature statement tells that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from wayproof.model.custody import shipment_item
from wayproof.model.errors import InvalidInput
from wayproof.model.shipment import Shipment
from wayproof.model.telemetry import Leg
from wayproof.store import climates, evidence, handoffs, sensing, shipments, telemetry
from wayproof.store.events import get_events
from wayproof.store.pool import Conn
from wayproof.store.sensing import Journey
from wayproof.store.untold import Kind, Untold
from wayproof.trace.capture import capture_event
from wayproof.trace.epcis.formats import canonical_identifier
from wayproof.trace.epcis.query_document import written_time
from wayproof.trace.epcis.writing import write_json
from wayproof.trace.epcis.xml_in import CONTEXT_URL
from wayproof.trace.exports.gdp import band_of
from wayproof.trace.exports.temperature import Band, Climate, Excursion, climate

_EVENT: Final = "urn:wayproof:event"
_DIGITS: Final = 3

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What one sensor saw of one leg."""

    leg: Leg
    climate: Climate


def record(conn: Conn, untold: Untold, *, api_url: str) -> list[str]:
    """Records what there is to tell of a shipment or handoff and no event tells; the ids of the new events.

    Args:
        conn: within a transaction of the tenant.
        untold: of what.
        api_url: address of the API, below which `rawData` and `bizRules` lie; no slash at its end.

    Raises:
        InvalidInput: an event that is not valid; nothing is recorded then.
    """
    tell = _handed_over if untold.kind is Kind.HANDOFF else _travelled
    made = tell(conn, untold, api_url)
    return [epcis_id for event in made for epcis_id in _captured(conn, untold.tenant_id, event)]


def _captured(conn: Conn, tenant_id: UUID, event: Json) -> Iterable[str]:
    # Lenient: an item may break the rules of its scheme, and was handed over nevertheless.
    data = write_json({"@context": CONTEXT_URL, **event}).encode()
    captured = capture_event(conn, tenant_id, data, lenient=True)
    if captured.faults:
        raise InvalidInput(f"event {event['eventID']}: {captured.faults[0]}")
    return captured.epcis_ids


def _handed_over(conn: Conn, untold: Untold, api_url: str) -> Iterator[Json]:
    (handoff,) = handoffs.get_handoffs(conn, [untold.subject_id])
    name = f"handoff:{handoff.handoff_id}"
    if handoff.record is None or _is_known(conn, name):  # erased, or told
        return
    here = f"{api_url}/v1/handoffs/{handoff.handoff_id}"
    event = _event(name, canonical_identifier(handoff.item), "accepting", handoff.record.occurred_at)
    event["sourceList"] = [{"type": "possessing_party", "source": _party(handoff.releaser.party_id)}]
    event["destinationList"] = [{"type": "possessing_party", "destination": _party(handoff.receiver.party_id)}]
    event["bizTransactionList"] = [{"type": "upevt", "bizTransaction": f"{here}/bundle"}]
    seen = [] if handoff.evidence_id is None else _signed(conn, untold.tenant_id, handoff.evidence_id)
    yield _with_sensors(event, seen, raw_data=f"{here}/evidence", rule=None)


def _is_known(conn: Conn, name: str) -> bool:
    """Whether an event of ours tells it."""
    return bool(get_events(conn, f"{_EVENT}:{name}"))


def _signed(conn: Conn, tenant_id: UUID, evidence_id: UUID) -> list[_Seen]:
    """What the readings under a handoff say; nothing where they are the other party's."""
    found = evidence.get_evidence(conn, evidence_id)
    legs = (sensing.leg_of(conn, leg) for leg in found.legs) if found.tenant_id == tenant_id else ()
    return list(_seen(conn, (leg for leg in legs if leg), Band(min_c=None, max_c=None)))


def _travelled(conn: Conn, untold: Untold, api_url: str) -> Iterator[Json]:
    shipment = shipments.get_shipment(conn, untold.subject_id)
    journey, name = sensing.get_journey(conn, untold.subject_id), f"departure:{untold.subject_id}"
    if shipment.picked_up_at and not _is_known(conn, name):
        event = _event(name, shipment_item(shipment.shipment_id), "departing", shipment.picked_up_at)
        yield {**event, "readPoint": {"id": _site(journey.origin_gln, journey.origin_site_id)}}
    if shipment.delivered_at and not _is_known(conn, f"arrival:{untold.subject_id}"):
        yield from _arrived(conn, journey, shipment, shipment.delivered_at, f"{api_url}/v1")


def _arrived(conn: Conn, journey: Journey, shipment: Shipment, at: datetime, api: str) -> Iterator[Json]:
    """The arrival, with what every sensor saw on the way, and each excursion."""
    item = shipment_item(shipment.shipment_id)
    rule = f"{api}/condition-profiles/{shipment.profile.id}" if shipment.profile else None
    raw_data = f"{api}/shipments/{shipment.shipment_id}/series?measure=temperature_c"
    seen = list(_seen(conn, telemetry.list_legs(conn, shipment.shipment_id), band_of(shipment)))
    for each in seen:
        for excursion in each.climate.excursions:
            yield _exceeded(shipment, each, excursion, raw_data=raw_data, rule=rule)
    event = _event(f"arrival:{shipment.shipment_id}", item, "arriving", at)
    event["readPoint"] = {"id": _site(journey.destination_gln, journey.destination_site_id)}
    yield _with_sensors(event, seen, raw_data=raw_data, rule=rule)


def _exceeded(shipment: Shipment, seen: _Seen, excursion: Excursion, *, raw_data: str, rule: str | None) -> Json:
    begins_us = int(excursion.begins_at.timestamp() * 1_000_000)
    name = f"excursion:{shipment.shipment_id}:{seen.leg.device}:{begins_us}"
    event = _event(name, shipment_item(shipment.shipment_id), "sensor_reporting", excursion.ends_at)
    peak = "maxValue" if excursion.is_above else "minValue"
    metadata = _metadata(seen.leg.device, excursion.begins_at, excursion.ends_at, raw_data, rule)
    reports = [
        {"type": "Temperature", peak: round(excursion.peak_c, _DIGITS), "uom": "CEL"},
        {"type": "Temperature", "exception": "ALARM_CONDITION"},
    ]
    return {**event, "sensorElementList": [{"sensorMetadata": metadata, "sensorReport": reports}]}


def _with_sensors(event: Json, seen: Iterable[_Seen], *, raw_data: str, rule: str | None) -> Json:
    elements = [_element(each, raw_data, rule) for each in seen]
    return {**event, "sensorElementList": elements} if elements else event


def _element(seen: _Seen, raw_data: str, rule: str | None) -> Json:
    found = seen.climate
    report = {
        "type": "Temperature",
        "minValue": round(found.min_c, _DIGITS),
        "maxValue": round(found.max_c, _DIGITS),
        "meanValue": round(found.mean_c, _DIGITS),
        "uom": "CEL",
    }
    metadata = _metadata(seen.leg.device, found.first_at, found.last_at, raw_data, rule)
    return {"sensorMetadata": metadata, "sensorReport": [report]}


def _metadata(device: str, begins_at: datetime, ends_at: datetime, raw_data: str, rule: str | None) -> Json:
    metadata = {
        "startTime": written_time(begins_at),
        "endTime": written_time(ends_at),
        "deviceID": f"urn:wayproof:device:{device}",
        "rawData": raw_data,
    }
    return {**metadata, "bizRules": rule} if rule else metadata


def _seen(conn: Conn, legs: Iterable[Leg], band: Band) -> Iterator[_Seen]:
    for leg in legs:
        samples = climates.list_temperatures(conn, leg)
        until = leg.ends_at or (samples[-1][0] if samples else leg.begins_at)
        found = climate(samples, band, since=leg.begins_at, until=until)
        if found:
            yield _Seen(leg=leg, climate=found)


def _event(name: str, item: str, step: str, at: datetime) -> Json:
    return {
        "type": "ObjectEvent",
        "eventID": f"{_EVENT}:{name}",
        "action": "OBSERVE",
        "epcList": [item],
        "bizStep": step,
        "eventTime": written_time(at.astimezone(UTC)),
        "eventTimeZoneOffset": "+00:00",
    }


def _site(gln: str | None, site_id: UUID) -> str:
    return f"https://id.gs1.org/414/{gln}" if gln else f"urn:wayproof:site:{site_id}"


def _party(party_id: UUID) -> str:
    return f"urn:wayproof:party:{party_id}"
