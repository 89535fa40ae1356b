"""Records by itself, as EPCIS events, what happened: each shipment and handoff in a transaction of its own.

What cannot be told, because somebody gave an impossible time for instance, keeps nothing else waiting.
"""

from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Final

import structlog

from wayproof.model.errors import InvalidInput, Unavailable
from wayproof.store import untold
from wayproof.store.pool import Pool, tenant_transaction, transaction
from wayproof.store.untold import Untold
from wayproof.store.violations import domain_errors
from wayproof.trace.sensing import record

_AT_ONCE: Final = 100
_LONGEST_REASON: Final = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """What is recorded by itself, and when."""

    #: Below which readings and rules are found, as events name them; no slash at its end.
    api_url: str
    #: How often to look for something new; zero: never.
    every: timedelta
    #: How long after it happened here: readings that are still under way come along.
    settled: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What came of one shipment or handoff."""

    #: Ids of new events.
    epcis_ids: tuple[str, ...] = ()
    #: Why nothing was recorded; None where all is well.
    failure: str | None = None


def work(pool: Pool, recording: Recording, stop: Event) -> None:
    """Records until `stop` is set."""
    rest_s = recording.every.total_seconds()
    while rest_s and not stop.is_set():
        try:
            record_due(pool, recording)
        except Unavailable as error:
            _log.warning("database does not serve", error=str(error))
        stop.wait(rest_s)


def record_due(pool: Pool, recording: Recording) -> int:
    """Records what is to be told now, of all tenants; how many events that were."""
    count = 0
    while True:
        with domain_errors(), transaction(pool) as conn:
            due = untold.list_untold(conn, settled=recording.settled, limit=_AT_ONCE)
        new = sum(len(tell(pool, each, recording.api_url).epcis_ids) for each in due)
        count += new
        if len(due) < _AT_ONCE or not new:
            return count


def tell(pool: Pool, subject: Untold, api_url: str) -> Told:
    """Records what there is to tell of one shipment or handoff, unless somebody else is about it."""
    try:
        with domain_errors(), tenant_transaction(pool, subject.tenant_id) as conn:
            if not untold.take(conn, subject):
                return Told()
            recorded = record(conn, subject, api_url=api_url)
            untold.drop(conn, subject)
    except Unavailable:
        raise
    except InvalidInput as error:
        return _postponed(pool, subject, str(error))
    except Exception:  # noqa: BLE001 - whatever it is, nothing else must wait for it
        _log.exception("recording failed", kind=subject.kind, subject_id=str(subject.subject_id))
        return _postponed(pool, subject, "a fault on our side; the log of wayproof.trace says more")
    for epcis_id in recorded:
        _log.info("recorded", epcis_id=epcis_id)
    return Told(epcis_ids=tuple(recorded))


def _postponed(pool: Pool, subject: Untold, reason: str) -> Told:
    with domain_errors(), tenant_transaction(pool, subject.tenant_id) as conn:
        untold.postpone(conn, subject, failure=reason[:_LONGEST_REASON])
    _log.warning("not recorded", kind=subject.kind, subject_id=str(subject.subject_id), reason=reason)
    return Told(failure=reason)
