"""Audit dossiers: everything about a lot or a shipment in one file that proves itself."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Response

from wayproof.api.auth import DossiersReader
from wayproof.api.dossiers import item_dossier, shipment_dossier
from wayproof.api.problems import NOT_FOUND, documented
from wayproof.api.routes.resource import resource_router
from wayproof.api.schemas.custody import ITEM

router: Final = resource_router("dossiers", "Exports")

_ZIP: Final = "application/zip"
_ANSWERS: Final = {
    200: {"content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}},
    **documented(NOT_FOUND),
}


@router.get("/shipments/{shipment_id}", response_class=Response, responses=_ANSWERS)
def get_shipment_dossier(
    shipment_id: Annotated[
        UUID, Path(description="The shipment's id", examples=["3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])
    ],
    caller: DossiersReader,
) -> Response:
    """A shipment: temperatures, custody with its proofs, the readings that were signed, and the events of its items."""
    with caller.snapshot(with_readings=True) as conn:
        return _file(shipment_dossier(conn, caller.key.tenant_id, shipment_id), str(shipment_id))


@router.get("/items/{item:path}", response_class=Response, responses=_ANSWERS)
def get_item_dossier(
    item: Annotated[
        str, Path(description="A lot, thing or container in any spelling, percent-encoded", examples=[ITEM])
    ],
    caller: DossiersReader,
) -> Response:
    """A lot or thing: events upstream and downstream, custody with its proofs, and the readings that were signed."""
    with caller.snapshot(with_readings=True) as conn:
        return _file(item_dossier(conn, caller.key.tenant_id, item), "item")


def _file(data: bytes, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="dossier-{name}.zip"',
        "Cache-Control": "private, no-store",
    }
    return Response(data, media_type=_ZIP, headers=headers)
