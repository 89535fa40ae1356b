"""Secrets of devices, and the hashes by which the broker knows them."""

import base64
import hashlib
import hmac
import secrets
from typing import Final

_ITERATIONS: Final = 101
"""mosquitto's default. Our secrets are 256 random bits, which no dictionary holds: stretching adds nothing."""


def new_secret() -> str:
    """A device's password: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """The secret as mosquitto's password file wants it: `$7$iterations$salt$hash`, PBKDF2-SHA512."""
    salt = secrets.token_bytes(12)
    return f"$7${_ITERATIONS}${_b64(salt)}${_b64(_derive(secret, salt, _ITERATIONS))}"


def secret_matches(secret: str, hashed: str) -> bool:
    """Whether `hashed` was made from `secret`."""
    try:
        _, kind, iterations, salt, expected = hashed.split("$")
        derived = _derive(secret, base64.b64decode(salt), int(iterations))
        return kind == "7" and hmac.compare_digest(_b64(derived), expected)
    except ValueError:
        return False


def _derive(secret: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, iterations, dklen=64)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
