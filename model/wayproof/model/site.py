"""Sites: where goods come from, wait, and go to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class SiteKind(StrEnum):
    """What happens to goods at the site."""

    SUPPLIER = "supplier"
    PLANT = "plant"
    WAREHOUSE = "warehouse"
    HUB = "hub"
    PORT = "port"
    STORE = "store"
    CUSTOMER = "customer"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSite:
    """What a caller says of a site."""

    name: str
    kind: SiteKind
    #: WGS 84.
    latitude_deg: float
    longitude_deg: float
    #: Inside this circle goods are at the site.
    radius_m: float
    #: GS1 Global Location Number, 13 digits.
    gln: str | None
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Site(NewSite):
    """A site as it is stored."""

    site_id: UUID
    tenant_id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
