"""Compliance exports: spreadsheets of lots, and the temperature statement of a shipment."""

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from wayproof.api.auth import EventsReader, ShipmentsReader
from wayproof.api.problems import NOT_FOUND, documented
from wayproof.api.routes.resource import resource_router
from wayproof.api.schemas.base import Instant
from wayproof.api.schemas.exports import TemperatureStatementView
from wayproof.trace.exports.compliance import Sheet, SheetFormat, sources_of, tables_of, written
from wayproof.trace.exports.gdp import temperature_statement
from wayproof.trace.exports.pages import temperature_page

router: Final = resource_router("exports", "Exports")
shipments: Final = resource_router("shipments", "Exports")

_MEDIA: Final = {
    SheetFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    SheetFormat.CSV: "text/csv; charset=utf-8",
}
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_PRIVATE: Final = {"Cache-Control": "private, no-store"}
_LOT: Final = "https://id.gs1.org/01/10860009999920/10/ABC1234"


class SheetQuery(BaseModel):
    """Of which lots, in which form, as of when."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[list[str], Field(min_length=1, max_length=100, description="Lots, things or containers")] = Field(
        examples=[[_LOT]]
    )
    format: SheetFormat = Field(default=SheetFormat.XLSX, description="Form of the file")
    as_of: Instant | None = Field(
        default=None, description="Only what was recorded by then; without it, all", examples=["2026-03-02T08:00:00Z"]
    )


@router.get(
    "/{sheet}",
    response_class=Response,
    responses={
        200: {"content": dict.fromkeys(("text/csv", _MEDIA[SheetFormat.XLSX]), _BYTES)},
        **documented(NOT_FOUND),
    },
)
def get_sheet(
    sheet: Annotated[Sheet, Path(description="Which authority's", examples=["fsma204"])],
    query: Annotated[SheetQuery, Query()],
    caller: EventsReader,
) -> Response:
    """The FSMA 204 spreadsheet, or the DSCSA transactions, of lots with all that is upstream and downstream of them."""
    with caller.snapshot() as conn:
        sources = sources_of(conn, caller.key.tenant_id, query.id, as_of=query.as_of)
    body = written(tables_of(sheet, sources), query.format)
    name = {"Content-Disposition": f'attachment; filename="{sheet}.{query.format}"'}
    return Response(body, media_type=_MEDIA[query.format], headers={**name, **_PRIVATE})


@shipments.get(
    "/{shipment_id}/temperature-statement",
    response_model=TemperatureStatementView,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}, **documented(NOT_FOUND)},
)
def get_temperature_statement(
    shipment_id: Annotated[
        UUID, Path(description="The shipment's id", examples=["3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])
    ],
    caller: ShipmentsReader,
    form: Annotated[str, Query(alias="format", pattern="^(json|html)$", description="Form of the document")] = "json",
) -> Response:
    """What the sensors of a shipment saw: extremes, means, mean kinetic temperature, excursions, and gaps (EU GDP)."""
    with caller.snapshot(with_readings=True) as conn:
        statement = temperature_statement(conn, shipment_id, now=datetime.now(UTC))
    if form == "html":
        return Response(temperature_page(statement), media_type="text/html", headers=_PRIVATE)
    body = TemperatureStatementView.model_validate(statement).model_dump_json()
    return Response(body, media_type="application/json", headers=_PRIVATE)
