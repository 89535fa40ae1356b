"""The log in the database: what appending, reading and erasing promise, and what nobody may do."""

from dataclasses import replace

import psycopg
import pytest

from wayproof.model.errors import Conflict, InvalidInput, InvalidProof, NotFound
from wayproof.model.log import LogIdentity, Opening
from wayproof.model.merkle import EMPTY_ROOT, inclusion_path, leaf_hash, root_from_inclusion, subtrees
from wayproof.store import log
from wayproof.store.pool import Conn, connect
from wayproof.store.queries import load
from wayproof.store.settings import DatabaseSettings, Role

from fix_log import append, bytes_of, new_entry, path_of, tree_hash

IDENTITY = LogIdentity(origin="wayproof.example/log", public_key=bytes(32), chain_id=1, contract=bytes(20))


def test_new_log_is_empty(api_conn: Conn) -> None:
    """A migrated database holds a log of no leaves, whose root is that of nothing."""
    assert log.size(api_conn) == 0
    assert log.root_at(api_conn, 0) == EMPTY_ROOT
    assert log.append(api_conn, []) == range(0)
    assert log.latest_checkpoint(api_conn) is None
    assert log.entries(api_conn, 0, 10) == []


def test_entries_come_back(api_conn: Conn, ledger_conn: Conn) -> None:
    """Entries stand in the order in which they were given; their openings are there for the ledger to check."""
    assert append(api_conn, 3) == range(3)
    assert append(api_conn, 2) == range(3, 5)
    found = log.entries(api_conn, 1, 3)
    assert [(leaf.leaf_index, leaf.kind, leaf.entry, leaf.erased_at) for leaf in found] == [
        (number, "handoff", bytes_of(number), None) for number in (1, 2, 3)
    ]
    news = [new_entry(number) for number in range(5)]
    expected = [Opening(leaf_index=number, salt=new.salt, payload=new.payload) for number, new in enumerate(news)]
    assert log.openings(ledger_conn, 0, 10) == expected


@pytest.mark.parametrize("entry", [b"", bytes(65_536)])
def test_entry_of_no_possible_length_is_refused(api_conn: Conn, entry: bytes) -> None:
    """An entry that no bundle can hold is refused, and nothing of its batch is appended."""
    with pytest.raises(InvalidInput), api_conn.transaction():
        log.append(api_conn, [new_entry(0), replace(new_entry(1), entry=entry)])
    assert log.size(api_conn) == 0


def test_tree_of_a_rolled_back_append_leaves_no_trace(api_conn: Conn, superuser: Conn) -> None:
    """Entries, tiles and size of a transaction that is rolled back are gone, and the next one takes their places."""
    append(api_conn, 255)
    before = _everything(superuser)
    with api_conn.transaction(force_rollback=True):
        assert append(api_conn, 300) == range(255, 555)
    assert _everything(superuser) == before
    assert append(api_conn, 1) == range(255, 256)
    assert log.root_at(api_conn, 256) == tree_hash([bytes_of(number) for number in range(256)])


def _everything(superuser: Conn) -> list[list[tuple[object, ...]]]:
    queries = ("select * from log_head", "select * from log_entry order by 1", "select * from log_tile order by 1, 2")
    return [superuser.execute(query.encode()).fetchall() for query in queries]


def test_proofs_of_trees_that_are_not_there(api_conn: Conn) -> None:
    """Whoever asks for a tree that the log has not grown to finds nothing; a leaf outside the tree proves nothing."""
    for size in (1, 2, 300, 2**40, 2**53 - 1):
        with pytest.raises(NotFound):
            log.inclusion_proof(api_conn, size - 1, size)
        with pytest.raises(NotFound):
            log.consistency_proof(api_conn, size, size)
        with pytest.raises(NotFound):
            log.root_at(api_conn, size)
    append(api_conn, 2)
    with pytest.raises(NotFound):
        log.inclusion_proof(api_conn, 2, 3)  # of which every sibling is there
    for index, size in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(InvalidProof):
            log.inclusion_proof(api_conn, index, size)
    for old, size in ((0, 2), (2, 1), (-1, 2)):
        with pytest.raises(InvalidProof):
            log.consistency_proof(api_conn, old, size)
    for size in (2**53, 2**63):
        with pytest.raises(InvalidInput):
            log.root_at(api_conn, size)


def test_tiles_are_what_others_hash(api_conn: Conn) -> None:
    """A tile holds the hashes of C2SP tlog-tiles, and any prefix of them can be had; what is not full yet cannot."""
    append(api_conn, 600)
    entries = [bytes_of(number) for number in range(600)]
    leaves = [leaf_hash(entry) for entry in entries]
    assert log.tile(api_conn, 0, 1) == b"".join(leaves[256:512])
    assert log.tile(api_conn, 0, 1, 7) == b"".join(leaves[256:263])
    assert log.tile(api_conn, 0, 2, 88) == b"".join(leaves[512:])
    assert log.tile(api_conn, 1, 0, 2) == tree_hash(entries[:256]) + tree_hash(entries[256:512])
    for level, tile_index, width in ((0, 2, 89), (0, 2, 256), (0, 3, 1), (1, 0, 3), (2, 0, 1), (63, 0, 1)):
        with pytest.raises(NotFound):
            log.tile(api_conn, level, tile_index, width)


def test_erasing_keeps_every_proof(api_conn: Conn, superuser: Conn) -> None:
    """An erased leaf has lost salt and payload and nothing else: tree, entry and proofs are the same, and a tombstone
    tells of it.
    """
    append(api_conn, 5)
    before = log.entries(superuser, 0, 5), log.root_at(superuser, 5), log.inclusion_proof(superuser, 2, 5)
    assert log.erase_entry(superuser, 2, tombstone=new_entry(5, kind="tombstone")) == 5
    entries, root, proof = log.entries(superuser, 0, 5), log.root_at(superuser, 5), log.inclusion_proof(superuser, 2, 5)
    assert (entries[:2] + entries[3:], root, proof) == (before[0][:2] + before[0][3:], *before[1:])
    assert entries[2].entry == before[0][2].entry
    assert entries[2].erased_at is not None
    assert root_from_inclusion(leaf=leaf_hash(bytes_of(2)), index=2, size=5, proof=proof) == root
    assert log.openings(superuser, 2, 1) == [Opening(leaf_index=2, salt=None, payload=None)]
    assert [leaf.kind for leaf in log.entries(superuser, 5, 1)] == ["tombstone"]
    assert log.inclusion_proof(superuser, 5, 6) == path_of(5, [bytes_of(number) for number in range(6)])


def test_leaves_that_cannot_be_erased(api_conn: Conn, superuser: Conn) -> None:
    """A leaf that is not there, is erased already, or is a tombstone is not erased, and no tombstone is appended."""
    append(api_conn, 1)
    log.erase_entry(superuser, 0, tombstone=new_entry(1, kind="tombstone"))
    tombstone = new_entry(2, kind="tombstone")
    with pytest.raises(NotFound):
        log.erase_entry(superuser, 2, tombstone=tombstone)
    for index in (0, 1):
        with pytest.raises(Conflict):
            log.erase_entry(superuser, index, tombstone=tombstone)
    assert log.size(superuser) == 2


def test_log_is_founded_once(superuser: Conn) -> None:
    """The same identity can be told again; another one is a conflict, whatever differs."""
    with pytest.raises(NotFound):
        log.identity(superuser)
    log.found_log(superuser, IDENTITY)
    log.found_log(superuser, IDENTITY)
    assert log.identity(superuser) == IDENTITY
    for other in (
        replace(IDENTITY, origin="other"),
        replace(IDENTITY, public_key=bytes(31) + b"x"),
        replace(IDENTITY, chain_id=2),
        replace(IDENTITY, contract=bytes(19) + b"x"),
    ):
        with pytest.raises(Conflict):
            log.found_log(superuser, other)


def test_checkpoints_are_kept(ledger_conn: Conn) -> None:
    """The largest checkpoint is the latest; one of each size can be found again, and no second one be saved."""
    for size in (0, 7, 3):
        log.save_checkpoint(ledger_conn, tree_size=size, root=bytes(32), note=f"of {size}")
    latest = log.latest_checkpoint(ledger_conn)
    assert latest is not None
    assert (latest.size, latest.note) == (7, "of 7")
    assert log.checkpoint_at(ledger_conn, 3).note == "of 3"
    with pytest.raises(NotFound):
        log.checkpoint_at(ledger_conn, 4)
    with pytest.raises(Conflict):
        log.save_checkpoint(ledger_conn, tree_size=3, root=bytes(32), note="another")


@pytest.mark.parametrize(
    "change",
    [
        "delete from log_entry",
        "truncate log_entry cascade",
        "update log_entry set entry = 'x' where leaf_index = 1",
        "update log_entry set leaf_index = 9 where leaf_index = 1",
        "update log_entry set kind = 'tombstone' where leaf_index = 1",
        "update log_entry set appended_at = now() - interval '1 day' where leaf_index = 1",
        "update log_entry set payload = 'x' where leaf_index = 1",
        "update log_entry set payload = null where leaf_index = 1",
        "update log_entry set salt = null, payload = null where leaf_index = 1",
        "update log_entry set salt = null, payload = null, erased_at = now(), entry = 'x' where leaf_index = 1",
        "update log_entry set salt = sha256('x'), payload = 'x', erased_at = null where leaf_index = 0",
        "update log_entry set erased_at = now() where leaf_index = 0",
        "delete from log_tile",
        "truncate log_tile",
        "update log_tile set hashes = sha256('x') || substring(hashes from 33)",
        "update log_tile set hashes = substring(hashes from 33)",
        "update log_tile set nodes = sha256('x') || substring(nodes from 33)",
        "update log_tile set nodes = substring(nodes from 33)",
        "update log_tile set tile_index = 9",
        "update log_tile set level = 1",
        "delete from log_head",
        "truncate log_head",
        "update log_head set size = 1",
        "insert into log_head values (false, 0)",
        "delete from log_checkpoint",
        "truncate log_checkpoint cascade",
        "update log_checkpoint set note = 'x'",
        "delete from log_identity",
        "truncate log_identity",
        "update log_identity set origin = 'x'",
    ],
)
def test_history_cannot_be_rewritten(ledger_conn: Conn, api_conn: Conn, superuser: Conn, change: str) -> None:
    """No statement changes or removes what is in the log, not even its owner's, but the erasure of salt and payload."""
    append(api_conn, 4)
    log.erase_entry(superuser, 0, tombstone=new_entry(4, kind="tombstone"))
    log.save_checkpoint(ledger_conn, tree_size=5, root=bytes(32), note="note")
    with pytest.raises(psycopg.IntegrityError):
        superuser.execute(change.encode())


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("wayproof_api", "select payload from log_entry"),
        ("wayproof_api", "select salt from log_entry"),
        ("wayproof_api", "update log_entry set salt = null, payload = null, erased_at = now()"),
        ("wayproof_api", "delete from log_entry"),
        ("wayproof_api", "update log_tile set tile_index = 1"),
        ("wayproof_api", "insert into log_checkpoint (size, root, note) values (0, sha256(''), '')"),
        ("wayproof_api", "insert into log_identity (origin, public_key, chain_id, contract) values ('', '', 1, '')"),
        ("wayproof_ledger", "insert into log_entry (leaf_index, kind, entry) values (0, 'handoff', 'x')"),
        ("wayproof_ledger", "update log_head set size = 1"),
        ("wayproof_ledger", "update log_checkpoint set note = ''"),
        ("wayproof_ingest", "select size from log_head"),
        ("wayproof_broker", "select size from log_head"),
    ],
)
def test_rights_end_with_the_task(database: DatabaseSettings, role: Role, statement: str) -> None:
    """The API appends and reads what is public; the ledger reads, and signs; nobody else sees the log."""
    with connect(database, role=role) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(statement.encode())


def test_a_proof_reads_few_hashes(api_conn: Conn) -> None:
    """A proof looks up at most two hashes for each height of the tree, each by the index of the tiles."""
    append(api_conn, 3_000)
    for index, size in ((0, 3_000), (2_999, 3_000), (1_500, 2_047)):
        spans = inclusion_path(index, size)
        assert sum(len(subtrees(span.start, span.stop)) for span in spans) <= 2 * size.bit_length()
    params = {"size": 1, "levels": [0], "tile_indexes": [0], "inside": [False], "first_bytes": [1]}
    with api_conn.transaction():
        api_conn.execute("set local enable_seqscan = off")  # which a table of a few rows would get
        plan = api_conn.execute("explain " + load("log")["hashes"], params).fetchall()
    assert any("Index Scan using log_tile_pkey" in line for (line,) in plan)
