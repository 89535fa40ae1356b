"""Evidence: the readings of the legs that end in a handoff, as leaf hashes, so that none can change unseen.

The order of the leaves is by device name (as bytes), time of observation, boot and seq.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import kwargs_row

from wayproof.model.canonical import reading_bytes
from wayproof.model.clock import EARLIEST, ClockFlag
from wayproof.model.custody import HASH_BYTES, Evidence, EvidenceLeg, NewEvidence
from wayproof.model.merkle import leaf_hash, root_of
from wayproof.model.reading import Reading
from wayproof.model.telemetry import StoredReading
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all, fetch_one
from wayproof.store.violations import domain_errors

_SQL: Final = load("evidence")
_AT_ONCE: Final = 10_000


def list_spans(conn: Conn, shipment_id: UUID, *, since: datetime | None, until: datetime) -> list[EvidenceLeg]:
    """When which devices of the tenant rode with a shipment from `since` to before `until`; None: from the start."""
    values = {"shipment_id": shipment_id, "since": since or EARLIEST, "until": until}
    return fetch_all(conn, EvidenceLeg, _SQL["list_spans"], values)


def collect(conn: Conn, legs: Sequence[EvidenceLeg], *, cutoff: datetime) -> NewEvidence:
    """Evidence over what stands there now, packed days as well; in memory of 32 bytes a reading."""
    hashes = [leaf for leg in legs for leaf in _leaves(conn, leg, cutoff)]
    return NewEvidence(legs=legs, cutoff=cutoff, root=root_of(hashes), leaf_hashes=b"".join(hashes))


def create_evidence(conn: Conn, *, tenant_id: UUID, evidence: NewEvidence) -> UUID:
    """Stores evidence and returns its id."""
    values = {
        "tenant_id": tenant_id,
        "legs": json.dumps([_leg_document(leg) for leg in evidence.legs]),
        "cutoff": evidence.cutoff,
        "root": evidence.root,
        "leaf_hashes": evidence.leaf_hashes,
    }
    return fetch_one(conn, _id, _SQL["create_evidence"], values, "evidence made")


def get_evidence(conn: Conn, evidence_id: UUID) -> Evidence:
    """Evidence of a handoff that the tenant may see; NotFound otherwise."""
    return fetch_one(conn, _evidence, _SQL["get_evidence"], {"evidence_id": evidence_id}, f"evidence {evidence_id}")


def count_missing(conn: Conn, evidence: Evidence) -> int:
    """How many readings of the evidence have changed or vanished since. Only for the tenant whose devices they are."""
    present = {leaf for leg in evidence.legs for leaf in _leaves(conn, leg, evidence.cutoff)}
    return sum(leaf not in present for leaf in leaves_of(evidence))


def list_readings(conn: Conn, evidence: Evidence) -> Iterator[tuple[str, StoredReading]]:
    """Devices and readings of the evidence as they stand now, in its order. Only for the tenant whose they are."""
    for leg in evidence.legs:
        for stored in _stored(conn, leg, evidence.cutoff):
            yield leg.device, stored


def leaves_of(evidence: NewEvidence) -> list[bytes]:
    """The leaf hashes in their order."""
    data = evidence.leaf_hashes
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def find_reading(conn: Conn, *, device: str, observed_at: datetime, boot: int, seq: int) -> StoredReading:
    """One reading of a device of the tenant, packed or not; NotFound where there is none."""
    values = {"device": device, "observed_at": observed_at, "boot": boot, "seq": seq}
    what = f"reading {boot}/{seq} of {device!r} at {observed_at.isoformat()}"
    return fetch_one(conn, _reading, _SQL["find_reading"], values, what)


def leaf_of(device: str, stored: StoredReading) -> bytes:
    """The leaf hash of one reading as it stands there."""
    return leaf_hash(reading_bytes(device, stored))


def _leaves(conn: Conn, leg: EvidenceLeg, cutoff: datetime) -> Iterator[bytes]:
    return (leaf_of(leg.device, stored) for stored in _stored(conn, leg, cutoff))


def _stored(conn: Conn, leg: EvidenceLeg, cutoff: datetime) -> Iterator[StoredReading]:
    values = {"device": leg.device, "since": leg.begins_at, "until": leg.ends_at, "cutoff": cutoff}
    # A cursor of the server's: a leg may hold more readings than should be in memory at once.
    with domain_errors(), conn.cursor("evidence", row_factory=kwargs_row(_reading)) as cursor:
        cursor.itersize = _AT_ONCE
        yield from cursor.execute(_SQL["list_readings"], values, binary=True)


def _reading(*, received_at: datetime, clock_flags: int, **columns: Any) -> StoredReading:
    return StoredReading(reading=Reading(**columns), received_at=received_at, clock_flags=ClockFlag(clock_flags))


def _leg_document(leg: EvidenceLeg) -> dict[str, str]:
    return {"device": leg.device, "begins_at": leg.begins_at.isoformat(), "ends_at": leg.ends_at.isoformat()}


def _evidence(*, legs: list[dict[str, str]], **columns: Any) -> Evidence:
    return Evidence(
        legs=tuple(
            EvidenceLeg(
                device=leg["device"],
                begins_at=datetime.fromisoformat(leg["begins_at"]),
                ends_at=datetime.fromisoformat(leg["ends_at"]),
            )
            for leg in legs
        ),
        **columns,
    )


def _id(*, evidence_id: UUID) -> UUID:
    return evidence_id
