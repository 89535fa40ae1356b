"""The parts of a lot that are somewhere, found by where they are or where they are bound for."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from wayproof.trace.graph.pieces import Piece


class Shelf:
    """Pieces. One must be pulled before it changes, and added again."""

    def __init__(self) -> None:
        self._loose: dict[tuple[bool, str | None], dict[int, Piece]] = {}
        self._inside: dict[UUID, dict[int, Piece]] = {}

    def __iter__(self) -> Iterator[Piece]:
        for bucket in (*self._loose.values(), *self._inside.values()):
            yield from bucket.values()

    def add(self, piece: Piece) -> None:
        """Puts a piece where it belongs."""
        self._bucket(piece)[id(piece)] = piece

    def pull(self, pieces: list[Piece]) -> list[Piece]:
        """Takes pieces out."""
        for piece in pieces:
            bucket = self._bucket(piece)
            del bucket[id(piece)]
            if not bucket and piece.container is not None:
                del self._inside[piece.container]
        return pieces

    def inside(self, container: UUID) -> Iterable[Piece]:
        """What is in a container."""
        return self._inside.get(container, {}).values()

    def loose(self, place: str | None, *, is_moving: bool = False) -> list[Piece]:
        """What rests at a place in no container, or is on its way there; None: nobody knows where."""
        return list(self._loose.get((is_moving, place), {}).values())

    def packed(self, place: str | None, *, is_moving: bool = False) -> list[Piece]:
        """The same of what is in a container."""
        inside = (piece for bucket in self._inside.values() for piece in bucket.values())
        return [piece for piece in inside if (piece.is_moving, piece.whither) == (is_moving, place)]

    def moving(self) -> list[Piece]:
        """What is on its way, wherever to."""
        return [piece for piece in self if piece.is_moving]

    def _bucket(self, piece: Piece) -> dict[int, Piece]:
        if piece.container is not None:
            return self._inside.setdefault(piece.container, {})
        return self._loose.setdefault((piece.is_moving, piece.whither), {})
