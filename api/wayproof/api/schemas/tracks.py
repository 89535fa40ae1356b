"""Documents of what readings say over time: a track (GeoJSON, RFC 7946) and a series."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from wayproof.api.schemas.base import Instant, View
from wayproof.model.clock import EARLIEST, LATEST
from wayproof.model.telemetry import SERIES_MEASURES, Bucket, Leg, TrackPoint

Measure = StrEnum("Measure", {name.upper(): name for name in SERIES_MEASURES})  # type: ignore[misc]

_Coordinates = Annotated[tuple[float, float], Field(description="Longitude, latitude", examples=[[5.4786, 51.4393]])]


class TrackQuery(BaseModel):
    """How finely."""

    model_config = ConfigDict(extra="forbid")

    max_points: Annotated[
        int, Field(ge=2, le=10_000, description="Positions at most for each leg; the first and the last are among them")
    ] = 1000


class LineString(View):
    """Two positions or more."""

    type: Literal["LineString"] = "LineString"
    coordinates: list[_Coordinates] = Field(min_length=2, examples=[[[5.4786, 51.4393], [5.4791, 51.4402]]])


class Point(View):
    """A leg of which only one position is known: no line can be drawn."""

    type: Literal["Point"] = "Point"
    coordinates: _Coordinates


class LegProperties(View):
    """Which device on which leg, and when it was where."""

    device: str = Field(examples=["truck-17"])
    begins_at: datetime = Field(examples=["2026-03-02T08:00:00Z"])
    ends_at: datetime | None = Field(description="null: the leg goes on", examples=[None])
    times: list[datetime] = Field(
        description="When each of the coordinates was observed",
        examples=[["2026-03-02T08:00:07Z", "2026-03-02T08:00:17Z"]],
    )


class LegFeature(View):
    """One leg; geometry null: no position is known."""

    type: Literal["Feature"] = "Feature"
    geometry: LineString | Point | None
    properties: LegProperties

    @classmethod
    def of(cls, leg: Leg, points: Sequence[TrackPoint]) -> Self:
        """The feature of a leg with its positions."""
        times = [point.observed_at for point in points]
        properties = LegProperties(device=leg.device, begins_at=leg.begins_at, ends_at=leg.ends_at, times=times)
        return cls(geometry=_geometry(points), properties=properties)


class Track(View):
    """Where the shipment went, leg by leg; readings with a wrong clock are left out."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[LegFeature]


class SeriesQuery(BaseModel):
    """What of the readings, how coarsely, and from when to when."""

    model_config = ConfigDict(extra="forbid")

    measure: Measure = Field(description="What is measured; its unit is in its name", examples=["temperature_c"])
    bucket_s: Annotated[int, Field(ge=1, le=31 * 86_400, description="Width of a bucket, seconds", examples=[900])] = (
        900
    )
    since: Annotated[
        Instant, Field(alias="from", description="Observed at or after", examples=["2026-03-02T00:00:00Z"])
    ] = EARLIEST
    until: Annotated[Instant, Field(alias="to", description="Observed before", examples=["2026-03-03T00:00:00Z"])] = (
        LATEST
    )


class BucketView(View):
    """One span of time; spans without a reading are left out."""

    begins_at: datetime = Field(description="A multiple of the width since 1970", examples=["2026-03-02T08:15:00Z"])
    min: float = Field(examples=[3.9])
    mean: float = Field(examples=[4.2])
    max: float = Field(examples=[4.8])
    count: int = Field(description="Readings that know the measure", examples=[90])


class DeviceSeries(View):
    """What one device measured on its legs of the shipment."""

    device: str = Field(examples=["truck-17"])
    buckets: list[BucketView]


class Series(View):
    """One measure over time; only readings of legs that the device really was on the shipment count."""

    shipment_id: UUID = Field(examples=["3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])
    measure: Measure = Field(examples=["temperature_c"])
    bucket_s: int = Field(examples=[900])
    series: list[DeviceSeries]

    @classmethod
    def of(cls, shipment_id: UUID, query: SeriesQuery, buckets: Sequence[Bucket]) -> Self:
        """The document of buckets that stand in order of their devices."""
        series = [
            DeviceSeries(device=device, buckets=[BucketView.model_validate(bucket) for bucket in of_device])
            for device, of_device in groupby(buckets, lambda bucket: bucket.device)
        ]
        return cls(shipment_id=shipment_id, measure=query.measure, bucket_s=query.bucket_s, series=series)


def _geometry(points: Sequence[TrackPoint]) -> LineString | Point | None:
    places = [(point.longitude_deg, point.latitude_deg) for point in points]
    match places:
        case []:
            return None
        case [place]:
            return Point(coordinates=place)
        case _:
            return LineString(coordinates=places)
