"""What to do next about an anchor: a pure function of how it is stored, what the chain shows, and the time.

::

    queued ──▶ signed ──▶ submitted ──▶ mined ──▶ safe ──▶ final
      ▲          │ ▲          │           │        │         │
      ├──────────┼─┼──────────┘           │        │         │   its nonce was used: by a transaction that reverted,
      └──────────┘ │                      │        │         │   or by one that is not ours
                   └──────────────────────┴────────┴─────────┘   a reorganisation took its block: the same bytes again

Whatever is not on the chain becomes `superseded` when the contract holds a larger checkpoint: it only ever grows, so
this one will never be taken, and the larger one covers its leaves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wayproof.model.anchor import Alarm, Anchor, AnchorTransaction, Inclusion
from wayproof.model.handoff import ZERO_HASH, AnchorState

ON_CHAIN: Final = frozenset({AnchorState.MINED, AnchorState.SAFE, AnchorState.FINAL})
ON_THE_WAY: Final = frozenset({AnchorState.SIGNED, AnchorState.SUBMITTED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """How far an endpoint's chain has come, all read at one block."""

    number: int
    #: The last block that is safe, and the last that is final: by the chain's own tags, else by depth.
    safe: int
    final: int
    #: How many transactions of the anchorer's account the chain holds: the next nonce.
    nonce: int
    balance_wei: int
    base_fee_wei: int
    #: What the contract holds.
    latest_size: int
    latest_root: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What the chain shows of one anchor."""

    head: Head
    #: The contract's root for the anchor's size; zero where it holds none.
    root: bytes = ZERO_HASH
    #: Where the anchor was taken: by a transaction that succeeded, in a block of the canonical chain.
    inclusion: Inclusion | None = None
    #: Whether every endpoint has its newest transaction.
    is_known: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a transaction may wait, and what may be paid to hurry it."""

    #: A transaction that a node took and that is not mined after this is replaced by one that pays more.
    bump_after: timedelta
    #: No transaction offers more for a unit of gas.
    max_fee_wei: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign a transaction with a new nonce."""


@dataclass(frozen=True, slots=True)
class Bump:
    """Replace a transaction by one of the same nonce that pays more."""

    transaction: AnchorTransaction


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Give stored bytes to every node."""

    transaction: AnchorTransaction


@dataclass(frozen=True, slots=True)
class Taken:
    """A node has it, although that was never written down."""

    transaction: AnchorTransaction


@dataclass(frozen=True, slots=True)
class Move:
    """Write another state down."""

    state: AnchorState
    inclusion: Inclusion | None = None


Action = Wait | Sign | Bump | Broadcast | Taken | Move


def decide(anchor: Anchor, sight: Sight, *, now: datetime, patience: Patience) -> Action:
    """The next step for one anchor. Doing it and deciding again, until it says Wait, brings the anchor up to date."""
    if sight.inclusion is not None:
        arrived = Move(_depth(sight.inclusion, sight.head), sight.inclusion)
        return Wait() if arrived == Move(anchor.state, anchor.inclusion) else arrived
    if anchor.state in ON_CHAIN:
        return Move(AnchorState.SIGNED if anchor.transactions else AnchorState.QUEUED)
    if sight.root == anchor.root:
        return Wait()  # taken at this head, and the block is not shown yet
    if sight.head.latest_size >= anchor.size:
        return Move(AnchorState.SUPERSEDED)
    if anchor.state == AnchorState.QUEUED:
        return Sign()
    return _decide_signed(anchor, sight, now, patience)


def _decide_signed(anchor: Anchor, sight: Sight, now: datetime, patience: Patience) -> Action:
    newest = anchor.transactions[-1]
    if newest.nonce < sight.head.nonce:
        return Move(AnchorState.QUEUED)  # reverted, or somebody else used the nonce: none of its bytes can be mined
    if _waited_too_long(newest, now, patience) and _raised(newest.max_fee_wei) <= patience.max_fee_wei:
        return Bump(newest)
    if not sight.is_known:
        return Broadcast(newest)
    return Wait() if newest.submitted_at else Taken(newest)


def _waited_too_long(transaction: AnchorTransaction, now: datetime, patience: Patience) -> bool:
    """Whether a node holds it, or refuses it, for too long. One that no node ever heard of has not waited at all."""
    if transaction.submitted_at is None and transaction.refusal is None:
        return False
    return now - (transaction.submitted_at or transaction.signed_at) >= patience.bump_after


def _depth(inclusion: Inclusion, head: Head) -> AnchorState:
    if inclusion.block_number <= head.final:
        return AnchorState.FINAL
    return AnchorState.SAFE if inclusion.block_number <= head.safe else AnchorState.MINED


def is_stuck(anchor: Anchor, *, now: datetime, patience: Patience) -> bool:
    """Whether it has waited too long, and its fee must not be raised any more."""
    newest = anchor.transactions[-1]
    return _waited_too_long(newest, now, patience) and _raised(newest.max_fee_wei) > patience.max_fee_wei


def bumped(replaced: AnchorTransaction, offer: tuple[int, int], *, cap_wei: int) -> tuple[int, int]:
    """Greatest fee and priority fee of a replacement: what the market offers, but an eighth more than before on both.

    Nodes refuse a replacement that raises either fee by less than 10 % (geth's `txpool.pricebump`), some by less than
    12.5 %.
    """
    max_fee = max(_raised(replaced.max_fee_wei), min(cap_wei, offer[0]))
    return max_fee, min(max_fee, max(_raised(replaced.priority_fee_wei), offer[1]))


def _raised(fee_wei: int) -> int:
    return fee_wei + fee_wei // 8 + 1


def market(base_fee_wei: int, priority_fee_wei: int, *, cap_wei: int) -> tuple[int, int]:
    """Greatest fee and priority fee of a new transaction: good for six full blocks in a row (EIP-1559), and capped."""
    max_fee = min(cap_wei, 2 * base_fee_wei + priority_fee_wei)
    return max_fee, min(max_fee, priority_fee_wei)


def is_due(*, waiting: int, since: datetime | None, now: datetime, leaves: int, every: timedelta) -> bool:
    """Whether another anchor is due: so many leaves wait for one, or the first of them has waited long enough."""
    return since is not None and (waiting >= leaves or now - since >= every)


def more_careful(heads: Sequence[Head]) -> Head:
    """What can be relied on when endpoints tell different stories: the lesser of each."""
    behind = min(heads, key=lambda head: head.latest_size)
    return Head(
        number=min(head.number for head in heads),
        safe=min(head.safe for head in heads),
        final=min(head.final for head in heads),
        nonce=min(head.nonce for head in heads),
        balance_wei=min(head.balance_wei for head in heads),
        base_fee_wei=max(head.base_fee_wei for head in heads),
        latest_size=behind.latest_size,
        latest_root=behind.latest_root,
    )


def agreed(sights: Sequence[Sight]) -> Sight:
    """One sight out of those of several endpoints: an anchor is where all of them see it, and nowhere else."""
    first = sights[0]
    agree_on_block = all(_block(sight) == _block(first) for sight in sights)
    return Sight(
        head=more_careful([sight.head for sight in sights]),
        # Any that holds it keeps us from calling it superseded.
        root=max(sight.root for sight in sights),
        inclusion=first.inclusion if agree_on_block else None,
        is_known=all(sight.is_known for sight in sights),
    )


def _block(sight: Sight) -> tuple[bytes, bytes] | None:
    return (sight.inclusion.tx_hash, sight.inclusion.block_hash) if sight.inclusion else None


def next_nonce(anchors: Iterable[Anchor], head: Head) -> int:
    """The nonce after every transaction that is mined or may still be."""
    waiting = [anchor.transactions[-1].nonce + 1 for anchor in anchors if anchor.state in ON_THE_WAY]
    return max([head.nonce, *waiting])


def judge(heads: Mapping[str, Head], log_size: int, roots: Mapping[int, bytes]) -> dict[Alarm, str]:
    """What is wrong between the contract, as endpoints of these names tell of it, and the log.

    `roots` holds the log's own root for every size that an endpoint tells and the log has.
    """
    found: dict[Alarm, str] = {}
    for name, head in heads.items():
        if head.latest_size > log_size:
            found[Alarm.LOG_BEHIND_CHAIN] = (
                f"{name}: the contract holds a checkpoint of {head.latest_size} leaves, the log has {log_size}:"
                " the database was put back to an older state; restore a newer one"
            )
        elif head.latest_size and roots[head.latest_size] != head.latest_root:
            found[Alarm.ROOT_MISMATCH] = (
                f"{name}: for {head.latest_size} leaves the contract holds root {head.latest_root.hex()}, the log has"
                f" {roots[head.latest_size].hex()}: leaves were changed; restore the log from a backup or from a copy"
            )
    numbers = [head.number for head in heads.values()]
    is_lag = 0 < max(numbers) - min(numbers) <= _LAG_BLOCKS
    if not tell_the_same(heads.values()) and not is_lag:
        told = [f"{name} tells of {head.latest_size} leaves at block {head.number}" for name, head in heads.items()]
        found[Alarm.ENDPOINTS_DISAGREE] = "; ".join(told)
    return found


def tell_the_same(heads: Iterable[Head]) -> bool:
    """Whether all hold the same of the contract. Nothing is built on what they do not agree on."""
    return len({(head.latest_size, head.latest_root) for head in heads}) <= 1


_LAG_BLOCKS: Final = 5
"""So far one endpoint may be behind another before it is worth an alarm: blocks take seconds to go round."""


HALTING: Final = frozenset({Alarm.LOG_BEHIND_CHAIN, Alarm.ROOT_MISMATCH})
"""While one of these stands nothing is signed, neither anchors nor checkpoints."""
