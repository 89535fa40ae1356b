"""The tenant's sites."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from wayproof.model.site import NewSite, Site, SiteKind
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one

_SQL: Final = load("sites")


def create_site(conn: Conn, *, tenant_id: UUID, site: NewSite) -> Site:
    """A new site. Conflict where the tenant has one of that name."""
    return fetch_one(conn, _site, _SQL["create_site"], {**asdict(site), "tenant_id": tenant_id}, "site made")


def get_site(conn: Conn, site_id: UUID) -> Site:
    """One site; NotFound where the tenant has none of that id."""
    return fetch_one(conn, _site, _SQL["get_site"], {"site_id": site_id}, f"site {site_id}")


def lock_site(conn: Conn, site_id: UUID) -> Site:
    """The same, held against other changes until the transaction ends."""
    return fetch_one(conn, _site, _SQL["lock_site"], {"site_id": site_id}, f"site {site_id}")


def list_sites(conn: Conn, *, position: tuple[datetime, UUID] | None = None, limit: int) -> list[Site]:
    """Up to `limit` sites of the tenant, newest first, from after `position` (creation time and id) on."""
    return fetch_all(conn, _site, _SQL["list_sites"], {**after(position), "limit": limit})


def update_site(conn: Conn, site: Site) -> Site:
    """Stores what is said of `site`, and counts its version up. Conflict where another has its name."""
    return fetch_one(conn, _site, _SQL["update_site"], asdict(site), f"site {site.site_id}")


def _site(*, kind: str, **columns: Any) -> Site:
    return Site(kind=SiteKind(kind), **columns)
