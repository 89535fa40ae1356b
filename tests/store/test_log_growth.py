"""The log against the RFC's tree, whatever is appended in whatever batches, and by several at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from wayproof.model.errors import Unavailable
from wayproof.model.merkle import check_consistency, leaf_hash, root_from_inclusion, root_of
from wayproof.store import log
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

from fix_log import bytes_of, new_entry, path_of, proof_of, tree_hash


class Growth(RuleBasedStateMachine):
    """A log that grows in one transaction, which is rolled back in the end; beside it the entries that it must hold."""

    conn: Conn

    @initialize()
    def begin(self) -> None:
        """Starts from an empty log."""
        self.conn.rollback()
        self.entries: list[bytes] = []

    @rule(count=st.one_of(st.integers(0, 3), st.integers(0, 300), st.sampled_from([255, 256, 257])))
    def append(self, count: int) -> None:
        """Any number of leaves."""
        start = len(self.entries)
        new = [new_entry(number) for number in range(start, start + count)]
        assert log.append(self.conn, new) == range(start, start + count)
        self.entries += [entry.entry for entry in new]

    @rule(count=st.integers(1, 300))
    def append_in_vain(self, count: int) -> None:
        """Leaves of a savepoint that is rolled back."""
        start = len(self.entries)
        with self.conn.transaction(force_rollback=True):
            log.append(self.conn, [new_entry(-number - 1 & 2**200 - 1) for number in range(start, start + count)])

    @rule(data=st.data())
    def prove(self, data: Any) -> None:
        """Any leaf of any tree, and any two trees."""
        if not self.entries:
            return
        size = data.draw(st.integers(1, len(self.entries)))
        index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
        tree = self.entries[:size]
        root, inclusion = log.root_at(self.conn, size), log.inclusion_proof(self.conn, index, size)
        consistency = log.consistency_proof(self.conn, old, size)
        assert (root, inclusion, consistency) == (tree_hash(tree), path_of(index, tree), proof_of(old, tree))
        assert root_from_inclusion(leaf=leaf_hash(tree[index]), index=index, size=size, proof=inclusion) == root
        check_consistency(old_size=old, old_root=tree_hash(tree[:old]), size=size, root=root, proof=consistency)

    @invariant()
    def agrees(self) -> None:
        """Size and root are those of the entries."""
        assert log.size(self.conn) == len(self.entries)
        assert log.root_at(self.conn, len(self.entries)) == root_of(map(leaf_hash, self.entries))


def test_any_growth_is_the_tree_of_the_rfc(database: DatabaseSettings) -> None:
    """After any appends and rollbacks every root and every proof is the one that RFC 9162 defines, and verifies."""
    with connect(database, role="wayproof_api") as conn:
        machine = type("GrowthHere", (Growth,), {"conn": conn})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
        conn.rollback()


APPENDERS, BATCHES = 4, 25


def _append_batches(database: DatabaseSettings, appender: int) -> list[tuple[int, range]]:
    """Appends batches, of which every third is rolled back; first index and numbers of those that are not."""
    kept = []
    with connect(database, role="wayproof_api", autocommit=True) as conn:
        for batch in range(BATCHES):
            first = (appender * BATCHES + batch) * 10
            numbers = range(first, first + 1 + batch % 7)
            with conn.transaction(force_rollback=batch % 3 == 0):
                taken = log.append(conn, [new_entry(number) for number in numbers])
            if batch % 3:
                kept.append((taken.start, numbers))
    return kept


def test_appenders_leave_no_gap(database: DatabaseSettings, superuser: Conn) -> None:
    """Four appenders at once, each rolling back now and then: what was committed, and nothing else, stands in the log
    without a gap, each batch together and where its appender was told.
    """
    with ThreadPoolExecutor(APPENDERS) as threads:
        results = threads.map(_append_batches, [database] * APPENDERS, range(APPENDERS))
    kept = sorted((start, numbers) for result in results for start, numbers in result)
    expected = [bytes_of(number) for _, numbers in kept for number in numbers]
    assert [leaf.entry for leaf in log.entries(superuser, 0, len(expected) + 1)] == expected
    assert log.size(superuser) == len(expected)
    assert log.root_at(superuser, len(expected)) == tree_hash(expected)


def test_leaves_stand_in_the_order_of_commits(database: DatabaseSettings, superuser: Conn) -> None:
    """Whoever appends second waits until the first has committed, so no reader ever sees a later leaf without all
    before it.
    """
    with connect(database, role="wayproof_api") as first, connect(database, role="wayproof_api") as second:
        assert log.append(first, [new_entry(0)]) == range(1)
        second.execute("set lock_timeout = '100ms'")
        with pytest.raises(Unavailable):
            log.append(second, [new_entry(1)])
        second.rollback()
        assert log.size(superuser) == 0
        first.commit()
        assert log.append(second, [new_entry(1)]) == range(1, 2)
        second.commit()
    assert [leaf.entry for leaf in log.entries(superuser, 0, 9)] == [bytes_of(0), bytes_of(1)]
