"""The keys that settings name."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr

from wayproof.ledger.keystore import load_keystore
from wayproof.ledger.settings import LedgerSettings
from wayproof.ledger.signatures import KeySigner, Signer
from wayproof.model.errors import InvalidInput

_KEY_BYTES: Final = 32


def anchoring_key(settings: LedgerSettings) -> Signer:
    """The key that anchors; InvalidInput where the settings name none."""
    signer = _key("ANCHORER", settings.anchorer_key, settings.anchorer_keystore, settings.anchorer_passphrase)
    if signer is None:
        raise InvalidInput(
            "expected WAYPROOF_LEDGER_ANCHORER_KEYSTORE and WAYPROOF_LEDGER_ANCHORER_PASSPHRASE, or"
            " WAYPROOF_LEDGER_ANCHORER_KEY; got neither"
        )
    return signer


def admin_key(settings: LedgerSettings) -> Signer | None:
    """The key of the contract's admin, where the settings name it. InvalidInput where they name half of it."""
    return _key("ADMIN", settings.admin_key, settings.admin_keystore, settings.admin_passphrase)


def _key(whose: str, key: SecretStr | None, keystore: Path | None, passphrase: SecretStr | None) -> Signer | None:
    if key is not None:
        return KeySigner(private_key(key.get_secret_value(), f"WAYPROOF_LEDGER_{whose}_KEY"))
    if keystore is None and passphrase is None:
        return None
    if keystore is None or passphrase is None:
        raise InvalidInput(
            f"expected WAYPROOF_LEDGER_{whose}_KEYSTORE together with WAYPROOF_LEDGER_{whose}_PASSPHRASE, got only one"
        )
    return load_keystore(keystore, passphrase.get_secret_value())


def private_key(text: str, name: str) -> bytes:
    """The 32 bytes of a key in hexadecimal; InvalidInput, which does not show it, where it is none."""
    try:
        key = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidInput(f"{name}: expected a private key of 32 bytes in hexadecimal, got something else")
    return key
