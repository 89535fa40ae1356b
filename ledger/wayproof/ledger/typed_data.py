"""What the parties sign: EIP-712 structs, their digests, and the JSON record of a handoff.

Our own encoder of these three flat structs; tests hold it equal to eth_account's general one, which is far slower.
A digest is only ever of values that have been checked: nothing malformed can be signed or verified.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from wayproof.ledger.hexadecimal import ADDRESS_BYTES, HASH_BYTES, from_address, from_hex, shown, to_address, to_hex
from wayproof.ledger.keccak import keccak
from wayproof.model.errors import InvalidInput
from wayproof.model.handoff import ZERO_HASH, Handoff, SigningDomain
from wayproof.model.reading import MAX_SEQ

MAX_INTEGER: Final = MAX_SEQ
"""No number may be larger: every JSON implementation keeps this one exactly (RFC 8259 section 6)."""
MAX_TEXT: Final = 256
"""Bytes of a text in UTF-8: item, reason, name of a party. Bundles stay small."""

_ITEM: Final = re.compile("[a-z][a-z0-9+.-]*:[!-~]+")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


# EIP-712 -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """A type of EIP-712 in its three forms: our value, its word of 32 bytes, its JSON."""

    #: Our value as a word of `encodeData` (EIP-712, "Definition of encodeData"); InvalidInput where it cannot be.
    word: Callable[[Any, str], bytes]
    to_json: Callable[[Any], Any]
    #: Back from JSON; InvalidInput with the JSON pointer.
    from_json: Callable[[Any, str], Any]


def _text(value: Any, pointer: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise InvalidInput(f"{pointer}: expected a text of 1 to {MAX_TEXT} bytes, got {shown(value)}", pointer=pointer)
    return value


def _text_word(value: Any, pointer: str) -> bytes:
    try:
        data = _text(value, pointer).encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{pointer}: lone surrogate in {shown(value)}", pointer=pointer) from None
    if len(data) > MAX_TEXT:
        raise InvalidInput(f"{pointer}: expected at most {MAX_TEXT} bytes of UTF-8, got {len(data)}", pointer=pointer)
    return keccak(data)


def _integer(value: Any, pointer: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:  # a bool is no number here
        raise InvalidInput(
            f"{pointer}: expected a whole number from 0 to {MAX_INTEGER}, got {shown(value)}", pointer=pointer
        )
    return value


def _exactly(size: int, value: Any, pointer: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise InvalidInput(f"{pointer}: expected {size} bytes, got {shown(value)}", pointer=pointer)
    return value


_KINDS: Final[Mapping[str, _Kind]] = {
    "string": _Kind(word=_text_word, to_json=str, from_json=_text),
    "uint64": _Kind(word=lambda n, at: _integer(n, at).to_bytes(32, "big"), to_json=int, from_json=_integer),
    "uint256": _Kind(word=lambda n, at: _integer(n, at).to_bytes(32, "big"), to_json=int, from_json=_integer),
    "bytes32": _Kind(
        word=lambda data, at: _exactly(HASH_BYTES, data, at),
        to_json=to_hex,
        from_json=lambda text, at: from_hex(text, HASH_BYTES, pointer=at),
    ),
    "address": _Kind(
        word=lambda data, at: bytes(12) + _exactly(ADDRESS_BYTES, data, at),
        to_json=to_address,
        from_json=lambda text, at: from_address(text, pointer=at),
    ),
}


class _Struct:
    """A struct of EIP-712 without structs or arrays inside."""

    def __init__(self, name: str, members: Mapping[str, str]) -> None:
        self.name = name
        self.described = [{"name": member, "type": kind} for member, kind in members.items()]
        self._members = [(member, f"/{member}", _KINDS[kind]) for member, kind in members.items()]
        encoded = ",".join(f"{kind} {member}" for member, kind in members.items())
        self._type_hash = keccak(f"{name}({encoded})".encode())

    def hash(self, values: tuple[Any, ...]) -> bytes:
        """`hashStruct` of values in the order of the members; InvalidInput where one is none of its type."""
        words = [kind.word(value, at) for (_, at, kind), value in zip(self._members, values, strict=True)]
        return keccak(self._type_hash + b"".join(words))

    def to_json(self, values: tuple[Any, ...]) -> dict[str, Any]:
        """Values in the order of the members as a JSON object."""
        return {name: kind.to_json(value) for (name, _, kind), value in zip(self._members, values, strict=True)}

    def from_json(self, record: Any) -> dict[str, Any]:
        """Back from `to_json`; InvalidInput where anything is missing, unknown or of another type."""
        if not isinstance(record, Mapping):
            raise InvalidInput(f"{self.name}: expected a JSON object, got {shown(record)}", pointer="")
        names = {name for name, _, _ in self._members}
        if names != record.keys():
            missing, unknown = sorted(names - record.keys()), sorted(map(str, record.keys() - names))
            raise InvalidInput(f"{self.name}: missing {missing}, unknown {shown(', '.join(unknown))}", pointer="")
        return {name: kind.from_json(record[name], at) for name, at, kind in self._members}


_DOMAIN: Final = _Struct(
    "EIP712Domain", {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
)
_HANDOFF: Final = _Struct(
    "Handoff",
    {
        "item": "string",
        "seq": "uint64",
        "prev": "bytes32",
        "releaser": "address",
        "receiver": "address",
        "occurredAt": "uint64",
        "expiresAt": "uint64",
        "detailsHash": "bytes32",
        "evidenceRoot": "bytes32",
        "evidenceSize": "uint64",
        "seenSize": "uint64",
        "seenRoot": "bytes32",
    },
)
_REFUSAL: Final = _Struct("Refusal", {"handoff": "bytes32", "reason": "string", "refusedAt": "uint64"})
_CLAIM: Final = _Struct("KeyClaim", {"party": "string", "key": "address", "claimedAt": "uint64"})


def _domain_values(domain: SigningDomain) -> tuple[str, str, int, bytes]:
    return "Wayproof", "1", domain.chain_id, domain.contract


@lru_cache
def _separator(domain: SigningDomain) -> bytes:
    return _DOMAIN.hash(_domain_values(domain))


def _digest(domain: SigningDomain, struct: _Struct, values: tuple[Any, ...]) -> bytes:
    return keccak(b"\x19\x01" + _separator(domain) + struct.hash(values))


def _document(domain: SigningDomain, struct: _Struct, values: tuple[Any, ...]) -> dict[str, Any]:
    _digest(domain, struct, values)  # checks them: what a party is shown can also be verified
    return {
        "types": {known.name: known.described for known in (_DOMAIN, struct)},
        "primaryType": struct.name,
        "domain": _DOMAIN.to_json(_domain_values(domain)),
        "message": struct.to_json(values),
    }


# The handoff ---------------------------------------------------------------------------------------------------------


def digest(domain: SigningDomain, handoff: Handoff) -> bytes:
    """What both parties sign, and by what the next handoff names this one: 32 bytes (EIP-712, "Specification").

    InvalidInput where the handoff is none that could be signed: sizes, ranges, and what must go together.
    """
    return _digest(domain, _HANDOFF, _values(handoff))


def typed_data(domain: SigningDomain, handoff: Handoff) -> dict[str, Any]:
    """The same as JSON for `eth_signTypedData_v4`, as wallets take it. InvalidInput as `digest`."""
    return _document(domain, _HANDOFF, _values(handoff))


def record_of(handoff: Handoff) -> dict[str, Any]:
    """A handoff as JSON: EIP-712's names, bytes as lower-case hex, addresses by EIP-55, times in whole seconds."""
    return _HANDOFF.to_json(_values(handoff))


def handoff_of(record: Any) -> Handoff:
    """Back from `record_of`. InvalidInput with a JSON pointer where anything is missing, unknown, or out of range."""
    values = _HANDOFF.from_json(record)
    handoff = Handoff(
        item=values["item"],
        seq=values["seq"],
        prev=values["prev"],
        releaser=values["releaser"],
        receiver=values["receiver"],
        occurred_at=time_of(values["occurredAt"], pointer="/occurredAt"),
        expires_at=time_of(values["expiresAt"], pointer="/expiresAt"),
        details_hash=values["detailsHash"],
        evidence_root=values["evidenceRoot"],
        evidence_size=values["evidenceSize"],
        seen_size=values["seenSize"],
        seen_root=values["seenRoot"],
    )
    _values(handoff)  # checks it
    return handoff


def _values(handoff: Handoff) -> tuple[Any, ...]:
    """The members in their order, times as seconds. InvalidInput where they do not go together."""
    _check_item(handoff.item)
    _check_parties(handoff)
    _check_zero("prev", handoff.prev, wanted=handoff.seq == 1, rule="zero for seq 1, and only there")
    _check_zero("evidenceRoot", handoff.evidence_root, wanted=handoff.evidence_size == 0, rule="zero without readings")
    _check_zero("seenRoot", handoff.seen_root, wanted=handoff.seen_size == 0, rule="zero where no checkpoint was seen")
    return (
        handoff.item,
        handoff.seq,
        handoff.prev,
        handoff.releaser,
        handoff.receiver,
        seconds_of(handoff.occurred_at, pointer="/occurredAt"),
        seconds_of(handoff.expires_at, pointer="/expiresAt"),
        handoff.details_hash,
        handoff.evidence_root,
        handoff.evidence_size,
        handoff.seen_size,
        handoff.seen_root,
    )


def _check_item(item: Any) -> None:
    # ASCII only: two items that look alike would be two chains of custody.
    if not isinstance(item, str) or len(item) > MAX_TEXT or not _ITEM.fullmatch(item):
        raise InvalidInput(
            f"/item: expected a URI of at most {MAX_TEXT} ASCII characters, got {shown(item)}", pointer="/item"
        )


def _check_parties(handoff: Handoff) -> None:
    if handoff.seq == 0:
        raise InvalidInput("/seq: expected a number from 1 on, got 0", pointer="/seq")
    if handoff.releaser == handoff.receiver:
        raise InvalidInput("/receiver: expected another key than the releaser's", pointer="/receiver")


def _check_zero(member: str, value: bytes, *, wanted: bool, rule: str) -> None:
    if (value == ZERO_HASH) != wanted:
        raise InvalidInput(f"/{member}: expected {rule}, got {value.hex()}", pointer=f"/{member}")


def seconds_of(at: datetime, *, pointer: str) -> int:
    """An aware time as whole seconds since 1970. InvalidInput where it is naive, earlier, or has a fraction."""
    if at.tzinfo is None or at.microsecond or at < _EPOCH:
        raise InvalidInput(f"{pointer}: expected an aware time in whole seconds since 1970, got {at}", pointer=pointer)
    return round((at - _EPOCH).total_seconds())


def time_of(seconds: int, *, pointer: str) -> datetime:
    """Back from `seconds_of`, in UTC. InvalidInput past the year 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(
            f"{pointer}: expected a time before the year 10000, got {seconds}", pointer=pointer
        ) from None


# Refusals and keys ---------------------------------------------------------------------------------------------------


def refusal_digest(domain: SigningDomain, *, handoff: bytes, reason: str, refused_at: datetime) -> bytes:
    """What a party signs that refuses the handoff of this digest: 32 bytes."""
    return _digest(domain, _REFUSAL, (handoff, reason, seconds_of(refused_at, pointer="/refusedAt")))


def refusal_typed_data(domain: SigningDomain, *, handoff: bytes, reason: str, refused_at: datetime) -> dict[str, Any]:
    """The same as JSON for wallets."""
    return _document(domain, _REFUSAL, (handoff, reason, seconds_of(refused_at, pointer="/refusedAt")))


def claim_digest(domain: SigningDomain, *, party: str, key: bytes, claimed_at: datetime) -> bytes:
    """What the holder of an address signs to show that it is the party's: 32 bytes."""
    return _digest(domain, _CLAIM, (party, key, seconds_of(claimed_at, pointer="/claimedAt")))


def claim_typed_data(domain: SigningDomain, *, party: str, key: bytes, claimed_at: datetime) -> dict[str, Any]:
    """The same as JSON for wallets."""
    return _document(domain, _CLAIM, (party, key, seconds_of(claimed_at, pointer="/claimedAt")))
