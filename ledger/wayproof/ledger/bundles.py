"""Bundles: everything that a verifier needs of one handoff, in one JSON file, with no server of ours."""

import json
from dataclasses import dataclass
from typing import Any

from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.notes import NoteKey
from wayproof.ledger.typed_data import record_of, seconds_of
from wayproof.ledger.verify.bundle import FORMAT
from wayproof.model.canonical import canonical_json
from wayproof.model.custody import AnchorPlace, StoredHandoff
from wayproof.model.errors import NotFound
from wayproof.model.handoff import AnchorState, Handoff
from wayproof.model.log import LogIdentity, SignedCheckpoint
from wayproof.store import handoffs, log
from wayproof.store.pool import Conn


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """A bundle as bytes (RFC 8785)."""

    data: bytes
    #: Whether its anchor is the first one, and final: it stays as it is, unless something of the handoff is erased.
    is_final: bool


def make_bundle(conn: Conn, handoff: StoredHandoff, *, is_newest: bool = False) -> Bundle:
    """The bundle of an accepted handoff: under the checkpoint that is anchored, else under the newest signed one.

    The first anchor above the handoff dates it best. By `is_newest` it is the newest, which comes after keys that the
    contract learnt late.
    NotFound where the handoff is not accepted, is erased, or stands below no signed checkpoint yet.
    """
    record, leaf_index, salt = handoff.record, handoff.leaf_index, handoff.leaf_salt
    if leaf_index is None:
        raise NotFound(f"no bundle: handoff {handoff.handoff_id} is {handoff.state.value}, expected an accepted one")
    if record is None or salt is None:
        raise NotFound(f"no bundle: handoff {handoff.handoff_id} is erased")
    anchor = handoffs.anchor_of(conn, leaf_index, is_newest=is_newest)
    checkpoint = log.checkpoint_at(conn, anchor.size) if anchor else _newest(conn, leaf_index)
    identity = log.identity(conn)
    document = {
        "format": FORMAT,
        "domain": {"chainId": identity.chain_id, "contract": to_address(identity.contract)},
        "salt": to_hex(salt),
        "leafIndex": leaf_index,
        "inclusion": [to_hex(each) for each in log.inclusion_proof(conn, leaf_index, checkpoint.size)],
        "checkpoint": checkpoint.note,
        "logKey": NoteKey(name=identity.origin, public_key=identity.public_key).vkey,
        "anchor": _anchor(identity, anchor) if anchor else None,
        **_signed(handoff, record),
        **_details(handoff),
    }
    is_final = anchor is not None and anchor.state is AnchorState.FINAL and not is_newest
    return Bundle(data=canonical_json(document), is_final=is_final)


def _newest(conn: Conn, leaf_index: int) -> SignedCheckpoint:
    newest = log.latest_checkpoint(conn)
    if newest is None or newest.size <= leaf_index:
        raise NotFound(f"no bundle yet: leaf {leaf_index} stands below no signed checkpoint; try again in a minute")
    return newest


def _signed(handoff: StoredHandoff, record: Handoff) -> dict[str, Any]:
    signatures = {
        "releaser": to_hex(handoff.releaser.signature or b""),
        "receiver": to_hex(handoff.receiver.signature or b""),
    }
    return {"record": record_of(record), "signatures": signatures}


def _details(handoff: StoredHandoff) -> dict[str, Any]:
    if handoff.details is not None and handoff.details_salt is not None:
        return {"details": json.loads(handoff.details), "detailsSalt": to_hex(handoff.details_salt)}
    erased_at = handoff.erased_at.replace(microsecond=0) if handoff.erased_at else handoff.created_at
    return {"erased": {"details": True, "erasedAt": seconds_of(erased_at, pointer="/erased/erasedAt")}}


def _anchor(identity: LogIdentity, anchor: AnchorPlace) -> dict[str, Any]:
    return {
        "chainId": identity.chain_id,
        "contract": to_address(identity.contract),
        "size": anchor.size,
        "root": to_hex(anchor.root),
        "txHash": to_hex(anchor.tx_hash),
        "blockNumber": anchor.block_number,
        "blockHash": to_hex(anchor.block_hash),
        "blockTime": seconds_of(anchor.block_time, pointer="/anchor/blockTime"),
    }
