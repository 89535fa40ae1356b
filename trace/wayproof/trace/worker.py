"""Works off documents that the API has taken: each in one transaction, so that it is captured once or not at all."""

from dataclasses import asdict
from threading import Event
from typing import Final
from uuid import UUID

import structlog

from wayproof.model.errors import Unavailable
from wayproof.store import captures
from wayproof.store.captures import Outcome
from wayproof.store.pool import Pool, tenant_transaction, transaction
from wayproof.store.violations import domain_errors
from wayproof.trace.capture import fulfil
from wayproof.trace.epcis.rules import Rule
from wayproof.trace.epcis.validate import Fault

MOST_TRIES: Final = 10
"""Then a document is given up: it has ended that many workers, or met a fault of ours."""
_MOST_IN_VAIN: Final = MOST_TRIES // 2
"""So many tries count at most where the database did not serve: others go first, and it is not given up."""

_AT_ONCE: Final = 50
_REST_S: Final = 0.1
_LONG_REST_S: Final = 2.0

_log = structlog.get_logger(__name__)


def work(pool: Pool, stop: Event) -> None:
    """Works off documents until `stop` is set; what is under way then is finished first."""
    while not stop.is_set():
        try:
            rest_s = 0.0 if work_off(pool, stop) else _REST_S
        except Unavailable as error:
            _log.warning("database does not serve", error=str(error))
            rest_s = _LONG_REST_S
        stop.wait(rest_s)


def work_off(pool: Pool, stop: Event | None = None) -> int:
    """Works off some of what waits now; how many documents that were."""
    with domain_errors(), transaction(pool) as conn:
        waiting = captures.list_waiting(conn, _AT_ONCE)
    done = 0
    for tenant_id, capture_id in waiting:
        if stop is None or not stop.is_set():
            done += _work_on(pool, tenant_id, capture_id)
    return done


def _work_on(pool: Pool, tenant_id: UUID, capture_id: UUID) -> bool:
    """False where another worker has it, or has done it."""
    with domain_errors(), tenant_transaction(pool, tenant_id) as conn:
        tries = captures.count_try(conn, capture_id)
    if tries is None:
        return False
    if tries > MOST_TRIES:
        return _give_up(pool, tenant_id, capture_id)
    try:
        return _capture(pool, tenant_id, capture_id)
    except Unavailable:
        with domain_errors(), tenant_transaction(pool, tenant_id) as conn:
            captures.forgive_tries(conn, capture_id, most=_MOST_IN_VAIN)
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the next document must not wait for it
        _log.exception("capture failed", capture_id=str(capture_id), tries=tries)
        return True


def _capture(pool: Pool, tenant_id: UUID, capture_id: UUID) -> bool:
    with domain_errors(), tenant_transaction(pool, tenant_id) as conn:
        captures.commit_lazily(conn)
        document = captures.take_document(conn, capture_id)
        if document is None:
            return False
        captured = fulfil(
            conn,
            tenant_id,
            capture_id,
            document.content,
            lenient=document.is_lenient,
            proceed=document.is_proceeding,
        )
        captures.drop_document(conn, capture_id)
    _log.info("captured", capture_id=str(capture_id), events=len(captured.event_ids), faults=len(captured.faults))
    return True


def _give_up(pool: Pool, tenant_id: UUID, capture_id: UUID) -> bool:
    fault = Fault(
        event=None,
        pointer="",
        rule=Rule.INTERNAL,
        said="the document cannot be worked on",
        expected="it captured or refused",
        got=f"{MOST_TRIES} failures on our side",
    )
    outcome = Outcome(is_success=False, events=0, errors=[asdict(fault)], forgiven=[], envelope=None)
    with domain_errors(), tenant_transaction(pool, tenant_id) as conn:
        captures.finish_capture(conn, capture_id, outcome)
        captures.drop_document(conn, capture_id)
    _log.error("given up", capture_id=str(capture_id))
    return True
