"""What was at a place: against a plain re-computation, and without asking for each event what came after it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wayproof.model.graph import EVER_AFTER
from wayproof.store import exposures, graph, rows
from wayproof.store.graph import Front
from wayproof.store.pool import Conn, snapshot_transaction, tenant_transaction
from wayproof.trace.graph.build import key_of
from wayproof.trace.recall.criteria import lots
from wayproof.trace.recall.evaluate import evaluate
from wayproof.trace.recall.presence import is_within, place_words

from fix_epcis import declared_wrong
from fix_exports import Exporter
from fix_graph import A, B, C, Event, Network, seen
from recall_events import DAIRY, SHOP, lot, moved, packed, sscc

_ROUNDS: Final = 200
_PLACES: Final = (DAIRY, f"{DAIRY}/254/room-7", SHOP, None)


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A thing is seen at a place, and stays at one."""

    minute: int
    thing: str
    read_point: str | None
    biz_location: str | None
    is_wrong: bool

    @property
    def event(self) -> Event:
        """What tells of it."""
        where = {"readPoint": self.read_point, "bizLocation": self.biz_location}
        return seen(self.minute, "storing", self.thing) | {k: {"id": v} for k, v in where.items() if v}


SIGHTS: Final = st.lists(
    st.builds(
        Sight,
        minute=st.integers(0, 20),
        thing=st.sampled_from((A, B, C)),
        read_point=st.sampled_from(_PLACES),
        biz_location=st.sampled_from(_PLACES),
        is_wrong=st.sampled_from((False, False, False, True)),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=SIGHTS, place=st.sampled_from((*_PLACES[:3], f"{DAIRY}/254/room-8")), since=st.integers(0, 20))
def test_seen_at(network: Network, told: list[Sight], place: str, since: int) -> None:
    """Seen there or staying there within the time; or there before by bizLocation, and nowhere else until it began."""
    events = [(sight, sight.event) for sight in told]
    tenant = network.tell(event for _, event in events)
    network.tell_more(tenant, [declared_wrong(event) for sight, event in events if sight.is_wrong])
    with tenant_transaction(network.pool, tenant) as conn:
        span = {"since": _at(since), "until": _at(since + 5), "as_of": EVER_AFTER}
        found = exposures.list_seen_at(conn, place, words=place_words(place), **span)
    assert len(found) == len(set(found))
    right = [sight for sight in told if not sight.is_wrong]
    assert set(found) == {key_of(tenant, uri) for uri in (A, B, C) if _may_have_been(right, uri, place, since)}


def _may_have_been(told: Sequence[Sight], thing: str, place: str, since: int) -> bool:
    own = [sight for sight in told if sight.thing == thing]
    within = [sight for sight in own if since <= sight.minute < since + 5]
    if any(is_within(sight.biz_location, place) or is_within(sight.read_point, place) for sight in within):
        return True
    elsewhere = [
        sight.minute
        for sight in own
        if sight.minute <= since and sight.biz_location and not is_within(sight.biz_location, place)
    ]
    return any(
        is_within(sight.biz_location, place) and not any(sight.minute < other for other in elsewhere)
        for sight in own
        if sight.minute < since
    )


def _at(minute: int) -> datetime:
    return datetime.fromisoformat("2026-01-01T00:00:00+00:00") + timedelta(minutes=minute)


@pytest.fixture
def shuttle(exporter: Exporter) -> Exporter:
    """A pallet goes out and comes back again and again at one place, each time with some of one lot."""
    events = [moved(0, "commissioning", lot("L"), DAIRY, action="ADD", quantity=9_000)]
    for begin in range(1, 4 * _ROUNDS, 4):
        events += [
            packed(begin, sscc(1), {lot("L"): 10}, DAIRY),
            moved(begin + 1, "shipping", sscc(1), DAIRY),
            moved(begin + 2, "receiving", sscc(1), DAIRY),
            packed(begin + 3, sscc(1), {lot("L"): 10}, DAIRY, action="DELETE"),
        ]
    assert not exporter.capture_events(*events).faults
    return exporter


def test_a_pallet_that_comes_again_and_again(shuttle: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a thing stayed after its many events at a place is looked up once, not once for each of them."""
    visited = []
    ask = rows.fetch_tuples

    def watched(conn: Conn, sql: Any, params: Any) -> Any:
        (plan,) = ask(conn, f"explain (analyze, format json) {sql}", params)[0]
        read = json.loads(plan) if isinstance(plan, str) else plan
        visited.append(sum(_rows(read[0]["Plan"])))
        return ask(conn, sql, params)

    monkeypatch.setattr(exposures, "fetch_tuples", watched)
    with tenant_transaction(shuttle.pool, shuttle.tenant_id) as conn:
        span = {"since": EVER_AFTER - timedelta(days=2), "until": EVER_AFTER - timedelta(days=1), "as_of": EVER_AFTER}
        found = exposures.list_seen_at(conn, DAIRY, words=place_words(DAIRY), **span)
    assert set(found) == {key_of(shuttle.tenant_id, lot("L")), key_of(shuttle.tenant_id, sscc(1))}
    assert sum(visited) < 40 * 4 * _ROUNDS


def _rows(plan: dict[str, Any]) -> Iterator[float]:
    seen_by_it = (
        plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    )
    yield seen_by_it * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from _rows(part)


def test_a_lot_that_goes_in_again_and_again(shuttle: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its many stays in a pallet, and the many loads of that, are asked for once, not each for each other."""
    found: Counter[str] = Counter()
    fronts: list[Front] = []

    def watched(ask: Callable[[Conn, Front], list[graph.Contained]], conn: Conn, front: Front) -> list[graph.Contained]:
        answer = ask(conn, front)
        fronts.append(front)
        found[ask.__name__] += len(answer)
        return answer

    for ask in (graph.containers, graph.contents):
        monkeypatch.setattr(graph, ask.__name__, partial(watched, ask))
    with snapshot_transaction(shuttle.pool, shuttle.tenant_id) as conn:
        affected = evaluate(conn, shuttle.tenant_id, lots(lot("L"))).affected
    assert [each.uri for each in affected] == [lot("L")]
    assert all(len(set(front.nodes)) == len(front.nodes) for front in fronts)
    assert _ROUNDS <= found["containers"] <= 4 * _ROUNDS
    assert _ROUNDS <= found["contents"] <= 4 * _ROUNDS
