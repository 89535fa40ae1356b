"""Hypothesis strategies of handoffs and of what surrounds them, and a pair of parties that signs."""

import string
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from wayproof.ledger.signatures import KeySigner, sign_handoff
from wayproof.ledger.typed_data import MAX_INTEGER
from wayproof.model.handoff import ZERO_HASH, Handoff, SignedHandoff, SigningDomain

RELEASER = KeySigner(bytes(31) + b"\x01")
RECEIVER = KeySigner(bytes(31) + b"\x02")
DOMAIN = SigningDomain(chain_id=31_337, contract=bytes(range(20)))

addresses = st.binary(min_size=20, max_size=20)
hashes = st.binary(min_size=32, max_size=32).filter(lambda data: data != ZERO_HASH)
times = st.integers(0, 253_402_300_799).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
items = st.builds(
    "{}:{}".format,
    st.sampled_from(["https", "urn", "urn:epc", "x"]),
    st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1, max_size=240),
)
domains = st.builds(SigningDomain, chain_id=st.integers(0, MAX_INTEGER), contract=addresses)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
"""Anything that a parser of JSON can yield, and some more."""


@st.composite
def handoffs(draw: st.DrawFn, /, **fixed: Any) -> Handoff:
    """Any handoff that can be signed; `fixed` are fields that stand already."""
    seq = draw(st.just(1) | st.integers(2, MAX_INTEGER))
    releaser, receiver = draw(st.lists(addresses, min_size=2, max_size=2, unique=True))
    evidence_size, seen_size = draw(sizes), draw(sizes)
    fields: dict[str, Any] = {
        "item": draw(items),
        "seq": seq,
        "prev": ZERO_HASH if seq == 1 else draw(hashes),
        "releaser": releaser,
        "receiver": receiver,
        "occurred_at": draw(times),
        "expires_at": draw(times),
        "details_hash": draw(hashes),
        "evidence_root": draw(hashes) if evidence_size else ZERO_HASH,
        "evidence_size": evidence_size,
        "seen_size": seen_size,
        "seen_root": draw(hashes) if seen_size else ZERO_HASH,
    }
    return Handoff(**fields | fixed)


sizes = st.just(0) | st.integers(1, MAX_INTEGER)


def signed_handoffs() -> st.SearchStrategy[SignedHandoff]:
    """Any handoff from RELEASER to RECEIVER, signed by both for DOMAIN."""
    return handoffs(releaser=RELEASER.address, receiver=RECEIVER.address).map(signed_by_both)


def signed_by_both(handoff: Handoff) -> SignedHandoff:
    """A handoff from RELEASER to RECEIVER with their signatures for DOMAIN."""
    return SignedHandoff(
        handoff=handoff,
        releaser_signature=sign_handoff(DOMAIN, handoff, RELEASER),
        receiver_signature=sign_handoff(DOMAIN, handoff, RECEIVER),
    )


def a_handoff(**changes: Any) -> Handoff:
    """One plain handoff, the first of its item."""
    fields: dict[str, Any] = {
        "item": "https://id.gs1.org/00/340123450000000018",
        "seq": 1,
        "prev": ZERO_HASH,
        "releaser": RELEASER.address,
        "receiver": RECEIVER.address,
        "occurred_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
        "expires_at": datetime(2026, 3, 2, 9, tzinfo=UTC),
        "details_hash": bytes(31) + b"\x0d",
        "evidence_root": bytes(31) + b"\x0e",
        "evidence_size": 3,
        "seen_size": 2,
        "seen_root": bytes(31) + b"\x0f",
    }
    return Handoff(**fields | changes)
