"""Documents of handoffs."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from wayproof.api.paging import PageQuery
from wayproof.api.schemas.base import Body, DeviceName, Instant, Listing, View
from wayproof.api.schemas.custody import (
    ADDRESS,
    DETAILS,
    HANDOFF,
    HASH,
    ITEM,
    NOON,
    OTHER_ADDRESS,
    PARTY,
    SIGNATURE,
    Address,
    Signed,
    TypedData,
)
from wayproof.ledger.evidence import ReadingProof
from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.typed_data import MAX_TEXT, record_of, typed_data
from wayproof.model.custody import Evidence, Side, StoredHandoff
from wayproof.model.handoff import AnchorState, HandoffState, Party, SigningDomain
from wayproof.model.reading import MAX_BOOT

_SHIPMENT = "3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"

Item = Annotated[
    str,
    StringConstraints(strict=True, max_length=MAX_TEXT, pattern=r"^[a-z][a-z0-9+.-]*:[!-~]+$"),
    Field(examples=[ITEM]),
]
"""A URI: an EPC, a GS1 Digital Link, or `urn:wayproof:shipment:<id>`."""

Reason = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]
Details = Annotated[
    dict[str, Any],
    Field(
        description="What the parties say of the goods: place, goods with quantity and unit, seals, damage, temperature"
        " verdict, people, reservations. At most 4 KiB; `evidence` is filled in here",
        examples=[DETAILS],
    ),
]
Role = Annotated[Party, Field(description="The side of who calls, and will sign first")]


class NewHandoff(Body):
    """A handoff that one party proposes. Give a shipment, or an item, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"signer": ADDRESS, "counterparty": PARTY, "shipment_id": _SHIPMENT, "details": DETAILS}]
        }
    )

    role: Role = Party.RELEASER
    signer: Address = Field(description="By which of your keys you will sign")
    counterparty: UUID = Field(description="Id of the other party")
    counterparty_address: Address | None = Field(
        default=None, description="By which key it shall sign; null: its newest"
    )
    item: Item | None = Field(default=None, description="null: the shipment as a whole")
    shipment_id: UUID | None = Field(default=None, description="Whose readings are the evidence")
    occurred_at: Instant | None = Field(default=None, description="When the goods changed hands; null: now")
    expires_at: Instant | None = Field(default=None, description="Until when it can be answered; null: a day from now")
    details: Details


class Amendment(Body):
    """The other party's own words for an offer."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"details": {**DETAILS, "damage": "2 pallets wet", "seals": ["A-18"]}}]}
    )

    details: Details
    signer: Address | None = Field(default=None, description="By which of your keys; null: the one that was named")
    expires_at: Instant | None = Field(default=None, description="null: a day from now")


class RefusalReason(Body):
    """Why a party wants to refuse."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "seal A-17 broken"}]})

    reason: Reason


class RefusalDraftView(View):
    """What a party signs that refuses."""

    refused_at: datetime = Field(examples=[NOON])
    typed_data: TypedData


class SignedRefusal(Signed):
    """A signed refusal."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "seal A-17 broken", "refused_at": NOON, "signature": SIGNATURE}]}
    )

    reason: Reason
    refused_at: Instant = Field(description="As in the typed data that was signed; within ten minutes of now")


class SideView(View):
    """One party to a handoff."""

    party_id: UUID = Field(examples=[PARTY])
    name: str = Field(examples=["Northern Freight"])
    address: str | None = Field(description="Of the key by which it signs; null: erased", examples=[ADDRESS])
    signature: str | None = Field(examples=[SIGNATURE])
    key_revoked_at: datetime | None = Field(examples=[None])

    @classmethod
    def of(cls, side: Side) -> Self:
        """The document of one side."""
        return cls(
            party_id=side.party_id,
            name=side.name,
            address=to_address(side.address) if side.address else None,
            signature=to_hex(side.signature) if side.signature else None,
            key_revoked_at=side.key_revoked_at,
        )


class RefusalView(View):
    """That the other party did not take it."""

    reason: str = Field(examples=["seal A-17 broken"])
    refused_at: datetime = Field(examples=[NOON])
    signature: str = Field(examples=[SIGNATURE])


class HandoffView(View):
    """A handoff as it stands."""

    id: UUID = Field(examples=[HANDOFF])
    digest: str = Field(description="EIP-712 digest: its identity, and what is signed", examples=[HASH])
    state: HandoffState
    anchor_state: AnchorState | None = Field(description="How far its leaf has come on the chain; null: not accepted")
    item: str = Field(examples=[ITEM])
    seq: int = Field(description="Place in the item's chain, from 1", examples=[1])
    proposer: Party
    releaser: SideView
    receiver: SideView
    shipment_id: UUID | None = Field(examples=[_SHIPMENT])
    amends: UUID | None = Field(description="The offer that this one answers in other words", examples=[None])
    record: dict[str, Any] | None = Field(
        description="What is signed, with EIP-712's names; null: erased",
        examples=[{"item": ITEM, "seq": 1, "releaser": ADDRESS, "receiver": OTHER_ADDRESS, "detailsHash": HASH}],
    )
    details: dict[str, Any] | None = Field(description="null: erased", examples=[DETAILS])
    details_salt: str | None = Field(
        description="`detailsHash` is SHA-256 over this and the RFC 8785 bytes of the details", examples=[HASH]
    )
    refusal: RefusalView | None = None
    leaf_index: int | None = Field(description="Place in the log; null: not accepted", examples=[4711])
    version: int = Field(examples=[3])
    expires_at: datetime | None = Field(examples=[NOON])
    created_at: datetime = Field(examples=[NOON])
    offered_at: datetime | None = Field(examples=[NOON])
    answered_at: datetime | None = Field(examples=[NOON])
    erased_at: datetime | None = Field(examples=[None])

    @classmethod
    def of(cls, handoff: StoredHandoff, **more: Any) -> Self:
        """The document of a handoff."""
        refusal = handoff.refusal
        return cls(
            id=handoff.handoff_id,
            digest=to_hex(handoff.digest),
            releaser=SideView.of(handoff.releaser),
            receiver=SideView.of(handoff.receiver),
            record=record_of(handoff.record) if handoff.record else None,
            details=json.loads(handoff.details) if handoff.details else None,
            details_salt=to_hex(handoff.details_salt) if handoff.details_salt else None,
            refusal=RefusalView(
                reason=refusal.reason, refused_at=refusal.refused_at, signature=to_hex(refusal.signature)
            )
            if refusal
            else None,
            expires_at=handoff.record.expires_at if handoff.record else None,
            **{name: getattr(handoff, name) for name in _SAME},
            **more,
        )


_SAME = (
    "state",
    "anchor_state",
    "item",
    "seq",
    "proposer",
    "shipment_id",
    "amends",
    "leaf_index",
    "version",
    "created_at",
    "offered_at",
    "answered_at",
    "erased_at",
)  # fmt: skip


class SignableView(HandoffView):
    """A handoff with what either party signs."""

    typed_data: TypedData | None = Field(description="null: erased")

    @classmethod
    def to_sign(cls, handoff: StoredHandoff, domain: SigningDomain) -> Self:
        """The document of a handoff with its typed data."""
        document = typed_data(domain, handoff.record) if handoff.record else None
        return cls.of(handoff, typed_data=TypedData(**document) if document else None)


class HandoffList(Listing[HandoffView]):
    """Handoffs, newest first."""


class CustodyChain(Listing[HandoffView]):
    """Accepted handoffs that the caller's tenant was party to, in order of item and seq. Others are left out."""


class HandoffsQuery(PageQuery):
    """Which handoffs."""

    item: Annotated[Item | None, Field(description="Only those of this item")] = None
    shipment_id: Annotated[UUID | None, Field(description="Only those of this shipment", examples=[_SHIPMENT])] = None
    state: Annotated[HandoffState | None, Field(description="Only those that stand there now")] = None


class LegView(View):
    """From when to before when one device's readings belong to the evidence."""

    device: str = Field(examples=["truck-17"])
    begins_at: datetime = Field(examples=[NOON])
    ends_at: datetime = Field(examples=[NOON])


class EvidenceQuery(Body):
    """What to look at."""

    check: Annotated[
        bool,
        Field(description="Compare with the readings as they are stored now; for the tenant whose devices they are"),
    ] = False


class EvidenceView(View):
    """Which readings the evidence of a handoff is of."""

    root: str = Field(description="`evidenceRoot` of the record", examples=[HASH])
    size: int = Field(description="Readings", examples=[4320])
    cutoff: datetime = Field(description="Readings that we received later are not part of it", examples=[NOON])
    legs: list[LegView]
    missing: int | None = Field(
        description="Readings that have changed or vanished since; null: not looked for", examples=[0]
    )

    @classmethod
    def of(cls, evidence: Evidence, missing: int | None) -> Self:
        """The document of evidence."""
        return cls(
            root=to_hex(evidence.root),
            size=evidence.size,
            cutoff=evidence.cutoff,
            legs=[LegView.model_validate(leg) for leg in evidence.legs],
            missing=missing,
        )


class BundleQuery(Body):
    """Under which anchor."""

    anchor: Annotated[
        Literal["first", "newest"],
        Field(description="The first above the handoff dates it best; the newest comes after keys that were late"),
    ] = "first"


class ReadingQuery(Body):
    """Which reading."""

    device: DeviceName = Field(examples=["truck-17"])
    observed_at: Instant = Field(examples=[NOON])
    boot: Annotated[int, Field(ge=0, le=MAX_BOOT, examples=[1])]
    seq: Annotated[int, Field(ge=0, le=2**63 - 1, examples=[17])]


class ReadingProofView(View):
    """That one reading is part of the evidence (RFC 9162 section 2.1.3)."""

    data: str = Field(description="The reading's canonical bytes", examples=["0x0174727563"])
    index: int = Field(examples=[17])
    path: list[str] = Field(description="Hashes beside the way from the reading to `evidenceRoot`", examples=[[HASH]])

    @classmethod
    def of(cls, proof: ReadingProof) -> Self:
        """The document of a proof."""
        return cls(data=to_hex(proof.data), index=proof.index, path=[to_hex(each) for each in proof.path])
