"""Documents of sites."""

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field

from wayproof.api.schemas.base import (
    Address,
    Body,
    Gln,
    Latitude,
    Listing,
    Longitude,
    Name,
    Radius,
    View,
    unset,
)
from wayproof.model.site import SiteKind


class NewSite(Body):
    """A site to be made known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Rotterdam, Maasvlakte",
                    "kind": "port",
                    "latitude_deg": 51.9496,
                    "longitude_deg": 4.1453,
                    "radius_m": 1200,
                    "gln": "8712345000004",
                    "address": "Europaweg 875, Rotterdam",
                }
            ]
        }
    )

    name: Name
    kind: SiteKind
    latitude_deg: Latitude
    longitude_deg: Longitude
    radius_m: Radius = Field(default=250, description="Inside this circle goods are at the site")
    gln: Gln | None = Field(default=None, description="GS1 Global Location Number")
    address: Address = ""


class SiteChange(Body):
    """What shall be different; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"radius_m": 800}]})

    name: Name = Field(default_factory=unset)
    kind: SiteKind = Field(default_factory=unset)
    latitude_deg: Latitude = Field(default_factory=unset)
    longitude_deg: Longitude = Field(default_factory=unset)
    radius_m: Radius = Field(default_factory=unset)
    gln: Gln | None = Field(default=None, description="null: none is known")
    address: Address = Field(default_factory=unset)


class SiteView(View):
    """A site."""

    id: UUID = Field(validation_alias="site_id", examples=["5f0c7a52-6f0e-4b8e-9a55-0b8f3c1d2e4f"])
    name: str = Field(examples=["Rotterdam, Maasvlakte"])
    kind: SiteKind
    latitude_deg: float = Field(examples=[51.9496])
    longitude_deg: float = Field(examples=[4.1453])
    radius_m: float = Field(examples=[1200.0])
    gln: str | None = Field(examples=["8712345000004"])
    address: str = Field(examples=["Europaweg 875, Rotterdam"])
    version: int = Field(examples=[1])
    created_at: datetime = Field(examples=["2026-03-02T08:00:00Z"])
    updated_at: datetime = Field(examples=["2026-03-02T08:00:00Z"])


class SiteList(Listing[SiteView]):
    """Sites, newest first."""
