"""What several bundles prove together: that one item passed from hand to hand, and that their log is one."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from wayproof.ledger.hexadecimal import to_hex
from wayproof.ledger.notes import Checkpoint, open_note
from wayproof.ledger.typed_data import digest
from wayproof.ledger.verify.bundle import Bundle
from wayproof.ledger.verify.onchain import registered_key
from wayproof.ledger.verify.report import Check, failed, passed, unchecked
from wayproof.ledger.verify.rpc import Rpc
from wayproof.model.errors import InvalidInput, Unavailable


def check_together(bundles: Sequence[Bundle], rpcs: Sequence[Rpc] = ()) -> Iterator[Check]:
    """The chain of each item, its holders, and whether any two checkpoints contradict one another."""
    by_item = defaultdict(list)
    for bundle in bundles:
        by_item[bundle.signed.handoff.item].append(bundle)
    for item, unsorted in sorted(by_item.items()):
        chain = sorted(unsorted, key=lambda bundle: bundle.signed.handoff.seq)
        yield _chain(item, chain)
        if len(chain) > 1:
            yield _holders(f"holders of {item}", chain, rpcs)
    yield _one_log(bundles)


def _chain(item: str, chain: Sequence[Bundle]) -> Check:
    name = f"chain of {item}"
    for earlier, later in pairwise(chain):
        wrong = _break(earlier, later)
        if wrong:
            return failed(name, wrong)
    first, last = (chain[at].signed.handoff.seq for at in (0, -1))
    if len({bundle.signed.handoff.seq for bundle in chain}) < last - first + 1:
        return unchecked(name, f"handoffs {first} to {last}, not all of them given: give every bundle between")
    return passed(name, f"handoffs {first} to {last}, each naming the one before")


def _break(earlier: Bundle, later: Bundle) -> str:
    """Why the second does not go on with the first; empty where it does, or where some between are not given."""
    here, there = (each.signed.handoff for each in (earlier, later))
    digests = [digest(each.domain, each.signed.handoff) for each in (earlier, later)]
    if here.seq == there.seq:
        same = digests[0] == digests[1]
        return (
            "" if same else f"a fork: two different handoffs {here.seq}, {to_hex(digests[0])} and {to_hex(digests[1])}"
        )
    if there.seq == here.seq + 1 and there.prev != digests[0]:
        return f"handoff {there.seq} names {to_hex(there.prev)} as the one before, which is {to_hex(digests[0])}"
    if earlier.leaf_index >= later.leaf_index:
        return f"handoff {there.seq} stands before handoff {here.seq} in the log"
    return ""


def _holders(name: str, chain: Sequence[Bundle], rpcs: Sequence[Rpc]) -> Check:
    """Whether each handoff was released by who had received the item: by that key, or another of its custodian's."""
    other_keys = [pair for pair in pairwise(chain) if _is_released_by_another_key(*pair)]
    if other_keys and not rpcs:
        seq = other_keys[0][1].signed.handoff.seq
        return unchecked(
            name,
            f"handoff {seq} was released by another key than had received the item; whether both are one custodian's "
            "is in the contract's registry: give --rpc URL of a node",
        )
    try:
        for earlier, later in other_keys:
            if wrong := next(filter(None, (_another_custodian(earlier, later, rpc) for rpc in rpcs)), ""):
                return failed(name, wrong)
    except Unavailable as error:
        return unchecked(name, str(error), is_asked=True)
    return passed(name, "each handoff was released by who had received the item")


def _is_released_by_another_key(earlier: Bundle, later: Bundle) -> bool:
    here, there = earlier.signed.handoff, later.signed.handoff
    return there.seq == here.seq + 1 and there.releaser != here.receiver


def _another_custodian(earlier: Bundle, later: Bundle, rpc: Rpc) -> str:
    """Why the later handoff was not released by who had received the item; empty where it was."""
    keys = earlier.signed.handoff.receiver, later.signed.handoff.releaser
    received, released = (registered_key(rpc, later.domain.contract, key).custodian for key in keys)
    if released == received and any(released):
        return ""
    return (
        f"{rpc.name}: handoff {later.signed.handoff.seq} was released by a key of custodian {to_hex(released)}, and "
        f"custodian {to_hex(received)} had received the item"
    )


def _one_log(bundles: Sequence[Bundle]) -> Check:
    name = "one log"
    if len({(bundle.domain, bundle.log_key) for bundle in bundles}) > 1:
        return failed(name, "the bundles are of different logs")
    roots: dict[int, bytes] = {}
    for checkpoint in _checkpoints(bundles):
        if roots.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
            return failed(name, f"two checkpoints of {checkpoint.size} leaves with different roots: the log was forked")
    return passed(name, "all bundles are of one log, and no two checkpoints contradict one another")


def _checkpoints(bundles: Sequence[Bundle]) -> Iterator[Checkpoint]:
    for bundle in bundles:
        try:
            yield open_note(bundle.checkpoint, bundle.log_key)
        except InvalidInput:  # its own report says so
            continue
