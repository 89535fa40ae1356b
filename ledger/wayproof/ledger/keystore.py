"""Private keys at rest: Web3 Secret Storage (keystore V3), encrypted under a passphrase. Nothing of a key is logged."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.strict_json import strict_json
from wayproof.model.errors import Conflict, InvalidInput, NotFound

PASSPHRASE_VARIABLE: Final = "WAYPROOF_KEY_PASSPHRASE"  # noqa: S105 - where it is looked for
MIN_PASSPHRASE: Final = 8
"""Characters; scrypt slows guessing down, and cannot save what is guessed at once."""
SCRYPT_ROUNDS: Final = 2**18
"""scrypt's N, as geth has it: half a second for each guess."""


def create_keystore(
    path: Path, passphrase: str, *, private_key: bytes | None = None, rounds: int = SCRYPT_ROUNDS
) -> KeySigner:
    """Writes a key, a new one unless `private_key` is given, into a new file that only its owner may read.

    Conflict where the file is there already: a key is never overwritten.
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise InvalidInput(f"passphrase: expected at least {MIN_PASSPHRASE} characters, got {len(passphrase)}")
    key = os.urandom(32) if private_key is None else private_key
    signer = KeySigner(key)
    _write_new(path, json.dumps(_eth_account()[0].encrypt(key, passphrase, kdf="scrypt", iterations=rounds)).encode())
    return signer


def load_keystore(path: Path, passphrase: str) -> KeySigner:
    """The key in a keystore file. NotFound without it; InvalidInput by a wrong passphrase or another format."""
    try:
        document = strict_json(path.read_bytes())
    except OSError as error:
        raise NotFound(f"keystore {path}: {error.strerror}, expected a file that we may read") from None
    account, keyfile_error = _eth_account()
    try:
        key = bytes(account.decrypt(document, passphrase))
    except (keyfile_error, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        # What came instead is not shown: it could be a passphrase or part of a key.
        raise InvalidInput(f"keystore {path}: wrong passphrase, or no Web3 Secret Storage of version 3") from None
    return KeySigner(key)


def find_passphrase(
    *, file: Path | None, environment: Mapping[str, str], prompt: Callable[[], str] | None = None
) -> str:
    """The passphrase out of a file, else of the variable WAYPROOF_KEY_PASSPHRASE, else by asking.

    Of a file the first line counts. InvalidInput where there is none.
    """
    if file is not None:
        try:
            return file.read_text().split("\n")[0].removesuffix("\r")
        except (OSError, ValueError) as error:
            raise InvalidInput(f"passphrase file {file}: {type(error).__name__}, expected a readable text") from None
    if PASSPHRASE_VARIABLE in environment:
        return environment[PASSPHRASE_VARIABLE]
    if prompt is None:
        raise InvalidInput(f"passphrase: expected a passphrase file, or {PASSPHRASE_VARIABLE} to be set; got neither")
    return prompt()


def _eth_account() -> tuple[Any, type[Exception]]:
    """Who encrypts, and its own error. Loading takes half a second, so it is done by who needs it."""
    limit = sys.getrecursionlimit()
    from eth_account import Account  # noqa: PLC0415
    from eth_keyfile.exceptions import EthKeyfileException  # noqa: PLC0415

    # py_ecc, which they load, sets 100,000: JSON nested deep enough would then end the process, not raise.
    sys.setrecursionlimit(limit)
    return Account, EthKeyfileException


def _write_new(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict(f"keystore {path}: there already; a key is never overwritten, name another file") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
