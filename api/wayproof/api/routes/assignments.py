"""Assignments: which device rides with which shipment, and when."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Response

from wayproof.api.auth import ShipmentsReader, ShipmentsWriter
from wayproof.api.conditional import Conditions, IfMatch, changed
from wayproof.api.paging import At, Pager
from wayproof.api.routes.resource import GET, LIST, PATCH, POST, applied, resource_router
from wayproof.api.schemas.shipments import (
    AssignmentChange,
    AssignmentList,
    AssignmentsQuery,
    AssignmentView,
    NewAssignment,
)
from wayproof.store import assignments

router: Final = resource_router("assignments", "Assignments")

_Id = Annotated[UUID, Path(description="The assignment's id", examples=["9e8d7c6b-5a49-4838-a726-150413f2e1d0"])]


@router.post("", status_code=201, response_model=AssignmentView, responses=POST)
def create_assignment(new: NewAssignment, caller: ShipmentsWriter) -> Response:
    """Puts a device on a shipment. It may be on several at once."""
    with caller.transaction() as conn:
        assignment = assignments.create_assignment(conn, tenant_id=caller.key.tenant_id, **new.model_dump())
    location = f"/v1/assignments/{assignment.assignment_id}"
    view = AssignmentView.model_validate(assignment)
    return changed(view, version=assignment.version, status=201, location=location)


@router.get("", response_model=AssignmentList, responses=LIST)
def list_assignments(
    query: Annotated[AssignmentsQuery, Query()], caller: ShipmentsReader, conditions: Conditions
) -> Response:
    """Lists the tenant's assignments, newest first."""
    pager = Pager(query, of="assignments", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[At, UUID])
    with caller.transaction() as conn:
        found = assignments.list_assignments(
            conn, position=position, limit=pager.fetch, shipment_id=query.shipment_id, device=query.device
        )
    page, next_cursor = pager.page(found, lambda assignment: (assignment.created_at, assignment.assignment_id))
    items = [AssignmentView.model_validate(assignment) for assignment in page]
    return conditions.answer(AssignmentList(items=items, next_cursor=next_cursor))


@router.get("/{assignment_id}", response_model=AssignmentView, responses=GET)
def get_assignment(assignment_id: _Id, caller: ShipmentsReader, conditions: Conditions) -> Response:
    """One assignment."""
    with caller.transaction() as conn:
        assignment = assignments.get_assignment(conn, assignment_id)
    return conditions.answer(AssignmentView.model_validate(assignment), version=assignment.version)


@router.patch("/{assignment_id}", response_model=AssignmentView, responses=PATCH)
def change_assignment(
    assignment_id: _Id, change: AssignmentChange, caller: ShipmentsWriter, if_match: IfMatch
) -> Response:
    """Ends an assignment, or corrects its times."""
    with caller.transaction() as conn:
        assignment = assignments.lock_assignment(conn, assignment_id)
        if_match.check(assignment.version)
        assignment = applied(assignment, change, partial(assignments.update_assignment, conn))
    return changed(AssignmentView.model_validate(assignment), version=assignment.version)
