"""How the log stands: whose it is, how far its leaves have come, and what is wrong."""

from dataclasses import dataclass
from datetime import datetime

from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.notes import NoteKey
from wayproof.model.anchor import Alarm
from wayproof.model.handoff import AnchorState
from wayproof.store import anchors, log
from wayproof.store.pool import Conn


@dataclass(frozen=True, kw_only=True)
class LedgerStatus:
    """What an operator wants to know of a log."""

    origin: str
    #: The log's key as C2SP writes it: who has it can check every checkpoint.
    log_key: str
    chain_id: int
    contract: str
    leaves: int
    #: Leaves in the newest signed checkpoint; 0 where none was signed.
    checkpoint: int
    #: Leaves below a final anchor.
    final: int
    #: When the first leaf was appended that no final anchor covers; None where there is none.
    waiting_since: datetime | None
    anchors: dict[AnchorState, int]
    #: Alarms that stand, with what they are about.
    alarms: dict[Alarm, str]


@dataclass(frozen=True, kw_only=True)
class AnchorLine:
    """One anchor, for people."""

    size: int
    state: AnchorState
    root: str
    queued_at: datetime
    block: int | None
    transaction: str | None


def status(conn: Conn) -> LedgerStatus:
    """The log behind `conn`; NotFound where none was founded."""
    identity = log.identity(conn)
    checkpoint, final = log.latest_checkpoint(conn), anchors.latest_final(conn)
    final_size = final.size if final else 0
    return LedgerStatus(
        origin=identity.origin,
        log_key=NoteKey(name=identity.origin, public_key=identity.public_key).vkey,
        chain_id=identity.chain_id,
        contract=to_address(identity.contract),
        leaves=log.size(conn),
        checkpoint=checkpoint.size if checkpoint else 0,
        final=final_size,
        waiting_since=anchors.waiting_since(conn, final_size),
        anchors={state: number for state, number in anchors.count_by_state(conn).items() if number},
        alarms={raised.alarm: raised.detail for raised in anchors.alarms(conn)},
    )


def newest_anchors(conn: Conn, limit: int) -> list[AnchorLine]:
    """The newest anchors, largest first."""
    return [
        AnchorLine(
            size=anchor.size,
            state=anchor.state,
            root=anchor.root.hex(),
            queued_at=anchor.queued_at,
            block=anchor.inclusion.block_number if anchor.inclusion else None,
            transaction=anchor.inclusion.tx_hash.hex() if anchor.inclusion else None,
        )
        for anchor in anchors.list_anchors(conn, limit=limit)
    ]
