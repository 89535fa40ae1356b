"""Shipments: where they are, how they are kept, and where they went."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Response
from fastapi.responses import JSONResponse

from wayproof.api.auth import Caller, ShipmentsReader, ShipmentsWriter
from wayproof.api.conditional import Conditions, IfMatch, changed
from wayproof.api.paging import At, Pager
from wayproof.api.routes.resource import GET, LIST, PATCH, POST, applied, resource_router
from wayproof.api.schemas.shipments import NewShipment, ShipmentChange, ShipmentList, ShipmentsQuery, ShipmentView
from wayproof.api.schemas.tracks import LegFeature, Series, SeriesQuery, Track, TrackQuery
from wayproof.model import shipment as model
from wayproof.model.shipment import Shipment
from wayproof.store import shipments, telemetry
from wayproof.store.pool import Conn

router: Final = resource_router("shipments", "Shipments")


class GeoJson(JSONResponse):
    """GeoJSON, RFC 7946 section 12."""

    media_type = "application/geo+json"


_Id = Annotated[UUID, Path(description="The shipment's id", examples=["3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])]


def shipment_views(conn: Conn, found: Sequence[Shipment]) -> list[ShipmentView]:
    """Documents of shipments with the newest that their devices told."""
    ids = [shipment.shipment_id for shipment in found]
    positions = telemetry.latest_positions(conn, ids)
    climates = telemetry.latest_climates(conn, ids)
    return [
        ShipmentView.of(shipment, positions.get(shipment.shipment_id), climates.get(shipment.shipment_id))
        for shipment in found
    ]


def shipment_page(caller: Caller, query: ShipmentsQuery) -> ShipmentList:
    """One page of the tenant's shipments, newest first."""
    pager = Pager(query, of="shipments", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[At, UUID])
    with caller.transaction() as conn:
        found = shipments.list_shipments(
            conn, position=position, limit=pager.fetch, status=query.status, reference=query.reference
        )
        page, next_cursor = pager.page(found, lambda shipment: (shipment.created_at, shipment.shipment_id))
        return ShipmentList(items=shipment_views(conn, page), next_cursor=next_cursor)


@router.post("", status_code=201, response_model=ShipmentView, responses=POST)
def create_shipment(new: NewShipment, caller: ShipmentsWriter) -> Response:
    """Makes a shipment, planned for now."""
    with caller.transaction() as conn:
        shipment = shipments.create_shipment(
            conn, tenant_id=caller.key.tenant_id, shipment=model.NewShipment(**new.model_dump())
        )
        [view] = shipment_views(conn, [shipment])
    return changed(view, version=shipment.version, status=201, location=f"/v1/shipments/{shipment.shipment_id}")


@router.get("", response_model=ShipmentList, responses=LIST)
def list_shipments(
    query: Annotated[ShipmentsQuery, Query()], caller: ShipmentsReader, conditions: Conditions
) -> Response:
    """Lists the tenant's shipments, newest first."""
    return conditions.answer(shipment_page(caller, query))


@router.get("/{shipment_id}", response_model=ShipmentView, responses=GET)
def get_shipment(shipment_id: _Id, caller: ShipmentsReader, conditions: Conditions) -> Response:
    """One shipment: its status, its latest position and its condition."""
    with caller.transaction() as conn:
        shipment = shipments.get_shipment(conn, shipment_id)
        [view] = shipment_views(conn, [shipment])
    return conditions.answer(view, version=shipment.version)


@router.patch("/{shipment_id}", response_model=ShipmentView, responses=PATCH)
def change_shipment(shipment_id: _Id, change: ShipmentChange, caller: ShipmentsWriter, if_match: IfMatch) -> Response:
    """Changes the plan, or tells what has happened: picked up, delivered, cancelled."""
    with caller.transaction() as conn:
        shipment = shipments.lock_shipment(conn, shipment_id)
        if_match.check(shipment.version)
        shipment = applied(shipment, change, partial(shipments.update_shipment, conn))
        [view] = shipment_views(conn, [shipment])
    return changed(view, version=shipment.version)


@router.get(
    "/{shipment_id}/track",
    response_class=GeoJson,
    response_model=Track,
    responses=GET,
)
def get_shipment_track(
    shipment_id: _Id, query: Annotated[TrackQuery, Query()], caller: ShipmentsReader, conditions: Conditions
) -> Response:
    """Where the shipment went, as GeoJSON: one feature for each leg."""
    with caller.transaction() as conn:
        shipments.get_shipment(conn, shipment_id)
        features = [
            LegFeature.of(leg, telemetry.list_track(conn, leg, max_points=query.max_points))
            for leg in telemetry.list_legs(conn, shipment_id)
        ]
    return conditions.answer(Track(features=features), media_type=GeoJson.media_type)


@router.get("/{shipment_id}/series", response_model=Series, responses=GET)
def get_shipment_series(
    shipment_id: _Id, query: Annotated[SeriesQuery, Query()], caller: ShipmentsReader, conditions: Conditions
) -> Response:
    """One measure over time: least, mean and greatest value of each device in each bucket."""
    with caller.transaction() as conn:
        shipments.get_shipment(conn, shipment_id)
        parts = [leg.within(query.since, query.until) for leg in telemetry.list_legs(conn, shipment_id)]
        legs = [leg for leg in parts if leg is not None]
        buckets = telemetry.list_buckets(conn, legs, measure=query.measure, bucket_s=query.bucket_s)
    return conditions.answer(Series.of(shipment_id, query, buckets))
