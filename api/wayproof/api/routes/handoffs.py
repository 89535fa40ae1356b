"""Handoffs: drafted here, signed where the parties' keys live, and answered here with the signature."""

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Response

from wayproof.api.auth import Caller, CustodyReader, CustodyWriter
from wayproof.api.conditional import JSON, Conditions, changed
from wayproof.api.paging import At, Pager
from wayproof.api.problems import CONFLICT, MALFORMED, NOT_FOUND, documented
from wayproof.api.routes.resource import GET, LIST, POST, resource_router
from wayproof.api.schemas.custody import HANDOFF, Signed, StrictBody, TypedData, whole
from wayproof.api.schemas.handoffs import (
    Amendment,
    BundleQuery,
    EvidenceQuery,
    EvidenceView,
    HandoffList,
    HandoffsQuery,
    HandoffView,
    NewHandoff,
    ReadingProofView,
    ReadingQuery,
    RefusalDraftView,
    RefusalReason,
    SignableView,
    SignedRefusal,
)
from wayproof.ledger import custody, drafts
from wayproof.ledger.bundles import make_bundle
from wayproof.ledger.evidence import EvidenceTree
from wayproof.ledger.typed_data import refusal_typed_data
from wayproof.model.custody import Evidence, Refusal, StoredHandoff
from wayproof.model.errors import NotFound
from wayproof.store import evidence, handoffs
from wayproof.store.pool import Conn

router: Final = resource_router("handoffs", "Handoffs")

_Id = Annotated[UUID, Path(description="The handoff's id", examples=[HANDOFF])]
_ACTION: Final = documented(MALFORMED, NOT_FOUND, CONFLICT)
_DAY_S: Final = 86_400
_FINAL: Final = {"Cache-Control": f"private, max-age={_DAY_S}, immutable", "Vary": "Authorization, Cookie"}
"""Of a bundle that only an erasure could change."""


@router.post("", status_code=201, response_model=SignableView, responses={**POST, **documented(NOT_FOUND)})
def draft_handoff(new: NewHandoff, caller: CustodyWriter, _: StrictBody) -> Response:
    """Drafts a handoff and answers what to sign; the item's next number and the evidence are filled in."""
    with caller.transaction() as conn:
        proposal = drafts.Proposal(**dict(new))
        handoff = drafts.draft(conn, tenant_id=caller.key.tenant_id, proposal=proposal, now=datetime.now(UTC))
        return _drafted(conn, handoff)


@router.get("", response_model=HandoffList, responses=LIST)
def list_handoffs(query: Annotated[HandoffsQuery, Query()], caller: CustodyReader, conditions: Conditions) -> Response:
    """Lists the handoffs that the tenant is party to, newest first; drafts only of its own."""
    pager = Pager(query, of="handoffs", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[At, UUID])
    with caller.transaction() as conn:
        found = handoffs.list_handoffs(
            conn,
            position=position,
            limit=pager.fetch,
            item=query.item,
            shipment_id=query.shipment_id,
            state=query.state,
        )
    page, next_cursor = pager.page(found, lambda handoff: (handoff.created_at, handoff.handoff_id))
    return conditions.answer(HandoffList(items=[HandoffView.of(each) for each in page], next_cursor=next_cursor))


@router.get("/{handoff_id}", response_model=SignableView, responses=GET)
def get_handoff(handoff_id: _Id, caller: CustodyReader, conditions: Conditions) -> Response:
    """One handoff, how it stands with the parties and on the chain, and what is signed."""
    with caller.transaction() as conn:
        handoff = handoffs.get_handoff(conn, handoff_id)
        view = SignableView.to_sign(handoff, custody.signing_domain(conn))
    return conditions.answer(view, version=handoff.version)


@router.post("/{handoff_id}/offer", response_model=HandoffView, responses=_ACTION)
def offer_handoff(handoff_id: _Id, signed: Signed, caller: CustodyWriter, _: StrictBody) -> Response:
    """Offers a draft with the proposer's signature; from now on the other party sees it."""
    with caller.transaction() as conn:
        handoff = custody.offer(conn, tenant_id=caller.key.tenant_id, handoff_id=handoff_id, signature=signed.signature)
    return _answered(handoff)


@router.post("/{handoff_id}/accept", response_model=HandoffView, responses=_ACTION)
def accept_handoff(handoff_id: _Id, signed: Signed, caller: CustodyWriter, _: StrictBody) -> Response:
    """Accepts an offer with the other party's signature; the same transaction writes it to the log."""
    with caller.transaction() as conn:
        handoff = custody.accept(
            conn, tenant_id=caller.key.tenant_id, handoff_id=handoff_id, signature=signed.signature
        )
    return _answered(handoff)


@router.post("/{handoff_id}/refusal", response_model=RefusalDraftView, responses=_ACTION)
def draft_refusal(handoff_id: _Id, wanted: RefusalReason, caller: CustodyWriter, _: StrictBody) -> Response:
    """What the other party signs that refuses an offer. Changes nothing."""
    refused_at = whole(datetime.now(UTC))
    with caller.transaction() as conn:
        handoff = handoffs.get_handoff(conn, handoff_id)
        custody.check_answerable(handoff, caller.key.tenant_id)
        document = refusal_typed_data(
            custody.signing_domain(conn), handoff=handoff.digest, reason=wanted.reason, refused_at=refused_at
        )
    return changed(RefusalDraftView(refused_at=refused_at, typed_data=TypedData(**document)))


@router.post("/{handoff_id}/refuse", response_model=HandoffView, responses=_ACTION)
def refuse_handoff(handoff_id: _Id, refused: SignedRefusal, caller: CustodyWriter, _: StrictBody) -> Response:
    """Refuses an offer with the other party's signature under its reason."""
    refusal = Refusal(reason=refused.reason, refused_at=refused.refused_at, signature=refused.signature)
    with caller.transaction() as conn:
        handoff = custody.refuse(
            conn, tenant_id=caller.key.tenant_id, handoff_id=handoff_id, refusal=refusal, now=datetime.now(UTC)
        )
    return _answered(handoff)


@router.post("/{handoff_id}/amend", status_code=201, response_model=SignableView, responses=_ACTION)
def amend_handoff(handoff_id: _Id, words: Amendment, caller: CustodyWriter, _: StrictBody) -> Response:
    """Drafts the other party's own words for an offer; offering them, signed, answers it."""
    with caller.transaction() as conn:
        handoff = drafts.amend(
            conn,
            tenant_id=caller.key.tenant_id,
            handoff_id=handoff_id,
            details=words.details,
            signer=words.signer,
            expires_at=words.expires_at,
            now=datetime.now(UTC),
        )
        return _drafted(conn, handoff)


@router.get(
    "/{handoff_id}/bundle",
    response_class=Response,
    responses={
        200: {"content": {JSON: {"schema": {"type": "object"}, "example": {"format": "wayproof-bundle/v1"}}}},
        **documented(NOT_FOUND),
    },
)
def get_handoff_bundle(handoff_id: _Id, query: Annotated[BundleQuery, Query()], caller: CustodyReader) -> Response:
    """Everything that proves an accepted handoff, for `wayproof verify`; it grows until its anchor is final."""
    with caller.transaction() as conn:
        bundle = make_bundle(conn, handoffs.get_handoff(conn, handoff_id), is_newest=query.anchor == "newest")
    return Response(bundle.data, media_type=JSON, headers=_FINAL if bundle.is_final else {"Cache-Control": "no-store"})


@router.get("/{handoff_id}/evidence", response_model=EvidenceView, responses=GET)
def get_handoff_evidence(
    handoff_id: _Id, query: Annotated[EvidenceQuery, Query()], caller: CustodyReader, conditions: Conditions
) -> Response:
    """Which readings the evidence is of; with `check` how many of them have changed or vanished since."""
    with caller.transaction() as conn:
        found = _evidence(conn, handoffs.get_handoff(conn, handoff_id))
        missing = evidence.count_missing(conn, found) if query.check and _is_own(found, caller) else None
    return conditions.answer(EvidenceView.of(found, missing))


@router.get("/{handoff_id}/evidence/proof", response_model=ReadingProofView, responses=GET)
def get_reading_proof(
    handoff_id: _Id, query: Annotated[ReadingQuery, Query()], caller: CustodyReader, conditions: Conditions
) -> Response:
    """That one reading is part of the evidence. For the tenant whose device it is."""
    with caller.transaction() as conn:
        found = _evidence(conn, handoffs.get_handoff(conn, handoff_id))
        stored = evidence.find_reading(conn, **dict(query))
    proof = EvidenceTree(evidence.leaves_of(found)).proof(query.device, stored)
    return conditions.answer(ReadingProofView.of(proof))


def _drafted(conn: Conn, handoff: StoredHandoff) -> Response:
    view = SignableView.to_sign(handoff, custody.signing_domain(conn))
    return changed(view, version=handoff.version, status=201, location=f"/v1/handoffs/{handoff.handoff_id}")


def _answered(handoff: StoredHandoff) -> Response:
    return changed(HandoffView.of(handoff), version=handoff.version)


def _evidence(conn: Conn, handoff: StoredHandoff) -> Evidence:
    if handoff.evidence_id is None:
        raise NotFound(f"handoff {handoff.handoff_id} has no evidence: it is of no readings")
    return evidence.get_evidence(conn, handoff.evidence_id)


def _is_own(found: Evidence, caller: Caller) -> bool:
    return found.tenant_id == caller.key.tenant_id
