"""Parties, and the keys by which they sign. No private key ever comes here: a party signs where its key lives."""

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Response

from wayproof.api.auth import Caller, CustodyReader, PartiesWriter
from wayproof.api.conditional import Conditions, changed
from wayproof.api.paging import At, Pager
from wayproof.api.problems import MALFORMED, NOT_FOUND, documented
from wayproof.api.routes.resource import GET, LIST, POST, resource_router
from wayproof.api.schemas.custody import ADDRESS, PARTY, Address, StrictBody, TypedData, whole
from wayproof.api.schemas.parties import (
    KeyAddress,
    KeyClaimView,
    NewParty,
    NewPartyKey,
    PartiesQuery,
    PartyKeyView,
    PartyList,
    PartyView,
)
from wayproof.ledger.custody import register_key, signing_domain
from wayproof.ledger.typed_data import claim_typed_data
from wayproof.model.custody import Custodian
from wayproof.model.errors import NotFound
from wayproof.store import parties
from wayproof.store.pool import Conn

router: Final = resource_router("parties", "Parties")

_Id = Annotated[UUID, Path(description="The party's id", examples=[PARTY])]
_Address = Annotated[Address, Path(description="The key's address", examples=[ADDRESS])]


@router.post("", status_code=201, response_model=PartyView, responses=POST)
def create_party(new: NewParty, caller: PartiesWriter) -> Response:
    """Makes a party of the tenant, without keys."""
    tenant_id = caller.key.tenant_id
    with caller.transaction() as conn:
        party = parties.create_party(conn, tenant_id=tenant_id, **new.model_dump())
    view = PartyView.of(party, tenant_id=tenant_id)
    return changed(view, status=201, location=f"/v1/parties/{party.party_id}")


@router.get("", response_model=PartyList, responses=LIST)
def list_parties(query: Annotated[PartiesQuery, Query()], caller: CustodyReader, conditions: Conditions) -> Response:
    """Lists the tenant's parties, newest first; with `address` the party of any tenant that has that key."""
    tenant_id = caller.key.tenant_id
    pager = Pager(query, of="parties", tenant_id=tenant_id)
    position = pager.position(tuple[At, UUID])
    with caller.transaction() as conn:
        if query.address is not None:
            found = _of_address(conn, query.address)
        else:
            found = parties.list_parties(conn, position=position, limit=pager.fetch)
    page, next_cursor = pager.page(found, lambda party: (party.created_at, party.party_id))
    items = [PartyView.of(party, tenant_id=tenant_id) for party in page]
    return conditions.answer(PartyList(items=items, next_cursor=next_cursor))


@router.get("/{party_id}", response_model=PartyView, responses=GET)
def get_party(party_id: _Id, caller: CustodyReader, conditions: Conditions) -> Response:
    """One party, of any tenant, with its keys: who knows its id may hand over to it."""
    with caller.transaction() as conn:
        party = parties.get_party(conn, party_id)
    return conditions.answer(PartyView.of(party, tenant_id=caller.key.tenant_id))


@router.post("/{party_id}/keys/claim", response_model=KeyClaimView, responses=documented(MALFORMED, NOT_FOUND))
def claim_party_key(party_id: _Id, wanted: KeyAddress, caller: PartiesWriter, _: StrictBody) -> Response:
    """What the holder of a key signs to register it. Changes nothing."""
    claimed_at = whole(datetime.now(UTC))
    with caller.transaction() as conn:
        _check_own(parties.get_party(conn, party_id), caller)
        document = claim_typed_data(
            signing_domain(conn), party=str(party_id), key=wanted.address, claimed_at=claimed_at
        )
    return changed(KeyClaimView(claimed_at=claimed_at, typed_data=TypedData(**document)))


@router.post(
    "/{party_id}/keys", status_code=201, response_model=PartyKeyView, responses={**POST, **documented(NOT_FOUND)}
)
def register_party_key(party_id: _Id, new: NewPartyKey, caller: PartiesWriter, _: StrictBody) -> Response:
    """Registers a key, proven by its signature under the claim."""
    with caller.transaction() as conn:
        key = register_key(
            conn,
            tenant_id=caller.key.tenant_id,
            party_id=party_id,
            address=new.address,
            claimed_at=new.claimed_at,
            signature=new.signature,
            now=datetime.now(UTC),
        )
    return changed(PartyKeyView.of(key), status=201, location=f"/v1/parties/{party_id}")


@router.post("/{party_id}/keys/{address}/revoke", response_model=PartyKeyView, responses=documented(NOT_FOUND))
def revoke_party_key(party_id: _Id, address: _Address, caller: PartiesWriter) -> Response:
    """Ends a key at once and for ever; it stays in the list, and can be registered by nobody again."""
    with caller.transaction() as conn:
        key = parties.revoke_key(conn, party_id=party_id, address=address)
    return changed(PartyKeyView.of(key))


def _of_address(conn: Conn, address: bytes) -> list[Custodian]:
    try:
        return [parties.find_party_of_address(conn, address)]
    except NotFound:
        return []


def _check_own(party: Custodian, caller: Caller) -> None:
    if party.tenant_id != caller.key.tenant_id:
        raise NotFound(f"no party {party.party_id} of yours")
