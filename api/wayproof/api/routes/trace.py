"""Traces: where an item comes from, and where it went."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, Field

from wayproof.api.auth import TraceReader
from wayproof.api.conditional import Conditions
from wayproof.api.paging import At, Integer, PageQuery, Pager
from wayproof.api.routes.resource import GET, LIST, resource_router
from wayproof.api.schemas.trace import EdgeView, GapView, NodeView, TraceView
from wayproof.model.errors import InvalidInput
from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import graph
from wayproof.store.exposures import newest_record
from wayproof.trace.epcis.formats import canonical_identifier, untold
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.gaps import Gap, find_gaps
from wayproof.trace.graph.questions import Direction, Edge, Node, Question, Traced, edges_towards, merged, trace

router: Final = resource_router("trace", "Trace")


class TraceQuery(PageQuery):
    """What is asked."""

    item: Annotated[
        str,
        Field(
            max_length=2000,
            pattern=r"^[^\x00]+$",
            description="Digital Link, EPC URN, element string or any URI",
            examples=["urn:epc:id:sscc:952012.12345678912"],
        ),
    ]
    direction: Annotated[
        Literal["upstream", "downstream", "both"],
        Field(description="Which way to look; `both` with a depth of 1 is one up, one down"),
    ] = "upstream"
    depth: Annotated[int, Field(ge=0, le=100, description="Steps from the item at most")] = 100
    since: Annotated[AwareDatetime | None, Field(description="Only what happened from then on")] = None
    until: Annotated[AwareDatetime | None, Field(description="Only what happened until then")] = None
    as_of: Annotated[AwareDatetime | None, Field(description="As it was recorded then; default: as it is now")] = None
    gaps: Annotated[bool, Field(description="Whether to look for what the events do not tell")] = True


@router.get("", response_model=TraceView, responses={**GET, **LIST})
def get_trace(query: Annotated[TraceQuery, Query()], caller: TraceReader, conditions: Conditions) -> Response:
    """Everything up- or downstream of an item, nearest first.

    Edges are those by which the things of the page were reached. Later pages tell what was recorded when the first one
    was read.
    """
    if query.since and query.until and query.since > query.until:
        raise InvalidInput(f"expected a time not before {query.since.isoformat()}", pointer="/until")
    tenant_id = caller.key.tenant_id
    pager = Pager(query, of="trace", tenant_id=tenant_id)
    offset, seen_at = pager.position(tuple[Integer, At]) or (0, None)
    item = canonical_identifier(query.item)
    questions = _questions(query, as_of=query.as_of or seen_at, enough=offset + pager.fetch)
    with caller.snapshot() as conn:
        next_place = (offset + query.size, seen_at or query.as_of or newest_record(conn))
        if not graph.uris(conn, [key_of(tenant_id, item)]):
            raise untold(item)
        found = [trace(conn, tenant_id, each) for each in questions]
        things = merged(found)
        page, next_cursor = pager.page(things.nodes[offset : offset + pager.fetch], lambda _: next_place)
        gaps = find_gaps(conn, [node.key for node in page], as_of=questions[0].as_of) if query.gaps else []
    reached = {node.key for node in page if node.depth}
    edges = dict.fromkeys(
        edge
        for asked, each in zip(questions, found, strict=True)
        for edge in edges_towards(reached, each.edges, asked.direction)
    )
    return conditions.answer(_view(query, things, list(edges), page=page, gaps=gaps, cursor=next_cursor))


def _questions(query: TraceQuery, *, as_of: datetime | None, enough: int) -> list[Question]:
    ways = list(Direction) if query.direction == "both" else [Direction(query.direction)]
    return [
        Question(
            starts=(canonical_identifier(query.item),),
            direction=way,
            max_depth=query.depth,
            since=query.since or EVER_BEFORE,
            until=query.until or EVER_AFTER,
            as_of=as_of,
            enough=enough,
        )
        for way in ways
    ]


def _view(
    query: TraceQuery,
    things: Traced,
    edges: Sequence[Edge],
    *,
    page: Sequence[Node],
    gaps: Sequence[Gap],
    cursor: str | None,
) -> TraceView:
    uris = {node.key: node.uri for node in things.nodes}
    return TraceView(
        item=canonical_identifier(query.item),
        direction=query.direction,
        nodes=[NodeView(id=node.uri, depth=node.depth) for node in page],
        edges=[_edge(edge, uris) for edge in edges],
        gaps=[GapView(kind=gap.kind, id=uris[gap.node], at=gap.at, detail=gap.detail) for gap in gaps],
        is_complete=things.is_complete and cursor is None,
        next_cursor=cursor,
    )


def _edge(edge: Edge, uris: Mapping[UUID, str]) -> EdgeView:
    return EdgeView(
        kind=edge.kind,
        source=uris.get(edge.source) or edge.source.urn,
        target=uris.get(edge.target) or edge.target.urn,
        at=None if edge.at == EVER_BEFORE else edge.at,
        quantity=edge.quantity,
        unit=edge.unit,
        event=edge.event_id,
    )
