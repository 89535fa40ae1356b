"""Traces: where an item comes from, and where it went."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, Field

from wayproof.api.auth import TraceReader
from wayproof.api.conditional import Conditions
from wayproof.api.paging import At, Integer, PageQuery, Pager
from wayproof.api.routes.resource import GET, LIST, resource_router
from wayproof.api.schemas.trace import EdgeView, GapView, NodeView, TraceView
from wayproof.model.errors import NotFound
from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import graph
from wayproof.trace.epcis.formats import canonical_identifier
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.gaps import Gap, find_gaps
from wayproof.trace.graph.questions import Direction, Edge, Node, Question, Traced, edges_towards, trace

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
    direction: Annotated[Direction, Field(description="Which way to look")] = Direction.UPSTREAM
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
    tenant_id = caller.key.tenant_id
    pager = Pager(query, of="trace", tenant_id=tenant_id)
    offset, seen_at = pager.position(tuple[Integer, At]) or (0, None)
    question = _question(query, as_of=query.as_of or seen_at, enough=offset + pager.fetch)
    next_place = (offset + query.size, seen_at or query.as_of or datetime.now(UTC))
    with caller.transaction() as conn:
        if not graph.uris(conn, [key_of(tenant_id, question.starts[0])]):
            raise NotFound(f"no event tells of {question.starts[0]}")
        found = trace(conn, tenant_id, question)
        page, next_cursor = pager.page(found.nodes[offset : offset + pager.fetch], lambda _: next_place)
        gaps = find_gaps(conn, [node.key for node in page], as_of=question.as_of) if query.gaps else []
    return conditions.answer(_view(question, found, page, gaps, next_cursor))


def _question(query: TraceQuery, *, as_of: datetime | None, enough: int) -> Question:
    return Question(
        starts=(canonical_identifier(query.item),),
        direction=query.direction,
        max_depth=query.depth,
        since=query.since or EVER_BEFORE,
        until=query.until or EVER_AFTER,
        as_of=as_of,
        enough=enough,
    )


def _view(
    question: Question, found: Traced, page: Sequence[Node], gaps: Sequence[Gap], next_cursor: str | None
) -> TraceView:
    uris = {node.key: node.uri for node in found.nodes}
    edges = edges_towards({node.key for node in page if node.depth}, found.edges, question.direction)
    return TraceView(
        item=question.starts[0],
        direction=question.direction,
        nodes=[NodeView(id=node.uri, depth=node.depth) for node in page],
        edges=[_edge(edge, uris) for edge in edges],
        gaps=[GapView(kind=gap.kind, id=uris[gap.node], at=gap.at, detail=gap.detail) for gap in gaps],
        is_complete=found.is_complete and next_cursor is None,
        next_cursor=next_cursor,
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
