"""Keccak-256 by published values, and by another implementation."""

from eth_hash.auto import keccak as theirs
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.keccak import keccak


def test_published_values() -> None:
    """Of nothing and of "abc" (the Keccak team's own test vectors); the standard's SHA3-256 has others."""
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"


@given(st.binary(max_size=600))
def test_as_another_library_has_it(data: bytes) -> None:
    """Any bytes, over several blocks of 136 too, hash as pycryptodome hashes them."""
    assert keccak(data) == theirs(data)
