"""The public log by HTTP: anybody copies it, and checks what was copied, with nothing of ours but the log's key."""

from hashlib import sha256

import pytest
from starlette.testclient import TestClient

from wayproof.ledger.checkpoints import make_checkpoint
from wayproof.ledger.notes import open_note, parse_vkey
from wayproof.store.pool import Conn

from fix_api import problem
from fix_log import SIGNER, append, bytes_of, path_of, proof_of, tree_hash


def tile_name(index: int) -> str:
    """C2SP tlog-tiles: groups of three digits, all but the last with an x before it."""
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)


def copy_entries(client: TestClient, size: int) -> list[bytes]:
    """Every entry of the log, tile by tile."""
    found: list[bytes] = []
    for index in range((size + 255) // 256):
        width = min(256, size - 256 * index)
        partial = "" if width == 256 else f".p/{width}"
        answer = client.get(f"/v1/log/tile/entries/{tile_name(index)}{partial}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        rest = answer.content
        while rest:
            length = int.from_bytes(rest[:2])
            found.append(rest[2 : 2 + length])
            rest = rest[2 + length :]
    return found


def test_anybody_copies_and_audits_the_log(client: TestClient, ledger_conn: Conn, api_conn: Conn) -> None:
    """The copied entries give the root that the operator signed, and the tiles of hashes are those of the entries."""
    append(api_conn, 600)
    make_checkpoint(ledger_conn, SIGNER)
    about = client.get("/v1/log").json()
    checkpoint = open_note(client.get("/v1/log/checkpoint").text, parse_vkey(about["vkey"]))
    assert checkpoint.size == about["size"] == about["checkpoint_size"] == 600
    entries = copy_entries(client, checkpoint.size)
    assert entries == [bytes_of(number) for number in range(600)]
    assert tree_hash(entries) == checkpoint.root
    leaves = client.get("/v1/log/tile/0/001").content
    assert leaves == b"".join(sha256(b"\0" + entry).digest() for entry in entries[256:512])
    above = client.get("/v1/log/tile/1/000.p/2").content
    assert above == tree_hash(entries[:256]) + tree_hash(entries[256:512])


def test_proofs_are_those_of_the_standard(client: TestClient, api_conn: Conn) -> None:
    """Inclusion and consistency proofs are RFC 9162's, hash by hash."""
    append(api_conn, 21)
    entries = [bytes_of(number) for number in range(21)]
    for size in (1, 8, 21):
        for index in {0, size // 2, size - 1}:
            got = client.get(f"/v1/log/proofs/inclusion?index={index}&size={size}").json()
            assert got["proof"] == [f"0x{each.hex()}" for each in path_of(index, entries[:size])]
            assert got["root"] == f"0x{tree_hash(entries[:size]).hex()}"
        for old in {1, size // 2 or 1, size}:
            got = client.get(f"/v1/log/proofs/consistency?old={old}&size={size}").json()
            assert got["proof"] == [f"0x{each.hex()}" for each in proof_of(old, entries[:size])]


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/v1/log/checkpoint", "not-found"),
        ("/v1/log/tile/0/000", "not-found"),
        ("/v1/log/tile/0/000.p/6", "not-found"),
        ("/v1/log/tile/0/000.p/0", "not-found"),
        ("/v1/log/tile/0/000.p/256", "not-found"),
        ("/v1/log/tile/64/000.p/1", "not-found"),
        ("/v1/log/tile/0/0", "not-found"),
        ("/v1/log/tile/0/x000/000.p/1", "not-found"),
        ("/v1/log/tile/entries/000", "not-found"),
        ("/v1/log/tile/entries/x999/x999/x999/x999/999", "not-found"),
        ("/v1/log/proofs/inclusion?index=5&size=5", "invalid-input"),
        ("/v1/log/proofs/inclusion?index=0&size=6", "not-found"),
        ("/v1/log/proofs/inclusion?index=-1&size=5", "invalid-input"),
        ("/v1/log/proofs/consistency?old=6&size=5", "invalid-input"),
        ("/v1/log/proofs/consistency?old=0&size=5", "invalid-input"),
        ("/v1/log/proofs/consistency?old=1&size=9007199254740992", "invalid-input"),
    ],
)
def test_what_is_not_there_is_a_problem(
    client: TestClient, ledger_conn: Conn, api_conn: Conn, path: str, slug: str
) -> None:
    """Five leaves without a checkpoint have no other tiles and proofs than theirs."""
    assert ledger_conn.info.dbname == api_conn.info.dbname
    append(api_conn, 5)
    problem(client.get(path), slug)


def test_checkpoint_is_kept_for_moments_only(client: TestClient, ledger_conn: Conn, api_conn: Conn) -> None:
    """A checkpoint is cached for seconds and answered by its tag, for a new one follows."""
    append(api_conn, 1)
    make_checkpoint(ledger_conn, SIGNER)
    first = client.get("/v1/log/checkpoint")
    assert "max-age=5" in first.headers["cache-control"]
    assert client.get("/v1/log/checkpoint", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    append(api_conn, 1)
    make_checkpoint(ledger_conn, SIGNER)
    assert client.get("/v1/log/checkpoint", headers={"If-None-Match": first.headers["etag"]}).status_code == 200
