"""The keys that settings name."""

from typing import Final

from wayproof.ledger.keystore import load_keystore
from wayproof.ledger.settings import LedgerSettings
from wayproof.ledger.signatures import KeySigner, Signer
from wayproof.model.errors import InvalidInput

_KEY_BYTES: Final = 32


def anchoring_key(settings: LedgerSettings) -> Signer:
    """The key that the settings name; InvalidInput where they name none."""
    if settings.anchorer_key is not None:
        return KeySigner(private_key(settings.anchorer_key.get_secret_value(), "WAYPROOF_LEDGER_ANCHORER_KEY"))
    if settings.anchorer_keystore is None or settings.anchorer_passphrase is None:
        raise InvalidInput(
            "expected WAYPROOF_LEDGER_ANCHORER_KEYSTORE and WAYPROOF_LEDGER_ANCHORER_PASSPHRASE, or"
            " WAYPROOF_LEDGER_ANCHORER_KEY; got neither"
        )
    return load_keystore(settings.anchorer_keystore, settings.anchorer_passphrase.get_secret_value())


def private_key(text: str, name: str) -> bytes:
    """The 32 bytes of a key in hexadecimal; InvalidInput, which does not show it, where it is none."""
    try:
        key = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidInput(f"{name}: expected a private key of 32 bytes in hexadecimal, got something else")
    return key
