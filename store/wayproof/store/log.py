"""The log of custody: a Merkle tree (RFC 9162 section 2.1) whose leaves only ever are appended.

Whoever appends holds the row of `log_head` to the end of the transaction, so leaves stand in the order of commits.
Proofs read the hashes that they consist of, at most two a height, and compute only at the tree's right edge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, LiteralString

from wayproof.model.errors import Conflict, InvalidInput, NotFound
from wayproof.model.log import LogEntry, LogIdentity, NewEntry, Opening, SignedCheckpoint
from wayproof.model.merkle import HASH_BYTES, Node, consistency_path, fold_peaks, inclusion_path, leaf_hash, subtrees
from wayproof.model.tiles import WIDTH, Growth, grow, place_of
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all, fetch_one, fetch_optional
from wayproof.store.violations import domain_errors

_SQL: Final = load("log")

_LAST: Final = 2**53
"""No size or index reaches this: beyond it JSON's numbers are not exact."""


def append(conn: Conn, entries: Sequence[NewEntry]) -> range:
    """Appends leaves in the caller's transaction and returns their indices.

    Every other appender waits until that transaction ends: append last, and commit at once.
    """
    with domain_errors():
        start = _number(conn, _SQL["lock_head"])
        if entries:
            peaks = _nodes(conn, subtrees(0, start), start)
            grown = grow(start, peaks, [leaf_hash(new.entry) for new in entries])
            conn.execute(_SQL["append"], {"start": start, **_entry_columns(entries), **_tile_columns(grown)})
    return range(start, start + len(entries))


def erase_entry(conn: Conn, leaf_index: int, *, tombstone: NewEntry) -> int:
    """Erases salt and payload of a leaf and appends its tombstone, whose index it returns.

    The leaf's entry stays, and every proof with it. NotFound where there is no such leaf, Conflict where it is erased
    already or a tombstone itself. For operators only: the API's role has no right to it.
    """
    with domain_errors():
        erased = conn.execute(_SQL["erase"], {"leaf_index": leaf_index}).rowcount
    if not erased:
        if not entries(conn, leaf_index, 1):
            raise NotFound(f"the log has no leaf {leaf_index}")
        raise Conflict(f"expected a leaf that can be erased; {leaf_index} is a tombstone, or was erased already")
    return append(conn, [tombstone]).start


def size(conn: Conn) -> int:
    """How many leaves there are."""
    with domain_errors():
        return _number(conn, _SQL["size"])


def root_at(conn: Conn, tree_size: int) -> bytes:
    """The root of the first `tree_size` leaves. NotFound while there are fewer."""
    return _roots(conn, [range(tree_size)], tree_size)[0]


def inclusion_proof(conn: Conn, leaf_index: int, tree_size: int) -> list[bytes]:
    """The inclusion proof of a leaf (RFC 9162 section 2.1.3.1).

    InvalidProof where the leaf is not among the first `tree_size`; NotFound while there are fewer leaves.
    """
    return _roots(conn, inclusion_path(leaf_index, tree_size), tree_size)


def consistency_proof(conn: Conn, old_size: int, tree_size: int) -> list[bytes]:
    """The proof that the tree of `tree_size` extends that of `old_size` (RFC 9162 section 2.1.4.1).

    InvalidProof unless 0 < old_size <= tree_size; NotFound while there are fewer leaves.
    """
    return _roots(conn, consistency_path(old_size, tree_size), tree_size)


def tile(conn: Conn, level: int, tile_index: int, width: int = WIDTH) -> bytes:
    """The first `width` hashes of a tile (C2SP tlog-tiles); NotFound while there are fewer."""
    params = {"level": level, "tile_index": tile_index, "bytes": width * HASH_BYTES}
    with domain_errors():
        row = conn.execute(_SQL["tile"], params, binary=True).fetchone()
    if row is None:
        raise NotFound(f"the log has no {width} hashes in tile {tile_index} of level {level}")
    return bytes(row[0])


def entries(conn: Conn, start: int, count: int) -> list[LogEntry]:
    """What everybody may see of at most `count` leaves from `start` on."""
    return fetch_all(conn, LogEntry, _SQL["entries"], {"start": start, "count": count})


def openings(conn: Conn, start: int, count: int) -> list[Opening]:
    """What at most `count` entries from `start` on commit to. The API's role has no right to it."""
    return fetch_all(conn, Opening, _SQL["openings"], {"start": start, "count": count})


def found_log(conn: Conn, identity_: LogIdentity) -> None:
    """Names the log. Doing it again changes nothing; Conflict where it bears another name, key, chain or contract."""
    with domain_errors():
        conn.execute(_SQL["found"], asdict(identity_))
    present = identity(conn)
    if present != identity_:
        raise Conflict(f"this log was founded as {present}, expected {identity_}: start another one in a new database")


def identity(conn: Conn) -> LogIdentity:
    """Whose log this is. NotFound until it is founded."""
    return fetch_one(conn, LogIdentity, _SQL["identity"], {}, "log: it is not founded yet")


def lock_checkpoints(conn: Conn) -> None:
    """Keeps others from signing checkpoints to the end of the transaction."""
    with domain_errors():
        conn.execute(_SQL["lock_checkpoints"])


def save_checkpoint(conn: Conn, *, tree_size: int, root: bytes, note: str) -> SignedCheckpoint:
    """Keeps a signed checkpoint; Conflict where there is one of its size."""
    params = {"size": tree_size, "root": root, "note": note}
    return fetch_one(conn, SignedCheckpoint, _SQL["save_checkpoint"], params, "checkpoint")


def latest_checkpoint(conn: Conn) -> SignedCheckpoint | None:
    """The largest checkpoint that was signed."""
    return fetch_optional(conn, SignedCheckpoint, _SQL["latest_checkpoint"], {})


def checkpoint_at(conn: Conn, tree_size: int) -> SignedCheckpoint:
    """The checkpoint of exactly this size; NotFound where none was signed."""
    return fetch_one(
        conn, SignedCheckpoint, _SQL["checkpoint_at"], {"size": tree_size}, f"checkpoint of size {tree_size}"
    )


def _roots(conn: Conn, spans: Sequence[range], tree_size: int) -> list[bytes]:
    """The root over each span of leaves; NotFound while the log has fewer than `tree_size` leaves."""
    parts = [subtrees(span.start, span.stop) for span in spans]
    hashes = iter(_nodes(conn, [node for part in parts for node in part], tree_size))
    return [fold_peaks([next(hashes) for _ in part]) for part in parts]


def _nodes(conn: Conn, nodes: Sequence[Node], tree_size: int) -> list[bytes]:
    if tree_size >= _LAST:
        raise InvalidInput(f"expected a size below 2^53, got {tree_size}")
    places = [place_of(node) for node in nodes]
    params = {
        "size": tree_size,
        "levels": [place.level for place in places],
        "tile_indexes": [place.tile_index for place in places],
        "inside": [place.inside for place in places],
        "first_bytes": [place.offset * HASH_BYTES + 1 for place in places],
    }
    with domain_errors():
        hashes = [row[0] for row in conn.execute(_SQL["hashes"], params, binary=True, prepare=True)]
    if len(hashes) < len(nodes) or (not nodes and tree_size > size(conn)):
        raise NotFound(f"the log has no {tree_size} leaves yet")
    return hashes


def _entry_columns(new: Sequence[NewEntry]) -> dict[str, list[Any]]:
    return {
        "kinds": [entry.kind for entry in new],
        "entries": [entry.entry for entry in new],
        "salts": [entry.salt for entry in new],
        "payloads": [entry.payload for entry in new],
    }


def _tile_columns(grown: Mapping[tuple[int, int], Growth]) -> dict[str, list[Any]]:
    return {
        "levels": [level for level, _ in grown],
        "tile_indexes": [tile_index for _, tile_index in grown],
        "hashes": [growth.hashes for growth in grown.values()],
        "nodes": [growth.nodes for growth in grown.values()],
    }


def _number(conn: Conn, sql: LiteralString) -> int:
    row = conn.execute(sql).fetchone()
    if row is None:
        raise LookupError("table log_head has lost its row")
    return int(row[0])
