"""Anchors as stored: written by one anchorer, read by everybody who asks how far a leaf has come."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from wayproof.model.anchor import Alarm, Anchor, AnchorTransaction, Inclusion, RaisedAlarm
from wayproof.model.handoff import AnchorState
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all, fetch_one, fetch_optional
from wayproof.store.violations import domain_errors

_SQL: Final = load("anchors")


def lock(conn: Conn) -> bool:
    """Makes the session of `conn` the only anchorer until it ends; False where another is."""
    with domain_errors():
        return conn.execute(_SQL["lock"]).fetchone() == (True,)


def queue(conn: Conn, *, size: int, root: bytes, note_hash: bytes) -> None:
    """Wants the checkpoint of `size` on the chain; nothing happens where that is known."""
    _run(conn, "queue", size=size, root=root, note_hash=note_hash)


def unsettled(conn: Conn) -> list[Anchor]:
    """Anchors that are neither final nor superseded, smallest first, with their transactions."""
    return _with_transactions(conn, fetch_all(conn, _anchor, _SQL["unsettled"], {}))


def get(conn: Conn, size: int) -> Anchor:
    """One anchor with its transactions; NotFound where there is none of that size."""
    found = fetch_one(conn, _anchor, _SQL["get"], {"size": size}, f"anchor of {size} leaves")
    return _with_transactions(conn, [found])[0]


def latest_final(conn: Conn) -> Anchor | None:
    """The largest final anchor, with its transactions."""
    return next(iter(_with_transactions(conn, fetch_all(conn, _anchor, _SQL["latest_final"], {}))), None)


def latest(conn: Conn) -> Anchor | None:
    """The largest anchor that the chain holds or may still take, without its transactions."""
    return fetch_optional(conn, _anchor, _SQL["latest"], {})


def list_anchors(conn: Conn, *, limit: int) -> list[Anchor]:
    """The newest anchors, with their transactions."""
    return _with_transactions(conn, fetch_all(conn, _anchor, _SQL["list"], {"limit": limit}))


def store_transaction(conn: Conn, transaction: AnchorTransaction) -> None:
    """Keeps a signed transaction, which no node may hear of before this is committed."""
    _run(conn, "store_transaction", **asdict(transaction))


def mark_submitted(conn: Conn, tx_hash: bytes, at: datetime) -> None:
    """A node has taken the transaction."""
    _run(conn, "submitted", tx_hash=tx_hash, at=at)


def mark_refused(conn: Conn, tx_hash: bytes, refusal: str) -> None:
    """No node has taken the transaction."""
    _run(conn, "refused", tx_hash=tx_hash, refusal=refusal)


def move(conn: Conn, size: int, state: AnchorState, inclusion: Inclusion | None) -> None:
    """Writes down how an anchor stands, and where where it is mined, safe or final."""
    place: Mapping[str, Any] = asdict(inclusion) if inclusion else dict.fromkeys(Inclusion.__slots__)
    _run(conn, "move", size=size, state=state.value, **place)


def count_by_state(conn: Conn) -> dict[AnchorState, int]:
    """How many anchors are in each state; every state is there."""
    with domain_errors():
        counted = {AnchorState(state): number for state, number in conn.execute(_SQL["count_by_state"]).fetchall()}
    return {state: counted.get(state, 0) for state in AnchorState}


def waiting_since(conn: Conn, size: int) -> datetime | None:
    """When the first leaf was appended that a checkpoint of `size` leaves out; None where it leaves none out."""
    with domain_errors():
        row = conn.execute(_SQL["waiting_since"], {"size": size}).fetchone()
    return row[0] if row else None


def put_alarms(conn: Conn, alarms: Mapping[Alarm, str]) -> None:
    """These alarms stand, with their details, and no others."""
    with domain_errors(), conn.transaction():
        conn.execute(_SQL["lower_alarms"], {"standing": [alarm.value for alarm in alarms]})
        for alarm, detail in alarms.items():
            conn.execute(_SQL["raise_alarm"], {"alarm": alarm.value, "detail": detail})


def alarms(conn: Conn) -> list[RaisedAlarm]:
    """What stands, oldest first."""
    return fetch_all(conn, _alarm, _SQL["alarms"], {})


def _run(conn: Conn, name: str, **params: Any) -> None:
    with domain_errors():
        conn.execute(_SQL[name], params)


def _with_transactions(conn: Conn, anchors: Sequence[Anchor]) -> list[Anchor]:
    sizes: Collection[int] = [anchor.size for anchor in anchors]
    signed = fetch_all(conn, _transaction, _SQL["transactions"], {"sizes": sizes})
    return [replace(anchor, transactions=tuple(tx for tx in signed if tx.size == anchor.size)) for anchor in anchors]


def _anchor(
    *,
    state: str,
    tx_hash: bytes | None,
    block_number: int,
    block_hash: bytes,
    block_time: datetime,
    fee_wei: Decimal,
    **columns: Any,
) -> Anchor:
    inclusion = tx_hash and Inclusion(
        tx_hash=tx_hash,
        block_number=block_number,
        block_hash=block_hash,
        block_time=block_time,
        fee_wei=int(fee_wei),
    )
    return Anchor(state=AnchorState(state), inclusion=inclusion or None, **columns)


def _transaction(*, max_fee_wei: Decimal, priority_fee_wei: Decimal, **columns: Any) -> AnchorTransaction:
    return AnchorTransaction(max_fee_wei=int(max_fee_wei), priority_fee_wei=int(priority_fee_wei), **columns)


def _alarm(*, alarm: str, **columns: Any) -> RaisedAlarm:
    return RaisedAlarm(alarm=Alarm(alarm), **columns)
