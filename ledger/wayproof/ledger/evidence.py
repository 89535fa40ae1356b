"""Evidence: the readings of a leg as one root, which both parties sign, and the proof that one is among them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from wayproof.ledger.hexadecimal import to_hex
from wayproof.model.canonical import reading_bytes, reading_of
from wayproof.model.errors import InvalidInput, InvalidProof, NotFound
from wayproof.model.handoff import ZERO_HASH, Handoff
from wayproof.model.merkle import leaf_hash, node_hash, root_from_inclusion
from wayproof.model.telemetry import StoredReading


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingProof:
    """That one reading is part of a handoff's evidence."""

    #: The canonical bytes of the reading (`wayproof.model.canonical.reading_bytes`).
    data: bytes
    #: Its place in the evidence, from 0.
    index: int
    #: The inclusion proof (RFC 9162 section 2.1.3) in the tree of the handoff's `evidence_size` leaves.
    path: Sequence[bytes]


def reading_leaf(device: str, stored: StoredReading) -> bytes:
    """The leaf of a reading of the named device: 32 bytes."""
    return leaf_hash(reading_bytes(device, stored))


def check_reading(handoff: Handoff, proof: ReadingProof) -> tuple[str, StoredReading]:
    """The device and the reading that is proven to be part of the handoff's evidence; InvalidProof where it is not."""
    try:
        proven = reading_of(proof.data)
    except InvalidInput as error:
        raise InvalidProof(f"evidence: {error}") from None
    leaf = leaf_hash(proof.data)
    root = root_from_inclusion(leaf=leaf, index=proof.index, size=handoff.evidence_size, proof=proof.path)
    if root != handoff.evidence_root:
        raise InvalidProof(
            f"evidence: the reading at place {proof.index} leads to the root {to_hex(root)}, "
            f"and both parties signed {to_hex(handoff.evidence_root)}"
        )
    return proven


class EvidenceTree:
    """The tree over a leg's readings (RFC 9162 section 2.1), by order of device name, observed_at, boot, seq.

    Holds all hashes, 64 bytes a reading. Without readings its root is 32 zero bytes, as a handoff has it.
    """

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """Leaves are hashes of 32 bytes (`reading_leaf`)."""
        self._leaves: Final = list(leaves)

    def __len__(self) -> int:
        """How many readings."""
        return len(self._leaves)

    @property
    def root(self) -> bytes:
        """32 bytes, to be signed as `evidence_root`."""
        return self._levels[-1][0] if self._leaves else ZERO_HASH

    def proof(self, device: str, stored: StoredReading) -> ReadingProof:
        """That a reading is part of the evidence. NotFound where it is not, or not as it was then."""
        data = reading_bytes(device, stored)
        index = self._places.get(leaf_hash(data))
        if index is None:
            raise NotFound(
                f"evidence: the reading of {device} at {stored.reading.observed_at} (boot {stored.reading.boot}, seq "
                f"{stored.reading.seq}) is not among the {len(self)} as it is stored now: it came later or was changed"
            )
        return ReadingProof(data=data, index=index, path=self.path(index))

    def path(self, index: int) -> list[bytes]:
        """The inclusion proof of the leaf at `index` (RFC 9162 section 2.1.3.1)."""
        if not 0 <= index < len(self):
            raise NotFound(f"evidence: expected a place from 0 to below {len(self)}, got {index}")
        siblings = ((level, (index >> height) ^ 1) for height, level in enumerate(self._levels))
        return [level[place] for level, place in siblings if place < len(level)]

    @cached_property
    def _places(self) -> dict[bytes, int]:
        return {leaf: index for index, leaf in enumerate(self._leaves)}

    @cached_property
    def _levels(self) -> list[list[bytes]]:
        """From the leaves up to the root; a last node without a sibling moves up as it is."""
        levels = [self._leaves]
        while len(levels[-1]) > 1:
            below = levels[-1]
            above = [node_hash(left, right) for left, right in zip(below[::2], below[1::2], strict=False)]
            levels.append(above + below[len(above) * 2 :])
        return levels
