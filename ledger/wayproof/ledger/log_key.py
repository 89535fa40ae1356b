"""The operator's key of the log: an Ed25519 key in a file, as PEM or in the form of C2SP's tools."""

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wayproof.ledger.notes import NoteKey, NoteSigner, parse_skey
from wayproof.model.errors import InvalidInput

_PEM: Final = b"-----BEGIN "


def load_log_key(path: Path, *, origin: str) -> NoteSigner:
    """The key in a file, which signs as `origin`. InvalidInput, which never holds the secret, where it is none."""
    content = path.read_bytes().strip()
    try:
        signer = _from_pem(content, origin) if content.startswith(_PEM) else parse_skey(content.decode())
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidInput) as error:
        raise InvalidInput(f"{path}: expected an Ed25519 key, as PEM without password or PRIVATE+KEY+...") from error
    if signer.name != origin:
        raise InvalidInput(f"{path}: expected a key that signs as {origin!r}, got one of {signer.name!r}")
    return signer


def create_log_key(path: Path, *, origin: str) -> NoteSigner:
    """A new key in a new file that only its owner reads. FileExistsError where there is a file."""
    signer = NoteSigner(name=origin, seed=Ed25519PrivateKey.generate().private_bytes_raw())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(signer.skey + "\n")
    return signer


def _from_pem(content: bytes, origin: str) -> NoteSigner:
    key = load_pem_private_key(content, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("another algorithm")
    seed = key.private_bytes_raw()
    return NoteSigner(name=NoteKey(name=origin, public_key=key.public_key().public_bytes_raw()).name, seed=seed)
