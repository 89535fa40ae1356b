"""Signed notes and checkpoints: C2SP signed-note and tlog-checkpoint, with Ed25519.

Nothing here needs a database or a server: the verifier uses it. Whatever is malformed raises InvalidProof.
"""

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wayproof.model.errors import InvalidProof
from wayproof.model.merkle import HASH_BYTES

_ED25519: Final = b"\x01"
"""Signature type (C2SP signed-note, "Signature types")."""
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_LARGEST: Final = 2**53 - 1
"""JSON's numbers are exact up to here."""
_ID_BYTES: Final = 4
_CHARS: Final = 131_072
"""A note may have no more: 16 signatures of post-quantum length fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A log's tree at one size (C2SP tlog-checkpoint)."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteKey:
    """By which signatures of one name are checked."""

    name: str
    #: Ed25519, 32 bytes.
    public_key: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(c.isspace() or c < " " for c in self.name):
            raise InvalidProof(f"name of a note's key: expected no space and no plus, got {self.name!r}")
        _utf8(self.name)
        if len(self.public_key) != HASH_BYTES:
            raise InvalidProof(f"Ed25519 public key: expected 32 bytes, got {len(self.public_key)}")

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before a signature (C2SP signed-note, "Ed25519 signatures")."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key as one line of text (C2SP signed-note, "Verifier keys")."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(_ED25519 + self.public_key)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteSigner:
    """A key that signs."""

    name: str
    #: Ed25519 private key as RFC 8032 section 5.1.5 has it, 32 bytes.
    seed: bytes = field(repr=False)

    @property
    def key(self) -> NoteKey:
        """By which its signatures are checked."""
        public_key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return NoteKey(name=self.name, public_key=public_key)

    @property
    def skey(self) -> str:
        """The secret as one line of text, as Go's `sumdb/note` writes it."""
        return f"PRIVATE+KEY+{self.name}+{self.key.key_id.hex()}+{_base64(_ED25519 + self.seed)}"


def parse_vkey(text: str) -> NoteKey:
    """The key in a line of text."""
    name, key_id, encoded = _parts(text, 3)
    key = NoteKey(name=name, public_key=_key_bytes(encoded))
    _check_id(key, key_id)
    return key


def parse_skey(text: str) -> NoteSigner:
    """The secret in a line of text."""
    private, key, name, key_id, encoded = _parts(text, 5)
    if (private, key) != ("PRIVATE", "KEY"):
        raise InvalidProof("a signing key begins with PRIVATE+KEY+")
    signer = NoteSigner(name=name, seed=_key_bytes(encoded))
    _check_id(signer.key, key_id)
    return signer


def sign_note(text: str, *signers: NoteSigner) -> str:
    """The text with a signature of each signer."""
    _check_characters(text)
    if not signers or not text.endswith("\n"):
        raise InvalidProof("a note is signed by at least one key, and its text ends in a newline")
    return text + "\n" + "".join(_signature_line(text, signer) for signer in signers)


def sign_checkpoint(checkpoint: Checkpoint, *signers: NoteSigner) -> str:
    """The checkpoint as a signed note."""
    text = f"{checkpoint.origin}\n{checkpoint.size}\n{_base64(checkpoint.root)}\n"
    if _checkpoint(text) != checkpoint:
        raise InvalidProof(f"expected an origin, a size below 2^53 and a root of 32 bytes, got {checkpoint}")
    return sign_note(text, *signers)


def open_note(note: str, key: NoteKey) -> Checkpoint:
    """The checkpoint that a note holds, where `key` has signed it and bears the name of its origin."""
    checkpoint = _checkpoint(signed_text(note, key))
    if checkpoint.origin != key.name:
        raise InvalidProof(f"checkpoint: expected origin {key.name!r}, got {checkpoint.origin!r}")
    return checkpoint


def signed_text(note: str, key: NoteKey) -> str:
    """The text of a note that `key` has signed. Signatures of other keys count neither for nor against it."""
    _check_characters(note)
    text, blank, lines = note.rpartition("\n\n")
    text += "\n"
    if not blank or not lines.endswith("\n"):
        raise InvalidProof("signed note: expected a text, an empty line, and lines of signatures")
    signatures = [_parsed_line(line) for line in lines[:-1].split("\n")]
    ours = [signature for name, key_id, signature in signatures if (name, key_id) == (key.name, key.key_id)]
    if not ours:
        raise InvalidProof(f"signed note: expected a signature of {key.vkey}, got none")
    for signature in ours:
        _check_signature(text, signature, key)
    return text


def _checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) != 4 or not lines[0] or lines[3]:  # noqa: PLR2004 - three lines, the last one ended
        raise InvalidProof("checkpoint: expected the three lines origin, size and root")
    origin, size, root = lines[:3]
    if not _SIZE.fullmatch(size) or int(size) > _LARGEST:
        raise InvalidProof(f"checkpoint: expected a size from 0 to 2^53-1 without leading zeros, got {size!r}")
    root_bytes = _from_base64(root)
    if len(root_bytes) != HASH_BYTES:
        raise InvalidProof(f"checkpoint: expected a root of 32 bytes, got {len(root_bytes)}")
    return Checkpoint(origin=origin, size=int(size), root=root_bytes)


def _signature_line(text: str, signer: NoteSigner) -> str:
    key = signer.key
    signature = Ed25519PrivateKey.from_private_bytes(signer.seed).sign(text.encode())
    return f"— {key.name} {_base64(key.key_id + signature)}\n"


def _parsed_line(line: str) -> tuple[str, bytes, bytes]:
    """Name, id and signature."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—" or not name or "+" in name or any(c.isspace() for c in name):
        raise InvalidProof(f"signed note: expected a line of the form — NAME SIGNATURE, got {line!r}")
    signed = _from_base64(encoded)
    if len(signed) <= _ID_BYTES:
        raise InvalidProof(f"signed note: expected more than 4 bytes of signature by {name}, got {len(signed)}")
    return name, signed[:_ID_BYTES], signed[_ID_BYTES:]


def _check_signature(text: str, signature: bytes, key: NoteKey) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, text.encode())
    except InvalidSignature as error:
        raise InvalidProof(f"signed note: the signature of {key.name} does not hold") from error


def _check_characters(text: str) -> None:
    if len(text) > _CHARS:
        raise InvalidProof(f"signed note: expected at most {_CHARS} characters, got {len(text)}")
    if any(c < " " and c != "\n" for c in text):
        raise InvalidProof("signed note: expected no control characters but newlines")
    _utf8(text)


def _check_id(key: NoteKey, written: str) -> None:
    if written != key.key_id.hex():
        raise InvalidProof(f"key of a note: expected id {key.key_id.hex()}, got {written!r}")


def _parts(text: str, count: int) -> list[str]:
    parts = text.split("+", count - 1)  # base64, which comes last, has pluses of its own
    if len(parts) != count:
        raise InvalidProof(f"key of a note: expected {count} parts joined by plus, got {len(parts)}")
    return parts


def _key_bytes(encoded: str) -> bytes:
    typed = _from_base64(encoded)
    if len(typed) != 1 + HASH_BYTES or typed[:1] != _ED25519:
        raise InvalidProof("key of a note: expected type 1 (Ed25519) and 32 bytes")
    return typed[1:]


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def _from_base64(text: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidProof(f"expected base64, got {text!r}") from error
    if _base64(data) != text:  # bits that say nothing must be 0, or one note had many forms
        raise InvalidProof(f"expected base64 in its only form, got {text!r}")
    return data


def _utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidProof("expected text that UTF-8 can carry, got a lone surrogate") from error
