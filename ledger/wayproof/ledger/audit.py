"""The audit of a whole log: everything that can be computed again is, and compared with what is claimed.

Leaves come once, in order, so memory stays bounded whatever the log's size: an item's last handoff waits in a file.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from wayproof.ledger.audit_items import ItemChains
from wayproof.ledger.hexadecimal import to_hex
from wayproof.ledger.leaves import handoff_entry, signed_handoff_of, tombstone_entry
from wayproof.ledger.notes import NoteKey, open_note
from wayproof.ledger.signatures import check_signature
from wayproof.ledger.strict_json import strict_json
from wayproof.ledger.typed_data import digest
from wayproof.ledger.verify.offline import Trusted
from wayproof.ledger.verify.onchain import check_code, latest_anchor, root_at
from wayproof.ledger.verify.report import Check, Report, Status, failed, passed, unchecked
from wayproof.ledger.verify.rpc import Rpc
from wayproof.model.audit import AuditedLeaf, AuditedTile, ClaimedRoot, Progress
from wayproof.model.errors import InvalidInput
from wayproof.model.handoff import Party, SigningDomain
from wayproof.model.log import LogIdentity
from wayproof.model.merkle import HASH_BYTES, fold_peaks, leaf_hash, node_hash
from wayproof.model.tiles import HEIGHT, WIDTH, Growth, grow

CHUNK: Final = 16 * WIDTH
"""Leaves that are read at once."""
_TOLD: Final = 20
"""Findings of one kind that are told in full; the rest is counted."""
_TAGS: Final = {"handoff": b"wayproof:handoff:v1\n", "tombstone": b"wayproof:tombstone:v1\n"}


class LogSource(Protocol):
    """Where a log is read: its database, or its public address."""

    @property
    def is_open(self) -> bool:
        """Whether salts and payloads can be read."""

    @property
    def identity(self) -> LogIdentity:
        """Whose log it is."""

    @property
    def size(self) -> int:
        """Leaves that are audited."""

    def leaves(self, start: int, count: int) -> Iterable[AuditedLeaf]:
        """Leaves from `start` on."""

    def tiles(self, places: Sequence[tuple[int, int]], size: int) -> Iterable[AuditedTile]:
        """Tiles of levels and indexes, as a tree of `size` leaves has them."""

    def checkpoints(self) -> Iterator[ClaimedRoot]:
        """Signed checkpoints, smallest first."""

    def anchors(self) -> Iterator[ClaimedRoot]:
        """What the chain should hold, smallest first."""

    def surplus(self) -> str:
        """What is there beyond a log of its size; empty: nothing."""


def audit(source: LogSource, *, rpcs: Sequence[str] = (), progress: Progress = lambda _done, _size: None) -> Report:
    """Reads the whole log and checks leaves, payloads, signatures, items, tombstones, tiles, checkpoints and anchors.

    With URLs of nodes (`rpcs`) anchors are compared with the chain too. Unavailable where the log cannot be read.
    """
    return _Auditor(source, [Rpc(url) for url in dict.fromkeys(rpcs)]).run(progress)


class _Auditor:
    def __init__(self, source: LogSource, nodes: Sequence[Rpc]) -> None:
        self._source = source
        self._codes = [(node, self._code(node)) for node in nodes]
        #: Those that speak for this chain and have this contract.
        self._nodes = [node for node, check in self._codes if check.status is Status.PASSED]
        self._domain = SigningDomain(chain_id=source.identity.chain_id, contract=source.identity.contract)
        self._found: defaultdict[str, list[str]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self._peaks: list[tuple[int, bytes]] = []
        self._without_tombstone: set[int] = set()
        self._claims = heapq.merge(self._checkpoints(), self._anchors(), self._chain(), key=lambda claim: claim[1].size)
        self._next = next(self._claims, None)

    def run(self, progress: Progress) -> Report:
        """Everything, once."""
        size = self._source.size
        self._claimed(0)
        with ItemChains() as self._items:
            for start in range(0, size, CHUNK):
                count = min(CHUNK, size - start)
                self._chunk(start, count)
                progress(start + count, size)
        self._end(size)
        return Report(checks=tuple(self._checks()))

    def _chunk(self, start: int, count: int) -> None:
        peaks = [peak for _, peak in self._peaks]
        leaves = {leaf.leaf_index: leaf for leaf in self._source.leaves(start, count)}
        hashes = []
        for index in range(start, start + count):
            leaf = leaves.get(index)
            if leaf is None:
                self._tell("leaves", f"leaf {index} is missing")
            else:
                self._leaf(leaf)
            hashes.append(leaf_hash(leaf.entry if leaf else b""))
            self._grow(hashes[-1])
            self._claimed(index + 1)
        self._tiles(start, grow(start, peaks, hashes), is_last=start + count == self._source.size)

    # Leaves ----------------------------------------------------------------------------------------------------------

    def _leaf(self, leaf: AuditedLeaf) -> None:
        self._counts["leaves"] += 1
        tag = _TAGS.get(leaf.kind)
        if tag is None or not leaf.entry.startswith(tag) or len(leaf.entry) != len(tag) + HASH_BYTES:
            self._tell("leaves", f"leaf {leaf.leaf_index} is no entry of a {leaf.kind}")
        elif leaf.payload is not None and leaf.salt is not None:
            self._payload(leaf, leaf.payload, leaf.salt)
        elif self._source.is_open:
            self._erased(leaf)

    def _payload(self, leaf: AuditedLeaf, payload: bytes, salt: bytes) -> None:
        self._counts["payloads"] += 1
        make_entry = tombstone_entry if leaf.kind == "tombstone" else handoff_entry
        if make_entry(payload, salt) != leaf.entry:
            self._tell("payloads", f"leaf {leaf.leaf_index}: salt and payload are not what the leaf commits to")
        try:
            if leaf.kind == "tombstone":
                self._tombstone(leaf, payload)
            else:
                self._handoff(leaf, payload)
        except InvalidInput as error:
            self._tell("payloads", f"leaf {leaf.leaf_index}: {error}")

    def _handoff(self, leaf: AuditedLeaf, payload: bytes) -> None:
        signed = signed_handoff_of(payload)
        record = signed.handoff
        words = digest(self._domain, record)
        try:
            check_signature(words, signed.releaser_signature, record.releaser, who=Party.RELEASER)
            check_signature(words, signed.receiver_signature, record.receiver, who=Party.RECEIVER)
            self._counts["signatures"] += 2
        except InvalidInput as error:
            self._tell("signatures", f"leaf {leaf.leaf_index}: {error}")
        if leaf.digest is not None and leaf.digest != words:
            self._tell("payloads", f"leaf {leaf.leaf_index}: its handoff bears the digest {to_hex(leaf.digest)}")
        self._item(leaf.leaf_index, record.item, record.seq, words, record.prev)

    def _item(self, leaf_index: int, item: str, seq: int, words: bytes, prev: bytes | None) -> None:
        self._counts["items"] += 1
        wrong = self._items.follow(item, seq=seq, digest=words, prev=prev)
        if wrong:
            self._tell("items", f"leaf {leaf_index}: {item}: {wrong}")

    def _erased(self, leaf: AuditedLeaf) -> None:
        if leaf.erased_at is None:
            self._tell("payloads", f"leaf {leaf.leaf_index}: salt or payload is gone, and no erasure is written down")
        self._without_tombstone.add(leaf.leaf_index)
        if leaf.item is not None and leaf.seq is not None and leaf.digest is not None:
            self._item(leaf.leaf_index, leaf.item, leaf.seq, leaf.digest, None)

    def _tombstone(self, leaf: AuditedLeaf, payload: bytes) -> None:
        said = strict_json(payload)
        erased = said.get("erased") if isinstance(said, dict) else None
        if type(erased) is not int or not 0 <= erased < leaf.leaf_index:
            self._tell("tombstones", f"leaf {leaf.leaf_index} names no leaf before it as erased")
            return
        self._counts["tombstones"] += 1
        self._without_tombstone.discard(erased)

    # The tree --------------------------------------------------------------------------------------------------------

    def _grow(self, leaf: bytes) -> None:
        height, joined = 0, leaf
        while self._peaks and self._peaks[-1][0] == height:
            joined = node_hash(self._peaks.pop()[1], joined)
            height += 1
        self._peaks.append((height, joined))

    def _tiles(self, start: int, grown: dict[tuple[int, int], Growth], *, is_last: bool) -> None:
        end = min(start + CHUNK, self._source.size)
        stored = {(tile.level, tile.tile_index): tile for tile in self._source.tiles(list(grown), end)}
        for (level, index), growth in grown.items():
            tile = stored.get((level, index))
            before = max((start >> HEIGHT * level) - index * WIDTH, 0)
            if tile is None or not _has(tile, before, growth, is_whole=is_last):
                self._tell("tiles", f"tile {index} of level {level} does not hold the hashes of its leaves")
            self._counts["tiles"] += not before

    # What is claimed -------------------------------------------------------------------------------------------------

    def _claimed(self, size: int) -> None:
        """Compares every root that is claimed for this size."""
        while self._next is not None and self._next[1].size <= size:
            name, claim = self._next
            root = fold_peaks([peak for _, peak in self._peaks])
            if root != claim.root:
                self._tell(name, f"{claim.size} leaves have the root {to_hex(root)}, claimed is {to_hex(claim.root)}")
            self._counts[name] += 1
            self._next = next(self._claims, None)

    def _checkpoints(self) -> Iterator[tuple[str, ClaimedRoot]]:
        identity = self._source.identity
        key = NoteKey(name=identity.origin, public_key=identity.public_key)
        for claim in self._source.checkpoints():
            try:
                note = open_note(claim.note, key)
                if (note.size, note.root) != (claim.size, claim.root):
                    self._tell("checkpoints", f"checkpoint {claim.size}: its signed note says something else")
            except InvalidInput as error:
                self._tell("checkpoints", f"checkpoint {claim.size}: {error}")
            yield "checkpoints", claim

    def _anchors(self) -> Iterator[tuple[str, ClaimedRoot]]:
        for claim in self._source.anchors():
            yield "anchors", claim
            for node in self._nodes:
                with_root = root_at(node, self._domain.contract, claim.size)
                if with_root != claim.root:
                    self._tell("chain", f"{node.name}: the contract keeps {to_hex(with_root)} for {claim.size} leaves")

    def _chain(self) -> Iterator[tuple[str, ClaimedRoot]]:
        """What the contract itself holds last."""
        claims = [latest_anchor(node, self._domain.contract) for node in self._nodes]
        yield from sorted(
            (("chain", ClaimedRoot(size=size, root=root)) for size, root in claims if size),
            key=lambda claim: claim[1].size,
        )

    # The end ---------------------------------------------------------------------------------------------------------

    def _end(self, size: int) -> None:
        while self._next is not None:
            name, claim = self._next
            self._tell(name, f"one is of {claim.size} leaves, the log has {size}: leaves are missing")
            self._next = next(self._claims, None)
        if surplus := self._source.surplus():
            self._tell("leaves", surplus)
        for index in sorted(self._without_tombstone):
            self._tell("tombstones", f"leaf {index} is erased, and no tombstone says so")

    def _tell(self, name: str, detail: str) -> None:
        self._counts[f"{name} wrong"] += 1
        if len(self._found[name]) < _TOLD:
            self._found[name].append(detail)

    def _checks(self) -> Iterator[Check]:
        names = ["leaves", "tiles", "checkpoints", "anchors"]
        names[1:1] = ["payloads", "signatures", "items", "tombstones"] if self._source.is_open else []
        for name in names:
            yield self._check(name)
        if not self._source.is_open:
            yield unchecked("payloads", "are not public: signatures and items are audited by who holds the records")
        yield from (check for _, check in self._codes)
        if self._nodes:
            yield self._check("chain")
        else:
            yield unchecked("chain", "whether the contract keeps these roots: give --rpc URL of a node")

    def _code(self, node: Rpc) -> Check:
        name, identity = f"contract code by {node.name}", self._source.identity
        if node.chain_id() != identity.chain_id:
            return failed(name, f"the node is of chain {node.chain_id()}, the log of chain {identity.chain_id}")
        return check_code(name, identity.contract, identity.origin, Trusted(), node)

    def _check(self, name: str) -> Check:
        wrong, count = self._counts[f"{name} wrong"], self._counts[name]
        if not wrong:
            return passed(name, f"{count} checked")
        more = f"; and {wrong - len(self._found[name])} more" if wrong > len(self._found[name]) else ""
        return failed(name, f"{wrong} wrong: {'; '.join(self._found[name])}{more}")


def _has(tile: AuditedTile, before: int, growth: Growth, *, is_whole: bool) -> bool:
    """Whether a tile holds what was added after the first `before` hashes, and at the log's end nothing more."""
    nodes_before = before - before.bit_count()
    for stored, at, grown in ((tile.hashes, before, growth.hashes), (tile.nodes, nodes_before, growth.nodes)):
        if stored is None:
            continue
        end = at * HASH_BYTES + len(grown)
        if stored[at * HASH_BYTES : end] != bytes(grown) or (is_whole and len(stored) != end):
            return False
    return True
