"""Leaves of the log, byte for byte."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from handoff_strategies import a_handoff, json_values, signed_by_both, signed_handoffs
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.leaves import (
    details_hash,
    handoff_entry,
    handoff_leaf,
    handoff_payload,
    new_salt,
    signed_handoff,
    signed_handoff_of,
    tombstone_leaf,
    tombstone_payload,
)
from wayproof.model.errors import InvalidInput
from wayproof.model.handoff import SignedHandoff

SALT = bytes(range(32))
AT = datetime(2026, 3, 1, tzinfo=UTC)


@given(signed_handoffs())
def test_payload_round_trip(signed: SignedHandoff) -> None:
    """A payload names exactly the handoff and the signatures that it was made of."""
    assert signed_handoff_of(handoff_payload(signed)) == signed


@given(signed_handoffs())
def test_bytes_of_leaf(signed: SignedHandoff) -> None:
    """An entry is the tag and SHA-256 over the salt and the payload, whose bytes are those of RFC 8785."""
    payload = handoff_payload(signed)
    assert payload == rfc8785.dumps(json.loads(payload))
    assert handoff_leaf(signed, SALT) == b"wayproof:handoff:v1\n" + sha256(SALT + payload).digest()
    assert len(payload) < 2_048


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_fuzz_payload(payload: bytes) -> None:
    """Bytes that are no payload raise InvalidInput and nothing else."""
    with pytest.raises(InvalidInput):
        signed_handoff_of(payload)


@given(st.integers(0), st.integers(0, 255))
def test_changed_byte(place: int, byte: int) -> None:
    """A payload with a byte changed is refused, or is another handoff: never the same."""
    payload = bytearray(handoff_payload(signed_by_both(a_handoff())))
    payload[place % len(payload)] ^= byte
    try:
        assert (signed_handoff_of(bytes(payload)) == signed_by_both(a_handoff())) == (byte == 0)
    except InvalidInput:
        assert byte


def test_only_canonical_bytes() -> None:
    """The same JSON with a space in it is no payload: one handoff has one leaf."""
    payload = handoff_payload(signed_by_both(a_handoff()))
    with pytest.raises(InvalidInput, match="canonical"):
        signed_handoff_of(payload.replace(b",", b", ", 1))


@pytest.mark.parametrize("signatures", [None, {}, {"releaser": "0x"}, {"releaser": "0x", "receiver": "0x"}, []])
def test_refused_signatures(signatures: Any) -> None:
    """Both signatures must be there, in hexadecimal, 65 bytes each."""
    record = json.loads(handoff_payload(signed_by_both(a_handoff())))["record"]
    with pytest.raises(InvalidInput, match="signatures"):
        signed_handoff(record, signatures)


def test_kinds_differ() -> None:
    """A payload as a handoff and the same bytes as a tombstone are different entries."""
    payload = tombstone_payload(erased=7, erased_at=AT, reason="request of the driver")
    assert payload == b'{"erased":7,"erasedAt":1772323200,"reason":"request of the driver"}'
    tombstone = tombstone_leaf(erased=7, erased_at=AT, reason="request of the driver", salt=SALT)
    assert tombstone == b"wayproof:tombstone:v1\n" + sha256(SALT + payload).digest()
    assert handoff_entry(payload, SALT) != tombstone


def test_salt_hides() -> None:
    """Two salts give two leaves of one handoff, and two hashes of the same details; a salt is 32 bytes."""
    signed, details = signed_by_both(a_handoff()), {"seal": "A-17"}
    first, second = new_salt(), new_salt()
    assert handoff_leaf(signed, first) != handoff_leaf(signed, second)
    assert details_hash(details, first) != details_hash(details, second)
    with pytest.raises(InvalidInput, match="32 bytes"):
        handoff_leaf(signed, b"salt")


def test_details_hash() -> None:
    """The hash of details is SHA-256 over salt and RFC 8785 bytes, whatever the order of the members."""
    wanted = sha256(SALT + b'{"quantity":18,"unit":"pallet"}').digest()
    assert details_hash({"unit": "pallet", "quantity": 18.0}, SALT) == wanted


@pytest.mark.parametrize("details", [{"n": 2**53}, {"n": float("nan")}, {"t": "\ud800"}, {"\ud800": 1}])
def test_details_without_canonical_form(details: dict[str, Any]) -> None:
    """Details that JSON cannot say the same to everybody have no hash."""
    with pytest.raises(InvalidInput, match="RFC 8785"):
        details_hash(details, SALT)


def test_other_signature_other_leaf() -> None:
    """Signatures are part of the leaf."""
    signed = signed_by_both(a_handoff())
    assert handoff_leaf(replace(signed, releaser_signature=bytes(65)), SALT) != handoff_leaf(signed, SALT)


def test_light_imports() -> None:
    """What a device signs by and a verifier checks by imports no web3, eth_account, pydantic, psycopg or store."""
    modules = "typed_data, signatures, strict_json, leaves, evidence, hexadecimal"
    program = (
        f"import sys; from wayproof.ledger import {modules}; "
        "print([m for m in ('web3', 'eth_account', 'pydantic', 'psycopg', 'wayproof.store') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
