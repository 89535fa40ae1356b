"""The log of custody as it is stored: entries, checkpoints, and whose it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["handoff", "tombstone"]
"""What a leaf stands for: a record that two parties signed, or the erasure of one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEntry:
    """A leaf to append."""

    kind: Kind
    #: The public bytes that are hashed into the tree: 1 to 65,535 (C2SP tlog-tiles, "Log entries").
    entry: bytes
    #: The 32 bytes by which `entry` hides its payload.
    salt: bytes
    #: What `entry` commits to; it and its salt can be erased.
    payload: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class LogEntry:
    """A leaf as everybody may see it."""

    leaf_index: int
    kind: Kind
    entry: bytes
    appended_at: datetime
    #: When salt and payload were erased; None: they are there.
    erased_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """What an entry commits to. Both values are None once they are erased."""

    leaf_index: int
    salt: bytes | None
    payload: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedCheckpoint:
    """The tree at one size, and the operator's signature under it."""

    size: int
    root: bytes
    #: C2SP tlog-checkpoint.
    note: str
    #: Aware, UTC.
    signed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class LogIdentity:
    """What auditors pin of a log. It never changes."""

    #: First line of every checkpoint, and the name of its key.
    origin: str
    #: Ed25519, 32 bytes.
    public_key: bytes
    chain_id: int
    #: Address of the contract that holds the roots, 20 bytes.
    contract: bytes
