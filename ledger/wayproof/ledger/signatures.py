"""Signatures over digests, by secp256k1: what a party's terminal or device makes, and what everybody checks.

A signature is 65 bytes r ‖ s ‖ v. Of the two values of s that verify only the lower is accepted (EIP-2), so nobody can
turn a signature into a second one that holds as well; v is 27 or 28.
"""

from typing import Final, Protocol

from coincurve import PrivateKey, PublicKey

from wayproof.ledger.hexadecimal import ADDRESS_BYTES, HASH_BYTES, to_address, to_hex
from wayproof.ledger.keccak import keccak
from wayproof.ledger.typed_data import digest
from wayproof.model.errors import InvalidInput, InvalidProof
from wayproof.model.handoff import Handoff, Party, SignedHandoff, SigningDomain

SIGNATURE_BYTES: Final = 65

_ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of the group of secp256k1 (SEC 2, section 2.4.1)."""
_HALF_ORDER: Final = (_ORDER // 2).to_bytes(32, "big")
_V: Final = (27, 28)


class Signer(Protocol):
    """Whoever holds a key: a keystore on a terminal, a device, a hardware wallet."""

    @property
    def address(self) -> bytes:
        """Ethereum address of the key, 20 bytes."""

    def sign(self, digest: bytes) -> bytes:
        """The signature of a digest of 32 bytes."""


class KeySigner:
    """A signer with its private key in memory."""

    def __init__(self, private_key: bytes) -> None:
        self._key = _key_of(private_key)
        self.address = _address(self._key.public_key)

    def sign(self, digest: bytes) -> bytes:
        """The signature of a digest of 32 bytes; the same each time (RFC 6979)."""
        return _sign(digest, self._key)

    def __repr__(self) -> str:
        """Names the address; a private key is never shown."""
        return f"KeySigner({to_address(self.address)})"


def sign(digest: bytes, private_key: bytes) -> bytes:
    """The signature of a digest of 32 bytes by a private key of 32 bytes. InvalidInput where either is none."""
    return _sign(digest, _key_of(private_key))


def sign_handoff(domain: SigningDomain, handoff: Handoff, signer: Signer) -> bytes:
    """The signature of one of the handoff's two parties. InvalidInput where the signer is neither."""
    if signer.address not in {handoff.releaser, handoff.receiver}:
        raise InvalidInput(
            f"handoff: key {to_address(signer.address)} is neither the releaser's {to_address(handoff.releaser)} "
            f"nor the receiver's {to_address(handoff.receiver)}"
        )
    return signer.sign(digest(domain, handoff))


def signer_of(digest: bytes, signature: bytes) -> bytes:
    """Address, 20 bytes, of the key that signed a digest of 32 bytes. InvalidProof where no key can have.

    Another digest gives another address and no error: the caller compares.
    """
    _check_form(digest, signature)
    compact = signature[:64] + bytes([signature[64] - 27])
    try:
        key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except ValueError as error:
        raise InvalidProof(f"signature {_shown(signature)}: no key can have made it ({error})") from None
    return _address(key)


def check_signature(digest: bytes, signature: bytes, signer: bytes, *, who: str) -> None:
    """That the key of an address signed a digest; InvalidProof otherwise, naming `who` should have."""
    found = signer_of(digest, signature)
    if found != signer:
        raise InvalidProof(
            f"signature of the {who}: expected the key {to_address(signer)}, and for these words it is by "
            f"{to_address(found)}: another key signed, or other words were signed"
        )


def check_signatures(domain: SigningDomain, signed: SignedHandoff) -> None:
    """That both parties signed the handoff, each by the key that it names. InvalidProof or InvalidInput otherwise."""
    signed_digest = digest(domain, signed.handoff)
    check_signature(signed_digest, signed.releaser_signature, signed.handoff.releaser, who=Party.RELEASER)
    check_signature(signed_digest, signed.receiver_signature, signed.handoff.receiver, who=Party.RECEIVER)


def _sign(digest: bytes, key: PrivateKey) -> bytes:
    if len(digest) != HASH_BYTES:
        raise InvalidInput(f"digest: expected {HASH_BYTES} bytes, got {len(digest)}")
    signature = key.sign_recoverable(digest, hasher=None)  # libsecp256k1 gives the lower s
    return signature[:64] + bytes([signature[64] + 27])


def _key_of(private_key: bytes) -> PrivateKey:
    # Length first: coincurve pads what is shorter. Its message would hold the key, so it is not passed on.
    if len(private_key) == HASH_BYTES:
        try:
            return PrivateKey(private_key)
        except ValueError:
            pass
    raise InvalidInput("private key: expected 32 bytes, a number from 1 to below the order of secp256k1")


def _address(key: PublicKey) -> bytes:
    return keccak(key.format(compressed=False)[1:])[-ADDRESS_BYTES:]


def _check_form(digest: bytes, signature: bytes) -> None:
    if len(digest) != HASH_BYTES:
        raise InvalidProof(f"digest: expected {HASH_BYTES} bytes, got {len(digest)}")
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidProof(f"signature: expected {SIGNATURE_BYTES} bytes, got {len(signature)}")
    if signature[64] not in _V:
        raise InvalidProof(f"signature {_shown(signature)}: expected v 27 or 28, got {signature[64]}")
    if signature[32:64] > _HALF_ORDER:
        raise InvalidProof(f"signature {_shown(signature)}: s lies in the upper half; sign with the lower one (EIP-2)")


def _shown(signature: bytes) -> str:
    return to_hex(signature[:4]) + "…"
