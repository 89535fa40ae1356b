"""What to do next about an anchor, over every state and everything that a chain can show."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.anchors import (
    ON_CHAIN,
    ON_THE_WAY,
    Action,
    Broadcast,
    Bump,
    Head,
    Move,
    Patience,
    Sight,
    Sign,
    Taken,
    Wait,
    agreed,
    bumped,
    decide,
    is_due,
    is_stuck,
    judge,
    market,
    more_careful,
    next_nonce,
)
from wayproof.model.anchor import Alarm, Anchor, AnchorTransaction, Inclusion
from wayproof.model.handoff import ZERO_HASH, AnchorState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE = Patience(bump_after=timedelta(minutes=3), max_fee_wei=1000)
ROOT, OTHER = b"\x01" * 32, b"\x02" * 32
HEAD = Head(number=100, safe=90, final=80, nonce=5, balance_wei=1, base_fee_wei=1, latest_size=0, latest_root=ZERO_HASH)
OPEN = [AnchorState.QUEUED, AnchorState.SIGNED, AnchorState.SUBMITTED]


def transaction(*, nonce: int = 5, max_fee_wei: int = 100, **changes: object) -> AnchorTransaction:
    """One that was signed ten minutes ago."""
    one = AnchorTransaction(
        tx_hash=nonce.to_bytes(32),
        size=10,
        nonce=nonce,
        raw=b"raw",
        max_fee_wei=max_fee_wei,
        priority_fee_wei=10,
        signed_at=NOW - timedelta(minutes=10),
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def inclusion(number: int, block_hash: bytes = b"\x0b" * 32) -> Inclusion:
    """In a block of that number."""
    return Inclusion(tx_hash=bytes(32), block_number=number, block_hash=block_hash, block_time=NOW, fee_wei=1)


def anchor(state: AnchorState, *transactions: AnchorTransaction, at: Inclusion | None = None) -> Anchor:
    """Of ten leaves."""
    return Anchor(
        size=10, root=ROOT, note_hash=OTHER, state=state, queued_at=NOW, inclusion=at, transactions=transactions
    )


def act(given_anchor: Anchor, sight: Sight) -> Action:
    """What is decided at NOW."""
    return decide(given_anchor, sight, now=NOW, patience=PATIENCE)


@pytest.mark.parametrize("state", [*OPEN, *sorted(ON_CHAIN)])
@pytest.mark.parametrize(
    ("number", "depth"),
    [
        (100, AnchorState.MINED),
        (91, AnchorState.MINED),
        (90, AnchorState.SAFE),
        (81, AnchorState.SAFE),
        (80, AnchorState.FINAL),
        (0, AnchorState.FINAL),
    ],
)
def test_on_the_chain(state: AnchorState, number: int, depth: AnchorState) -> None:
    """Whatever was stored, an anchor in a block stands as its block does: mined, safe or final."""
    found = inclusion(number)
    stored = anchor(state, transaction(), at=inclusion(7) if state in ON_CHAIN else None)
    assert act(stored, Sight(head=HEAD, root=ROOT, inclusion=found)) == Move(depth, found)
    settled = anchor(depth, transaction(), at=found)
    assert act(settled, Sight(head=HEAD, root=ROOT, inclusion=found)) == Wait()


@pytest.mark.parametrize("state", sorted(ON_CHAIN))
def test_taken_back(state: AnchorState) -> None:
    """What lost its block is to be broadcast again; what we never signed is signed."""
    assert act(anchor(state, transaction(), at=inclusion(95)), Sight(head=HEAD)) == Move(AnchorState.SIGNED)
    assert act(anchor(state, at=inclusion(95)), Sight(head=HEAD)) == Move(AnchorState.QUEUED)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("latest", [10, 11])
def test_larger_checkpoint_on_the_chain(state: AnchorState, latest: int) -> None:
    """What the contract can never take any more is superseded, unless it is what the contract holds."""
    head = replace(HEAD, latest_size=latest)
    stored = anchor(state, *([transaction()] if state in ON_THE_WAY else []))
    assert act(stored, Sight(head=head, root=ZERO_HASH)) == Move(AnchorState.SUPERSEDED)
    assert act(stored, Sight(head=head, root=ROOT)) == Wait()


def test_queued_is_signed() -> None:
    """What has no transaction gets one, whatever was signed before and lost its nonce."""
    assert act(anchor(AnchorState.QUEUED), Sight(head=HEAD)) == Sign()
    assert act(anchor(AnchorState.QUEUED, transaction(nonce=3)), Sight(head=HEAD)) == Sign()


@pytest.mark.parametrize("state", sorted(ON_THE_WAY))
def test_broadcast_until_a_node_has_it(state: AnchorState) -> None:
    """The newest transaction is given to nodes until they have it, and that is written down once."""
    old, new = transaction(max_fee_wei=50), transaction(tx_hash=OTHER)
    stored = anchor(state, old, new)
    assert act(stored, Sight(head=HEAD)) == Broadcast(new)
    assert act(stored, Sight(head=HEAD, is_known=True)) == Taken(new)
    taken = replace(new, submitted_at=NOW)
    assert act(anchor(state, old, taken), Sight(head=HEAD, is_known=True)) == Wait()
    assert act(anchor(state, old, taken), Sight(head=HEAD)) == Broadcast(taken)


@pytest.mark.parametrize("state", sorted(ON_THE_WAY))
@pytest.mark.parametrize("is_known", [True, False])
def test_nonce_used(state: AnchorState, is_known: bool) -> None:  # noqa: FBT001
    """A transaction whose nonce the chain has used, without taking the anchor, is dead: another is signed."""
    head = replace(HEAD, nonce=6)
    assert act(anchor(state, transaction()), Sight(head=head, is_known=is_known)) == Move(AnchorState.QUEUED)


def test_fee_is_raised_when_it_waited() -> None:
    """A transaction is replaced once a node has had or refused it for too long, while a higher fee may be paid."""
    waited, short = NOW - timedelta(minutes=3), NOW - timedelta(minutes=2, seconds=59)
    sight = Sight(head=HEAD, is_known=True)
    for tx, expected in (
        (transaction(submitted_at=waited), Bump),
        (transaction(submitted_at=short), Wait),
        (transaction(refusal="underpriced"), Bump),
        (transaction(refusal="underpriced", signed_at=short), Taken),
        (transaction(submitted_at=waited, max_fee_wei=888), Bump),
        (transaction(submitted_at=waited, max_fee_wei=889), Wait),
    ):
        assert isinstance(act(anchor(AnchorState.SUBMITTED, tx), sight), expected), tx
    stuck = anchor(AnchorState.SUBMITTED, transaction(submitted_at=waited, max_fee_wei=889))
    assert is_stuck(stuck, now=NOW, patience=PATIENCE)
    assert not is_stuck(anchor(AnchorState.SUBMITTED, transaction(submitted_at=waited)), now=NOW, patience=PATIENCE)


def test_no_bump_of_what_no_node_heard_of() -> None:
    """After an outage the stored bytes go out as they are: nobody has let them wait."""
    assert isinstance(act(anchor(AnchorState.SIGNED, transaction()), Sight(head=HEAD)), Broadcast)


def every_case() -> Iterator[tuple[Anchor, Sight]]:
    """Every state with everything that can be stored and seen, as far as decisions can tell it apart."""
    transactions = [(), (transaction(),), (transaction(submitted_at=NOW - timedelta(hours=1)),)]
    for state, signed, latest, root, found, nonce, known in product(
        [*OPEN, *sorted(ON_CHAIN)],
        transactions,
        (0, 9, 10, 11),
        (ZERO_HASH, ROOT),
        (None, inclusion(100), inclusion(85), inclusion(5)),
        (4, 5, 6),
        (True, False),
    ):
        if state in ON_THE_WAY and not signed:
            continue  # signed means that there is a transaction
        if found is not None and root != ROOT:
            continue  # an inclusion is only looked for where the contract holds the root
        head = replace(HEAD, latest_size=latest, nonce=nonce)
        stored = anchor(state, *signed, at=inclusion(95) if state in ON_CHAIN else None)
        yield stored, Sight(head=head, root=root, inclusion=found, is_known=known)


def applied(stored: Anchor, action: Action) -> Anchor:
    """The anchor after a step was written down, as the store does it."""
    match action:
        case Move(state, at):
            kept = stored.transactions
            if state == AnchorState.SIGNED:
                kept = tuple(replace(tx, submitted_at=None, refusal=None) for tx in kept)
            return replace(stored, state=state, inclusion=at, transactions=kept)
        case Sign() | Bump():
            fee = stored.transactions[-1].max_fee_wei * 2 if stored.transactions else 100
            new = transaction(nonce=9, signed_at=NOW, max_fee_wei=fee)
            return replace(stored, state=AnchorState.SIGNED, transactions=(*stored.transactions, new))
        case Broadcast(tx) | Taken(tx):
            newest = replace(tx, submitted_at=tx.submitted_at or NOW, refusal=None)
            return replace(stored, state=AnchorState.SUBMITTED, transactions=(*stored.transactions[:-1], newest))
        case Wait():
            return stored


def test_every_case_comes_to_rest() -> None:
    """From every state and sight a few steps lead to Wait; nothing on the chain is signed or sent again on the way."""
    for stored, sight in every_case():
        state, steps = stored, 0
        while not isinstance(action := act(state, sight), Wait):
            if sight.inclusion is not None or sight.root == ROOT:
                assert isinstance(action, Move), (stored, sight, action)
            state, steps = applied(state, action), steps + 1
            if state.state == AnchorState.SUPERSEDED:
                break
            if isinstance(action, Broadcast):
                sight = replace(sight, is_known=True)  # noqa: PLW2901 - a node has it now
            assert steps < 8, (stored, sight)
        if sight.inclusion is not None:
            assert state.inclusion == sight.inclusion


def test_agreement_of_endpoints() -> None:
    """Of different stories the careful one counts: the lower block, no inclusion that one of them does not see."""
    ahead = replace(HEAD, number=120, safe=110, final=95, nonce=7, latest_size=10, latest_root=ROOT)
    careful = more_careful([ahead, HEAD])
    assert (careful.number, careful.safe, careful.final, careful.nonce, careful.latest_size) == (100, 90, 80, 5, 0)
    found, elsewhere = inclusion(85), inclusion(85, b"\x0c" * 32)
    sees = Sight(head=ahead, root=ROOT, inclusion=found, is_known=True)
    for other in (Sight(head=HEAD), Sight(head=HEAD, root=ROOT, inclusion=elsewhere, is_known=True)):
        both = agreed([sees, other])
        assert both.inclusion is None
        assert both.root == ROOT
        assert both.is_known == other.is_known
    same = agreed([sees, replace(sees, head=HEAD)])
    assert act(anchor(AnchorState.SUBMITTED, transaction()), same) == Move(AnchorState.SAFE, found)
    assert agreed([sees]) == sees


def test_judgement() -> None:
    """A chain ahead of the log, another root and endpoints that differ by more than a lag are told apart, by name."""
    good = replace(HEAD, latest_size=3, latest_root=ROOT)
    assert judge({"a": good}, 3, {3: ROOT}) == {}
    assert judge({"a": HEAD}, 0, {}) == {}
    assert judge({"a": good}, 2, {}).keys() == {Alarm.LOG_BEHIND_CHAIN}
    assert judge({"a": good}, 5, {3: OTHER}).keys() == {Alarm.ROOT_MISMATCH}
    differ = judge({"a": good, "b": HEAD}, 5, {3: ROOT})
    assert differ.keys() == {Alarm.ENDPOINTS_DISAGREE}
    assert "a tells of 3 leaves at block 100; b tells of 0" in differ[Alarm.ENDPOINTS_DISAGREE]
    assert judge({"a": replace(good, number=105), "b": HEAD}, 5, {3: ROOT}) == {}
    assert judge({"a": replace(good, number=106), "b": HEAD}, 5, {3: ROOT}).keys() == {Alarm.ENDPOINTS_DISAGREE}
    forked = judge({"a": good, "b": replace(good, latest_root=OTHER)}, 5, {3: ROOT})
    assert forked.keys() == {Alarm.ENDPOINTS_DISAGREE, Alarm.ROOT_MISMATCH}


@given(
    fee=st.integers(1, 10**12),
    priority=st.integers(1, 10**12),
    offer=st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)),
    cap=st.integers(1, 10**13),
)
def test_bump_rule(fee: int, priority: int, offer: tuple[int, int], cap: int) -> None:
    """A replacement offers an eighth more on both fees, and beyond that no more than the market and the cap."""
    old = transaction(max_fee_wei=max(fee, priority), priority_fee_wei=priority)
    max_fee, tip = bumped(old, offer, cap_wei=cap)
    assert max_fee * 8 >= old.max_fee_wei * 9
    assert tip * 8 >= old.priority_fee_wei * 9
    assert tip <= max_fee
    assert max_fee <= max(cap, old.max_fee_wei * 9 // 8 + 1)


def test_market() -> None:
    """A new transaction stays good while the base fee doubles, and offers no more than the cap."""
    assert market(100, 7, cap_wei=1000) == (207, 7)
    assert market(100, 7, cap_wei=150) == (150, 7)
    assert market(100, 70, cap_wei=50) == (50, 50)


def test_nonces() -> None:
    """The next nonce comes after the chain's, and after every transaction that may still be mined."""
    assert next_nonce([], HEAD) == 5
    assert next_nonce([anchor(AnchorState.SUBMITTED, transaction(nonce=8))], HEAD) == 9
    assert next_nonce([anchor(AnchorState.QUEUED, transaction(nonce=8))], HEAD) == 5
    assert next_nonce([anchor(AnchorState.SUBMITTED, transaction(nonce=2))], HEAD) == 5


def test_policy() -> None:
    """An anchor is due by number or by age, and never without a leaf that waits."""
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    assert not is_due(waiting=0, since=None, now=NOW, leaves=1, every=timedelta(0))
    assert is_due(waiting=5, since=NOW, now=NOW, leaves=5, every=hour)
    assert not is_due(waiting=4, since=NOW - minute, now=NOW, leaves=5, every=hour)
    assert is_due(waiting=1, since=NOW - hour, now=NOW, leaves=5, every=hour)
