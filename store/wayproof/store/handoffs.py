"""Handoffs as they stand. Who may do what, and what must hold, is decided in `wayproof.ledger.custody`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from wayproof.model.custody import Acceptance, AnchorPlace, Erasure, ItemHead, NewHandoff, Refusal, Side, StoredHandoff
from wayproof.model.errors import Conflict, NotFound
from wayproof.model.handoff import AnchorState, Handoff, HandoffState, Party
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one, fetch_optional
from wayproof.store.violations import domain_errors

_SQL: Final = load("handoffs")

_RECORD: Final = (
    "item",
    "seq",
    "prev",
    "releaser",
    "receiver",
    "occurred_at",
    "expires_at",
    "details_hash",
    "evidence_root",
    "evidence_size",
    "seen_size",
    "seen_root",
)


def create_handoff(conn: Conn, new: NewHandoff) -> StoredHandoff:
    """A draft. Conflict where one of this digest exists; InvalidInput where the tenant has no such shipment."""
    values = {name: getattr(new, name) for name in NewHandoff.__slots__ if name != "record"}
    values |= {name: getattr(new.record, name) for name in _RECORD}
    handoff_id = fetch_one(conn, _id, _SQL["create_handoff"], values, "handoff made")
    return get_handoff(conn, handoff_id)


def get_handoff(conn: Conn, handoff_id: UUID) -> StoredHandoff:
    """One handoff; NotFound where the tenant may see none of that id."""
    return get_handoffs(conn, [handoff_id])[0]


def get_handoffs(conn: Conn, handoff_ids: Sequence[UUID]) -> list[StoredHandoff]:
    """Handoffs in the order of their ids in `handoff_ids`; NotFound where the tenant may not see one of them."""
    rows = fetch_all(conn, _handoff, _SQL["get_handoffs"], {"handoff_ids": list(handoff_ids)})
    found = {handoff.handoff_id: handoff for handoff in rows}
    missing = next((wanted for wanted in handoff_ids if wanted not in found), None)
    if missing is not None:
        raise NotFound(f"no handoff {missing}")
    return [found[wanted] for wanted in handoff_ids]


def lock_handoffs(conn: Conn, handoff_ids: Sequence[UUID]) -> list[StoredHandoff]:
    """The same, held against other changes until the transaction ends."""
    fetch_all(conn, _id, _SQL["lock_handoffs"], {"handoff_ids": list(handoff_ids)})
    return get_handoffs(conn, handoff_ids)


def list_handoffs(
    conn: Conn,
    *,
    position: tuple[datetime, UUID] | None = None,
    limit: int,
    item: str | None = None,
    shipment_id: UUID | None = None,
    state: HandoffState | None = None,
) -> list[StoredHandoff]:
    """Up to `limit` handoffs of the tenant, newest first, from after `position` (creation time and id) on."""
    values = {**after(position), "limit": limit, "item": item, "shipment_id": shipment_id, "state": state}
    return fetch_all(conn, _handoff, _SQL["list_handoffs"], values)


def list_chain(
    conn: Conn, *, item: str, shipment_id: UUID | None = None, position: tuple[str, int] | None = None, limit: int
) -> list[StoredHandoff]:
    """Up to `limit` accepted handoffs of an item, and of a shipment where one is given, by item and seq.

    Only those that the tenant may see: where others held the item in between, numbers are missing.
    """
    after_item, after_seq = position or ("", 0)
    values = {
        "item": item,
        "shipment_id": shipment_id,
        "after_item": after_item,
        "after_seq": after_seq,
        "limit": limit,
    }
    return fetch_all(conn, _handoff, _SQL["list_chain"], values)


def item_heads(conn: Conn, holders: Collection[tuple[str, UUID]]) -> Mapping[str, ItemHead]:
    """The last accepted handoff by item, as far as the party that claims to hold it may know; none: no entry."""
    values = {"items": [item for item, _ in holders], "holders": [holder for _, holder in holders]}
    return dict(fetch_all(conn, _head, _SQL["item_heads"], values))


def seen_checkpoint(conn: Conn) -> tuple[int, bytes] | None:
    """Size and root of the latest checkpoint that is final on the chain."""
    return fetch_optional(conn, _checkpoint, _SQL["seen_checkpoint"], {})


def anchor_of(conn: Conn, leaf_index: int, *, is_newest: bool = False) -> AnchorPlace | None:
    """The first anchor on the chain that covers a leaf, or the newest, a final one where there is one."""
    name = "newest_anchor_of" if is_newest else "anchor_of"
    return fetch_optional(conn, _anchor_place, _SQL[name], {"leaf_index": leaf_index})


def set_offered(conn: Conn, handoff_id: UUID, signature: bytes) -> None:
    """The proposer has signed a draft."""
    _change(conn, "set_offered", {"handoff_id": handoff_id, "signature": signature})


def set_amended(conn: Conn, handoff_id: UUID) -> None:
    """An offer was answered with another handoff."""
    _change(conn, "set_amended", {"handoff_id": handoff_id})


def set_refused(conn: Conn, handoff_id: UUID, refusal: Refusal) -> None:
    """An offer was refused."""
    _change(conn, "set_refused", {"handoff_id": handoff_id, **asdict(refusal)})


def set_accepted(conn: Conn, accepted: Sequence[Acceptance]) -> None:
    """Offers were accepted, and their leaves appended. Conflict where an item has been handed over otherwise."""
    values = {
        "handoff_ids": [each.handoff_id for each in accepted],
        "signatures": [each.signature for each in accepted],
        "leaf_indexes": [each.leaf_index for each in accepted],
    }
    _change(conn, "set_accepted", values, rows=len(accepted))


def erase(conn: Conn, handoff_id: UUID, *, is_whole: bool) -> None:
    """For operators: details and their salt go, with `is_whole` keys and signatures too. Conflict where they have."""
    query = _SQL["erase_keys" if is_whole else "erase_details"]
    if fetch_optional(conn, _id, query, {"handoff_id": handoff_id}) is None:
        raise Conflict(f"handoff {handoff_id}: expected something to erase, and it is erased already")


def same_place(conn: Conn, handoff_id: UUID) -> list[UUID]:
    """Other handoffs, of any tenant, for the same place of the item's chain that still hold details. For operators."""
    return fetch_all(conn, _id, _SQL["same_place"], {"handoff_id": handoff_id})


def find_leaf(conn: Conn, handoff_id: UUID) -> int | None:
    """Where a handoff of any tenant stands in the log, held until the transaction ends. For operators."""
    what = f"handoff {handoff_id}"
    [leaf_index] = fetch_one(conn, _leaf_index, _SQL["find_leaf"], {"handoff_id": handoff_id}, what)
    return leaf_index


def record_erasure(
    conn: Conn,
    *,
    handoff_id: UUID,
    is_whole: bool,
    reason: str,
    erased_by: str,
    leaf_index: int | None,
    tombstone_index: int | None,
) -> Erasure:
    """Writes down what an operator erased."""
    values = {
        "handoff_id": handoff_id,
        "is_whole": is_whole,
        "reason": reason,
        "erased_by": erased_by,
        "leaf_index": leaf_index,
        "tombstone_index": tombstone_index,
    }
    return fetch_one(conn, Erasure, _SQL["record_erasure"], values, "erasure recorded")


def _change(conn: Conn, query: str, values: Mapping[str, Any], *, rows: int = 1) -> None:
    with domain_errors():
        changed = conn.execute(_SQL[query], values).rowcount
    if changed != rows:
        raise Conflict("the handoff has been answered in the meantime")


def _id(*, handoff_id: UUID) -> UUID:
    return handoff_id


def _leaf_index(*, leaf_index: int | None) -> tuple[int | None]:
    return (leaf_index,)


def _checkpoint(*, size: int, root: bytes) -> tuple[int, bytes]:
    return size, root


def _anchor_place(*, state: str, **columns: Any) -> AnchorPlace:
    return AnchorPlace(state=AnchorState(state), **columns)


def _head(*, item: str, **columns: Any) -> tuple[str, ItemHead]:
    return item, ItemHead(**columns)


def _handoff(**columns: Any) -> StoredHandoff:
    record = Handoff(**{name: columns[name] for name in _RECORD}) if columns["releaser"] else None
    return StoredHandoff(
        record=record,
        releaser=_side(columns, Party.RELEASER),
        receiver=_side(columns, Party.RECEIVER),
        proposer=Party(columns["proposer"]),
        state=HandoffState(columns["state"]),
        refusal=_refusal(columns),
        anchor_state=AnchorState(columns["anchor_state"]) if columns["anchor_state"] else None,
        **_named(columns, _PLAIN),
    )


_PLAIN: Final = (
    "handoff_id",
    "digest",
    "item",
    "seq",
    "amends",
    "shipment_tenant_id",
    "shipment_id",
    "evidence_id",
    "details",
    "details_salt",
    "leaf_index",
    "leaf_salt",
    "version",
    "created_at",
    "offered_at",
    "answered_at",
    "erased_at",
)


def _named(columns: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: columns[name] for name in names}


def _side(columns: Mapping[str, Any], side: Party) -> Side:
    return Side(
        tenant_id=columns[f"{side}_tenant_id"],
        party_id=columns[f"{side}_party_id"],
        name=columns[f"{side}_name"],
        address=columns[side],
        signature=columns[f"{side}_signature"],
        key_revoked_at=columns[f"{side}_key_revoked_at"],
    )


def _refusal(columns: Mapping[str, Any]) -> Refusal | None:
    if columns["refusal_signature"] is None:
        return None
    return Refusal(
        reason=columns["refusal_reason"],
        refused_at=columns["refused_at"],
        signature=columns["refusal_signature"],
    )
