"""Several writers at once: each batch has one, and acknowledgements keep the order of the messages."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Final

import psycopg
import pytest
from pydantic import SecretStr

from wayproof.ingest.batcher import Batcher, Chunk
from wayproof.ingest.settings import IngestSettings
from wayproof.ingest.turns import Turn, Turns
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_ingest import Device, IngestorProcess, count, eventually
from fix_intake import NOON

Connect = Callable[..., Device]
Make = Callable[..., IngestorProcess]

LONG: Final = timedelta(seconds=10)
PATIENT: Final = {"DATABASE_LOCK_TIMEOUT": "PT60S", "DATABASE_STATEMENT_TIMEOUT": "PT60S"}
SETTLED: Final = "wayproof_ingest_messages_total"


def turns(batches: int) -> Turns:
    """A queue that holds so many batches of one message, and is closed."""
    batcher = Batcher(IngestSettings(password=SecretStr(""), batch_size=1))
    for number in range(1, batches + 1):
        batcher.put(Chunk(messages=[(b"", b"", number)], received_at=NOON, epoch=1))
    batcher.close()
    return Turns(batcher)


def take(queue: Turns) -> Turn:
    """The next batch, which there must be."""
    turn = queue.take(LONG)
    assert turn is not None
    return turn


def test_batches_are_settled_in_the_order_in_which_they_were_taken() -> None:
    """Whoever is done first waits for all who took a batch before."""
    queue, settled = turns(3), list[int]()

    def settle(turn: Turn) -> None:
        with queue.settling(turn):
            settled.append(turn.number)

    first, *others = [take(queue) for _ in range(3)]
    threads = [Thread(target=settle, args=[turn]) for turn in reversed(others)]
    for thread in threads:
        thread.start()
        thread.join(0.1)
    assert settled == []
    settle(first)
    for thread in threads:
        thread.join(60)
    assert settled == [1, 2, 3]
    assert queue.take(LONG) is None


def test_each_batch_goes_to_one_writer() -> None:
    """Writers that take at the same time get different batches, and all of them."""
    queue, taken = turns(200), list[int]()

    def work() -> None:
        while (turn := queue.take(LONG)) is not None:
            with queue.settling(turn):
                taken.extend(mid for chunk in turn.chunks for _, _, mid in chunk.messages)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert taken == list(range(1, 201))


@contextmanager
def first_held_up(
    database: DatabaseSettings, ingestor: IngestorProcess, superuser: Conn, trucks: list[Device]
) -> Iterator[None]:
    """Meanwhile the first truck's reading is in hand and cannot be written, and the second's, sent later, is stored."""
    for truck in trucks:
        truck.send_reading(1)
        truck.wait_until_safe(1)
    settled = ingestor.metric(SETTLED)
    with psycopg.connect(database.url.get_secret_value()) as conn:
        conn.execute(
            "select from device_state join device using (device_id) where name = 'truck-1' for update of device_state"
        )
        trucks[0].send_reading(2)
        eventually(lambda: _held_up(superuser))
        trucks[1].send_reading(2)
        eventually(lambda: count(superuser)[0] == 3)
        assert trucks[1].receipts.empty()
        assert ingestor.metric(SETTLED) == settled
        yield


def _held_up(conn: Conn) -> bool:
    query = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and application_name = %s)"
    return conn.execute(query, ["wayproof_ingest"]).fetchone() == (True,)


@pytest.fixture
def trucks(connect_device: Connect) -> list[Device]:
    """Two devices."""
    return [connect_device(f"truck-{number}") for number in (1, 2)]


def check_all_is_told_once(conn: Conn, trucks: list[Device]) -> None:
    """Two readings of each truck are receipted, and stored once."""
    for truck in trucks:
        truck.wait_until_safe(2)
    assert count(conn) == (4, 4)
    assert conn.execute("select seqs::text from device_sequence").fetchall() == [("{[1,3)}",)] * 2
    assert conn.execute("select readings from device_state").fetchall() == [(2,)] * 2


def test_later_batch_waits_for_its_turn(
    ingestor_factory: Make, database: DatabaseSettings, superuser: Conn, trucks: list[Device]
) -> None:
    """What is committed before an earlier batch is neither acknowledged nor receipted before it."""
    ingestor = ingestor_factory(**PATIENT)
    ingestor.start()
    with first_held_up(database, ingestor, superuser, trucks):
        pass
    check_all_is_told_once(superuser, trucks)
    assert ingestor.metric("wayproof_ingest_readings_duplicate_total") == 0


def test_killed_with_two_batches_in_hand(
    ingestor_factory: Make, database: DatabaseSettings, superuser: Conn, trucks: list[Device]
) -> None:
    """Killed while one batch is committed and waits for the one before it: both come again, and are stored once."""
    ingestor = ingestor_factory(**PATIENT)
    ingestor.start()
    with first_held_up(database, ingestor, superuser, trucks):
        ingestor.stop(signal.SIGKILL)
    ingestor.start()
    check_all_is_told_once(superuser, trucks)
    eventually(lambda: ingestor.metric("wayproof_ingest_readings_duplicate_total") == 1)


def test_connection_lost_with_two_batches_in_hand(
    ingestor_factory: Make, database: DatabaseSettings, superuser: Conn, trucks: list[Device]
) -> None:
    """A writer that loses its connection tries its batch again, and the later one still waits for it."""
    ingestor = ingestor_factory(**PATIENT)
    ingestor.start()
    with first_held_up(database, ingestor, superuser, trucks):
        superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'wayproof_ingest'"
        )
        eventually(lambda: ingestor.metric("wayproof_ingest_database_failures_total") >= 1)
        eventually(lambda: _held_up(superuser))
        assert trucks[1].receipts.empty()
    check_all_is_told_once(superuser, trucks)


def test_abandoned_with_two_batches_in_hand(
    ingestor_factory: Make, database: DatabaseSettings, superuser: Conn, trucks: list[Device]
) -> None:
    """Told to stop while a batch cannot be written, it ends in time; the broker keeps that batch and those after it."""
    ingestor = ingestor_factory(INGEST_DRAIN_TIMEOUT="PT0.5S", **PATIENT)
    ingestor.start()
    with first_held_up(database, ingestor, superuser, trucks):
        assert ingestor.stop() == 0
        assert all(truck.receipts.empty() for truck in trucks)
    ingestor.start()
    check_all_is_told_once(superuser, trucks)
