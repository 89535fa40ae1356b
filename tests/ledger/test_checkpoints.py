"""What the operator signs of the log."""

from threading import Barrier, Thread

import pytest

from wayproof.ledger.checkpoints import make_checkpoint
from wayproof.ledger.notes import Checkpoint, NoteSigner, open_note
from wayproof.model.errors import Conflict, InvalidProof
from wayproof.store import log
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

from fix_log import SIGNER, append, bytes_of, tree_hash


def test_says_the_log_as_it_stands(ledger_conn: Conn, api_conn: Conn) -> None:
    """A checkpoint names size and root of RFC 9162's tree; without a new leaf there is no new checkpoint."""
    for size in (0, 3, 4):
        append(api_conn, size - log.size(api_conn))
        made = make_checkpoint(ledger_conn, SIGNER)
        root = tree_hash([bytes_of(number) for number in range(size)])
        assert open_note(made.note, SIGNER.key) == Checkpoint(origin=SIGNER.name, size=size, root=root)
        assert make_checkpoint(ledger_conn, SIGNER) == made


def test_other_keys_sign_nothing(ledger_conn: Conn, api_conn: Conn) -> None:
    """Only the key that the log was founded with signs it."""
    append(api_conn, 1)
    with pytest.raises(Conflict, match="with another key"):
        make_checkpoint(ledger_conn, NoteSigner(name=SIGNER.name, seed=bytes(32)))


def test_changed_history_is_not_signed(ledger_conn: Conn, api_conn: Conn, superuser: Conn) -> None:
    """Where the log does not extend what was signed, nothing is signed any more."""
    append(api_conn, 3)
    make_checkpoint(ledger_conn, SIGNER)
    superuser.execute("set session_replication_role = replica")  # as whoever owns the machine can
    superuser.execute("update log_tile set nodes = overlay(nodes placing sha256('another pair') from 1)")
    append(api_conn, 1)
    with pytest.raises(InvalidProof):
        make_checkpoint(ledger_conn, SIGNER)


def test_lost_leaves_are_noticed(ledger_conn: Conn, api_conn: Conn, superuser: Conn) -> None:
    """A log that is shorter than what was signed is not signed."""
    append(api_conn, 3)
    make_checkpoint(ledger_conn, SIGNER)
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update log_head set size = 2")
    with pytest.raises(InvalidProof, match="leaves are missing"):
        make_checkpoint(ledger_conn, SIGNER)


def test_leaves_come_while_it_signs(ledger_conn: Conn, database: DatabaseSettings) -> None:
    """Appenders and signers at once: each index is given once, and every checkpoint extends the one before."""
    appenders, rounds, barrier = 4, 12, Barrier(5)
    got: list[range] = []

    def work() -> None:
        with connect(database, role="wayproof_api", autocommit=True) as conn:
            barrier.wait()
            got.extend(append(conn, 3) for _ in range(rounds))

    threads = [Thread(target=work) for _ in range(appenders)]
    for thread in threads:
        thread.start()
    barrier.wait()
    while any(thread.is_alive() for thread in threads):
        make_checkpoint(ledger_conn, SIGNER)  # proves consistency with the last one, or raises
    for thread in threads:
        thread.join()
    assert sorted(index for indexes in got for index in indexes) == list(range(appenders * rounds * 3))
    assert open_note(make_checkpoint(ledger_conn, SIGNER).note, SIGNER.key).size == appenders * rounds * 3
