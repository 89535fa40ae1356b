"""Documents of condition profiles."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from wayproof.api.schemas.base import (
    Body,
    Humidity,
    Listing,
    Name,
    ProfileVersion,
    Shock,
    Temperature,
    View,
)


class NewProfile(Body):
    """The band in which goods must be kept; a limit that is null does not apply."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Vaccines 2-8 °C", "version": 1, "temperature_min_c": 2, "temperature_max_c": 8}]
        }
    )

    name: Name
    version: ProfileVersion = Field(default=1, description="A profile is never changed: a correction is a new version")
    temperature_min_c: Temperature | None = None
    temperature_max_c: Temperature | None = None
    humidity_min_pct: Humidity | None = None
    humidity_max_pct: Humidity | None = None
    shock_max_g: Shock | None = None

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        for what, low, high in (
            ("temperature", self.temperature_min_c, self.temperature_max_c),
            ("humidity", self.humidity_min_pct, self.humidity_max_pct),
        ):
            if low is not None and high is not None and low > high:
                raise ValueError(f"expected a lower {what} limit not above the upper one, got {low} and {high}")
        return self


class ProfileView(View):
    """A condition profile."""

    id: UUID = Field(validation_alias="profile_id", examples=["0d9f2c51-3a0b-4f6e-8f5d-2f1f6f7f8a9b"])
    name: str = Field(examples=["Vaccines 2-8 °C"])
    version: int = Field(examples=[1])
    temperature_min_c: float | None = Field(examples=[2.0])
    temperature_max_c: float | None = Field(examples=[8.0])
    humidity_min_pct: float | None = Field(examples=[None])
    humidity_max_pct: float | None = Field(examples=[None])
    shock_max_g: float | None = Field(examples=[None])
    created_at: datetime = Field(examples=["2026-03-02T08:00:00Z"])


class ProfileList(Listing[ProfileView]):
    """Condition profiles, newest first."""
