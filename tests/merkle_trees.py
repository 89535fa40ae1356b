"""A Merkle tree in memory that makes proofs as RFC 9162 writes them down: recursively, a second opinion on our own."""

from collections.abc import Iterable
from hashlib import sha256

from wayproof.model.merkle import EMPTY_ROOT, node_hash


class Tree:
    """Leaves of which every prefix is a tree."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        self.levels = [list(leaves)]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            pairs = zip(below[::2], below[1::2], strict=False)
            self.levels.append([sha256(b"\1" + left + right).digest() for left, right in pairs])

    def root(self, size: int) -> bytes:
        """The root of the first `size` leaves (section 2.1.1)."""
        return self._hash(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """PATH(index, D[size]) of section 2.1.3.1."""
        return self._path(index, 0, size)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """PROOF(old, D[size]) of section 2.1.4.1."""
        return self._subproof(old, 0, size, known=True)

    def _path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + _half(end - start)
        if index < middle:
            return [*self._path(index, start, middle), self._hash(middle, end)]
        return [*self._path(index, middle, end), self._hash(start, middle)]

    def _subproof(self, old_end: int, start: int, end: int, *, known: bool) -> list[bytes]:
        if old_end == end:
            return [] if known else [self._hash(start, end)]
        middle = start + _half(end - start)
        if old_end <= middle:
            return [*self._subproof(old_end, start, middle, known=known), self._hash(middle, end)]
        return [*self._subproof(old_end, middle, end, known=False), self._hash(start, middle)]

    def _hash(self, start: int, end: int) -> bytes:
        width = end - start
        if width & (width - 1) == 0:
            level = width.bit_length() - 1
            return self.levels[level][start >> level]
        middle = start + _half(width)
        return node_hash(self._hash(start, middle), self._hash(middle, end))


def _half(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def leaf(number: int) -> bytes:
    """The hash of some leaf."""
    return sha256(b"\0" + number.to_bytes(8)).digest()


def tree(size: int) -> Tree:
    """A tree of as many numbered leaves."""
    return Tree(leaf(number) for number in range(size))
