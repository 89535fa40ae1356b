"""What could not be understood, kept byte for byte with topic, time and reason."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from wayproof.model.errors import QuarantineReason
from wayproof.store.faults import unavailable_on_any_error
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.registry import KnownDevice
from wayproof.store.rows import fetch_all, fetch_one
from wayproof.store.violations import domain_errors

_SQL: Final = load("quarantine")
_MAX_DETAIL: Final = 1_000
_ROW_BYTES: Final = 512
"""What a row weighs beside its payload: topic, detail, three indexes."""
_MOST_DROPPED: Final = 20_000
"""Rows in one transaction: it must end well within any statement's time-out."""


class Message(Struct, frozen=True, kw_only=True):
    """A message as it came off the broker."""

    topic: str
    payload: bytes
    #: Our own clock when it came; aware, UTC.
    received_at: datetime
    #: The name in the topic; None where the topic is not one of the protocol.
    device_name: str | None
    #: Whom the name belongs to; None where nobody of that name may send.
    device: KnownDevice | None
    #: False: it came before, was kept then, and is only judged again.
    is_new: bool = True


class Rejection(Struct, frozen=True, kw_only=True):
    """A message, or one item of it, that yields no reading."""

    message: Message
    #: The item's own bytes where the message holds several, else all of them.
    raw: bytes
    reason: QuarantineReason
    detail: str
    #: The number that it bore, where at least that could be read; both or neither.
    boot: int | None = None
    seq: int | None = None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What waits in quarantine, without its bytes. Texts hold whatever was sent."""

    quarantine_id: int
    #: The name in the topic, where there is one.
    device: str | None
    topic: str
    reason: QuarantineReason
    detail: str
    times_received: int
    first_received_at: datetime
    last_received_at: datetime
    payload_bytes: int


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """What was forgotten of a device for a reason."""

    device: str | None
    reason: QuarantineReason
    messages: int
    payload_bytes: int
    first_received_at: datetime
    last_received_at: datetime


@dataclass(frozen=True, kw_only=True)
class KeptMessage(Kept):
    """The same with its bytes."""

    payload: bytes


def list_kept(
    conn: Conn, *, reason: QuarantineReason | None, device: str | None, since: datetime | None, limit: int
) -> list[Kept]:
    """What came last, newest first. `since` is compared with the last time that it came."""
    params = {"reason": reason, "device": device, "since": since, "limit": limit}
    return fetch_all(conn, _kept, _SQL["list_kept"], params)


def get_kept(conn: Conn, quarantine_id: int) -> KeptMessage:
    """One of them; NotFound where it does not wait here (any more)."""
    what = f"message {quarantine_id} in quarantine"
    return fetch_one(conn, _kept_message, _SQL["get_kept"], {"quarantine_id": quarantine_id}, what)


def select_kept(conn: Conn, *, reason: QuarantineReason | None = None, ids: Sequence[int] | None = None) -> list[int]:
    """The ids of what waits for that reason, or of those of `ids` that wait, ascending; without either, all."""
    params = {"reason": reason, "ids": None if ids is None else list(ids)}
    with domain_errors():
        return [int(quarantine_id) for (quarantine_id,) in conn.execute(_SQL["select_kept"], params)]


def read_kept(conn: Conn, ids: Sequence[int]) -> list[KeptMessage]:
    """Those of `ids` that wait, by id."""
    return fetch_all(conn, _kept_message, _SQL["read_kept"], {"ids": list(ids)})


def release(conn: Conn, ids: Sequence[int]) -> None:
    """Forgets messages whose readings are committed."""
    with domain_errors():
        conn.execute(_SQL["release"], {"ids": list(ids)})


def drop_old(conn: Conn, *, before: datetime) -> Iterator[Dropped]:
    """Forgets what last came before that time, a part at a time, and tells what that was."""
    return _drop(conn, "drop_old", before=before)


def drop_surplus(conn: Conn, *, most_bytes: int) -> Iterator[Dropped]:
    """Forgets the oldest of each device that has more than that, a part at a time, and tells what that was.

    Who floods loses evidence of its own and of nobody else; what is wrong with it now stays to be seen.
    """
    return _drop(conn, "drop_surplus", most_bytes=most_bytes, row_bytes=_ROW_BYTES)


def _drop(conn: Conn, query: str, **params: Any) -> Iterator[Dropped]:
    while parts := _drop_part(conn, query, {**params, "limit": _MOST_DROPPED}):
        yield from parts


def _drop_part(conn: Conn, query: str, params: Mapping[str, Any]) -> list[Dropped]:
    with unavailable_on_any_error(), conn.transaction():
        return fetch_all(conn, _dropped, _SQL[query], params)


def put_aside(conn: Conn, rejections: Sequence[Rejection]) -> None:
    """Keeps each of `rejections` in the caller's transaction."""
    if rejections:
        with conn.cursor() as cursor:
            cursor.executemany(_SQL["put_aside"], _reduce(rejections))


def digest(topic: str, raw: bytes) -> bytes:
    """The identity of bytes on a topic: SHA-256 over the topic's length, the topic and the bytes."""
    name = topic.encode("utf-8", "surrogatepass")
    return sha256(len(name).to_bytes(4, "big") + name + raw).digest()


def _kept(reason: str, **fields: Any) -> Kept:
    return Kept(reason=QuarantineReason(reason), **fields)


def _dropped(reason: str, **fields: Any) -> Dropped:
    return Dropped(reason=QuarantineReason(reason), **fields)


def _kept_message(reason: str, **fields: Any) -> KeptMessage:
    return KeptMessage(reason=QuarantineReason(reason), **fields)


def _reduce(rejections: Iterable[Rejection]) -> list[dict[str, Any]]:
    """One row a digest, in the order of digests: writers that lock in the same order do not deadlock."""
    rows: dict[bytes, dict[str, Any]] = {}
    for rejection in rejections:
        row = _row(rejection)
        seen = rows.setdefault(row["digest"], row)
        if seen is not row:
            row["times_received"] += seen["times_received"]
            row["first_received_at"] = seen["first_received_at"]
            rows[row["digest"]] = row
    return [rows[key] for key in sorted(rows)]


def _row(rejection: Rejection) -> dict[str, Any]:
    message = rejection.message
    return {
        "digest": digest(message.topic, rejection.raw),
        "tenant_id": message.device.tenant_id if message.device else None,
        "device": message.device_name,
        "topic": _storable(message.topic),
        "payload": rejection.raw,
        "reason": rejection.reason.value,
        "detail": _storable(rejection.detail)[:_MAX_DETAIL],
        "times_received": int(message.is_new),
        "first_received_at": message.received_at,
        "last_received_at": message.received_at,
    }


def _storable(text: str) -> str:
    """PostgreSQL's text holds neither NUL nor lone surrogates, and what is quoted here may be anything."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
