"""A log of custody on this test's database, and the tree that it must be: RFC 9162 section 2.1 word for word."""

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from wayproof.ledger.checkpoints import found
from wayproof.ledger.notes import NoteSigner
from wayproof.model.handoff import SigningDomain
from wayproof.model.log import Kind, NewEntry
from wayproof.store import log
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

SIGNER: Final = NoteSigner(name="wayproof.example/log", seed=bytes(range(32)))
DOMAIN: Final = SigningDomain(chain_id=31_337, contract=bytes(range(20)))
_HASHES: Final = ("root", "leafHash", "root1", "root2")
VECTORS: Final = Path(__file__).parents[2] / "shared" / "vectors" / "ledger"


def vectors(path: str) -> Any:
    """A file of third-party vectors; skips the test where they are absent."""
    file = VECTORS / path
    if not file.exists():
        pytest.skip(f"no vectors at {file}")
    return json.loads(file.read_text(encoding="utf-8"))


def merkle_vectors(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Name and content of every case of transparency-dev/merkle; hashes as bytes."""
    folder = VECTORS / "transparency-dev-merkle" / "testdata" / kind
    if not folder.exists():
        pytest.skip(f"no vectors at {folder}")
    return [(str(file.relative_to(folder)), _decoded(json.loads(file.read_text()))) for file in folder.rglob("*.json")]


def _decoded(case: dict[str, Any]) -> dict[str, Any]:
    hashes: dict[str, Any] = {name: b64decode(case[name]) for name in _HASHES if name in case}
    return {**case, **hashes, "proof": [b64decode(text) for text in case["proof"] or []]}


def tree_hash(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1."""
    if len(entries) <= 1:
        return sha256(b"\x00" + entries[0]).digest() if entries else sha256().digest()
    split = _split(len(entries))
    return sha256(b"\x01" + tree_hash(entries[:split]) + tree_hash(entries[split:])).digest()


def path_of(index: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 section 2.1.3.1."""
    if len(entries) == 1:
        return []
    split = _split(len(entries))
    if index < split:
        return [*path_of(index, entries[:split]), tree_hash(entries[split:])]
    return [*path_of(index - split, entries[split:]), tree_hash(entries[:split])]


def proof_of(old_size: int, entries: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162 section 2.1.4.1; PROOF where `whole`."""
    if old_size == len(entries):
        return [] if whole else [tree_hash(entries)]
    split = _split(len(entries))
    if old_size <= split:
        return [*proof_of(old_size, entries[:split], whole=whole), tree_hash(entries[split:])]
    return [*proof_of(old_size - split, entries[split:], whole=False), tree_hash(entries[:split])]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def bytes_of(number: int) -> bytes:
    """The entry of a leaf."""
    return b"wayproof:handoff:v1\n" + sha256(str(number).encode()).digest()


def new_entry(number: int, *, kind: Kind = "handoff") -> NewEntry:
    """A leaf to append."""
    return NewEntry(kind=kind, entry=bytes_of(number), salt=number.to_bytes(32), payload=b'{"record":%d}' % number)


def append(conn: Conn, count: int) -> range:
    """Appends leaves with the entries `bytes_of` their indices."""
    with conn.transaction():
        start = log.size(conn)
        return log.append(conn, [new_entry(number) for number in range(start, start + count)])


@pytest.fixture
def api_conn(database: DatabaseSettings) -> Iterator[Conn]:
    """What appends: an autocommitting connection with the API's rights."""
    with connect(database, role="wayproof_api", autocommit=True) as conn:
        yield conn


@pytest.fixture
def ledger_conn(database: DatabaseSettings) -> Iterator[Conn]:
    """What signs: an autocommitting connection with the ledger's rights, on a log that is founded."""
    with connect(database, role="wayproof_ledger", autocommit=True) as conn:
        found(conn, SIGNER, DOMAIN)
        yield conn
