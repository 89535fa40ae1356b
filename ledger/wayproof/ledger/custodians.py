"""Parties and their keys in the contract: what they registered with us, brought to the chain by the contract's admin.

Nothing of it is stored: what is missing follows from the database and the chain. A transaction that is made again says
the same under the same nonce, so whoever was killed in between just goes on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from wayproof.ledger.anchors import Head, market
from wayproof.ledger.chain import Chain
from wayproof.ledger.endpoint import Endpoint, KeyEntry
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.keccak import keccak
from wayproof.ledger.signatures import Signer
from wayproof.ledger.transactions import Call, call_data, sign_call
from wayproof.model.custody import PartyKey
from wayproof.model.handoff import SigningDomain
from wayproof.store import parties
from wayproof.store.pool import Conn

_log = structlog.get_logger(__name__)

_AT_ONCE: Final = 100
"""Keys that are looked up, and transactions that are sent, before the anchors get their turn again."""
_GAS: Final = 150_000
"""More than any step takes. It is not estimated: a key's transaction is signed before its custodian's is mined."""
_IN_GOOD_ORDER: Final = ("nonce too low", "oldnonce", "replacement", "underpriced")
"""How nodes refuse what was mined in the meantime, or what waits with them at another fee."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One call of the contract that is still to be made."""

    address: bytes
    function: str
    arguments: tuple[object, ...]


def custodian_of(party_id: UUID) -> bytes:
    """The contract's name of a party: Keccak-256 of its id, written in lower case with hyphens."""
    return keccak(str(party_id).encode())


class Custodians:
    """Compares the parties' keys with those in the contract. Without an admin it only tells what is missing."""

    def __init__(
        self,
        conn: Conn,
        chain: Chain,
        *,
        domain: SigningDomain,
        admin: Signer | None,
        cap_wei: int,
        patience: timedelta,
    ) -> None:
        self._conn = conn
        self._chain = chain
        self._domain = domain
        self._admin = admin
        self._cap_wei = cap_wei
        self._patience = patience
        #: Keys as they should be, with the block at which the contract showed them so.
        self._shown: dict[PartyKey, int] = {}
        #: Those that it showed so at a block that is final by now: the chain cannot take them back.
        self._settled: set[PartyKey] = set()
        #: Keys that the contract holds under another custodian's name, for ever.
        self._taken: set[bytes] = set()
        #: Whether there are keys that were never looked up.
        self._is_partial = False
        #: Since when keys are missing, or were not looked up yet.
        self._unsure_since: datetime | None = None
        #: What the operator should know; empty while all is well.
        self.trouble = ""
        #: Keys that were looked up and are not in the contract as they should be.
        self.missing = 0
        #: Whether there is more to look up, or to send.
        self.has_work = False

    @property
    def are_awaited(self) -> bool:
        """Whether an anchor should wait: keys are on their way, or not looked up yet, and have not been for long."""
        return self._admin is not None and self._unsure_since is not None and not self._is_late()

    def follow(self, heads: Mapping[Endpoint, Head]) -> None:
        """Looks keys up, and sends what is missing. Unavailable where the chain does not answer."""
        endpoint, head = min(heads.items(), key=lambda item: item[1].number)
        steps = list(self._steps(endpoint, head))
        self.missing = len({step.address for step in steps})
        self.has_work |= bool(steps)
        is_unsure = bool(steps) or self._is_partial
        self._unsure_since = (self._unsure_since or datetime.now(UTC)) if is_unsure else None
        refusal = self._send(self._admin, endpoint, head, steps) if steps and self._admin else ""
        self.trouble = self._words(steps, refusal) if refusal or (steps and self._is_late()) else self._others()

    def _is_late(self) -> bool:
        return self._unsure_since is not None and datetime.now(UTC) - self._unsure_since > self._patience

    def _steps(self, endpoint: Endpoint, head: Head) -> Iterator[Step]:
        self._settle(head)
        due = [key for key in parties.all_keys(self._conn) if key not in self._settled]
        due.sort(key=lambda key: key in self._shown)  # stable: the oldest first, so that nonces stay with their steps
        looked_up = due[:_AT_ONCE]
        self.has_work = len(due) > len(looked_up)
        self._is_partial = any(key not in self._shown for key in due[_AT_ONCE:])
        entries = endpoint.key_entries([key.address for key in looked_up], head.number)
        registered: set[bytes] = set()
        for key, entry in zip(looked_up, entries, strict=True):
            missing = list(self._steps_of(key, entry, endpoint, head, registered))
            if missing:
                self._shown.pop(key, None)
            else:
                self._shown.setdefault(key, head.number)
            yield from missing

    def _settle(self, head: Head) -> None:
        final = {key for key, number in self._shown.items() if number <= head.final}
        self._settled |= final
        for key in final:
            del self._shown[key]

    def _steps_of(
        self, key: PartyKey, entry: KeyEntry, endpoint: Endpoint, head: Head, registered: set[bytes]
    ) -> Iterator[Step]:
        custodian, address = custodian_of(key.party_id), to_address(key.address)
        if entry.is_added and entry.custodian != custodian:
            self._taken.add(key.address)
            return
        if not entry.is_added:
            if custodian not in registered and not endpoint.has_custodian(custodian, head.number):
                controller = to_address(self._admin.address) if self._admin else ""
                yield Step(address=key.address, function="registerCustodian", arguments=(custodian, controller))
            registered.add(custodian)
            yield Step(address=key.address, function="addKey", arguments=(custodian, address))
        if key.revoked_at is not None and not entry.is_revoked:
            yield Step(address=key.address, function="revokeKey", arguments=(address,))

    def _send(self, admin: Signer, endpoint: Endpoint, head: Head, steps: Sequence[Step]) -> str:
        """Why a node refuses one of them, or nothing."""
        nonce, balance_wei = endpoint.account(admin.address, head.number)
        max_fee, priority_fee = market(head.base_fee_wei, self._chain.priority_fee_wei(), cap_wei=self._cap_wei)
        for place, step in enumerate(steps[:_AT_ONCE]):
            if (place + 1) * _GAS * max_fee > balance_wei:
                return f"its account {to_address(admin.address)} holds {balance_wei} wei, expected more"
            call = Call(
                chain_id=self._domain.chain_id,
                nonce=nonce + place,
                max_fee_wei=max_fee,
                priority_fee_wei=priority_fee,
                gas=_GAS,
                to=self._domain.contract,
                data=call_data(step.function, step.arguments),
            )
            refusal = self._chain.broadcast(sign_call(call, admin)[1])
            if refusal and not any(words in refusal.lower() for words in _IN_GOOD_ORDER):
                return f"a node refuses {step.function}: {refusal}"
            _log.info("key sent", function=step.function, key=to_address(step.address), nonce=call.nonce)
        return ""

    def _words(self, steps: Sequence[Step], refusal: str) -> str:
        why = refusal or ("they wait to be mined" if self._admin else _NO_ADMIN)
        first = to_address(steps[0].address)
        return f"{self.missing} keys are not in the contract as they should be, {first} first: {why}"

    def _others(self) -> str:
        if not self._taken:
            return ""
        first = to_address(min(self._taken))
        return f"{len(self._taken)} keys are another custodian's in the contract, {first} first: revoke them here"


_NO_ADMIN: Final = "run `wayproof ledger keys` where the admin's key is, or set WAYPROOF_LEDGER_ADMIN_KEY"
