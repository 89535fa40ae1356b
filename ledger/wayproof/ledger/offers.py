"""Transactions that anchor a checkpoint: what they say, what they offer, and whether the contract would take them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from hexbytes import HexBytes

from wayproof.ledger.anchors import Head, bumped, market
from wayproof.ledger.chain import Chain
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.signatures import Signer
from wayproof.ledger.transactions import Call, call_data, sign_call
from wayproof.model.anchor import Alarm, Anchor, AnchorTransaction
from wayproof.model.handoff import SigningDomain

_GAS_MARGIN: Final = 1.25
"""What is used can differ from the estimate: a block later other storage is warm or cold."""


class NotNow(Exception):
    """A transaction that must not be signed at this moment, and the alarm that says why."""

    def __init__(self, alarm: Alarm, detail: str) -> None:
        super().__init__(detail)
        self.alarm = alarm
        self.detail = detail


class Offers:
    """Makes signed transactions for one contract; broadcasts none."""

    def __init__(self, chain: Chain, domain: SigningDomain, signer: Signer, *, cap_wei: int) -> None:
        self._chain = chain
        self._domain = domain
        self._signer = signer
        self._cap_wei = cap_wei

    def make(
        self, anchor: Anchor, proof: Sequence[bytes], head: Head, *, nonce: int, replaces: AnchorTransaction | None
    ) -> AnchorTransaction:
        """A transaction of that nonce; NotNow where it would be refused, or costs more than there is or than it may."""
        data = call_data("anchor", [anchor.size, anchor.root, list(proof), anchor.note_hash])
        max_fee, priority_fee = self._fees(head, replaces)
        call = Call(
            chain_id=self._domain.chain_id,
            nonce=nonce,
            max_fee_wei=max_fee,
            priority_fee_wei=priority_fee,
            gas=self._gas(anchor, data),
            to=self._domain.contract,
            data=data,
        )
        if call.gas * max_fee > head.balance_wei:
            account = to_address(self._signer.address)
            raise NotNow(Alarm.NOT_FUNDED, f"{account} holds {head.balance_wei} wei, expected {call.gas * max_fee}")
        tx_hash, raw = sign_call(call, self._signer)
        return AnchorTransaction(
            tx_hash=tx_hash,
            size=anchor.size,
            nonce=nonce,
            raw=raw,
            max_fee_wei=max_fee,
            priority_fee_wei=priority_fee,
            signed_at=datetime.now(UTC),
        )

    def _fees(self, head: Head, replaces: AnchorTransaction | None) -> tuple[int, int]:
        if head.base_fee_wei > self._cap_wei:
            raise NotNow(
                Alarm.FEE_CAPPED, f"a unit of gas costs {head.base_fee_wei} wei, and {self._cap_wei} are allowed"
            )
        offer = market(head.base_fee_wei, self._chain.priority_fee_wei(), cap_wei=self._cap_wei)
        return bumped(replaces, offer, cap_wei=self._cap_wei) if replaces else offer

    def _gas(self, anchor: Anchor, data: bytes) -> int:
        call = {
            "from": to_address(self._signer.address),
            "to": to_address(self._domain.contract),
            "data": HexBytes(data),
        }
        estimate = self._chain.estimate(call)
        if estimate.refusal:
            detail = f"the contract refuses the anchor of {anchor.size} leaves: {estimate.refusal}"
            raise NotNow(Alarm.REFUSED, detail)
        return round(estimate.gas * _GAS_MARGIN)
