"""Tells subscribers: whoever holds the lock of a subscriber's row tells them, and nobody else.

The place in the journal up to which all is told moves in the transaction in which the other side has said yes. A
worker that dies before has told something that will be told again; nothing is left out and nothing overtakes.
"""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Final
from uuid import UUID

import structlog

from wayproof.model.errors import InvalidInput, Unavailable
from wayproof.store import subscriptions
from wayproof.store.event_queries import newest_place
from wayproof.store.events import StoredEvent
from wayproof.store.pool import Conn, Pool, tenant_transaction, transaction
from wayproof.store.subscriptions import Due
from wayproof.store.violations import domain_errors
from wayproof.trace.epcis.formats import epc_format
from wayproof.trace.epcis.query_document import query_document
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.query.parameters import query_of_json
from wayproof.trace.query.query import Query
from wayproof.trace.query.search import News, since
from wayproof.trace.subscriptions.schedule import read_schedule
from wayproof.trace.subscriptions.webhook import NotDelivered, Reach, post, signature

_REST_S: Final = 0.2
_LONG_REST_S: Final = 2.0
_ROUND: Final = 10
"""Subscribers for each thread before it is asked anew who waits, so that the slow keep nobody waiting for long."""
_TOO_LARGE: Final = 413
_FIRST_DELAY_S: Final = 2.0
_LONGEST_DELAY_S: Final = 3600.0
_LONGEST_REASON: Final = 300

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """How subscribers are told."""

    reach: Reach = field(default_factory=Reach)
    #: Subscribers who are told at the same time.
    threads: int = 4
    #: Events in one message at most.
    batch: int = 100
    #: How soon a subscriber to a stream hears of an event.
    interval: timedelta = timedelta(seconds=1)


def work(pool: Pool, telling: Telling, stop: Event) -> None:
    """Tells subscribers until `stop` is set; what is under way then is finished first."""
    with ThreadPoolExecutor(telling.threads, thread_name_prefix="webhook") as threads:
        while not stop.is_set():
            try:
                rest_s = 0.0 if tell_due(pool, telling, threads) else _REST_S
            except Unavailable as error:
                _log.warning("database does not serve", error=str(error))
                rest_s = _LONG_REST_S
            stop.wait(rest_s)


def tell_due(pool: Pool, telling: Telling, threads: ThreadPoolExecutor) -> int:
    """Tells some of those for whom it is time now; positive where there is more to be told at once."""
    most = _ROUND * telling.threads
    with domain_errors(), transaction(pool) as conn:
        due = subscriptions.list_due(conn, datetime.now(UTC), most)
    return sum(threads.map(lambda one: tell(pool, telling, *one), due)) + (len(due) == most)


def tell(pool: Pool, telling: Telling, tenant_id: UUID, subscription_id: UUID) -> bool:
    """Tells one subscriber what comes next; whether there is more."""
    try:
        with domain_errors(), tenant_transaction(pool, tenant_id) as conn:
            due = subscriptions.take_due(conn, subscription_id, datetime.now(UTC))
            return due is not None and _tell(conn, telling, due)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the others must be told all the same
        _log.exception("telling failed", subscription_id=str(subscription_id))
        _postpone(pool, tenant_id, subscription_id)
        return False


def next_due(schedule: object, telling: Telling, now: datetime) -> datetime:
    """When to look again."""
    return now + telling.interval if schedule is None else read_schedule(schedule).next_after(now)


def _tell(conn: Conn, telling: Telling, due: Due) -> bool:
    now = datetime.now(UTC)
    upto_id = newest_place(conn)
    size = 1 if (due.last_failure or "").startswith(f"HTTP {_TOO_LARGE}") else telling.batch
    news = News(events=(), is_more=False)
    if upto_id > due.last_seen_id:
        news = since(conn, _standing(due), after_id=due.last_seen_id, upto_id=upto_id, limit=size)
    found = news.events
    is_told = bool(found) or (due.schedule is not None and due.report_if_empty)
    if is_told and not _delivered(conn, telling, due, found, now):
        return False
    subscriptions.note_told(
        conn,
        due.subscription_id,
        last_seen_id=found[-1].event_id if news.is_more else upto_id,
        told_at=datetime.now(UTC) if is_told else None,
        due_at=now if news.is_more else next_due(due.schedule, telling, now),
    )
    return news.is_more


def _standing(due: Due) -> Query:
    """The query, of nothing recorded before the subscriber wants to know."""
    query = query_of_json(read_json(due.body.encode()))
    asked = query.record_time.since
    begin = due.initial_record_time if asked is None else max(asked, due.initial_record_time)
    return replace(query, record_time=replace(query.record_time, since=begin))


def _delivered(conn: Conn, telling: Telling, due: Due, found: Sequence[StoredEvent], now: datetime) -> bool:
    body = query_document(
        found,
        epcs=epc_format(due.epc_format),
        query_name=due.query_name,
        subscription_id=str(due.subscription_id),
    ).encode()
    headers = {"Content-Type": "application/json", "GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}
    if due.signature_token:
        headers["GS1-Signature"] = signature(due.signature_token, body)
    try:
        post(due.dest, body, headers, telling.reach)
    except (NotDelivered, InvalidInput) as error:
        is_batch_too_large = getattr(error, "status", None) == _TOO_LARGE and len(found) > 1
        due_at = now if is_batch_too_large else now + _delay(due.failures)
        subscriptions.note_failure(conn, due.subscription_id, reason=str(error)[:_LONGEST_REASON], due_at=due_at)
        _log.warning("not delivered", subscription_id=str(due.subscription_id), reason=str(error))
        return False
    return True


def _delay(failures: int) -> timedelta:
    """Twice as long each time, up to an hour, and not the same for all who fail together."""
    longest = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(failures, 20))
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def _postpone(pool: Pool, tenant_id: UUID, subscription_id: UUID) -> None:
    with domain_errors(), tenant_transaction(pool, tenant_id) as conn:
        due_at = datetime.now(UTC) + timedelta(seconds=_LONG_REST_S * 30)
        subscriptions.note_failure(conn, subscription_id, reason="a fault on our side", due_at=due_at)
