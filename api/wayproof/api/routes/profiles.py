"""Condition profiles: what is promised of temperature, humidity and shock."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Response

from wayproof.api.auth import ShipmentsReader, ShipmentsWriter
from wayproof.api.conditional import Conditions, changed
from wayproof.api.paging import At, PageQuery, Pager
from wayproof.api.routes.resource import GET, LIST, POST, resource_router
from wayproof.api.schemas.profiles import NewProfile, ProfileList, ProfileView
from wayproof.model import shipment as model
from wayproof.store import profiles

router: Final = resource_router("condition-profiles", "Condition profiles")

_Id = Annotated[UUID, Path(description="The profile's id", examples=["0d9f2c51-3a0b-4f6e-8f5d-2f1f6f7f8a9b"])]


@router.post("", status_code=201, response_model=ProfileView, responses=POST)
def create_condition_profile(new: NewProfile, caller: ShipmentsWriter) -> Response:
    """Makes a condition profile; to correct one, make its next version."""
    with caller.transaction() as conn:
        profile = profiles.create_profile(
            conn, tenant_id=caller.key.tenant_id, profile=model.NewProfile(**new.model_dump())
        )
    location = f"/v1/condition-profiles/{profile.profile_id}"
    return changed(ProfileView.model_validate(profile), status=201, location=location)


@router.get("", response_model=ProfileList, responses=LIST)
def list_condition_profiles(
    query: Annotated[PageQuery, Query()], caller: ShipmentsReader, conditions: Conditions
) -> Response:
    """Lists the tenant's condition profiles, newest first."""
    pager = Pager(query, of="condition-profiles", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[At, UUID])
    with caller.transaction() as conn:
        found = profiles.list_profiles(conn, position=position, limit=pager.fetch)
    page, next_cursor = pager.page(found, lambda profile: (profile.created_at, profile.profile_id))
    items = [ProfileView.model_validate(profile) for profile in page]
    return conditions.answer(ProfileList(items=items, next_cursor=next_cursor))


@router.get("/{profile_id}", response_model=ProfileView, responses=GET)
def get_condition_profile(profile_id: _Id, caller: ShipmentsReader, conditions: Conditions) -> Response:
    """One condition profile."""
    with caller.transaction() as conn:
        return conditions.answer(ProfileView.model_validate(profiles.get_profile(conn, profile_id)))
