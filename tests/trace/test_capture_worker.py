"""A document that was taken is captured once, whatever happens to who works on it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID

import psutil
import pytest
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr

from wayproof.model.errors import Unavailable
from wayproof.store import captures
from wayproof.store.captures import CaptureJob
from wayproof.store.events import lock_journal
from wayproof.store.pool import Conn, Pool, connect, open_pool, tenant_transaction, transaction
from wayproof.store.settings import DatabaseSettings
from wayproof.trace import worker
from wayproof.trace.worker import MOST_TRIES, work, work_off

from fix_epcis import dumped, new_document, new_event
from ports import free_port


@pytest.fixture
def tenant(tenant_factory: Callable[[str], UUID]) -> UUID:
    """A tenant."""
    return tenant_factory("acme")


def put(pool: Pool, tenant: UUID, *events: dict[str, Any]) -> UUID:
    """Takes a document as the API does."""
    with tenant_transaction(pool, tenant) as conn:
        job = captures.create_capture(conn, tenant, is_proceeding=False, is_lenient=False)
        captures.keep_document(conn, tenant, job, dumped(new_document(*events)))
    return job


def state(pool: Pool, tenant: UUID, job: UUID) -> CaptureJob:
    """How a job stands."""
    with tenant_transaction(pool, tenant) as conn:
        return captures.get_capture(conn, job)


def count(superuser: Conn, table: str) -> int:
    """How many rows a table has."""
    row = superuser.execute(SQL("select count(*) from {}").format(Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


def test_documents_of_all_tenants_are_worked_off(
    api_pool: Pool, superuser: Conn, tenant_factory: Callable[[str], UUID]
) -> None:
    """What waits is captured for whom it came from, and its bytes are forgotten."""
    jobs = [(tenant, put(api_pool, tenant, new_event(1))) for tenant in map(tenant_factory, ("acme", "other"))]
    assert work_off(api_pool) == 2

    assert all(state(api_pool, *job).is_success for job in jobs)
    assert (count(superuser, "epcis_event"), count(superuser, "epcis_capture_document")) == (2, 0)


def test_tenants_take_turns(api_pool: Pool, superuser: Conn, tenant_factory: Callable[[str], UUID]) -> None:
    """Who sends very many documents keeps nobody else waiting, and neither does a document that has failed."""
    busy, other = map(tenant_factory, ("busy", "other"))
    failed = put(api_pool, other, new_event(9))
    superuser.execute("update epcis_capture_document set tries = 1")
    many = [put(api_pool, busy, new_event(number)) for number in range(3)]
    single = put(api_pool, other, new_event(1))
    with transaction(api_pool) as conn:
        waiting = [job for _, job in captures.list_waiting(conn, 10)]

    assert waiting == [many[0], single, *many[1:], failed]


def test_many_workers_capture_once(api_pool: Pool, superuser: Conn, tenant: UUID) -> None:
    """Of several workers each document is captured by one."""
    for number in range(20):
        put(api_pool, tenant, new_event(number))
    stop = Event()
    workers = [Thread(target=work, args=(api_pool, stop)) for _ in range(4)]
    for thread in workers:
        thread.start()
    deadline = time.monotonic() + 90
    while count(superuser, "epcis_capture_document") and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    for thread in workers:
        thread.join()

    assert (count(superuser, "epcis_event"), count(superuser, "epcis_capture_document")) == (20, 0)


def test_a_fault_of_ours_ends(api_pool: Pool, tenant: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document on which Wayproof itself fails is tried again, given up in the end, and keeps no other waiting."""

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    job = put(api_pool, tenant, new_event(1))
    with monkeypatch.context() as patch:
        patch.setattr(worker, "fulfil", broken)
        for _ in range(MOST_TRIES):
            assert work_off(api_pool) == 1
            assert state(api_pool, tenant, job).finished_at is None
    assert work_off(api_pool) == 1

    found = state(api_pool, tenant, job)
    assert (found.is_success, found.errors[0]["rule"]) == (False, "internal")
    assert work_off(api_pool) == 0


def test_a_busy_database_is_no_fault_of_the_document(
    api_pool: Pool, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the database does not serve, what was taken is not given up."""

    def busy(*_: Any, **__: Any) -> None:
        raise Unavailable("another holds the journal")

    job = put(api_pool, tenant, new_event(1))
    with monkeypatch.context() as patch:
        patch.setattr(worker, "fulfil", busy)
        for _ in range(2 * MOST_TRIES):
            with pytest.raises(Unavailable):
                work_off(api_pool)
    assert work_off(api_pool) == 1
    assert state(api_pool, tenant, job).is_success


@pytest.fixture
def service(database: DatabaseSettings, log_folder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `python -m wayproof.trace` with these settings; what still runs after the test is killed."""
    started = []
    environment = {**os.environ, "WAYPROOF_DATABASE_URL": database.url.get_secret_value()}

    def start(**settings: str) -> subprocess.Popen[bytes]:
        with (log_folder / "trace.log").open("ab") as log:
            argv = [sys.executable, "-m", "wayproof.trace"]
            started.append(subprocess.Popen(argv, env={**environment, **settings}, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(60)


def wait_until(holds: Callable[[], bool]) -> None:
    """Waits for a condition, at most a minute and a half."""
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_worker_loses_nothing(
    service: Callable[..., subprocess.Popen[bytes]],
    api_pool: Pool,
    superuser: Conn,
    database: DatabaseSettings,
    tenant: UUID,
) -> None:
    """A document whose worker is killed in the middle is neither lost nor half stored: the next worker captures it."""
    job = put(api_pool, tenant, *(new_event(number) for number in range(300)))
    with connect(database) as conn:
        lock_journal(conn, tenant)  # in the middle: whoever captures must wait for us
        first = service()
        wait_until(lambda: _waits(superuser))
        first.kill()
        first.wait(60)
        assert state(api_pool, tenant, job).finished_at is None
    wait_until(lambda: not _works(superuser))  # children see that they are orphans
    service()
    wait_until(lambda: state(api_pool, tenant, job).finished_at is not None)

    assert state(api_pool, tenant, job).is_success
    assert (count(superuser, "epcis_event"), count(superuser, "epcis_capture_document")) == (300, 0)


def test_a_document_may_take_its_time(
    service: Callable[..., subprocess.Popen[bytes]], api_pool: Pool, tenant: UUID
) -> None:
    """A document that takes longer to check than other transactions may pause is captured all the same."""
    job = put(api_pool, tenant, *(new_event(number) for number in range(5_000)))
    service(WAYPROOF_DATABASE_IDLE_IN_TRANSACTION_TIMEOUT="PT0.1S", WAYPROOF_DATABASE_STATEMENT_TIMEOUT="PT1S")
    wait_until(lambda: state(api_pool, tenant, job).finished_at is not None)
    assert state(api_pool, tenant, job).events == 5_000


def _waits(superuser: Conn) -> bool:
    rows = superuser.execute("select from pg_locks where locktype = 'advisory' and not granted").fetchall()
    return bool(rows)


def _works(superuser: Conn) -> bool:
    sql = "select from pg_stat_activity where query like '%pg_advisory_xact_lock%' and pid <> pg_backend_pid()"
    return bool(superuser.execute(sql + " and state = 'active'").fetchall())


def test_no_process_is_left_behind(service: Callable[..., subprocess.Popen[bytes]]) -> None:
    """When the process is killed, the ones that it has started end by themselves, however far they have come."""
    for moment_s in (0, 0.3, 3):
        process = service()
        started = psutil.Process(process.pid)
        wait_until(lambda: bool(started.children()))  # noqa: B023 - called in this round
        time.sleep(moment_s)
        children = started.children(recursive=True)
        process.kill()
        process.wait(60)
        _, alive = psutil.wait_procs(children, timeout=60)
        assert alive == []


@pytest.mark.parametrize("table", ["untold", "epcis_subscription"])
def test_it_ends_where_a_part_of_it_does(
    service: Callable[..., subprocess.Popen[bytes]], superuser: Conn, table: str
) -> None:
    """Where recording or telling ends by a fault, all of it does, so that who watches it starts it again."""
    superuser.execute(SQL("revoke select on {} from wayproof_api").format(Identifier(table)))
    assert service().wait(90) == 1


def test_told_to_end_it_ends(service: Callable[..., subprocess.Popen[bytes]], log_folder: Path) -> None:
    """SIGTERM ends it with status 0."""
    process = service()
    wait_until(lambda: b"working" in (log_folder / "trace.log").read_bytes())
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_without_a_database_it_goes_on_trying() -> None:
    """A database that does not answer is no end: the worker tries again until told to stop."""
    nowhere = SecretStr(f"postgresql://127.0.0.1:{free_port()}/nowhere")
    stop = Event()
    with open_pool(DatabaseSettings(url=nowhere, connect_timeout=timedelta(milliseconds=200))) as pool:
        thread = Thread(target=work, args=(pool, stop))
        thread.start()
        time.sleep(1)
        assert thread.is_alive()
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
