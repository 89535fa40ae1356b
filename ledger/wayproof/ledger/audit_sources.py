"""Where an audit reads a log: in its database, or at its public address as anybody can (C2SP tlog-tiles)."""

import json
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from wayproof.ledger.hexadecimal import from_address, shown
from wayproof.ledger.notes import NoteKey, open_note, parse_vkey
from wayproof.ledger.verify.fetch import fetch
from wayproof.model.audit import AuditedLeaf, AuditedTile, ClaimedRoot
from wayproof.model.errors import InvalidInput, NotFound, Unavailable
from wayproof.model.log import LogIdentity
from wayproof.model.tiles import HEIGHT, WIDTH, TilePath, tiles_of
from wayproof.store import audit as rows
from wayproof.store import log
from wayproof.store.pool import Conn

_TIMEOUT_S: Final = 30
_MAX_BYTES: Final = WIDTH * (2 + 65_535)
"""Of the largest tile of entries."""


class DatabaseLog:
    """The log in its tables, all of one moment if it is read inside `store.audit.snapshot`."""

    is_open: Final = True

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        self.identity: Final = log.identity(conn)
        self.size: Final = log.size(conn)

    def leaves(self, start: int, count: int) -> Sequence[AuditedLeaf]:
        """Leaves with salts and payloads."""
        return rows.leaves(self._conn, start, count)

    def tiles(self, places: Sequence[tuple[int, int]], size: int) -> Sequence[AuditedTile]:  # noqa: ARG002
        """Tiles as they are stored."""
        return rows.tiles(self._conn, places)

    def checkpoints(self) -> Iterator[ClaimedRoot]:
        """All that were signed."""
        return rows.checkpoints(self._conn)

    def anchors(self) -> Iterator[ClaimedRoot]:
        """All that the anchorer saw on the chain."""
        return rows.anchors(self._conn)

    def surplus(self) -> str:
        """Rows beyond the log's size."""
        leaves, tiles = rows.count_outside(self._conn, self.size), rows.count_tiles(self._conn)
        if leaves:
            return f"{leaves} leaves stand past the log's size of {self.size}"
        expected = sum(1 for _ in tiles_of(self.size))
        return "" if tiles == expected else f"there are {tiles} tiles, expected {expected}"


class PublicLog:
    """The log at the address of its API, up to its latest checkpoint. Unavailable where it cannot be read."""

    is_open: Final = False

    def __init__(self, url: str, *, log_key: NoteKey | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(f"expected the http or https address of a Wayproof API, got {shown(url)}")
        self._base = f"{url.rstrip('/')}/v1/log"
        about = self._json("")
        key = log_key or parse_vkey(str(about.get("vkey")))
        chain_id = about.get("chain_id")
        if type(chain_id) is not int:
            raise Unavailable(f"{self._base}: expected the id of a chain, got {shown(chain_id)}")
        self.identity: Final = LogIdentity(
            origin=key.name,
            public_key=key.public_key,
            chain_id=chain_id,
            contract=from_address(about.get("contract"), pointer="/contract"),
        )
        self._note = self._get("/checkpoint").decode(errors="replace")  # what is no UTF-8 is no signed note either
        self._latest = open_note(self._note, key)
        self.size: Final = self._latest.size

    def leaves(self, start: int, count: int) -> Iterator[AuditedLeaf]:
        """The public part of leaves; `start` is a multiple of 256."""
        for first in range(start, start + count, WIDTH):
            width = min(WIDTH, start + count - first)
            tile = self._get(f"/tile/{TilePath(None, first // WIDTH, width)}")
            for number, entry in enumerate(_entries(tile)):
                kind = "tombstone" if entry.startswith(b"wayproof:tombstone:") else "handoff"
                yield AuditedLeaf(leaf_index=first + number, kind=kind, entry=entry)

    def tiles(self, places: Sequence[tuple[int, int]], size: int) -> Iterator[AuditedTile]:
        """Tiles as a tree of `size` has them."""
        for level, index in places:
            width = min((size >> HEIGHT * level) - index * WIDTH, WIDTH)
            try:
                yield AuditedTile(
                    level=level, tile_index=index, hashes=self._get(f"/tile/{TilePath(level, index, width)}")
                )
            except NotFound:
                continue

    def checkpoints(self) -> Iterator[ClaimedRoot]:
        """The latest one."""
        yield ClaimedRoot(size=self._latest.size, root=self._latest.root, note=self._note)

    def anchors(self) -> Iterator[ClaimedRoot]:
        """None: the chain itself is asked."""
        return iter(())

    def surplus(self) -> str:
        """Nothing: what is not covered by the checkpoint is not read."""
        return ""

    def _json(self, path: str) -> dict[str, Any]:
        try:
            found = json.loads(self._get(path))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Unavailable(f"{self._base}{path}: expected a JSON object: is a Wayproof API there?")
        return found

    def _get(self, path: str) -> bytes:
        request = Request(self._base + path, headers={"User-Agent": "wayproof"})  # noqa: S310 - http or https
        try:
            return fetch(request, timeout_s=_TIMEOUT_S, max_bytes=_MAX_BYTES)
        except HTTPError as error:
            with error:
                kind = NotFound if error.code == 404 else Unavailable  # noqa: PLR2004
                raise kind(f"{self._base}{path} is answered by HTTP {error.code}") from None
        except (OSError, HTTPException) as error:
            raise Unavailable(f"{self._base}{path}: {error}") from None


def _entries(tile: bytes) -> Iterator[bytes]:
    """The entries in a tile, each after its length in two bytes (C2SP tlog-tiles, "Log entries")."""
    at = 0
    while at < len(tile):
        begin = at + 2
        at = begin + int.from_bytes(tile[at:begin])
        yield tile[begin:at]
