"""A reading: what one device observed at one instant."""

from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

MAX_BOOT: Final = 2**31 - 1
MAX_SEQ: Final = 2**53 - 1
"""Largest integer that every JSON implementation keeps exactly (RFC 8259 section 6)."""

UNCOUNTED_BOOT: Final = 0
"""The boot of devices that count nothing; their `seq` is a hash of the content."""

Boot = Annotated[int, Meta(ge=1, le=MAX_BOOT)]
Seq = Annotated[int, Meta(ge=1, le=MAX_SEQ)]


class Measures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The values of a reading, each absent (None) or within what is physically possible.

    The order of the fields is the order of the columns of table `reading`; a test holds the two together.
    """

    #: WGS 84 latitude, degrees north.
    latitude_deg: Annotated[float, Meta(ge=-90, le=90)] | None = None
    #: WGS 84 longitude, degrees east.
    longitude_deg: Annotated[float, Meta(ge=-180, le=180)] | None = None
    #: Height above mean sea level, metres.
    altitude_m: Annotated[float, Meta(ge=-12_000, le=100_000)] | None = None
    #: Radius within which the position lies with 68 % confidence, metres.
    accuracy_m: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    #: Speed over ground, metres a second.
    speed_mps: Annotated[float, Meta(ge=0, le=1_000)] | None = None
    #: Course over ground, degrees clockwise from true north.
    heading_deg: Annotated[float, Meta(ge=0, le=360)] | None = None
    #: Temperature of air or product, degrees Celsius.
    temperature_c: Annotated[float, Meta(ge=-273.15, le=2_000)] | None = None
    #: Relative humidity, percent; capacitive sensors read a little above 100 when wet.
    humidity_pct: Annotated[float, Meta(ge=0, le=110)] | None = None
    #: Air pressure, hectopascal.
    pressure_hpa: Annotated[float, Meta(ge=0, le=20_000)] | None = None
    #: Illuminance, lux: an opened box sees light.
    light_lux: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    #: Peak acceleration since the reading before, multiples of standard gravity.
    shock_g: Annotated[float, Meta(ge=0, le=100_000)] | None = None
    #: State of charge, percent.
    battery_pct: Annotated[float, Meta(ge=0, le=100)] | None = None
    #: Whether the door of the cargo space was open.
    door_open: bool | None = None
    #: Anything else the device knows; stored as JSON, at most 4 KiB.
    extra: dict[str, Any] | None = None


class Reading(Measures, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One reading, checked: what comes out of a codec and goes into the store.

    Its identity is `(device, observed_at, boot, seq)`; the device is named by the topic, so it is not here.
    """

    #: When the device observed it, by its own clock; aware, UTC.
    observed_at: datetime
    #: Number of the device's counting period; 0 for devices that count nothing.
    boot: int
    #: Place within the boot, from 1 without gaps; a content hash where `boot` is 0.
    seq: int


MEASURES: Final[tuple[str, ...]] = tuple(field for field in Measures.__struct_fields__)
"""Names of all measures, in column order."""

NUMERIC_MEASURES: Final[tuple[str, ...]] = tuple(name for name in MEASURES if name not in {"door_open", "extra"})
"""The measures that can be averaged over time."""


def content_seq(observed_at: datetime, measures: Measures) -> int:
    """A 63-bit hash that names an uncounted reading: equal content, equal number.

    A message that is sent again is thus a duplicate, and a second, different reading of the same instant
    is not.
    """
    values = [getattr(measures, name) for name in MEASURES]
    content = msgspec.json.encode((observed_at, values), order="sorted")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big") >> 1
