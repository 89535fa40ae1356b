"""Where an item is now, and whether all of it is accounted for."""

from typing import Annotated, Final

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from wayproof.api.auth import TraceReader
from wayproof.api.conditional import Conditions
from wayproof.api.paging import At, Integer, PageQuery, Pager
from wayproof.api.routes.resource import GET, LIST, resource_router
from wayproof.api.schemas.whereabouts import BalanceView, WhereaboutsList, WhereaboutsView
from wayproof.store.exposures import newest_record
from wayproof.trace.epcis.formats import canonical_identifier, untold
from wayproof.trace.graph.balance import balance, downstream_balance
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.whereabouts import whereabouts

router: Final = resource_router("trace", "Trace")

Item = Annotated[
    str,
    Field(
        max_length=2000,
        pattern=r"^[^\x00]+$",
        description="Digital Link, EPC URN, element string or any URI",
        examples=["urn:epc:class:lgtin:952012.0012345.L1"],
    ),
]
AsOf = Annotated[AwareDatetime | None, Field(description="As it was recorded then; default: as it is now")]


class WhereQuery(PageQuery):
    """Which item."""

    item: Item
    as_of: AsOf = None


class BalanceQuery(BaseModel):
    """Which lot, and in what unit."""

    model_config = ConfigDict(extra="forbid")

    item: Item
    unit: Annotated[
        str | None,
        Field(
            max_length=3,
            pattern=r"^[A-Z0-9]+$",
            description="UN/ECE Recommendation 20; default: the unit in which it was made or first told",
            examples=["KGM"],
        ),
    ] = None
    downstream: Annotated[
        bool, Field(description="Whether to follow it into what it was used for, by its share in that")
    ] = False
    as_of: AsOf = None


@router.get("/whereabouts", response_model=WhereaboutsList, responses={**GET, **LIST})
def get_whereabouts(query: Annotated[WhereQuery, Query()], caller: TraceReader, conditions: Conditions) -> Response:
    """Where an item is by what was told of it last; a lot may be in many places.

    Later pages tell what was recorded when the first one was read.
    """
    tenant_id = caller.key.tenant_id
    pager = Pager(query, of="whereabouts", tenant_id=tenant_id)
    offset, seen_at = pager.position(tuple[Integer, At]) or (0, None)
    item = canonical_identifier(query.item)
    key = key_of(tenant_id, item)
    with caller.snapshot() as conn:
        found = whereabouts(conn, tenant_id, [key], as_of=query.as_of or seen_at).get(key)
        newest = newest_record(conn)
    if found is None:
        raise untold(item)
    next_place = (offset + query.size, seen_at or query.as_of or newest)
    page, next_cursor = pager.page(found[offset : offset + pager.fetch], lambda _: next_place)
    items = [WhereaboutsView.of(each) for each in page]
    return conditions.answer(WhereaboutsList(item=item, items=items, next_cursor=next_cursor))


@router.get("/balance", response_model=BalanceView, responses=GET)
def get_balance(query: Annotated[BalanceQuery, Query()], caller: TraceReader, conditions: Conditions) -> Response:
    """What was made and received of a lot, against what became of it; more than 100 % cannot be, and is a finding."""
    tenant_id = caller.key.tenant_id
    item = canonical_identifier(query.item)
    with caller.snapshot() as conn:
        if query.downstream:
            found = downstream_balance(conn, tenant_id, item, unit=query.unit, as_of=query.as_of)
        else:
            found = balance(conn, key_of(tenant_id, item), unit=query.unit, as_of=query.as_of)
    if found is None:
        raise untold(item)
    return conditions.answer(BalanceView.of(item, found))
