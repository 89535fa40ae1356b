"""The log as an auditor reads it: everything that is claimed, so that all of it can be computed again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

Progress = Callable[[int, int], None]
"""Told how many leaves are done, and of how many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditedLeaf:
    """A leaf, with what it commits to where that may be read."""

    leaf_index: int
    kind: str
    entry: bytes
    salt: bytes | None = None
    payload: bytes | None = None
    erased_at: datetime | None = None
    #: What is left of an erased handoff: its place in the item's chain.
    item: str | None = None
    seq: int | None = None
    digest: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditedTile:
    """A tile as it is stored. `nodes` is None where only the public part is read."""

    level: int
    tile_index: int
    hashes: bytes
    nodes: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedRoot:
    """Somebody's word that the tree of a size has this root."""

    size: int
    root: bytes
    #: The signed note that says so; empty: there is none.
    note: str = ""
