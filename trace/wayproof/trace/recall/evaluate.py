"""What a recall concerns: from where it starts, everything downstream, where all of it is now, and how much."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from wayproof.model.errors import InvalidInput
from wayproof.model.graph import EVER_BEFORE
from wayproof.store import exposures
from wayproof.store.pool import Conn
from wayproof.trace.graph.gaps import Gap, find_gaps
from wayproof.trace.graph.inflows import inflows
from wayproof.trace.graph.questions import Direction, EdgeKind, Node, Question, Traced, trace
from wayproof.trace.graph.shares import shares
from wayproof.trace.graph.whereabouts import State, Whereabouts, whereabouts
from wayproof.trace.recall.criteria import Criteria
from wayproof.trace.recall.heat import LOGISTIC_UNIT
from wayproof.trace.recall.starts import AsOf, Found, Start, find_starts

RULE_VERSION: Final = 1
"""Of what is looked for, and how. A change that could change an answer counts it up."""

_GONE: Final = frozenset({State.USED_UP, State.DESTROYED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Affected:
    """A thing that a recall concerns, and where it is."""

    node: UUID
    #: Canonical.
    uri: str
    #: Least number of steps from a start.
    depth: int
    #: Whether it only holds what is affected, or is itself named as such.
    is_container: bool
    #: EVER_BEFORE: always, or nobody can tell.
    since: datetime
    #: Why it is a start; "" where it is none.
    detail: str
    #: Of its mass that comes from the starts; None: nobody can tell.
    share: float | None
    #: One for each place where some of it is.
    parts: tuple[Whereabouts, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What a recall of some criteria concerns, as of some time."""

    criteria: Criteria
    as_of: AsOf
    found: Found
    #: By depth and URI.
    affected: tuple[Affected, ...]
    gaps: tuple[Gap, ...]
    #: False: there is more, further away than a search goes.
    is_complete: bool
    began_at: datetime
    scoped_at: datetime
    took_s: float


def recipient_of(part: Whereabouts) -> str | None:
    """Whom to tell of it: who has it, where it is bound for, where it is; None where nobody knows, or it is no more."""
    if part.state in _GONE:
        return None
    return part.holder or part.destination or part.place


def evaluate(
    conn: Conn, tenant_id: UUID, criteria: Criteria, *, as_of: datetime | None = None, then: AsOf | None = None
) -> Evaluation:
    """What a recall concerns.

    Args:
        conn: within a snapshot of the tenant, with readings (`store.pool.snapshot_transaction`): in any other
            transaction what is recorded meanwhile would be in one half of the answer.
        tenant_id: whose goods.
        criteria: from where it starts.
        as_of: what was recorded and received by then; None: all.
        then: what an evaluation before went by, to derive the same again.

    Raises:
        InvalidInput: `as_of` is yet to come, or there are too many things to start from.
        NotFound: a lot that no event tells of, or no such device.
    """
    began_at, started = datetime.now(UTC), time.perf_counter()
    if as_of is not None and as_of > began_at:
        raise InvalidInput(f"expected a time not in the future, got {as_of.isoformat()}", pointer="/as_of")
    known = then or _known(conn, as_of, now=began_at)
    found, traced = _searched(conn, tenant_id, criteria, known)
    affected = _affected(conn, tenant_id, found, traced, known)
    told_of = [each.node for each in affected if not each.is_container or each.detail]
    gaps = find_gaps(conn, told_of, as_of=known.graph)
    return Evaluation(
        criteria=criteria,
        as_of=known,
        found=found,
        affected=affected,
        gaps=tuple(sorted(gaps, key=lambda gap: (gap.kind, gap.at, gap.node))),
        is_complete=traced.is_complete,
        began_at=began_at,
        scoped_at=datetime.now(UTC),
        took_s=time.perf_counter() - started,
    )


def _known(conn: Conn, as_of: datetime | None, *, now: datetime) -> AsOf:
    newest = exposures.newest_record(conn) or EVER_BEFORE
    if as_of is None:
        return AsOf(journal=newest, readings=now, is_past=False)
    return AsOf(journal=min(as_of, newest), readings=as_of, is_past=as_of < newest)


def _searched(conn: Conn, tenant_id: UUID, criteria: Criteria, as_of: AsOf) -> tuple[Found, Traced]:
    found = find_starts(conn, tenant_id, criteria, as_of)
    question = Question(
        starts=tuple(start.uri for start in found.starts),
        from_each=tuple(start.since for start in found.starts),
        direction=Direction.DOWNSTREAM,
        as_of=as_of.graph,
    )
    return found, trace(conn, tenant_id, question)


def _affected(conn: Conn, tenant_id: UUID, found: Found, traced: Traced, as_of: AsOf) -> tuple[Affected, ...]:
    """Goods, and of containers those that the recall starts from or that hold some of the goods now."""
    starts = {start.node: start for start in found.starts}
    holding = {edge.target for edge in traced.edges if edge.kind is EdgeKind.PACKED}
    holding |= {node.key for node in traced.nodes if node.uri.startswith(LOGISTIC_UNIT)}
    goods = [node.key for node in traced.nodes if node.key not in holding]
    asked = [*goods, *(holding & starts.keys())]
    where = dict(whereabouts(conn, tenant_id, asked, as_of=as_of.graph))
    around = _around(part for key in goods for part in where.get(key, ()))
    for node in traced.nodes:
        if node.key in holding and node.uri in around:
            where.setdefault(node.key, (replace(around[node.uri], node=node.key),))
    part_of = shares(traced, starts.keys(), others=inflows(conn, traced, as_of=as_of.graph))
    return tuple(
        _one(node, starts.get(node.key), holding, part_of, where)
        for node in traced.nodes
        if node.key not in holding or node.key in where
    )


def _around(parts: Iterable[Whereabouts]) -> dict[str, Whereabouts]:
    """What goods are in now, by URI: it is where they are, so that nobody need ask for its whole history."""
    latest = sorted(parts, key=lambda part: (part.since, part.event_id or 0, part.node))
    return {
        uri: replace(part, container=outer, quantity=None, unit=None)
        for part in latest
        for uri, outer in (
            (part.container, None if part.outermost == part.container else part.outermost),
            (part.outermost, None),
        )
        if uri is not None
    }


def _one(
    node: Node,
    start: Start | None,
    holding: Collection[UUID],
    part_of: Mapping[UUID, float | None],
    where: Mapping[UUID, Sequence[Whereabouts]],
) -> Affected:
    return Affected(
        node=node.key,
        uri=node.uri,
        depth=node.depth,
        is_container=node.key in holding,
        since=start.since if start else EVER_BEFORE,
        detail=start.detail if start else "",
        share=part_of.get(node.key),
        parts=tuple(where.get(node.key, ())),
    )
