"""Documents of devices, their states and readings."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from wayproof.api.paging import PageQuery
from wayproof.api.schemas.base import Body, DeviceName, Instant, Listing, OptionalName, Past, View, unset
from wayproof.model.clock import EARLIEST, LATEST, ClockFlag
from wayproof.model.device import DeviceKind
from wayproof.model.reading import UNCOUNTED_BOOT
from wayproof.model.telemetry import StoredReading


def _flag_name(flag: ClockFlag) -> str:
    return (flag.name or "").lower()


class NewDevice(Body):
    """A device to be registered."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "truck-17", "kind": "truck", "label": "MAN TGX, Rotterdam"}]}
    )

    name: DeviceName = Field(
        description="Unique over all tenants: MQTT user name and topic level", examples=["truck-17"]
    )
    kind: DeviceKind
    label: OptionalName = Field(default="", examples=["MAN TGX, Rotterdam"])


class DeviceChange(Body):
    """What shall be different; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"label": "Spare, Rotterdam"}]})

    kind: DeviceKind = Field(default_factory=unset)
    label: OptionalName = Field(default_factory=unset)
    retired_at: Past | None = Field(
        default=None,
        description="Not in the future: no reading is accepted any more; null takes the device back into service",
    )


class DeviceView(View):
    """A registered device. Its name is its id."""

    name: str = Field(examples=["truck-17"])
    kind: DeviceKind
    label: str = Field(examples=["MAN TGX, Rotterdam"])
    retired_at: datetime | None = Field(examples=[None])
    version: int = Field(examples=[1])
    created_at: datetime = Field(examples=["2026-03-02T08:00:00Z"])
    updated_at: datetime = Field(examples=["2026-03-02T08:00:00Z"])


class DeviceSecretView(DeviceView):
    """A device with its new secret, which nobody can be told again."""

    secret: str = Field(
        description="MQTT password; shown this once", examples=["pX3v0N0p1C2b3A4l5k6J7h8G9f0d1S2a3P4o5I6u7Y8"]
    )


class DeviceList(Listing[DeviceView]):
    """Devices, newest first."""


class PositionView(View):
    """Where a device was when it last knew."""

    device: str = Field(examples=["truck-17"])
    observed_at: datetime = Field(examples=["2026-03-02T09:41:07Z"])
    latitude_deg: float = Field(examples=[51.4393])
    longitude_deg: float = Field(examples=[5.4786])
    altitude_m: float | None = Field(examples=[17.0])
    accuracy_m: float | None = Field(examples=[4.5])
    speed_mps: float | None = Field(examples=[22.4])
    heading_deg: float | None = Field(examples=[141.0])


class ClimateView(View):
    """Temperature and humidity of the last reading that knew the temperature."""

    observed_at: datetime = Field(examples=["2026-03-02T09:41:07Z"])
    temperature_c: float = Field(examples=[4.2])
    humidity_pct: float | None = Field(examples=[61.5])


class StateView(View):
    """The latest that a device told, by observed time; a reading with a wrong clock is never the latest."""

    device: str = Field(examples=["truck-17"])
    received_at: datetime | None = Field(
        default=None, description="Last contact, by our clock; null: none yet", examples=["2026-03-02T09:41:08Z"]
    )
    observed_at: datetime | None = Field(default=None, examples=["2026-03-02T09:41:07Z"])
    battery_pct: float | None = Field(default=None, examples=[87.0])
    door_open: bool | None = Field(default=None, examples=[False])
    position: PositionView | None = None
    climate: ClimateView | None = None


class ReadingView(View):
    """One reading, its values exactly as the device sent them; null: not told."""

    observed_at: datetime = Field(description="By the device's clock", examples=["2026-03-02T09:41:07Z"])
    received_at: datetime = Field(description="By our clock", examples=["2026-03-02T09:41:08Z"])
    boot: int | None = Field(description="Counting period; null: the device counts nothing", examples=[7])
    seq: int | None = Field(description="Place within the boot; null: the device counts nothing", examples=[120])
    clock_flags: list[str] = Field(
        description=f"What is wrong with the device's clock: {', '.join(map(_flag_name, ClockFlag))}",
        examples=[[]],
    )
    latitude_deg: float | None = Field(examples=[51.4393])
    longitude_deg: float | None = Field(examples=[5.4786])
    altitude_m: float | None = Field(examples=[17.0])
    accuracy_m: float | None = Field(examples=[4.5])
    speed_mps: float | None = Field(examples=[22.4])
    heading_deg: float | None = Field(examples=[141.0])
    temperature_c: float | None = Field(examples=[4.2])
    humidity_pct: float | None = Field(examples=[61.5])
    pressure_hpa: float | None = Field(examples=[1013.2])
    light_lux: float | None = Field(examples=[0.0])
    shock_g: float | None = Field(examples=[0.3])
    battery_pct: float | None = Field(examples=[87.0])
    door_open: bool | None = Field(examples=[False])
    extra: dict[str, Any] | None = Field(description="Whatever else the device told", examples=[{"reefer_mode": "eco"}])

    @classmethod
    def of(cls, stored: StoredReading) -> Self:
        """The document of a stored reading."""
        reading = stored.reading
        uncounted = {"boot": None, "seq": None} if reading.boot == UNCOUNTED_BOOT else {}
        fields = {name: getattr(reading, name) for name in reading.__struct_fields__}
        flags = [_flag_name(flag) for flag in stored.clock_flags]
        return cls(**{**fields, **uncounted}, received_at=stored.received_at, clock_flags=flags)


class ReadingList(Listing[ReadingView]):
    """Readings, oldest first."""


class ReadingsQuery(PageQuery):
    """Which readings."""

    since: Annotated[
        Instant, Field(alias="from", description="Observed at or after", examples=["2026-03-02T00:00:00Z"])
    ] = EARLIEST
    until: Annotated[Instant, Field(alias="to", description="Observed before", examples=["2026-03-03T00:00:00Z"])] = (
        LATEST
    )
