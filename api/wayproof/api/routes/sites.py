"""Sites."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Response

from wayproof.api.auth import SitesReader, SitesWriter
from wayproof.api.conditional import Conditions, IfMatch, changed
from wayproof.api.paging import At, PageQuery, Pager
from wayproof.api.routes.resource import GET, LIST, PATCH, POST, applied, resource_router
from wayproof.api.schemas.sites import NewSite, SiteChange, SiteList, SiteView
from wayproof.model import site as model
from wayproof.store import sites

router: Final = resource_router("sites", "Sites")

_Id = Annotated[UUID, Path(description="The site's id", examples=["5f0c7a52-6f0e-4b8e-9a55-0b8f3c1d2e4f"])]


@router.post("", status_code=201, response_model=SiteView, responses=POST)
def create_site(new: NewSite, caller: SitesWriter) -> Response:
    """Makes a site known."""
    with caller.transaction() as conn:
        site = sites.create_site(conn, tenant_id=caller.key.tenant_id, site=model.NewSite(**new.model_dump()))
    view = SiteView.model_validate(site)
    return changed(view, version=site.version, status=201, location=f"/v1/sites/{site.site_id}")


@router.get("", response_model=SiteList, responses=LIST)
def list_sites(query: Annotated[PageQuery, Query()], caller: SitesReader, conditions: Conditions) -> Response:
    """Lists the tenant's sites, newest first."""
    pager = Pager(query, of="sites", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[At, UUID])
    with caller.transaction() as conn:
        found = sites.list_sites(conn, position=position, limit=pager.fetch)
    page, next_cursor = pager.page(found, lambda site: (site.created_at, site.site_id))
    return conditions.answer(SiteList(items=[SiteView.model_validate(site) for site in page], next_cursor=next_cursor))


@router.get("/{site_id}", response_model=SiteView, responses=GET)
def get_site(site_id: _Id, caller: SitesReader, conditions: Conditions) -> Response:
    """One site."""
    with caller.transaction() as conn:
        site = sites.get_site(conn, site_id)
    return conditions.answer(SiteView.model_validate(site), version=site.version)


@router.patch("/{site_id}", response_model=SiteView, responses=PATCH)
def change_site(site_id: _Id, change: SiteChange, caller: SitesWriter, if_match: IfMatch) -> Response:
    """Changes what is said of a site."""
    with caller.transaction() as conn:
        site = sites.lock_site(conn, site_id)
        if_match.check(site.version)
        site = applied(site, change, partial(sites.update_site, conn))
    return changed(SiteView.model_validate(site), version=site.version)
