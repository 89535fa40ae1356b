"""Where the hashes of a tree stand in tiles of 256 (C2SP tlog-tiles), and what appending adds to them.

A tile of level `l` holds hashes of height `8 l`, and beside them, as `nodes`, the seven heights above that lie inside
the tile. A node is written where its last leaf completes it (post-order), so both only ever grow at their end.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from wayproof.model.errors import NotFound
from wayproof.model.merkle import Node, node_hash

WIDTH: Final = 256
"""Hashes in a full tile."""
HEIGHT: Final = 8
"""Levels of the tree in a tile."""

# At most 15 digits: what is longer is beyond 2^53 leaves.
_PATH: Final = re.compile(
    r"(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/){0,4}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?", re.ASCII
)


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


class TilePath(NamedTuple):
    """The address of a tile below a log's (C2SP tlog-tiles, "Merkle Tree" and "Log entries")."""

    #: None: not hashes, but the entries below them.
    level: int | None
    tile_index: int
    width: int = WIDTH

    def __str__(self) -> str:
        """The path, for example `0/x001/234.p/5`."""
        digits = str(self.tile_index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *above, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
        index = "/".join([*(f"x{group}" for group in above), last])
        level = "entries" if self.level is None else self.level
        return f"{level}/{index}" if self.width == WIDTH else f"{level}/{index}.p/{self.width}"


def parse_tile_path(text: str) -> TilePath:
    """Back from its text; NotFound where it is no tile's, or not written in the one way there is."""
    match = _PATH.fullmatch(text)
    if match is None:
        raise NotFound(f"no tile has the path {text!r}")
    level = None if match["level"] == "entries" else int(match["level"])
    tile_index = int(match["index"].replace("x", "").replace("/", ""))
    path = TilePath(level, tile_index, int(match["width"] or WIDTH))
    if str(path) != text or not 0 < path.width <= WIDTH:
        raise NotFound(f"no tile has the path {text!r}")
    return path


def tiles_of(size: int) -> Iterator[TilePath]:
    """Every tile of hashes that a tree of `size` consists of, from the leaves up."""
    level, hashes = 0, size
    while hashes:
        full, rest = divmod(hashes, WIDTH)
        yield from (TilePath(level, tile_index) for tile_index in range(full))
        if rest:
            yield TilePath(level, full, rest)
        level, hashes = level + 1, full
