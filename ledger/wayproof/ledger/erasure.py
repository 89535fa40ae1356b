"""Erasing what a handoff says of persons. The leaf's hash, and with it every other proof, stays."""

from datetime import datetime
from uuid import UUID

from wayproof.ledger.leaves import new_salt, tombstone_entry, tombstone_payload
from wayproof.model.custody import Erasure
from wayproof.model.log import NewEntry
from wayproof.store import handoffs, log
from wayproof.store.pool import Conn


def erase(conn: Conn, handoff_id: UUID, *, is_whole: bool, reason: str, erased_by: str, now: datetime) -> Erasure:
    """Erases details and their salt, and with `is_whole` keys, signatures and the leaf's payload and salt as well.

    Appends a tombstone for a handoff that is in the log, and writes down who erased what and why; `reason` goes into
    both, so it must name nobody. For operators, past row-level security. NotFound without such a handoff, Conflict
    where it is erased already.
    """
    leaf_index = handoffs.find_leaf(conn, handoff_id)
    handoffs.erase(conn, handoff_id, is_whole=is_whole)
    tombstone_index = None
    if leaf_index is not None:
        tombstone = _tombstone(leaf_index, reason, now)
        if is_whole:
            tombstone_index = log.erase_entry(conn, leaf_index, tombstone=tombstone)
        else:
            tombstone_index = log.append(conn, [tombstone]).start
    return handoffs.record_erasure(
        conn,
        handoff_id=handoff_id,
        is_whole=is_whole,
        reason=reason,
        erased_by=erased_by,
        leaf_index=leaf_index,
        tombstone_index=tombstone_index,
    )


def _tombstone(leaf_index: int, reason: str, now: datetime) -> NewEntry:
    salt = new_salt()
    payload = tombstone_payload(erased=leaf_index, erased_at=now.replace(microsecond=0), reason=reason)
    return NewEntry(kind="tombstone", entry=tombstone_entry(payload, salt), salt=salt, payload=payload)
