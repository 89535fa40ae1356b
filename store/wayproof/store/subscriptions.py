"""Queries of events under a name, and subscribers who are told by webhook what these find anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one, fetch_optional, fetch_tuples
from wayproof.store.violations import domain_errors

_SQL: Final = load("subscriptions")


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedQuery:
    """A query under a name."""

    name: str
    #: Parameters as they were given, JSON.
    body: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSubscription:
    """A subscriber to be."""

    query_name: str
    dest: str
    #: "" for unsigned.
    signature_token: str
    #: Fields as of cron; None: at once.
    schedule: Mapping[str, str] | None
    report_if_empty: bool
    epc_format: str
    #: Nothing recorded before is told.
    initial_record_time: datetime
    #: Place in the journal after which telling begins.
    last_seen_id: int
    due_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A subscriber, without the secret."""

    subscription_id: UUID
    query_name: str
    dest: str
    schedule: Mapping[str, str] | None
    report_if_empty: bool
    epc_format: str
    initial_record_time: datetime
    created_at: datetime
    #: When the other side last said 200.
    last_told_at: datetime | None
    #: Since the last success.
    failures: int
    last_failure: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A subscriber for whom it is time to look, and the query."""

    subscription_id: UUID
    query_name: str
    dest: str
    signature_token: str
    schedule: Mapping[str, str] | None
    report_if_empty: bool
    epc_format: str
    initial_record_time: datetime
    last_seen_id: int
    failures: int
    last_failure: str | None
    #: Of the query.
    body: str


def create_query(conn: Conn, tenant_id: UUID, name: str, body: str) -> NamedQuery:
    """A new query. Conflict where the name is taken."""
    params = {"tenant_id": tenant_id, "name": name, "body": body}
    return fetch_one(conn, NamedQuery, _SQL["create_query"], params, "query made")


def get_query(conn: Conn, name: str) -> NamedQuery:
    """The query of that name; NotFound where there is none."""
    return fetch_one(conn, NamedQuery, _SQL["get_query"], {"name": name}, f"query {name!r}")


def list_queries(conn: Conn, *, after_name: str, limit: int) -> list[NamedQuery]:
    """Queries by name, from after a name on."""
    return fetch_all(conn, NamedQuery, _SQL["list_queries"], {"after": after_name, "limit": limit})


def drop_query(conn: Conn, name: str) -> bool:
    """Forgets a query and its subscribers; whether there was one."""
    return bool(fetch_tuples(conn, _SQL["drop_query"], {"name": name}))


def create_subscription(conn: Conn, tenant_id: UUID, new: NewSubscription) -> Subscription:
    """A new subscriber."""
    params = {
        "tenant_id": tenant_id,
        "query_name": new.query_name,
        "dest": new.dest,
        "signature_token": new.signature_token,
        "schedule": None if new.schedule is None else Jsonb(new.schedule),
        "report_if_empty": new.report_if_empty,
        "epc_format": new.epc_format,
        "initial_record_time": new.initial_record_time,
        "last_seen_id": new.last_seen_id,
        "due_at": new.due_at,
    }
    return fetch_one(conn, Subscription, _SQL["create_subscription"], params, "subscription made")


def get_subscription(conn: Conn, query_name: str, subscription_id: UUID) -> Subscription:
    """One subscriber of a query; NotFound where there is none."""
    params = {"query_name": query_name, "subscription_id": subscription_id}
    return fetch_one(conn, Subscription, _SQL["get_subscription"], params, f"subscription {subscription_id}")


def list_subscriptions(
    conn: Conn, query_name: str, *, position: tuple[datetime, UUID] | None, limit: int
) -> list[Subscription]:
    """Subscribers of a query in order of subscription, from after `position` (creation time and id) on."""
    params = {"query_name": query_name, **after(position), "limit": limit}
    return fetch_all(conn, Subscription, _SQL["list_subscriptions"], params)


def drop_subscription(conn: Conn, query_name: str, subscription_id: UUID) -> bool:
    """Forgets a subscriber; whether there was one."""
    params = {"query_name": query_name, "subscription_id": subscription_id}
    return bool(fetch_tuples(conn, _SQL["drop_subscription"], params))


def list_due(conn: Conn, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Tenant and subscriber of those of all tenants for whom it is time to look, the longest overdue first."""
    with domain_errors():
        conn.execute(_SQL["see_due"])
    rows = fetch_tuples(conn, _SQL["list_due"], {"now": now, "limit": limit})
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in rows]


def take_due(conn: Conn, subscription_id: UUID, now: datetime) -> Due | None:
    """A subscriber for this transaction alone; None where somebody else is telling, or there is no hurry any more."""
    return fetch_optional(conn, Due, _SQL["take_due"], {"subscription_id": subscription_id, "now": now})


def note_told(
    conn: Conn, subscription_id: UUID, *, last_seen_id: int, told_at: datetime | None, due_at: datetime
) -> None:
    """Notes that all is told up to a place; `told_at` is None where there was nothing to tell."""
    params = {"last_seen_id": last_seen_id, "told_at": told_at, "due_at": due_at}
    with domain_errors():
        conn.execute(_SQL["note_told"], {"subscription_id": subscription_id, **params})


def note_failure(conn: Conn, subscription_id: UUID, *, reason: str, due_at: datetime) -> None:
    """Notes that telling failed, and when to try again."""
    params = {"subscription_id": subscription_id, "reason": reason, "due_at": due_at}
    with domain_errors():
        conn.execute(_SQL["note_failure"], params)
