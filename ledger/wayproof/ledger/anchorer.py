"""The anchorer's work: sign checkpoints, bring them to the chain, and follow them until they are final.

Every step is written down before the next one is taken, and no transaction of the database is open while a node is
asked: whenever this process is killed, the next one goes on from what is stored and from what the chain shows.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import structlog

from wayproof.ledger import metrics
from wayproof.ledger.anchors import (
    HALTING,
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
    decide,
    is_due,
    is_stuck,
    judge,
    more_careful,
    next_nonce,
    tell_the_same,
)
from wayproof.ledger.chain import Chain
from wayproof.ledger.checkpoints import make_checkpoint
from wayproof.ledger.custodians import Custodians
from wayproof.ledger.endpoint import Endpoint
from wayproof.ledger.notes import Checkpoint, NoteSigner, sign_checkpoint
from wayproof.ledger.offers import NotNow, Offers
from wayproof.ledger.settings import LedgerSettings
from wayproof.ledger.signatures import Signer
from wayproof.model.anchor import Alarm, Anchor, AnchorTransaction
from wayproof.model.errors import Conflict, InvalidProof, NotFound, Unavailable
from wayproof.model.handoff import AnchorState, SigningDomain
from wayproof.model.log import SignedCheckpoint
from wayproof.store import anchors, log
from wayproof.store.pool import Conn

_log = structlog.get_logger(__name__)

_STEPS: Final = 8
"""More than one anchor can take at once; what is left over comes the next time."""
_DONE_WITH: Final = ON_CHAIN | {AnchorState.SUPERSEDED}
GWEI: Final = 10**9
"""Wei in a gwei."""
_NONCE_USED: Final = ("nonce too low", "oldnonce")
"""How nodes say that a transaction comes too late: it was mined, or another of its nonce was. The next look tells."""


class Anchorer:
    """Works on one connection in autocommit mode, which holds the lock of the only anchorer.

    `restore` puts the contract back on a development chain that lost its data.
    """

    def __init__(
        self,
        conn: Conn,
        chain: Chain,
        *,
        domain: SigningDomain,
        checkpoint_signer: NoteSigner,
        signer: Signer,
        settings: LedgerSettings,
        custodians: Custodians,
        restore: Callable[[], None] | None = None,
    ) -> None:
        self._conn = conn
        self._chain = chain
        self._checkpoint_signer = checkpoint_signer
        self._settings = settings
        self._custodians = custodians
        self._restore = restore
        cap_wei = settings.max_fee_gwei * GWEI
        self._offers = Offers(chain, domain, signer, cap_wei=cap_wei)
        self._patience = Patience(bump_after=settings.bump_after, max_fee_wei=cap_wei)
        self._alarms: dict[Alarm, str] = {raised.alarm: raised.detail for raised in anchors.alarms(conn)}
        #: Whether the chain has told us since we connected that the log is still what it was: a database that was put
        #: back knows nothing of what was signed since, and only the chain remembers.
        self.is_reconciled = False
        #: Whether all endpoints tell the same of the contract.
        self._agree = True
        #: What is wrong with the log itself; nothing is signed any more.
        self._damage = ""

    def checkpoint(self) -> None:
        """Signs the log as it stands, unless that was done or must not be."""
        size, latest = log.size(self._conn), log.latest_checkpoint(self._conn)
        metrics.LOG_SIZE.set(size)
        if self.is_reconciled and size and (latest is None or latest.size != size):
            try:
                self._sign_checkpoint()
            except InvalidProof as error:  # the next look at the chain raises the alarm
                self._damage, self.is_reconciled = str(error), False

    def follow(self) -> bool:
        """Asks the chain, takes every step that is due, and tells of alarms. False where the chain does not answer."""
        before, self._alarms = self._alarms, {}
        try:
            self._advance()
        except Unavailable as error:
            self._alarms = {**before, **self._alarms, Alarm.CHAIN_UNREACHABLE: str(error)}
        except Conflict as error:
            self._alarms = {**before, **self._alarms, Alarm.WRONG_CHAIN: str(error)}
            if self._restore is not None:
                with suppress(Unavailable, Conflict):  # the alarm stands anyway
                    self._restore()
                    _log.warning("put the contract back on a chain without data")
        except InvalidProof as error:
            self._damage, self.is_reconciled = str(error), False
        if self._damage:
            self._alarms[Alarm.ROOT_MISMATCH] = self._damage
        self._look_at_age()
        self._tell(before)
        return not self._alarms.keys() & {Alarm.CHAIN_UNREACHABLE, Alarm.WRONG_CHAIN}

    def has_work(self) -> bool:
        """Whether an anchor is due or on its way, or something is wrong: then the chain is worth asking often."""
        return bool(self._alarms or self._custodians.has_work or self._is_due() or anchors.unsettled(self._conn))

    def _advance(self) -> None:
        metrics.ENDPOINTS.set(0)
        heads = self._chain.heads()
        metrics.ENDPOINTS.set(len(heads))
        self._reconcile(heads)
        if not self.is_reconciled:
            return
        head = more_careful(list(heads.values()))
        metrics.BALANCE.set(head.balance_wei / GWEI)
        self._agree = tell_the_same(heads.values())
        self._adopt(head)
        self._check_final(heads)
        # Signed before the keys are read: whoever signed a leaf below it had registered the key by then.
        due = self._sign_checkpoint() if self._is_due() else None
        self._look_after_keys(heads)
        if due is not None and not self._custodians.are_awaited:
            self._queue(due)
        is_first = True  # of those that are not on the chain: a later one's proof and nonce build on it
        for anchor in anchors.unsettled(self._conn):
            state = self._bring_up_to_date(anchor, heads, may_sign=is_first)
            is_first = is_first and state in _DONE_WITH
        if self._settings.mine_blocks and anchors.unsettled(self._conn):
            self._chain.mine()

    def _reconcile(self, heads: Mapping[Endpoint, Head]) -> None:
        """Whether the log still extends what the contract has taken. Nothing is signed where it does not."""
        log_size = log.size(self._conn)  # read after the heads: the chain cannot be ahead of it in good order
        told = {head.latest_size for head in heads.values() if 0 < head.latest_size <= log_size}
        roots = {size: log.root_at(self._conn, size) for size in told}
        self._alarms |= judge({endpoint.name: head for endpoint, head in heads.items()}, log_size, roots)
        self.is_reconciled = not (self._damage or self._alarms.keys() & HALTING)

    def _adopt(self, head: Head) -> None:
        """Takes over what the contract holds and we do not know of: the database was put back, the log is whole."""
        if not head.latest_size or not self._agree:
            return
        latest = anchors.latest(self._conn)
        if latest is None or latest.size < head.latest_size:
            checkpoint = checkpoint_of(self._conn, self._checkpoint_signer, head.latest_size)
            self._queue(checkpoint)
            _log.warning("took over an anchor that was not stored", size=checkpoint.size)

    def _check_final(self, heads: Mapping[Endpoint, Head]) -> None:
        """The contract only grows, so where the largest final anchor is there, all are."""
        while (anchor := anchors.latest_final(self._conn)) is not None:
            action = self._decide(anchor, self._chain.sight(anchor, heads))
            if not isinstance(action, Move):
                return
            self._move(anchor, action)
            if action.state == AnchorState.FINAL:
                return
            self._alarms[Alarm.FINAL_LOST] = f"the anchor of {anchor.size} leaves was final, and the chain lost it"

    def _is_due(self) -> bool:
        """Whether the policy asks for an anchor, and no earlier one is still on its way to the chain."""
        latest, size = anchors.latest(self._conn), log.size(self._conn)
        anchored = latest.size if latest else 0
        return (latest is None or latest.state in ON_CHAIN) and is_due(
            waiting=size - anchored,
            since=anchors.waiting_since(self._conn, anchored),
            now=datetime.now(UTC),
            leaves=self._settings.anchor_leaves,
            every=self._settings.anchor_every,
        )

    def _look_after_keys(self, heads: Mapping[Endpoint, Head]) -> None:
        """Before anchors: a key counts for the handoffs below an anchor if it was there by the anchor's block."""
        self._custodians.follow(heads)
        metrics.KEYS_MISSING.set(self._custodians.missing)
        if self._custodians.trouble:
            self._alarms[Alarm.KEYS_NOT_ON_CHAIN] = self._custodians.trouble

    def _queue(self, checkpoint: SignedCheckpoint) -> None:
        note_hash = sha256(checkpoint.note.encode()).digest()
        anchors.queue(self._conn, size=checkpoint.size, root=checkpoint.root, note_hash=note_hash)

    def _sign_checkpoint(self) -> SignedCheckpoint:
        checkpoint = make_checkpoint(self._conn, self._checkpoint_signer)
        metrics.CHECKPOINTS.inc()
        return checkpoint

    def _bring_up_to_date(self, anchor: Anchor, heads: Mapping[Endpoint, Head], *, may_sign: bool) -> AnchorState:
        """Takes steps until there is nothing to do for this anchor, or something is in the way."""
        for _ in range(_STEPS):
            action = self._decide(anchor, sight := self._chain.sight(anchor, heads))
            if (isinstance(action, Sign) and not may_sign) or not self._perform(action, anchor, sight.head):
                break
            anchor = anchors.get(self._conn, anchor.size)
        if anchor.state in ON_THE_WAY and is_stuck(anchor, now=datetime.now(UTC), patience=self._patience):
            self._alarms[Alarm.FEE_CAPPED] = (
                f"the anchor of {anchor.size} leaves waits, and WAYPROOF_LEDGER_MAX_FEE_GWEI allows no higher fee"
            )
        return anchor.state

    def _decide(self, anchor: Anchor, sight: Sight) -> Action:
        return decide(anchor, sight, now=datetime.now(UTC), patience=self._patience)

    def _perform(self, action: Action, anchor: Anchor, head: Head) -> bool:
        """Takes a step and writes it down; False where there is nothing to do, or it cannot be done now."""
        match action:
            case Move():
                self._move(anchor, action)
            case Taken(transaction):
                anchors.mark_submitted(self._conn, transaction.tx_hash, datetime.now(UTC))
            case Broadcast(transaction):
                return self._broadcast(transaction)
            case Sign():
                return self._sign(anchor, head, replaces=None)
            case Bump(transaction):
                return self._sign(anchor, head, replaces=transaction)
            case Wait():
                return False
        return True

    def _move(self, anchor: Anchor, move: Move) -> None:
        anchors.move(self._conn, anchor.size, move.state, move.inclusion)
        if anchor.inclusion and move.inclusion != anchor.inclusion:
            metrics.REORGANISED.inc()
            _log.warning("the chain took an anchor back", size=anchor.size, was=anchor.state, state=move.state)
        else:
            _log.info("anchor moved", size=anchor.size, was=anchor.state, state=move.state)
        if move.inclusion and move.inclusion != anchor.inclusion:
            metrics.FEES.inc(move.inclusion.fee_wei / GWEI)
        if move.state == AnchorState.SUPERSEDED:
            metrics.SUPERSEDED.inc()

    def _broadcast(self, transaction: AnchorTransaction) -> bool:
        refusal = self._chain.broadcast(transaction.raw)
        if not refusal:
            anchors.mark_submitted(self._conn, transaction.tx_hash, datetime.now(UTC))
            metrics.BROADCASTS.inc()
            return True
        anchors.mark_refused(self._conn, transaction.tx_hash, refusal)
        if not any(words in refusal.lower() for words in _NONCE_USED):
            self._alarms[Alarm.REFUSED] = f"a node refuses the anchor of {transaction.size} leaves: {refusal}"
        return False

    def _sign(self, anchor: Anchor, head: Head, *, replaces: AnchorTransaction | None) -> bool:
        """Signs and stores; broadcasting is the next step."""
        if not self._agree:
            return False
        proof = log.consistency_proof(self._conn, head.latest_size, anchor.size) if head.latest_size else []
        nonce = replaces.nonce if replaces else next_nonce(anchors.unsettled(self._conn), head)
        try:
            transaction = self._offers.make(anchor, proof, head, nonce=nonce, replaces=replaces)
        except NotNow as reason:
            self._alarms[reason.alarm] = reason.detail
            return False
        anchors.store_transaction(self._conn, transaction)
        metrics.SIGNED.inc()
        if replaces is not None:
            metrics.BUMPS.inc()
        _log.info(
            "signed", size=anchor.size, nonce=nonce, max_fee_wei=transaction.max_fee_wei, bump=replaces is not None
        )
        return True

    def _look_at_age(self) -> None:
        """How old the oldest leaf is that no final anchor covers."""
        final = anchors.latest_final(self._conn)
        since = anchors.waiting_since(self._conn, final.size if final else 0)
        age = datetime.now(UTC) - since if since else timedelta(0)
        metrics.FINAL_SIZE.set(final.size if final else 0)
        metrics.UNANCHORED_AGE.set(age.total_seconds())
        if age > self._settings.alarm_after:
            self._alarms[Alarm.NOT_ANCHORED] = f"the oldest leaf that no final anchor covers is {age} old"

    def _tell(self, before: Mapping[Alarm, str]) -> None:
        """Alarms and states, to who asks the database, the metrics or the logs."""
        if Alarm.FINAL_LOST in before and anchors.unsettled(self._conn):
            self._alarms.setdefault(Alarm.FINAL_LOST, before[Alarm.FINAL_LOST])
        for alarm in self._alarms.keys() - before.keys():
            _log.error("alarm raised", alarm=alarm, detail=self._alarms[alarm])
        for alarm in before.keys() - self._alarms.keys():
            _log.info("alarm over", alarm=alarm)
        anchors.put_alarms(self._conn, self._alarms)
        for alarm in Alarm:
            metrics.ALARMS.labels(alarm.value).set(alarm in self._alarms)
        for state, number in anchors.count_by_state(self._conn).items():
            metrics.ANCHORS.labels(state.value).set(number)


def checkpoint_of(conn: Conn, signer: NoteSigner, size: int) -> SignedCheckpoint:
    """The checkpoint of exactly `size` leaves. Where its row is lost it is signed anew: byte for byte the same."""
    with suppress(NotFound):
        return log.checkpoint_at(conn, size)
    root = log.root_at(conn, size)
    note = sign_checkpoint(Checkpoint(origin=signer.name, size=size, root=root), signer)
    return log.save_checkpoint(conn, tree_size=size, root=root, note=note)
