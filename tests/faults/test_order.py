"""Through broker and ingestor as well, order and repetition of messages leave no trace in what is stored."""

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from wayproof.store.pool import Conn
from wayproof.store.queries import load

from fix_ingest import Device, IngestorProcess, eventually, reading_json

_BEGAN_AT: Final = datetime.now(UTC) - timedelta(hours=3)
_SQL: Final = load("order", "faults")
_numbers = itertools.count(1)

#: Minutes after the beginning, and what was observed; wrong clocks among them.
observed = st.tuples(
    st.sampled_from([0, 1, 16, 31, 3 * 24 * 60, -60 * 24 * 400]),
    st.fixed_dictionaries(
        {"temperature_c": st.integers(-30, 30)},
        optional={"battery_pct": st.integers(0, 100), "door_open": st.booleans()},
    ),
    st.booleans(),
)


def _payload(seq: int, minutes: int, measures: dict[str, Any], *, has_position: bool) -> bytes:
    position = {"latitude_deg": seq, "longitude_deg": -seq} if has_position else {}
    observed_at = (_BEGAN_AT + timedelta(minutes=minutes)).isoformat()
    return reading_json(seq, observed_at=observed_at, **measures, **position)


def _tables(conn: Conn, device: Device) -> list[list[dict[str, Any]]]:
    """All rows of a device, without what tells when they came and whose they are."""
    cursor = conn.cursor(row_factory=dict_row)
    tables = [cursor.execute(query, {"name": device.name}).fetchall() for query in _SQL.values()]
    hidden = {"device_id", "received_at"}
    return [[{key: row[key] for key in row.keys() - hidden} for row in table] for table in tables]


def _send(device: Device, payloads: Sequence[bytes], pauses: Sequence[int], count: int) -> None:
    for number, payload in enumerate(payloads):
        device.send(payload)
        if number in pauses:
            device.wait_for_broker()  # so that what follows comes in another piece, and often in another batch
    device.wait_until_safe(count)


@pytest.mark.timeout(600)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), story=st.lists(observed, min_size=1, max_size=12))
def test_order_and_repetition_leave_no_trace(
    ingestors: tuple[IngestorProcess, IngestorProcess],
    superuser: Conn,
    connect_device: Callable[..., Device],
    data: st.DataObject,
    story: list[tuple[int, dict[str, Any], bool]],
) -> None:
    """The same messages in any order, delayed and repeated in any way, by two ingestors: the same rows."""
    payloads = [_payload(seq, at, what, has_position=where) for seq, (at, what, where) in enumerate(story, 1)]
    repeated = payloads + data.draw(st.lists(st.sampled_from(payloads), max_size=12))
    shuffled = data.draw(st.permutations(repeated))
    pauses = data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4))
    straight, disordered = (connect_device(f"order-{next(_numbers)}") for _ in range(2))
    _send(straight, payloads, (), len(story))
    _send(disordered, shuffled, pauses, len(story))
    assert _tables(superuser, straight) == _tables(superuser, disordered)


@pytest.fixture
def ingestors(ingestor_factory: Callable[..., IngestorProcess]) -> tuple[IngestorProcess, IngestorProcess]:
    """Two ingestors that share the stream."""
    made = ingestor_factory("svc@ingest-1"), ingestor_factory("svc@ingest-2")
    for ingestor in made:
        ingestor.launch()
    for ingestor in made:
        eventually(ingestor.is_ready)
    return made
