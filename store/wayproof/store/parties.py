"""Parties that take custody, and the keys by which they sign.

A tenant sees its own, and of another tenant's the one whose exact id or address it names.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from wayproof.model.custody import Custodian, PartyKey
from wayproof.model.errors import NotFound
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one, fetch_optional

_SQL: Final = load("parties")


def create_party(conn: Conn, *, tenant_id: UUID, name: str, gln: str | None = None) -> Custodian:
    """A new party without keys. Conflict where the tenant has one of that name."""
    values = {"tenant_id": tenant_id, "name": name, "gln": gln}
    return fetch_one(conn, _keyless, _SQL["create_party"], values, "party made")


def get_party(conn: Conn, party_id: UUID) -> Custodian:
    """One party of any tenant with its keys; NotFound where there is none of that id."""
    conn.execute(_SQL["name_party"], {"party_id": str(party_id)})
    party = fetch_one(conn, _keyless, _SQL["get_party"], {"party_id": party_id}, f"party {party_id}")
    return _with_keys(conn, [party])[0]


def find_party_of_address(conn: Conn, address: bytes) -> Custodian:
    """The party, of any tenant, that has registered this address; NotFound where nobody has."""
    conn.execute(_SQL["name_address"], {"address": address.hex()})
    key = fetch_optional(conn, PartyKey, _SQL["find_key"], {"address": address})
    if key is None:
        raise NotFound(f"no party with the key 0x{address.hex()}: register the key first")
    return get_party(conn, key.party_id)


def list_parties(conn: Conn, *, position: tuple[datetime, UUID] | None = None, limit: int) -> list[Custodian]:
    """Up to `limit` parties of the tenant, newest first, from after `position` (creation time and id) on."""
    return _with_keys(conn, fetch_all(conn, _keyless, _SQL["list_parties"], {**after(position), "limit": limit}))


def add_key(
    conn: Conn, *, tenant_id: UUID, party_id: UUID, address: bytes, claim: bytes, claimed_at: datetime
) -> PartyKey:
    """Registers a key whose claim has been checked. Conflict where any party has it, or ever had it."""
    values = {
        "tenant_id": tenant_id,
        "party_id": party_id,
        "address": address,
        "claim": claim,
        "claimed_at": claimed_at,
    }
    return fetch_one(conn, PartyKey, _SQL["add_key"], values, "key registered")


def all_keys(conn: Conn) -> list[PartyKey]:
    """The keys of all parties of all tenants, oldest first; for the ledger alone."""
    return fetch_all(conn, PartyKey, _SQL["all_keys"], {})


def revoke_key(conn: Conn, *, party_id: UUID, address: bytes) -> PartyKey:
    """Ends a key of a party of the tenant at once and for ever; NotFound where there is none."""
    values = {"party_id": party_id, "address": address}
    what = f"key 0x{address.hex()} of party {party_id}"
    return fetch_one(conn, PartyKey, _SQL["revoke_key"], values, what)


def _keyless(**columns: Any) -> Custodian:
    return Custodian(keys=(), **columns)


def _with_keys(conn: Conn, parties: Sequence[Custodian]) -> list[Custodian]:
    ids = [party.party_id for party in parties]
    keys = fetch_all(conn, PartyKey, _SQL["list_keys"], {"party_ids": ids})
    return [
        Custodian(
            party_id=party.party_id,
            tenant_id=party.tenant_id,
            name=party.name,
            gln=party.gln,
            created_at=party.created_at,
            keys=tuple(key for key in keys if key.party_id == party.party_id),
        )
        for party in parties
    ]
