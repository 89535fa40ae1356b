"""Chains of custody: who held an item or a shipment, one after the other."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Response

from wayproof.api.auth import Caller, CustodyReader
from wayproof.api.conditional import Conditions
from wayproof.api.paging import BigInteger, PageQuery, Pager, Text
from wayproof.api.routes.resource import GET, LIST, resource_router
from wayproof.api.schemas.custody import ITEM
from wayproof.api.schemas.handoffs import CustodyChain, HandoffView, Item
from wayproof.model.custody import shipment_item
from wayproof.store import handoffs

items: Final = resource_router("items", "Handoffs")
shipments: Final = resource_router("shipments", "Handoffs")

_Query = Annotated[PageQuery, Query()]


@shipments.get("/{shipment_id}/custody", response_model=CustodyChain, responses={**LIST, **GET})
def get_shipment_custody(
    shipment_id: Annotated[
        UUID, Path(description="The shipment's id", examples=["3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])
    ],
    query: _Query,
    caller: CustodyReader,
    conditions: Conditions,
) -> Response:
    """Who held a shipment, as a whole or item by item: the accepted handoffs that the tenant was party to."""
    chain = _chain(caller, query, shipment_item(shipment_id), shipment_id)
    return conditions.answer(chain)


@items.get("/{item:path}/custody", response_model=CustodyChain, responses={**LIST, **GET})
def get_item_custody(
    item: Annotated[Item, Path(description="The item's URI, percent-encoded", examples=[ITEM])],
    query: _Query,
    caller: CustodyReader,
    conditions: Conditions,
) -> Response:
    """Who held an item: the accepted handoffs that the tenant was party to. Missing numbers are those of others."""
    return conditions.answer(_chain(caller, query, item, None))


def _chain(caller: Caller, query: PageQuery, item: str, shipment_id: UUID | None) -> CustodyChain:
    pager = Pager(query, of=f"custody {item}", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[Text, BigInteger])
    with caller.transaction() as conn:
        found = handoffs.list_chain(conn, item=item, shipment_id=shipment_id, position=position, limit=pager.fetch)
    page, next_cursor = pager.page(found, lambda handoff: (handoff.item, handoff.seq))
    return CustodyChain(items=[HandoffView.of(each) for each in page], next_cursor=next_cursor)
