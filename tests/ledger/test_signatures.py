"""Signatures: equal to a second library, and strict."""

from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import pytest
from eth_account import Account
from handoff_strategies import (
    DOMAIN,
    RECEIVER,
    RELEASER,
    a_handoff,
    handoffs,
    hashes,
    signed_by_both,
    signed_handoffs,
)
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.signatures import (
    _ORDER,
    KeySigner,
    check_signature,
    check_signatures,
    sign,
    sign_handoff,
    signer_of,
)
from wayproof.ledger.typed_data import digest
from wayproof.model.errors import InvalidInput, InvalidProof
from wayproof.model.handoff import Handoff, SignedHandoff

private_keys = st.integers(1, _ORDER - 1).map(lambda number: number.to_bytes(32, "big"))


@given(hashes, private_keys)
def test_as_eth_account_signs(message: bytes, key: bytes) -> None:
    """A signature is byte for byte eth_account's, has the lower s, and leads back to eth_account's address."""
    account = Account.from_key(key)
    signature = sign(message, key)
    assert signature == bytes(account.unsafe_sign_hash(message).signature)
    assert int.from_bytes(signature[32:64], "big") <= _ORDER // 2
    assert signer_of(message, signature) == bytes.fromhex(account.address[2:])


@given(signed_handoffs())
def test_both_signed(signed: SignedHandoff) -> None:
    """What both parties signed is accepted."""
    check_signatures(DOMAIN, signed)


@given(hashes, private_keys)
def test_high_s(message: bytes, key: bytes) -> None:
    """The second signature that anybody can compute from a first, and that eth_account accepts, is refused."""
    signature = sign(message, key)
    high = (_ORDER - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    mirrored = signature[:32] + high + bytes([55 - signature[64]])
    assert Account._recover_hash(message, signature=mirrored) == Account.from_key(key).address
    with pytest.raises(InvalidProof, match="upper half"):
        signer_of(message, mirrored)


@given(st.binary(max_size=70) | st.binary(min_size=65, max_size=65), st.binary(max_size=40) | hashes)
def test_fuzz_signature(signature: bytes, message: bytes) -> None:
    """Bytes that are no signature raise InvalidProof and nothing else; those that are lead to some address."""
    with suppress(InvalidProof):
        assert len(signer_of(message, signature)) == 20


@given(st.binary(min_size=64, max_size=64), st.sampled_from([27, 28]))
def test_fuzz_points(pair: bytes, v: int) -> None:
    """Random r and a low s with a right v raise InvalidProof or lead to some address."""
    signature = pair[:32] + bytes([pair[32] & 0x7F]) + pair[33:] + bytes([v])
    with suppress(InvalidProof):
        assert len(signer_of(bytes(31) + b"\1", signature)) == 20


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        ((32, b"\0" * 32), "no key"),
        ((64, b"\x00"), "v 27 or 28"),
        ((64, b"\x1d"), "v 27 or 28"),
        ((64, b""), "65 bytes"),
    ],
)
def test_refused_form(tail: tuple[int, bytes], message: str) -> None:
    """A zero s, another v and another length are refused, each by its name."""
    start, replacement = tail
    signature = RELEASER.sign(bytes(32))
    changed = signature[:start] + replacement + signature[start + len(replacement) :]
    with pytest.raises(InvalidProof, match=message):
        signer_of(bytes(32), changed if replacement else signature[:start])


def test_order_of_r() -> None:
    """An r at or above the order of the group is refused."""
    with pytest.raises(InvalidProof, match="no key"):
        signer_of(bytes(32), _ORDER.to_bytes(32, "big") + bytes(31) + b"\1\x1b")


def test_swapped() -> None:
    """The two signatures in each other's place are refused."""
    signed = signed_by_both(a_handoff())
    swapped = replace(
        signed, releaser_signature=signed.receiver_signature, receiver_signature=signed.releaser_signature
    )
    with pytest.raises(InvalidProof, match="signature of the releaser"):
        check_signatures(DOMAIN, swapped)


@pytest.mark.parametrize("changes", [{"chain_id": 1}, {"contract": bytes(20)}])
def test_other_domain(changes: dict[str, Any]) -> None:
    """Signatures for one chain and contract hold for no other."""
    with pytest.raises(InvalidProof, match="signature of the releaser"):
        check_signatures(replace(DOMAIN, **changes), signed_by_both(a_handoff()))


@given(handoffs(releaser=RELEASER.address, receiver=RECEIVER.address), st.data())
def test_changed_field(handoff: Handoff, data: st.DataObject) -> None:
    """A field that is changed after signing makes the signatures those of another key, and they are refused."""
    other = data.draw(handoffs())
    name = data.draw(st.sampled_from([field.name for field in fields(Handoff)]))
    changed = replace(handoff, **{name: getattr(other, name)})
    if changed == handoff:
        return
    with pytest.raises((InvalidProof, InvalidInput)):
        check_signatures(DOMAIN, replace(signed_by_both(handoff), handoff=changed))


def test_one_signature_is_none_of_both() -> None:
    """The releaser cannot sign for the receiver."""
    signed = signed_by_both(a_handoff())
    with pytest.raises(InvalidProof, match="signature of the receiver"):
        check_signatures(DOMAIN, replace(signed, receiver_signature=signed.releaser_signature))


def test_only_parties_sign() -> None:
    """A signer that is neither party is told so before it signs."""
    with pytest.raises(InvalidInput, match="neither the releaser"):
        sign_handoff(DOMAIN, a_handoff(), KeySigner(bytes(31) + b"\x03"))


def test_named_key() -> None:
    """A refused signature names who should have signed, the key expected and the key found."""
    signed = digest(DOMAIN, a_handoff())
    with pytest.raises(InvalidProof, match=r"signature of the anchorer: expected the key 0x7E5F.*by 0x2B5A"):
        check_signature(signed, RECEIVER.sign(signed), RELEASER.address, who="anchorer")


@pytest.mark.parametrize("key", [b"", bytes(32), _ORDER.to_bytes(32, "big"), b"\1" * 31, b"\1" * 33])
def test_refused_key(key: bytes) -> None:
    """A private key of another length or out of range is refused, and the message does not hold it."""
    with pytest.raises(InvalidInput) as caught:
        KeySigner(key)
    assert not key or key.hex() not in str(caught.value)


def test_digest_is_32_bytes() -> None:
    """What is no digest is not signed."""
    with pytest.raises(InvalidInput, match="32 bytes"):
        RELEASER.sign(b"words")


def test_key_is_never_shown() -> None:
    """A signer shows its address and nothing of its key."""
    assert repr(RELEASER) == "KeySigner(0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf)"
