"""Documents of parties and their keys."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from wayproof.api.paging import PageQuery
from wayproof.api.schemas.base import Body, Gln, Instant, Listing, Name, View
from wayproof.api.schemas.custody import ADDRESS, NOON, PARTY, SIGNATURE, Address, Signed, TypedData
from wayproof.ledger.hexadecimal import to_address
from wayproof.model.custody import Custodian, PartyKey


class NewParty(Body):
    """An organisation that takes goods into custody."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Northern Freight", "gln": "8712345000004"}]})

    name: Name
    gln: Gln | None = Field(default=None, description="GS1 Global Location Number")


class KeyAddress(Body):
    """A key that a party wants to register."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"address": ADDRESS}]})

    address: Address = Field(description="The key's Ethereum address, with its checksum (EIP-55)")


class KeyClaimView(View):
    """What the holder of the key signs, to show that it is the party's."""

    claimed_at: datetime = Field(examples=[NOON])
    typed_data: TypedData


class NewPartyKey(Signed):
    """A key with the claim that it has signed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"address": ADDRESS, "claimed_at": NOON, "signature": SIGNATURE}]}
    )

    address: Address
    claimed_at: Instant = Field(description="As in the typed data that was signed; within ten minutes of now")


class PartyKeyView(View):
    """A key by which a party signs."""

    address: str = Field(examples=[ADDRESS])
    claimed_at: datetime = Field(examples=[NOON])
    valid_from: datetime = Field(examples=[NOON])
    revoked_at: datetime | None = Field(examples=[None])

    @classmethod
    def of(cls, key: PartyKey) -> Self:
        """The document of a key."""
        return cls(
            address=to_address(key.address),
            claimed_at=key.claimed_at,
            valid_from=key.valid_from,
            revoked_at=key.revoked_at,
        )


class PartyView(View):
    """A party, of one's own or of another tenant."""

    id: UUID = Field(examples=[PARTY])
    name: str = Field(examples=["Northern Freight"])
    gln: str | None = Field(examples=["8712345000004"])
    is_own: bool = Field(description="Whether it is one of the caller's tenant", examples=[True])
    keys: list[PartyKeyView] = Field(description="Oldest first, revoked ones among them")
    created_at: datetime = Field(examples=[NOON])

    @classmethod
    def of(cls, party: Custodian, *, tenant_id: UUID) -> Self:
        """The document of a party for a caller of `tenant_id`."""
        return cls(
            id=party.party_id,
            name=party.name,
            gln=party.gln,
            is_own=party.tenant_id == tenant_id,
            keys=[PartyKeyView.of(key) for key in party.keys],
            created_at=party.created_at,
        )


class PartyList(Listing[PartyView]):
    """Parties, newest first."""


class PartiesQuery(PageQuery):
    """Which parties."""

    address: Annotated[
        Address | None, Field(description="Only the one, of any tenant, that has this key", examples=[ADDRESS])
    ] = None
