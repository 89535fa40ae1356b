"""Recalls: what was found once, and what was said to recipients and by them. Nothing of it is ever changed."""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import numpy as np
from psycopg.types.json import Jsonb

from wayproof.model.errors import Conflict, NotFound
from wayproof.store.arrays import NEVER, Float8Array, Int4Array, Int8Array, TextArray, TimestamptzArray
from wayproof.store.microseconds import to_microseconds
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one, fetch_optional, fetch_tuples
from wayproof.store.violations import domain_errors

_SQL: Final = load("recalls")
_AT_MOST: Final = 2**31 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRecall:
    """A recall to be."""

    title: str
    reason: str
    is_mock: bool
    #: By which a repeated request is known; None: it is not.
    request_key: str | None
    started_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Recall:
    """A recall, without what was found."""

    recall_id: UUID
    title: str
    reason: str
    is_mock: bool
    started_at: datetime
    created_at: datetime
    closed_at: datetime | None
    closing_note: str
    #: The newest.
    revision: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """What one evaluation found."""

    recall_id: UUID
    revision: int
    #: None: it is the first.
    supersedes: int | None
    criteria: Mapping[str, Any]
    rule_version: int
    readings_as_of: datetime
    journal_as_of: datetime
    began_at: datetime
    scoped_at: datetime
    report: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One affected thing at one place; a thing in several places is several items."""

    ordinal: int
    #: Canonical, as all identifiers here.
    uri: str
    depth: int
    is_container: bool
    #: From when on it counts; None: always, or nobody can tell.
    since: datetime | None
    #: Why it is one from which the recall starts; "" for what was made of such or holds it.
    detail: str
    #: Of its mass that comes from the starts; None: nobody can tell.
    share: float | None
    state: str
    place: str | None
    place_name: str | None
    at_since: datetime | None
    container: str | None
    holder: str | None
    quantity: float | None
    unit: str | None
    event_id: int | None
    #: Whom to tell; None: nobody knows.
    recipient: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Whom a recall concerns, and how it stands with them."""

    notice_id: UUID
    recipient: str
    created_at: datetime
    #: Whether anything is with them by the newest revision.
    is_affected: bool
    #: None until they were told; the first time counts.
    told_at: datetime | None
    told_by: str | None
    told_how: str | None
    told_recorded_at: datetime | None
    #: None until they have answered; the last time counts.
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_how: str | None
    note: str | None
    quantities: Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEntry:
    """Something that was said to a recipient, or by one."""

    kind: Literal["told", "acknowledged"]
    at: datetime
    said_by: str
    means: str
    note: str = ""
    quantities: Sequence[Mapping[str, Any]] = ()
    #: When a link that they were given ends; None: they were given none.
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Something that was said to a recipient, or by one."""

    kind: str
    at: datetime
    recorded_at: datetime
    said_by: str
    means: str
    note: str
    quantities: Sequence[Mapping[str, Any]]
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """What a recipient may know of a recall."""

    #: The tenant's name.
    sender: str
    title: str
    reason: str
    is_mock: bool
    started_at: datetime
    notice_id: UUID
    recipient: str
    recall_id: UUID
    revision: int


def create_recall(conn: Conn, tenant_id: UUID, new: NewRecall) -> Recall | None:
    """A new recall; None where one of that request exists."""
    return fetch_optional(conn, Recall, _SQL["create_recall"], {"tenant_id": tenant_id, **asdict(new)})


def find_request(conn: Conn, request_key: str) -> Recall | None:
    """The recall that a request has made."""
    return fetch_optional(conn, Recall, _SQL["find_request"], {"request_key": request_key})


def get_recall(conn: Conn, recall_id: UUID) -> Recall:
    """One recall; NotFound where the tenant has none of that id."""
    return fetch_one(conn, Recall, _SQL["get_recall"], {"recall_id": recall_id}, f"recall {recall_id}")


def hold_recall(conn: Conn, recall_id: UUID) -> Recall:
    """The same as `open_recall`, held until the transaction ends."""
    fetch_tuples(conn, _SQL["hold_recall"], {"recall_id": recall_id})
    return open_recall(conn, recall_id)


def open_recall(conn: Conn, recall_id: UUID) -> Recall:
    """One recall; Conflict where it is closed."""
    found = get_recall(conn, recall_id)
    if found.closed_at is not None:
        raise Conflict(f"recall {recall_id} was closed at {found.closed_at.isoformat()}")
    return found


def list_recalls(
    conn: Conn, *, position: tuple[datetime, UUID] | None = None, limit: int, is_mock: bool | None = None
) -> list[Recall]:
    """Up to `limit` recalls, newest first, from after `position` (creation time and id) on."""
    params = {**after(position), "limit": limit, "is_mock": is_mock}
    return fetch_all(conn, Recall, _SQL["list_recalls"], params)


def close_recall(conn: Conn, recall_id: UUID, *, closed_at: datetime, note: str) -> None:
    """Ends a recall; Conflict where it has ended."""
    params = {"recall_id": recall_id, "closed_at": closed_at, "note": note}
    if not fetch_tuples(conn, _SQL["close_recall"], params):
        raise Conflict(f"recall {recall_id} is closed already")


def add_revision(conn: Conn, tenant_id: UUID, revision: Revision, items: Sequence[Item]) -> None:
    """Keeps what an evaluation found."""
    params = {
        **{name: getattr(revision, name) for name in _KEPT},
        "tenant_id": tenant_id,
        "criteria": Jsonb(revision.criteria),
        "report": Jsonb(revision.report),
    }
    with domain_errors():
        conn.execute(_SQL["add_revision"], params)
        conn.execute(_SQL["add_items"], {**params, **_columns(items)})


_KEPT: Final = (
    "recall_id",
    "revision",
    "rule_version",
    "readings_as_of",
    "journal_as_of",
    "began_at",
    "scoped_at",
)


def get_revision(conn: Conn, recall_id: UUID, revision: int) -> Revision:
    """What an evaluation found; NotFound where there is no such revision."""
    params = {"recall_id": recall_id, "revision": revision}
    return fetch_one(conn, Revision, _SQL["get_revision"], params, f"revision {revision} of recall {recall_id}")


def list_items(
    conn: Conn,
    recall_id: UUID,
    revision: int,
    *,
    after_ordinal: int = 0,
    limit: int = _AT_MOST,
    recipient: str | None = None,
) -> list[Item]:
    """Affected things, nearest first, from after one on; of one recipient where it is named."""
    params = {
        "recall_id": recall_id,
        "revision": revision,
        "after": after_ordinal,
        "limit": limit,
        "recipient": recipient,
    }
    return fetch_all(conn, Item, _SQL["list_items"], params)


def add_notices(conn: Conn, tenant_id: UUID, recall_id: UUID, recipients: Collection[str]) -> None:
    """Notes whom a recall concerns; those who are known stay."""
    params = {"tenant_id": tenant_id, "recall_id": recall_id, "recipients": TextArray(sorted(recipients))}
    with domain_errors():
        conn.execute(_SQL["add_notices"], params)


def list_notices(
    conn: Conn, recall: Recall, *, after_recipient: str = "", limit: int = _AT_MOST, notice_id: UUID | None = None
) -> list[Notice]:
    """Whom a recall concerns, by recipient, from after one on."""
    params = {
        "recall_id": recall.recall_id,
        "revision": recall.revision,
        "after": after_recipient,
        "limit": limit,
        "notice_id": notice_id,
    }
    return fetch_all(conn, Notice, _SQL["list_notices"], params)


def get_notice(conn: Conn, recall: Recall, notice_id: UUID) -> Notice:
    """One of a recall's notices; NotFound where it has none of that id."""
    found = list_notices(conn, recall, notice_id=notice_id)
    if not found:
        raise NotFound(f"no notice {notice_id} of recall {recall.recall_id}")
    return found[0]


def add_entry(conn: Conn, tenant_id: UUID, notice_id: UUID, entry: NewEntry) -> str | None:
    """Keeps what was said; returns the token of the link where there is one, which nobody can be told again."""
    token = None if entry.expires_at is None else secrets.token_urlsafe(32)
    params = {
        **asdict(entry),
        "tenant_id": tenant_id,
        "notice_id": notice_id,
        "quantities": Jsonb(list(entry.quantities)),
        "token_sha256": None if token is None else bytes.fromhex(_digest(token)),
    }
    if not fetch_tuples(conn, _SQL["add_entry"], params):
        raise NotFound(f"no notice {notice_id}")
    return token


def count_answers(conn: Conn, notice_id: UUID) -> int:
    """How often a recipient has answered."""
    return int(fetch_tuples(conn, _SQL["count_answers"], {"notice_id": notice_id})[0][0])


def list_entries(conn: Conn, notice_id: UUID) -> list[Entry]:
    """Everything that was said to and by a recipient, in the order in which it was recorded."""
    return fetch_all(conn, Entry, _SQL["list_entries"], {"notice_id": notice_id})


def find_token(conn: Conn, token: str) -> tuple[UUID, UUID]:
    """Tenant and notice of a link; NotFound where there is none, or it has ended.

    Works before the tenant is known: row-level security shows a transaction the one entry whose token it names.
    """
    params = {"digest": _digest(token)}
    fetch_tuples(conn, _SQL["name_token"], params)
    found = fetch_tuples(conn, _SQL["find_token"], params)
    if not found:
        raise NotFound("this link is not valid, or no longer: ask whoever sent it for another one")
    tenant_id, notice_id = found[0]
    return tenant_id, notice_id


def get_link(conn: Conn, notice_id: UUID) -> Link:
    """What a recipient may know; NotFound where the recall has ended."""
    found = fetch_optional(conn, Link, _SQL["get_link"], {"notice_id": notice_id})
    if found is None:
        raise NotFound("this recall has been closed: nothing more is to be answered")
    return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _columns(items: Sequence[Item]) -> dict[str, Any]:
    def texts(name: str) -> TextArray:
        return TextArray([getattr(item, name) for item in items])

    def times(name: str) -> TimestamptzArray:
        values = (getattr(item, name) for item in items)
        return TimestamptzArray(np.array([NEVER if at is None else to_microseconds(at) for at in values], np.int64))

    def floats(name: str) -> Float8Array:
        values = (getattr(item, name) for item in items)
        return Float8Array(np.array([np.nan if value is None else value for value in values], float))

    return {
        **{name: Int4Array(np.array([getattr(item, name) for item in items], int)) for name in _INTEGERS},
        **{name: texts(name) for name in _TEXTS},
        **{name: times(name) for name in ("since", "at_since")},
        **{name: floats(name) for name in ("share", "quantity")},
        "event_id": Int8Array(np.array([item.event_id or 0 for item in items], np.int64)),
    }


_INTEGERS: Final = ("ordinal", "depth", "is_container")
_TEXTS: Final = ("uri", "detail", "state", "place", "place_name", "container", "holder", "unit", "recipient")
