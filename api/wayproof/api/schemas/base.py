"""What all documents share: how strictly input is read, and the types of its values."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from wayproof.model.clock import EARLIEST, LATEST

T = TypeVar("T")

_RFC3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)


class Body(BaseModel):
    """What a caller sends. Unknown members are refused: a typing error must not be silently without effect."""

    model_config = ConfigDict(extra="forbid")


class View(BaseModel):
    """What a caller gets, out of values of the model."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)


class Listing(View, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(
        description="Give it as `cursor` for the next page; null: this is the last one", examples=["WyJhYmMiLDFd"]
    )


def unset() -> Any:
    """Default of a member that may be left out of a change but may not be null; it never becomes a value."""
    return None


def _only_rfc3339(value: object) -> object:
    # Pydantic alone would also take numbers, and digits in a string, as seconds since 1970.
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value)):
        return value
    raise ValueError("expected an RFC 3339 time with an offset, such as 2026-03-02T08:00:00Z")


def _in_range(value: datetime) -> datetime:
    # Compared before it is converted: year 9999 at -12:00 has no UTC form.
    if not EARLIEST <= value < LATEST:
        raise ValueError(f"expected a time from {EARLIEST:%Y} to {LATEST.year - 1}")
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_only_rfc3339), AfterValidator(_in_range)]
"""RFC 3339 with an offset, from 1970 to 2099; becomes UTC."""


def _not_ahead(value: datetime) -> datetime:
    now = datetime.now(UTC)
    if value > now:
        raise ValueError(f"expected a time not in the future, got one after {now.isoformat()}")
    return value


def _ahead(value: datetime) -> datetime:
    now = datetime.now(UTC)
    if value <= now:
        raise ValueError(f"expected a time in the future, got one not after {now.isoformat()}")
    return value


Past = Annotated[Instant, AfterValidator(_not_ahead)]
"""An `Instant` that has come already, by our clock."""

Future = Annotated[Instant, AfterValidator(_ahead)]
"""An `Instant` that is yet to come, by our clock."""

_NO_NUL: Final = r"^[^\x00]*$"  # PostgreSQL stores no NUL in text

Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200, pattern=_NO_NUL)]
OptionalName = Annotated[str, StringConstraints(strict=True, max_length=200, pattern=_NO_NUL)]
Reference = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100, pattern=_NO_NUL)]
Address = Annotated[str, StringConstraints(strict=True, max_length=1000, pattern=_NO_NUL)]
Gln = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{13}$")]
DeviceName = Annotated[
    str, StringConstraints(strict=True, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\.?$")
]
KeyId = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9]{12}$")]

Latitude = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-90, le=90)]
Longitude = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-180, le=180)]
Radius = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=1, le=100_000)]
Temperature = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-273.15, le=2_000)]
Humidity = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=110)]
Shock = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=100_000)]
ProfileVersion = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
