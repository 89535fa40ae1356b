"""Devices: whatever sends readings."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class DeviceKind(StrEnum):
    """What the device sits on, or is."""

    TRUCK = "truck"
    REEFER = "reefer"
    WAREHOUSE = "warehouse"
    PARCEL = "parcel"
    LOGGER = "logger"
    GATEWAY = "gateway"


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A registered device, without the hash of its credential."""

    #: The number that stands in every reading.
    device_id: int
    tenant_id: UUID
    #: Topic level, MQTT user name and id in the API; unique over all tenants.
    name: str
    kind: DeviceKind
    label: str
    #: Counts changes; what `If-Match` compares.
    version: int
    created_at: datetime
    updated_at: datetime
    #: From then on no reading is accepted; what was stored stays.
    retired_at: datetime | None
