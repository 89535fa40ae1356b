"""Keccak-256, Ethereum's hash: SHA-3 as it was proposed, with other padding than the standard's (FIPS 202)."""

from sha3 import keccak_256


def keccak(data: bytes) -> bytes:
    """The hash, 32 bytes."""
    digest: bytes = keccak_256(data).digest()
    return digest
