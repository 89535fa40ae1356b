"""Where the hashes of a tree stand in tiles of 256 (C2SP tlog-tiles), and what appending adds to them.

A tile of level `l` holds hashes of height `8 l`, and beside them, as `nodes`, the seven heights above that lie inside
the tile. A node is written where its last leaf completes it (post-order), so both only ever grow at their end.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from wayproof.model.merkle import Node, node_hash

WIDTH: Final = 256
"""Hashes in a full tile."""
HEIGHT: Final = 8
"""Levels of the tree in a tile."""


class Place(NamedTuple):
    """Where one hash stands."""

    level: int
    tile_index: int
    #: False: in `hashes`; True: in `nodes`.
    inside: bool
    #: How many hashes stand before it there.
    offset: int


def place_of(node: Node) -> Place:
    """Where the hash of a complete subtree stands."""
    level, rise = divmod(node.height, HEIGHT)
    tile_index, nth = divmod(node.nth, WIDTH >> rise)
    if not rise:
        return Place(level, tile_index, inside=False, offset=nth)
    before = ((nth + 1) << rise) - 1  # leaves of the tile before the one that completes the node
    return Place(level, tile_index, inside=True, offset=before - before.bit_count() + rise - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """What is added at the end of one tile."""

    hashes: bytearray = field(default_factory=bytearray)
    nodes: bytearray = field(default_factory=bytearray)


def grow(size: int, peaks: Sequence[bytes], leaves: Iterable[bytes]) -> dict[tuple[int, int], Growth]:
    """What leaf hashes add to a tree of `size`, by level and index of the tile.

    `peaks` are the hashes of `merkle.subtrees(0, size)`.
    """
    grown: defaultdict[tuple[int, int], Growth] = defaultdict(Growth)
    open_peaks = list(peaks)
    for index, leaf in enumerate(leaves, size):
        grown[0, index >> HEIGHT].hashes.extend(leaf)
        height, joined = 0, leaf
        while index >> height & 1:
            joined = node_hash(open_peaks.pop(), joined)
            height += 1
            level, rise = divmod(height, HEIGHT)
            tile = grown[level, index >> (HEIGHT * (level + 1))]
            (tile.nodes if rise else tile.hashes).extend(joined)
        open_peaks.append(joined)
    return grown
