"""Digests and records against a second library."""

import json
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import SignableMessage, encode_typed_data
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address
from handoff_strategies import DOMAIN, RELEASER, a_handoff, addresses, domains, handoffs, hashes, json_values, times
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.hexadecimal import from_address, to_address
from wayproof.ledger.signatures import KeySigner, signer_of
from wayproof.ledger.typed_data import (
    _KINDS,
    MAX_INTEGER,
    MAX_TEXT,
    _Struct,
    claim_digest,
    claim_typed_data,
    digest,
    handoff_of,
    record_of,
    refusal_digest,
    refusal_typed_data,
    typed_data,
)
from wayproof.model.errors import InvalidInput
from wayproof.model.handoff import ZERO_HASH, Handoff, SigningDomain

MAIL = Path(__file__).parents[2].parent / "shared/vectors/ledger/constants/eip712-mail.json"
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
VALID = record_of(a_handoff())


def by_eth_account(document: dict[str, Any]) -> bytes:
    """The digest of typed data, by the general encoder of eth_account."""
    message: SignableMessage = encode_typed_data(full_message=json.loads(json.dumps(document)))
    return keccak(b"\x19" + message.version + message.header + message.body)


@given(domains, handoffs())
def test_digest_of_handoff(domain: SigningDomain, handoff: Handoff) -> None:
    """Our digest of any handoff is the one that eth_account computes from the JSON that wallets sign."""
    assert digest(domain, handoff) == by_eth_account(typed_data(domain, handoff))


@given(domains, hashes, texts, times)
def test_digest_of_refusal(domain: SigningDomain, handoff: bytes, reason: str, at: datetime) -> None:
    """Our digest of any refusal is eth_account's."""
    document = refusal_typed_data(domain, handoff=handoff, reason=reason, refused_at=at)
    assert refusal_digest(domain, handoff=handoff, reason=reason, refused_at=at) == by_eth_account(document)


@given(domains, texts, addresses, times)
def test_digest_of_claim(domain: SigningDomain, party: str, key: bytes, at: datetime) -> None:
    """Our digest of any claim of a key is eth_account's."""
    document = claim_typed_data(domain, party=party, key=key, claimed_at=at)
    assert claim_digest(domain, party=party, key=key, claimed_at=at) == by_eth_account(document)


@pytest.mark.skipif(not MAIL.exists(), reason="the EIP-712 vectors are not here")
def test_mail_vector() -> None:
    """Type hash, words and struct hash follow the example of EIP-712, and its signature is by its signer."""
    vector = json.loads(MAIL.read_text())
    person = _Struct("Person", {"name": "string", "wallet": "address"})
    sides = [vector["message"][side] for side in ("from", "to")]
    nested = [person.hash((side["name"], bytes.fromhex(side["wallet"][2:]))) for side in sides]
    words = [*nested, _KINDS["string"].word(vector["message"]["contents"], "/contents")]
    mail_type = keccak(vector["encodeType"].encode())
    struct_hash = keccak(mail_type + b"".join(words))
    domain = _Struct(
        "EIP712Domain", {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
    )
    values = vector["domain"]
    separator = domain.hash(
        (values["name"], values["version"], values["chainId"], bytes.fromhex(values["verifyingContract"][2:]))
    )
    found = [mail_type, struct_hash, separator, keccak(b"\x19\x01" + separator + struct_hash)]
    wanted = [vector[name] for name in ("typeHash", "structHash", "domainSeparator", "digest")]
    assert ["0x" + data.hex() for data in found] == wanted
    signature = bytes.fromhex(vector["r"][2:] + vector["s"][2:]) + bytes([vector["v"]])
    assert "0x" + signer_of(found[-1], signature).hex() == vector["signer"]
    assert KeySigner(keccak(b"cow")).sign(found[-1]) == signature


@given(handoffs())
def test_record_round_trip(handoff: Handoff) -> None:
    """A record names exactly the handoff that it was made of, over JSON text as well."""
    assert handoff_of(json.loads(json.dumps(record_of(handoff)))) == handoff


@given(handoffs(), st.data())
def test_every_field_is_signed(handoff: Handoff, data: st.DataObject) -> None:
    """Two handoffs that differ in any field have different digests."""
    other = data.draw(handoffs())
    name = data.draw(st.sampled_from([field.name for field in fields(Handoff)]))
    changed = replace(handoff, **{name: getattr(other, name)})
    if changed == handoff:
        return
    with suppress(InvalidInput):  # the fields no longer go together: nobody can sign that at all
        assert digest(DOMAIN, changed) != digest(DOMAIN, handoff)


@given(addresses)
def test_checksum(address: bytes) -> None:
    """An address is written with the checksum that eth_utils computes, and no other case of a letter is taken."""
    text = to_address(address)
    assert text == to_checksum_address(address)
    assert from_address(text, pointer="/key") == address
    if text.swapcase().replace("X", "x") != text:
        with pytest.raises(InvalidInput, match="EIP-55"):
            from_address(text.swapcase().replace("X", "x"), pointer="/key")


def test_domain_is_signed() -> None:
    """The same words for another chain or another contract have another digest."""
    others = [replace(DOMAIN, chain_id=1), replace(DOMAIN, contract=bytes(20)), DOMAIN]
    assert len({digest(domain, a_handoff()) for domain in others}) == 3


@given(json_values)
def test_fuzz_record(value: Any) -> None:
    """Whatever stands in place of a record is refused as InvalidInput and by nothing else."""
    with pytest.raises(InvalidInput):
        handoff_of(value)


@given(st.sampled_from(sorted(VALID)), json_values)
def test_fuzz_member(member: str, value: Any) -> None:
    """Whatever stands in place of a member is refused as InvalidInput, or it is taken and given back unchanged."""
    record = VALID | {member: value}
    with suppress(InvalidInput):
        assert record_of(handoff_of(record)) == record


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("item", "", "1 to 256 bytes"),
        ("item", "pallet 7", "URI"),
        ("item", "urn:epc:\u0430", "URI"),
        ("item", "urn:" + "x" * MAX_TEXT, "1 to 256 bytes"),
        ("seq", 0, "from 1 on"),
        ("seq", True, "whole number"),
        ("seq", 1.0, "whole number"),
        ("seq", "1", "whole number"),
        ("seq", MAX_INTEGER + 1, "whole number"),
        ("seq", 2, "zero for seq 1"),
        ("prev", "0x" + "11" * 32, "zero for seq 1"),
        ("prev", "00" * 32, "0x and 64"),
        ("detailsHash", "0x" + "AB" * 32, "lower-case"),
        ("detailsHash", "0x" + "ab" * 31, "0x and 64"),
        ("detailsHash", "0x" + "ab" * 31 + "\u0661\u0661", "0x and 64"),
        ("releaser", VALID["releaser"].lower(), "EIP-55"),
        ("releaser", VALID["receiver"], "another key"),
        ("receiver", "0x" + "00" * 19, "40 digits"),
        ("occurredAt", -1, "whole number"),
        ("occurredAt", 253_402_300_800, "10000"),
        ("expiresAt", MAX_INTEGER, "10000"),
        ("evidenceSize", 0, "zero without readings"),
        ("evidenceRoot", "0x" + "00" * 32, "zero without readings"),
        ("seenSize", 0, "no checkpoint"),
    ],
)
def test_refused_member(member: str, value: Any, message: str) -> None:
    """A member out of its range, or one that does not go with the others, is refused by its name."""
    with pytest.raises(InvalidInput, match=message) as caught:
        handoff_of(VALID | {member: value})
    assert caught.value.pointer


@pytest.mark.parametrize(
    "record", [{**VALID, "extra": 1}, {k: VALID[k] for k in sorted(VALID)[1:]}, [VALID], None, {1: 2}]
)
def test_exact_members(record: Any) -> None:
    """A record has every member and no other."""
    with pytest.raises(InvalidInput):
        handoff_of(record)


@pytest.mark.parametrize(
    "changes",
    [
        {"occurred_at": datetime(2026, 3, 1, 9, 0, 0, 1, tzinfo=UTC)},
        {"occurred_at": datetime(2026, 3, 1)},  # noqa: DTZ001 - a naive time is the point
        {"expires_at": datetime(1969, 12, 31, tzinfo=UTC)},
        {"details_hash": bytes(31)},
        {"details_hash": bytes(33)},
        {"releaser": RELEASER.address + b"\0"},
        {"seq": 2**64, "prev": bytes(31) + b"\1"},
        {"evidence_size": -1},
        {"item": "urn:\ud800"},
    ],
)
def test_nothing_malformed_is_signed(changes: dict[str, Any]) -> None:
    """There is no digest, and so no signature, of a handoff that no record could say."""
    with pytest.raises(InvalidInput):
        digest(DOMAIN, a_handoff(**changes))


@pytest.mark.parametrize("reason", ["", "x" * (MAX_TEXT + 1), "\u20ac" * 100, "\ud800"])
def test_reason_is_bounded(reason: str) -> None:
    """A reason to refuse is a text of at least one character and at most 256 bytes."""
    with pytest.raises(InvalidInput):
        refusal_digest(DOMAIN, handoff=ZERO_HASH, reason=reason, refused_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_zones_are_no_matter() -> None:
    """One instant in two time zones is one digest."""
    east = a_handoff().occurred_at.astimezone(timezone(timedelta(hours=9)))
    assert digest(DOMAIN, a_handoff(occurred_at=east)) == digest(DOMAIN, a_handoff())
