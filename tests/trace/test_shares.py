"""How much of a lot is in what it went into: laws over networks that Hypothesis makes, and cases worked out by hand."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wayproof.store.pool import tenant_transaction
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.inflows import inflows
from wayproof.trace.graph.questions import Direction, Edge, EdgeKind, Node, Question, Traced, trace
from wayproof.trace.graph.shares import shares

from fix_exports import DRESSING, PACKED, PALLET, RAW, SALAD, Exporter
from fix_graph import LOT, OTHER_LOT, Network, P, Q, packed, packed_lot

AT = datetime(2026, 1, 1, tzinfo=UTC)
START, OTHER, A, B, C, HUB, NEXT, BOX = (UUID(int=number) for number in range(1, 9))
EXACT = 1e-6


def put(source: UUID, hub: UUID, quantity: float | None, unit: str | None = "KGM") -> Edge:
    """So much of a thing goes into a transformation."""
    return Edge(EdgeKind.INPUT, source, hub, AT, quantity, unit, 1)


def got(hub: UUID, target: UUID, quantity: float | None, unit: str | None = "KGM") -> Edge:
    """So much of a thing comes out of one."""
    return Edge(EdgeKind.OUTPUT, hub, target, AT, quantity, unit, 1)


def boxed(source: UUID, box: UUID, quantity: float | None, unit: str | None = "KGM") -> Edge:
    """So much of a thing goes into a container."""
    return Edge(EdgeKind.PACKED, source, box, AT, quantity, unit, source.int)


def found(*edges: Edge, others: tuple[Edge, ...] | None = None) -> dict[UUID, float | None]:
    """The shares of START along edges."""
    keys = dict.fromkeys([START, *(key for edge in edges for key in (edge.source, edge.target))])
    hubs = {edge.target for edge in edges if edge.kind is EdgeKind.INPUT}
    nodes = tuple(Node(key, str(key), 0) for key in keys if key not in hubs)
    return shares(Traced(nodes=nodes, edges=edges, is_complete=True), [START], others=others)


def test_mixed_by_mass() -> None:
    """30 kg of a lot in 120 kg of a mixture are a quarter of it, and of what that goes into unmixed."""
    edges = [put(START, HUB, 30_000, "GRM"), got(HUB, A, 120), put(A, NEXT, 50), got(NEXT, B, 50)]
    assert found(*edges) == {START: 1.0, A: 0.25, B: 0.25}


def test_what_else_went_in() -> None:
    """What else went in counts where more of it is told than came out; where units differ it is the only measure."""
    edges = [put(START, HUB, 30), got(HUB, A, 60)]
    assert found(*edges, others=(put(OTHER, HUB, 90),))[A] == 0.25
    cases = [put(START, HUB, 30), got(HUB, A, 500, "CS")]
    assert found(*cases, others=(put(OTHER, HUB, 90),))[A] == 0.25
    assert found(*cases, others=())[A] == 1.0
    assert found(*cases)[A] is None


def test_unknown_is_not_guessed() -> None:
    """A missing quantity, and pieces of different goods, make a share unknown, and all that comes of it."""
    assert found(put(START, HUB, None), got(HUB, A, 60), put(A, NEXT, 5), got(NEXT, B, 5))[B] is None
    assert found(put(START, HUB, 30), got(HUB, A, None))[A] is None
    pieces = [put(START, HUB, 3, None), got(HUB, A, 1, None)]
    assert found(*pieces, others=(put(OTHER, HUB, 2, None),))[A] is None
    assert found(*pieces, others=())[A] == 1.0


def test_containers_mix_what_they_hold() -> None:
    """A container holds a lot in the part of its content that it is; where all is alike no quantity is needed."""
    assert found(boxed(START, BOX, 25, "CS"), others=(boxed(OTHER, BOX, 75, "CS"),))[BOX] == 0.25
    assert found(boxed(START, BOX, None))[BOX] == 1.0
    assert found(boxed(START, BOX, None), others=(boxed(OTHER, BOX, 75),))[BOX] is None
    again = replace(boxed(START, BOX, 25), at=datetime(2026, 1, 2, tzinfo=UTC))
    assert found(boxed(START, BOX, 25), others=(again, boxed(OTHER, BOX, 25)))[BOX] == 0.5


def test_container_goes_into_a_process() -> None:
    """What goes into a process in a container goes in by what the container holds."""
    edges = [boxed(START, BOX, 30), put(BOX, HUB, None, None), got(HUB, A, 120)]
    assert found(*edges)[A] == 0.25
    assert found(*edges, put(BOX, NEXT, None, None), got(NEXT, B, 120))[A] is None


def test_goods_that_go_round() -> None:
    """What is fed back settles where as much comes out as goes in."""
    # A: of 100 kg, 50 are the lot, 40 come back from C, 10 are others'; C is A and nothing else.
    edges = [put(START, HUB, 50), put(C, HUB, 40), got(HUB, A, 100), put(A, NEXT, 100), got(NEXT, C, 100)]
    told = found(*edges)
    assert told[A] == pytest.approx(50 / 60, abs=EXACT)
    assert told[C] == pytest.approx(50 / 60, abs=EXACT)


def test_nothing_at_all() -> None:
    """A search that found nothing has the start alone."""
    assert found() == {START: 1.0}


@dataclass
class Plant:
    """A closed network: nothing is lost, and nothing comes in but lots."""

    made: dict[UUID, float] = field(default_factory=dict)
    used: dict[UUID, float] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def lot(self, quantity: float) -> UUID:
        """A new lot."""
        key = UUID(int=1000 + len(self.made))
        self.made[key], self.used[key] = quantity, 0.0
        return key

    def left(self, lot: UUID) -> float:
        """How much of a lot nothing was made of."""
        return self.made[lot] - self.used[lot]

    def mix(self, parts: dict[UUID, float], split: float, units: list[str]) -> None:
        """Mixes fractions of what is left of some lots into two new ones."""
        hub = UUID(int=10**9 + len(self.edges))
        whole = 0.0
        for (lot, fraction), unit in zip(parts.items(), units, strict=False):
            taken = self.left(lot) * fraction
            self.used[lot] += taken
            whole += taken
            self.edges.append(put(lot, hub, *told_in(taken, unit)))
        for quantity in (whole * split, whole * (1 - split)):
            self.edges.append(got(hub, self.lot(quantity), quantity))

    def downstream(self, start: UUID) -> Traced:
        """What a search would find."""
        reached = {start}
        while True:
            hubs = {edge.target for edge in self.edges if edge.kind is EdgeKind.INPUT and edge.source in reached}
            more = {edge.target for edge in self.edges if edge.kind is EdgeKind.OUTPUT and edge.source in hubs}
            if more <= reached:
                break
            reached |= more
        edges = tuple(edge for edge in self.edges if {edge.source, edge.target} <= reached | hubs)
        return Traced(nodes=tuple(Node(key, str(key), 0) for key in reached), edges=edges, is_complete=True)


def told_in(quantity: float, unit: str) -> tuple[float, str]:
    """Kilograms in another unit."""
    return quantity * {"KGM": 1, "GRM": 1000, "TNE": 0.001}[unit], unit


@st.composite
def plants(draw: st.DrawFn) -> tuple[Plant, UUID]:
    """A closed network and the lot that is asked about."""
    plant = Plant()
    lots = [plant.lot(draw(st.integers(1, 1000))) for _ in range(draw(st.integers(1, 4)))]
    for _ in range(draw(st.integers(0, 8))):
        some = draw(st.lists(st.sampled_from(list(plant.made)), min_size=1, max_size=3, unique=True))
        fractions = {lot: draw(st.floats(0.05, 1.0)) for lot in some if plant.left(lot) > EXACT}
        units = draw(st.lists(st.sampled_from(["KGM", "GRM", "TNE"]), min_size=3, max_size=3))
        if fractions:
            plant.mix(fractions, draw(st.floats(0.1, 0.9)), units)
    return plant, lots[0]


@given(made=plants(), is_whole=st.booleans())
def test_nothing_is_lost(made: tuple[Plant, UUID], is_whole: bool) -> None:  # noqa: FBT001 - Hypothesis names it
    """Shares are from 0 to 1; what is left of all lots holds, by their shares, as much of the start as there was."""
    plant, start = made
    told = shares(plant.downstream(start), [start], others=plant.edges if is_whole else None)
    assert all(share is not None and 0.0 <= share <= 1.0 for share in told.values())
    held = sum(plant.left(lot) * (share or 0.0) for lot, share in told.items())
    assert held == pytest.approx(plant.made[start], rel=EXACT)


SOME = st.sampled_from([START, OTHER, A, B, C])
QUANTITIES = st.one_of(st.none(), st.integers(1, 50).map(float))
UNITS = st.sampled_from(["KGM", "GRM", "CS", None])
EDGES = st.lists(
    st.one_of(
        st.builds(put, SOME, st.sampled_from([HUB, NEXT]), QUANTITIES, UNITS),
        st.builds(got, st.sampled_from([HUB, NEXT]), SOME, QUANTITIES, UNITS),
        st.builds(boxed, SOME, st.just(BOX), QUANTITIES, UNITS),
        st.builds(put, st.just(BOX), st.sampled_from([HUB, NEXT]), QUANTITIES, UNITS),
    ),
    max_size=12,
)


@given(edges=EDGES, others=st.one_of(st.none(), EDGES), seed=st.integers())
def test_order_of_edges_does_not_matter(edges: list[Edge], others: list[Edge] | None, seed: int) -> None:
    """Whatever is told, round or straight, whole or not: no order of edges changes a share by a bit."""
    told = found(*edges, others=None if others is None else tuple(others))
    assert all(share is None or 0.0 <= share <= 1.0 for share in told.values())
    rng = random.Random(seed)
    rng.shuffle(edges)
    if others is not None:
        rng.shuffle(others)
    assert found(*edges, others=None if others is None else tuple(others)) == told


def shares_of(network: Network | Exporter, tenant_id: UUID, uri: str) -> dict[str, float | None]:
    """The shares of a thing in everything downstream of it, with all that went in."""
    with tenant_transaction(network.pool, tenant_id) as conn:
        traced = trace(conn, tenant_id, Question(starts=(uri,), direction=Direction.DOWNSTREAM))
        told = shares(traced, [key_of(tenant_id, uri)], others=inflows(conn, traced))
        then = trace(
            conn, tenant_id, Question(starts=(uri,), direction=Direction.DOWNSTREAM, as_of=AT.replace(year=9000))
        )
        assert shares(then, [key_of(tenant_id, uri)], others=inflows(conn, then, as_of=AT.replace(year=9000))) == told
    return {node.uri: told[node.key] for node in traced.nodes}


def test_inflows_of_a_load(network: Network) -> None:
    """What else was in a pallet counts as long as the lot was in it, and not what it carried before or afterwards."""
    events = [
        packed_lot(1, P, OTHER_LOT, quantity=80),
        packed(2, P, action="DELETE"),
        packed_lot(3, P, LOT, quantity=10),
        packed_lot(4, P, OTHER_LOT, quantity=30),
        packed(5, Q, P),
        packed_lot(6, P, LOT, quantity=10, action="DELETE"),
    ]
    assert shares_of(network, network.tell(events), LOT) == {LOT: 1.0, P: 0.25, Q: 0.25}


def test_third_parties_documents(fsma: Exporter) -> None:
    """The packed lots are all of the field's; the salad is cases of two goods, and nobody can say how much of which."""
    assert shares_of(fsma, fsma.tenant_id, RAW)[PACKED] == 1.0
    told = shares_of(fsma, fsma.tenant_id, PACKED)
    assert told[PALLET] is not None
    assert told[SALAD] is None
    assert shares_of(fsma, fsma.tenant_id, DRESSING)[SALAD] is None
