"""A database that was put back to an older state: the chain remembers what it does not."""

from collections.abc import Callable, Iterator

import pytest

from wayproof.model.anchor import Alarm
from wayproof.model.handoff import AnchorState
from wayproof.store import log
from wayproof.store.settings import DatabaseSettings

from fix_anchorer import Anchoring
from fix_postgres import Server, close


@pytest.fixture
def backup(anchoring: Anchoring, postgres: Server) -> Iterator[Callable[[], DatabaseSettings]]:
    """Copies the database as it is now; nobody may be connected to it for that moment."""
    names: list[str] = []

    def make() -> DatabaseSettings:
        anchoring.disconnect()
        source = anchoring.database.url.get_secret_value().rpartition("/")[2]
        names.append(f"{source}_backup_{len(names)}")
        with postgres.admin() as admin:
            close(admin, source)
            admin.execute(f"create database {names[-1]} template {source}")
            admin.execute(f"alter database {source} allow_connections true")
        anchoring.connect(anchoring.database)
        return postgres.settings(names[-1])

    yield make
    anchoring.disconnect()
    with postgres.admin() as admin:
        for name in names:
            admin.execute(f"drop database {name} with (force)")


def run_until_final(anchoring: Anchoring) -> None:
    """Another anchorer, until there is nothing left to do."""
    anchorer = anchoring.anchorer(mine_blocks=True)
    for _ in range(8):
        anchorer.follow()
    anchoring.check_all_well()


def test_backup_without_leaves_that_are_anchored(anchoring: Anchoring, backup: Callable[[], DatabaseSettings]) -> None:
    """A database from before the last anchor signs nothing, neither at once nor after new leaves; an alarm says why."""
    anchoring.append(2)
    run_until_final(anchoring)
    old = backup()
    anchoring.append(2)
    run_until_final(anchoring)
    before = anchoring.latest()
    anchoring.connect(old)
    anchorer = anchoring.anchorer()
    for alarm in (Alarm.LOG_BEHIND_CHAIN, Alarm.LOG_BEHIND_CHAIN, Alarm.ROOT_MISMATCH):
        anchorer.follow()
        anchorer.checkpoint()
        assert anchoring.alarms() == {alarm}
        anchoring.append(1, text="another leaf")
    assert anchoring.latest() == before
    assert anchoring.conn.execute("select max(size) from log_checkpoint").fetchone() == (2,)
    assert set(anchoring.states()) == {2}


def test_backup_with_all_leaves(anchoring: Anchoring, backup: Callable[[], DatabaseSettings]) -> None:
    """A database that has every leaf but does not know of its anchor takes over the one on the chain: no second one."""
    anchoring.append(2)
    run_until_final(anchoring)
    anchoring.append(2)
    old = backup()
    run_until_final(anchoring)
    note = log.checkpoint_at(anchoring.conn, 4).note
    anchoring.connect(old)
    run_until_final(anchoring)
    assert anchoring.events() == [2, 4]
    assert log.checkpoint_at(anchoring.conn, 4).note == note
    anchoring.append(1)
    run_until_final(anchoring)
    assert anchoring.events() == [2, 4, 5]


def test_backup_from_between_signing_and_mining(anchoring: Anchoring, backup: Callable[[], DatabaseSettings]) -> None:
    """A database that knows of the transaction and not of its block finds it again."""
    anchoring.append(2)
    anchoring.chain.rpc("evm_setAutomine", False)
    anchoring.anchorer().follow()
    old = backup()
    anchoring.mine()
    anchoring.chain.rpc("evm_setAutomine", True)
    run_until_final(anchoring)
    anchoring.connect(old)
    assert anchoring.states() == {2: AnchorState.SUBMITTED}
    run_until_final(anchoring)
    assert anchoring.events() == [2]
