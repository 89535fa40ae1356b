"""Tiles: where hashes stand, how they grow, and their paths."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.model.errors import NotFound
from wayproof.model.merkle import Node, leaf_hash, root_of, subtrees
from wayproof.model.tiles import TilePath, grow, parse_tile_path, place_of, tiles_of

from fix_log import bytes_of

LEAVES = [leaf_hash(bytes_of(number)) for number in range(1_100)]


@pytest.fixture(scope="module")
def tiles() -> dict[tuple[int, int, bool], bytes]:
    """The tiles of the leaves, grown in uneven steps; by level, index, and whether they are nodes."""
    grown: defaultdict[tuple[int, int, bool], bytes] = defaultdict(bytes)
    size = 0
    for step in (1, 0, 2, 252, 1, 1, 255, 500, 88):
        peaks = [_hash(grown, node) for node in subtrees(0, size)]
        for (level, tile_index), growth in grow(size, peaks, LEAVES[size : size + step]).items():
            grown[level, tile_index, False] += growth.hashes
            grown[level, tile_index, True] += growth.nodes
        size += step
    assert size == len(LEAVES)
    return dict(grown)


def _hash(tiles: dict[tuple[int, int, bool], bytes], node: Node) -> bytes:
    level, tile_index, inside, offset = place_of(node)
    return tiles[level, tile_index, inside][32 * offset : 32 * offset + 32]


def test_every_complete_subtree_stands_in_its_place(tiles: dict[tuple[int, int, bool], bytes]) -> None:
    """However the leaves came, each complete subtree's hash stands where `place_of` says, and nothing else is there."""
    nodes = [Node(height, nth) for height in range(11) for nth in range(len(LEAVES) >> height)]
    for node in nodes:
        span = slice(node.nth << node.height, (node.nth + 1) << node.height)
        assert _hash(tiles, node) == root_of(LEAVES[span])
    assert sum(map(len, tiles.values())) == 32 * len(nodes)


def test_tiles_of_a_tree() -> None:
    """The tiles of a tree of 70,000 leaves are those of the example in C2SP tlog-tiles."""
    paths = list(tiles_of(70_000))
    assert len(paths) == 273 + 1 + 1 + 1 + 1
    assert paths[273:] == [
        TilePath(0, 273, 112),
        TilePath(1, 0),
        TilePath(1, 1, 17),
        TilePath(2, 0, 1),
    ]
    assert list(tiles_of(256)) == [TilePath(0, 0), TilePath(1, 0, 1)]


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 10**15 - 1), st.integers(1, 256))
def test_paths_come_back(level: int | None, tile_index: int, width: int) -> None:
    """A path that was written is read as the same tile."""
    path = TilePath(level, tile_index, width)
    assert parse_tile_path(str(path)) == path


def test_paths_of_the_specification() -> None:
    """Index 1234067 is x001/x234/067."""
    assert str(TilePath(0, 1_234_067)) == "0/x001/x234/067"
    assert str(TilePath(None, 5, 70)) == "entries/005.p/70"


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "0/", "0/0", "0/00", "00/000", "-1/000", "entry/000", "0/000/", "0/000\n", "0/\u0660\u0660\u0660"),
        *("0/x000/001", "0/001/002", "0/x001", "0/" + "x001/" * 5 + "000"),
        *("0/000.p/0", "0/000.p/256", "0/000.p/07", "0/000.p/999", "0/000.p/", "0/000.p"),
    ],
)
def test_what_is_no_path_is_not_found(text: str) -> None:
    """A tile has one path; every other way to write it leads nowhere."""
    with pytest.raises(NotFound):
        parse_tile_path(text)
