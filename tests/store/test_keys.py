"""API keys in the store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from wayproof.model.access import Scope, split_token
from wayproof.model.errors import NotFound, Unauthenticated
from wayproof.store.keys import authenticate, create_key, get_key, list_keys, revoke_key
from wayproof.store.pool import Conn, Pool, tenant_transaction, transaction
from wayproof.store.settings import Role

READ = frozenset({Scope.SHIPMENTS_READ})


@pytest.fixture
def tenant_id(tenant_factory: Callable[[str], UUID]) -> UUID:
    """Tenant acme."""
    return tenant_factory("acme")


@pytest.fixture
def pool(pool_factory: Callable[[Role | None], Pool]) -> Pool:
    """A pool under the API's role."""
    return pool_factory("wayproof_api")


def _refused(pool: Pool, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused, transaction(pool) as conn:
        authenticate(conn, token)
    return str(refused.value)


def test_token_proves_its_key(superuser: Conn, pool: Pool, tenant_id: UUID) -> None:
    """The token of a new key authenticates before any tenant is set."""
    key, token = create_key(superuser, tenant_id=tenant_id, label="Dashboard", scopes=READ)
    with transaction(pool) as conn:
        assert authenticate(conn, token) == key
    assert key.scopes == READ


def test_secret_is_not_stored(superuser: Conn, tenant_id: UUID) -> None:
    """Nothing in the stored row contains the secret part of the token."""
    _, token = create_key(superuser, tenant_id=tenant_id, label="Dashboard", scopes=READ)
    parts = split_token(token)
    assert parts is not None
    row = superuser.execute("select api_key::text from api_key").fetchone()
    assert row is not None
    assert parts[1] not in row[0]


@pytest.mark.parametrize(
    "token", ["", "wp_", "wp_aaaaaaaaaaaa_short", "Wp_aaaaaaaaaaaa_" + "a" * 43, "wp_aaaaaaaaaaaa_" + "é" * 43, "\0"]
)
def test_malformed_token_is_refused(pool: Pool, token: str) -> None:
    """A token that is not of the form is refused without a look at the database."""
    assert "malformed" in _refused(pool, token)


def test_unknown_and_wrong_are_not_told_apart(superuser: Conn, pool: Pool, tenant_id: UUID) -> None:
    """An unknown key and a wrong secret get the same words, so ids cannot be probed."""
    key, _ = create_key(superuser, tenant_id=tenant_id, label="Dashboard", scopes=READ)
    assert _refused(pool, f"wp_{key.key_id}_{'a' * 43}") == _refused(pool, f"wp_{'a' * 12}_{'a' * 43}")


def test_expired_key_is_refused(superuser: Conn, pool: Pool, tenant_id: UUID) -> None:
    """From its expiry on a key is refused."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    _, token = create_key(superuser, tenant_id=tenant_id, label="Old", scopes=READ, expires_at=past)
    assert "expired" in _refused(pool, token)


def test_revoked_key_is_refused(superuser: Conn, pool: Pool, tenant_id: UUID) -> None:
    """A revoked key is refused at once; revoking it again keeps the time of the first."""
    key, token = create_key(superuser, tenant_id=tenant_id, label="Lost", scopes=READ)
    with tenant_transaction(pool, tenant_id) as conn:
        revoked = revoke_key(conn, key.key_id)
    with tenant_transaction(pool, tenant_id) as conn:
        assert revoke_key(conn, key.key_id) == revoked
    assert "revoked" in _refused(pool, token)


def test_naming_a_key_shows_no_other(superuser: Conn, pool: Pool, tenant_id: UUID) -> None:
    """The transaction that authenticates sees one key and nothing else of the tenant."""
    _, token = create_key(superuser, tenant_id=tenant_id, label="One", scopes=READ)
    create_key(superuser, tenant_id=tenant_id, label="Two", scopes=READ)
    with transaction(pool) as conn:
        authenticate(conn, token)
        assert conn.execute("select count(*) from api_key").fetchone() == (1,)
        assert conn.execute("select count(*) from tenant").fetchone() == (0,)


def test_keys_are_listed_newest_first(superuser: Conn, pool: Pool, tenant_id: UUID) -> None:
    """A tenant's keys are listed newest first, page by page."""
    made = [create_key(superuser, tenant_id=tenant_id, label=str(n), scopes=READ)[0] for n in range(3)]
    with tenant_transaction(pool, tenant_id) as conn:
        first = list_keys(conn, limit=2)
        rest = list_keys(conn, position=(first[-1].created_at, first[-1].key_id), limit=2)
    assert first + rest == made[::-1]


def test_another_tenants_key_is_not_found(
    superuser: Conn, pool: Pool, tenant_id: UUID, tenant_factory: Callable[[str], UUID]
) -> None:
    """A tenant can neither see, list nor revoke another's key."""
    key, _ = create_key(superuser, tenant_id=tenant_id, label="Ours", scopes=READ)
    with tenant_transaction(pool, tenant_factory("other")) as conn:
        assert list_keys(conn, limit=9) == []
        for look in (get_key, revoke_key):
            with pytest.raises(NotFound):
                look(conn, key.key_id)
