"""Leaves of the log: what stands there in public is a salted hash, so that a payload can be erased and never guessed.

The bytes of an entry are the leaf input of RFC 9162 section 2.1.1; `model.merkle.leaf_hash` hashes them.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from wayproof.ledger.hexadecimal import from_hex, shown, to_hex
from wayproof.ledger.signatures import SIGNATURE_BYTES
from wayproof.ledger.strict_json import strict_json
from wayproof.ledger.typed_data import handoff_of, record_of, seconds_of
from wayproof.model.canonical import canonical_json
from wayproof.model.errors import InvalidInput
from wayproof.model.handoff import Party, SignedHandoff

SALT_BYTES: Final = 32

_HANDOFF_TAG: Final = b"wayproof:handoff:v1\n"
_TOMBSTONE_TAG: Final = b"wayproof:tombstone:v1\n"


def new_salt() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(SALT_BYTES)


def details_hash(details: Mapping[str, Any], salt: bytes) -> bytes:
    """`detailsHash` of a record: SHA-256 over the salt and the details' RFC 8785 bytes."""
    return _salted(salt, canonical_json(dict(details)))


def handoff_payload(signed: SignedHandoff) -> bytes:
    """Record and signatures as RFC 8785 JSON; may be erased later."""
    signatures = {
        Party.RELEASER.value: to_hex(signed.releaser_signature),
        Party.RECEIVER.value: to_hex(signed.receiver_signature),
    }
    document = {"record": record_of(signed.handoff), "signatures": signatures}
    # Whole numbers and ASCII only: of these json writes what RFC 8785 asks for, in a twentieth of the time.
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def signed_handoff_of(payload: bytes) -> SignedHandoff:
    """Back from `handoff_payload`; the signatures are not checked. InvalidInput where it is not exactly its bytes."""
    document = strict_json(payload)
    if not isinstance(document, dict) or document.keys() != {"record", "signatures"}:
        raise InvalidInput(f"payload: expected an object of record and signatures, got {shown(document)}")
    signed = signed_handoff(document["record"], document["signatures"])
    if handoff_payload(signed) != payload:
        raise InvalidInput("payload: expected the canonical bytes of RFC 8785, got others that say the same")
    return signed


def signed_handoff(record: Any, signatures: Any) -> SignedHandoff:
    """From the JSON of record and signatures. InvalidInput where either is malformed; nothing is verified."""
    if not isinstance(signatures, dict) or signatures.keys() != set(Party):
        raise InvalidInput(f"signatures: expected those of releaser and receiver, got {shown(signatures)}")
    releaser, receiver = (
        from_hex(signatures[party], SIGNATURE_BYTES, pointer=f"/signatures/{party}") for party in Party
    )
    return SignedHandoff(handoff=handoff_of(record), releaser_signature=releaser, receiver_signature=receiver)


def handoff_entry(payload: bytes, salt: bytes) -> bytes:
    """The entry of a payload that `handoff_payload` made."""
    return _HANDOFF_TAG + _salted(salt, payload)


def handoff_leaf(signed: SignedHandoff, salt: bytes) -> bytes:
    """The entry of a handoff that both have signed."""
    return handoff_entry(handoff_payload(signed), salt)


def tombstone_payload(*, erased: int, erased_at: datetime, reason: str) -> bytes:
    """That the payload of leaf `erased` was erased on purpose, when, and why, as RFC 8785 JSON."""
    erased_seconds = seconds_of(erased_at, pointer="/erasedAt")
    return canonical_json({"erased": erased, "erasedAt": erased_seconds, "reason": reason})


def tombstone_entry(payload: bytes, salt: bytes) -> bytes:
    """The entry of a payload that `tombstone_payload` made."""
    return _TOMBSTONE_TAG + _salted(salt, payload)


def tombstone_leaf(*, erased: int, erased_at: datetime, reason: str, salt: bytes) -> bytes:
    """The entry that records an erasure."""
    return tombstone_entry(tombstone_payload(erased=erased, erased_at=erased_at, reason=reason), salt)


def _salted(salt: bytes, data: bytes) -> bytes:
    # A fixed length keeps salt and data apart.
    if len(salt) != SALT_BYTES:
        raise InvalidInput(f"salt: expected {SALT_BYTES} bytes, got {len(salt)}")
    return sha256(salt + data).digest()
