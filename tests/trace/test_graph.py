"""The graph and its two questions, on a real database: random networks, hand-made cases, third parties' documents."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wayproof.model.graph import Containment
from wayproof.store import graph
from wayproof.store.pool import Conn, tenant_transaction
from wayproof.trace.capture import capture
from wayproof.trace.graph.build import key_of, rebuild
from wayproof.trace.graph.containment import containments
from wayproof.trace.graph.questions import Direction

from epcis_vectors import needs_vectors, valid_files
from fix_epcis import declared_wrong
from fix_graph import LOT, OTHER_LOT, START, A, B, C, Event, Network, P, Q, X, Y, Z, made, packed, packed_lot, thing

DOWN, UP = Direction.DOWNSTREAM, Direction.UPSTREAM


def test_through_containers_and_transformations(network: Network) -> None:
    """What is packed into a pallet that goes into a process is in what comes out, and in what that is packed into."""
    tenant = network.tell([packed(1, P, A, B), made(2, [P, C], [X]), packed(3, Q, X)])
    assert network.reach(tenant, A, DOWN) == {P, X, Q}
    assert network.reach(tenant, Q, UP) == {X, P, C, A, B}
    assert network.reach(tenant, C, DOWN) == {X, Q}
    assert network.reach(tenant, A, UP) == set()


def test_pallet_that_is_used_again_does_not_mix_its_loads(network: Network) -> None:
    """Through a container a search goes only within the time of the stay."""
    events = [
        packed(1, P, A),
        packed(2, Q, P),
        packed(3, Q, P, action="DELETE"),
        packed(4, P, A, action="DELETE"),
        packed(5, P, B),
        made(6, [P], [X]),
    ]
    tenant = network.tell(events)
    assert network.reach(tenant, A, DOWN) == {P, Q}
    assert network.reach(tenant, B, DOWN) == {P, X}
    assert network.reach(tenant, X, UP) == {P, B}
    assert network.reach(tenant, Q, UP) == {P, A}


def test_disaggregation_without_children_empties(network: Network) -> None:
    """A disaggregation that lists nobody takes everything out."""
    tenant = network.tell([packed(1, P, A, B), packed(2, P, action="DELETE"), packed(3, Q, P)])
    assert network.reach(tenant, A, DOWN) == {P}


def test_unpacked_and_never_packed(network: Network) -> None:
    """What is taken out and was never put in had been inside for ever."""
    tenant = network.tell([packed(2, P, A, action="DELETE"), packed(1, Q, P)])
    assert network.reach(tenant, Q, UP) == {P, A}


def test_unpacked_after_all_was(network: Network) -> None:
    """What is taken out and was never put in had not been inside before everything was taken out."""
    use = [packed(0, Q, P), packed(1, Q, P, action="DELETE")]
    emptied, out = packed(2, P, action="DELETE"), packed(4, P, A, action="DELETE")
    tenant = network.tell([*use, emptied, packed(3, X, P), out])
    assert network.reach(tenant, A, DOWN) == {P, X}
    at_once = network.tell([*use, packed(4, P, action="DELETE"), out])
    assert network.reach(at_once, A, DOWN) == {P, Q}


def test_unpacked_twice(network: Network) -> None:
    """What is told to be taken out once more had not been inside for ever: what the container met before is not its."""
    out = packed(3, P, A, action="DELETE")
    for again in (packed(3, P, A, action="DELETE"), packed(5, P, A, action="DELETE")):
        events = [packed(0, Q, P), packed(1, Q, P, action="DELETE"), packed(2, P, A), out, again]
        assert network.reach(network.tell(events), Q, UP) == {P}


def test_associations_are_no_content(network: Network) -> None:
    """A sensor that belongs to a crate is neither up nor down of it."""
    event = {**packed(1, P, A), "type": "AssociationEvent"}
    tenant = network.tell([event])
    assert network.reach(tenant, A, DOWN) == network.reach(tenant, P, UP) == set()
    assert len(network.tables(tenant)[1]) == 1


def test_what_stays_is_told_in_one_unit(network: Network) -> None:
    """Taking 10,000 g out of 30 kg leaves 20 kg; cases out of kilograms leave some, and nobody knows how much."""
    packing = [packed_lot(1, P, LOT, quantity=30, uom="KGM"), packed_lot(1, P, OTHER_LOT, quantity=2, uom="CS")]
    for taken, unit, left in ((10_000, "GRM", 20.0), (5, "CS", None)):
        tenant = network.tell([*packing, packed_lot(2, P, LOT, quantity=taken, uom=unit, action="DELETE")])
        inside = {row[1]: (row[4], row[5], row[6]) for row in network.tables(tenant)[1]}
        assert inside[LOT] == ("9999-12-31 00:00:00+00", left, "KGM")
        assert inside[OTHER_LOT][1:] == (2.0, "CS")


def test_events_that_share_a_process(network: Network) -> None:
    """Inputs and outputs that are told apart belong together by their transformationID."""
    process = thing("process-1")
    tenant = network.tell([made(1, [A], [], process), made(5, [B], [], process), made(9, [], [X], process)])
    assert network.reach(tenant, X, UP) == {A, B}
    assert network.reach(tenant, A, DOWN) == {X}


def test_depth_and_time(network: Network) -> None:
    """A search stops at a depth, and takes only what happened in its time."""
    tenant = network.tell([made(1, [A], [B]), made(5, [B], [C]), made(9, [C], [X])])
    assert network.reach(tenant, A, DOWN, max_depth=2) == {B, C}
    assert network.reach(tenant, A, DOWN, until=START + timedelta(minutes=5)) == {B, C}
    assert network.reach(tenant, X, UP, since=START + timedelta(minutes=2)) == {C, B}


def test_cycles_end(network: Network) -> None:
    """Goods that go round come back to where the search began, which ends."""
    tenant = network.tell([made(1, [A], [B]), made(2, [B], [A]), packed(3, P, Q), packed(4, Q, P)])
    assert network.reach(tenant, A, DOWN) == {B}
    assert network.reach(tenant, P, DOWN) == {Q}


def test_declared_wrong(network: Network) -> None:
    """An event that is declared wrong counts no more, whichever of the two is told first; before, it did."""
    wrong, right = packed(1, P, A), packed(1, P, B)
    for first, second in ((wrong, declared_wrong(wrong)), (declared_wrong(wrong), wrong)):
        tenant = network.tell([])
        network.tell_more(tenant, [first], now=START)
        network.tell_more(tenant, [right, second], now=START + timedelta(days=1))
        assert network.reach(tenant, P, UP) == {B}
    tenant = network.tell([])
    network.tell_more(tenant, [wrong], now=START)
    network.tell_more(tenant, [right, declared_wrong(wrong)], now=START + timedelta(days=1))
    assert network.reach(tenant, P, UP, as_of=START + timedelta(hours=1)) == {A}
    assert network.reach(tenant, P, UP, as_of=START + timedelta(days=2)) == {B}


def test_others_see_nothing(network: Network) -> None:
    """The same identifiers of another tenant are other things."""
    network.tell([made(1, [A], [B])])
    assert network.reach(network.tell([]), A, DOWN) == set()


THINGS = st.sampled_from([A, B, C, X, Y, Z])
CONTAINERS = st.sampled_from([P, Q, X])
MINUTES = st.integers(0, 12)
FEW = st.lists(THINGS, min_size=1, max_size=2, unique=True)


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """A little network: few things, so that they meet."""
    told = []
    for _ in range(draw(st.integers(1, 9))):
        minute, kind = draw(MINUTES), draw(st.sampled_from(["pack", "pack", "unpack", "empty", "make", "process"]))
        if kind in {"pack", "unpack"}:
            parent = draw(CONTAINERS)
            children = draw(st.lists(st.sampled_from([A, B, C, P, Y]), min_size=1, max_size=2, unique=True))
            action = "ADD" if kind == "pack" else "DELETE"
            others = [each for each in children if each != parent] or [Z]
            told.append(packed(minute, parent, *others, action=action))
        elif kind == "empty":
            told.append(packed(minute, draw(CONTAINERS), action="DELETE"))
        else:
            process = thing("process") if kind == "process" else None
            told.append(made(minute, draw(FEW), draw(FEW), process))
    return told


ALL = [A, B, C, P, Q, X, Y, Z]
CHECKED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@CHECKED
@given(told=events(), data=st.data())
def test_upstream_mirrors_downstream(network: Network, told: list[Event], data: st.DataObject) -> None:
    """B is upstream of a if and only if a is downstream of b; and both are what instant by instant can be followed."""
    tenant = network.tell(told)
    down = {uri: network.reach(tenant, uri, DOWN) for uri in ALL}
    up = {uri: network.reach(tenant, uri, UP) for uri in ALL}
    assert {(a, b) for a in ALL for b in down[a]} == {(a, b) for b in ALL for a in up[b]}
    with tenant_transaction(network.pool, tenant) as conn:
        followed = follow(conn, tenant, told)
    assert down == followed
    if any(down.values()):
        now = datetime.now(UTC)
        uri = data.draw(st.sampled_from(ALL))
        assert network.reach(tenant, uri, DOWN, as_of=now) == down[uri]
        assert network.reach(tenant, uri, UP, as_of=now) == up[uri]


@CHECKED
@given(told=events(), data=st.data())
def test_what_was_known_then(network: Network, told: list[Event], data: st.DataObject) -> None:
    """As of a time, a graph answers as one that never heard of what was told, or declared wrong, after it."""
    known = data.draw(st.integers(0, len(told)))
    wrong = data.draw(st.lists(st.sampled_from(told[:known]), max_size=3, unique_by=id)) if known else []
    then = network.tell(told[:known])
    tenant = network.tell([])
    network.tell_more(tenant, told[:known], now=START)
    network.tell_more(tenant, [*told[known:], *map(declared_wrong, wrong)], now=START + timedelta(days=1))
    as_of = START + timedelta(hours=1)
    for uri in ALL:
        assert network.reach(tenant, uri, DOWN, as_of=as_of) == network.reach(then, uri, DOWN)
        assert network.reach(tenant, uri, UP, as_of=as_of) == network.reach(then, uri, UP)


@CHECKED
@given(told=events(), data=st.data())
def test_order_of_capture_does_not_matter(network: Network, told: list[Event], data: st.DataObject) -> None:
    """The same events in another order and in other documents make the same graph, and so does making it again."""
    tenant = network.tell(told)
    order = data.draw(st.permutations(range(len(told))))
    other = network.tell([told[place] for place in order], batch=data.draw(st.integers(1, 4)))
    assert network.tables(tenant) == network.tables(other)
    before = network.tables(tenant)
    with tenant_transaction(network.pool, tenant) as conn:
        assert rebuild(conn, tenant) == len(told)
    assert network.tables(tenant) == before


def follow(conn: Conn, tenant: UUID, told: Sequence[Event]) -> dict[str, set[str]]:
    """Downstream, naively: at each instant, who is in whom, and who goes into what."""
    keys = {key_of(tenant, uri): uri for uri in ALL}
    inside = [(keys[each.parent_id], keys[each.child_id], each) for each in containments(graph.packings(conn, keys))]
    return {start: followed(start, inside, told) - {start} for start in ALL}


def followed(start: str, inside: Sequence[tuple[str, str, Containment]], told: Sequence[Event]) -> set[str]:
    """Everything downstream of one thing."""
    instants = {datetime.fromisoformat(event["eventTime"]) for event in told} | {START - timedelta(days=1)}
    found: set[str] = set()
    todo, done = [start], set()
    while todo:
        uri = todo.pop()
        done.add(uri)
        for instant in instants:
            around = holders(uri, inside, instant)
            got = outputs({uri} | around, told, instant)
            found |= around | got
            todo += got - done
    return found


def holders(uri: str, inside: Sequence[tuple[str, str, Containment]], instant: datetime) -> set[str]:
    """Everything that the thing is in at that instant."""
    found: set[str] = set()
    todo = [uri]
    while todo:
        inner = todo.pop()
        around = {parent for parent, child, each in inside if child == inner and holds(each, instant)} - found
        found |= around
        todo += around
    return found


def outputs(things: set[str], told: Sequence[Event], instant: datetime) -> set[str]:
    """What comes out of processes that any of these goes into at that instant."""
    changes = [event for event in told if event["type"] == "TransformationEvent"]
    fed = [
        event
        for event in changes
        if things & set(event["inputEPCList"]) and datetime.fromisoformat(event["eventTime"]) == instant
    ]
    processes = {event.get("transformationID") for event in fed} - {None}
    same = [event for event in changes if event in fed or event.get("transformationID") in processes]
    return {uri for event in same for uri in event["outputEPCList"]}


def holds(each: Containment, instant: datetime) -> bool:
    """Whether it is inside at that instant."""
    return each.since <= instant < each.until


@needs_vectors
def test_third_parties_documents_mirror(network: Network) -> None:
    """Over all documents of third parties: b is upstream of a if and only if a is downstream of b."""
    tenant = network.tell([])
    for path in valid_files().values():
        with tenant_transaction(network.pool, tenant) as conn:
            capture(conn, tenant, path.read_bytes(), lenient=True, proceed=True)
    uris = [uri for (uri,) in network.superuser.execute("select uri from trace_node")]
    down = {(a, b) for a in uris for b in network.reach(tenant, a, DOWN)}
    up = {(a, b) for b in uris for a in network.reach(tenant, b, UP)}
    assert down == up
    assert len(down) > 50
