"""API keys. A token is shown once, when it is made; what is stored is the SHA-256 of its secret part.

The secret is 256 random bits, so no dictionary holds it and a slow hash would protect nothing.
"""

import hashlib
import hmac
import secrets
import string
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NoReturn
from uuid import UUID

from wayproof.model.access import ApiKey, Scope, join_token, split_token
from wayproof.model.errors import Unauthenticated
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one, fetch_optional

_SQL: Final = load("keys")
_ALPHABET: Final = string.ascii_letters + string.digits


def create_key(
    conn: Conn, *, tenant_id: UUID, label: str, scopes: Iterable[Scope], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key, and its token, which nobody can be told again."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    values = {
        "key_id": key_id,
        "tenant_id": tenant_id,
        "label": label,
        "secret_sha256": _digest(secret),
        "scopes": sorted(set(scopes)),
        "expires_at": expires_at,
    }
    return fetch_one(conn, _key, _SQL["create_key"], values, "key made"), join_token(key_id, secret)


def authenticate(conn: Conn, token: str) -> ApiKey:
    """The key that `token` proves. Unauthenticated where it is malformed, unknown, wrong, expired or revoked.

    Works before the tenant is known: row-level security shows a transaction the one key that it names.
    """
    key_id, secret = split_token(token) or _refuse("malformed")
    conn.execute(_SQL["name_key"], {"key_id": key_id})
    key, secret_sha256, now = fetch_optional(conn, _secret, _SQL["find_secret"], {"key_id": key_id}) or _refuse(
        "unknown"
    )
    if not hmac.compare_digest(secret_sha256, _digest(secret)):
        _refuse("unknown")
    if not key.is_valid_at(now):
        _refuse("expired or revoked")
    return key


def get_key(conn: Conn, key_id: str) -> ApiKey:
    """One key of the tenant; NotFound where there is none."""
    return fetch_one(conn, _key, _SQL["get_key"], {"key_id": key_id}, f"key {key_id!r}")


def list_keys(conn: Conn, *, position: tuple[datetime, str] | None = None, limit: int) -> list[ApiKey]:
    """Up to `limit` keys of the tenant, newest first, from after `position` (creation time and id) on."""
    return fetch_all(conn, _key, _SQL["list_keys"], {**after(position), "limit": limit})


def revoke_key(conn: Conn, key_id: str) -> ApiKey:
    """Ends a key at once and for ever; NotFound where there is none."""
    return fetch_one(conn, _key, _SQL["revoke_key"], {"key_id": key_id}, f"key {key_id!r}")


def _refuse(what: str) -> NoReturn:
    raise Unauthenticated(f"expected a valid API key, got one that is {what}")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


def _key(*, scopes: list[str], **columns: Any) -> ApiKey:
    return ApiKey(scopes=frozenset(map(Scope, scopes)), **columns)


def _secret(*, secret_sha256: bytes, now: datetime, **columns: Any) -> tuple[ApiKey, bytes, datetime]:
    return _key(**columns), secret_sha256, now
