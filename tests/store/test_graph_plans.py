"""The graph of things is read by its indexes, although row-level security stands before it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
import pytest

from wayproof.store.arrays import TimestamptzArray, UuidArray
from wayproof.store.pool import Conn, Pool, tenant_transaction
from wayproof.store.queries import load

NOW: Final = datetime(2026, 3, 2, tzinfo=UTC)
THINGS: Final = UuidArray([uuid4()])
TIMES: Final = TimestamptzArray(np.array([0], np.int64))
FRONT: Final = {"node_id": THINGS, "low": TIMES, "high": TIMES, "role": "i", "as_of": NOW}


@pytest.mark.parametrize(
    ("file", "name", "key", "params"),
    [
        ("graph", "containers", "child_id", FRONT),
        ("graph", "contents", "parent_id", FRONT),
        ("graph", "transformations", "node_id", FRONT),
        ("graph", "parts", "hub_id", {"hubs": THINGS, "role": "i", "as_of": NOW}),
        ("graph", "packings", "hub_id", {"parents": THINGS, "as_of": NOW}),
        ("graph", "changed", "hub_id", {"nodes": THINGS, "as_of": NOW}),
        ("graph", "changed_around", "node_id", {"nodes": THINGS, "as_of": NOW}),
        ("graph", "happened", "node_id", {"nodes": THINGS, "as_of": NOW}),
        ("graph", "uris", "node_id", {"nodes": THINGS}),
        ("whereabouts", "parts", "node_id", FRONT),
    ],
)
def test_things_are_looked_up(
    api_pool: Pool, tenant_factory: Callable[[str], UUID], file: str, name: str, key: str, params: Mapping[str, Any]
) -> None:
    """What is told of a thing is found by its key in an index: below row-level security a cast would prevent that."""
    with tenant_transaction(api_pool, tenant_factory("acme")) as conn:
        conn.execute("set local enable_seqscan = off")  # which a table of no rows would get
        rows = conn.execute(f"explain {load(file)[name]}".encode(), params).fetchall()
    conditions = [row for (row,) in rows if "Index Cond" in row]
    assert any(f"({key} = " in condition for condition in conditions)


def test_uuids_pass_as_they_are(api_pool: Pool) -> None:
    """An array of UUIDs arrives in its order, and None as null."""
    values = [uuid4(), None, UUID(int=0)]
    with api_pool.connection() as conn:
        assert conn.execute("select %s", [UuidArray(values)]).fetchone() == (values,)
        assert conn.execute("select %s", [UuidArray([])]).fetchone() == ([],)


LARGE: Final = """
    with tenants (tenant_id, events) as (
      select %(large)s::uuid, 20000 union all select gen_random_uuid(), 1 from generate_series(1, 500)
    ), told as (
      insert into epcis_event (tenant_id, epcis_id, event_type, event_time, record_time, body, canonical, terms)
      select tenant_id, n, 'ObjectEvent', %(now)s::timestamptz + n * interval '1 second', %(now)s, '{}', '{}', ''
        from tenants, generate_series(1, events) n
      returning *
    )
    insert into trace_thing (tenant_id, event_id, node_id, role, hub_id, is_association, event_time, record_time)
    select tenant_id, event_id, md5((event_id / 5)::text)::uuid, 'c', md5((event_id / 10)::text)::uuid, false,
           event_time, record_time
      from told
"""


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("graph", "packings"),
        ("graph", "happened"),
        ("journal", "list_events"),
        ("journal", "list_recorded"),
        ("whereabouts", "events"),
    ],
)
def test_events_of_a_large_tenant_are_looked_up(
    api_pool: Pool, superuser: Conn, tenant_factory: Callable[[str], UUID], file: str, name: str
) -> None:
    """Events are found by their numbers, where a tenant has far more of them than the planner thinks a tenant has."""
    large = tenant_factory("acme")
    superuser.execute(LARGE, {"large": large, "now": NOW})
    superuser.execute("analyze epcis_event, trace_thing")
    some = "select event_id, node_id, hub_id from trace_thing where tenant_id = %s order by event_id limit 2000"
    event_ids, nodes, hubs = zip(*superuser.execute(some, [large]).fetchall(), strict=True)
    keys = {"nodes": UuidArray(set(nodes)), "parents": UuidArray(set(hubs)), "event_ids": list(event_ids)}
    with tenant_transaction(api_pool, large) as conn:
        rows = conn.execute(f"explain {load(file)[name]}".encode(), {**keys, "as_of": NOW}).fetchall()
    lines = [row for (row,) in rows]
    found = [f"{line} {after}" for line, after in pairwise(lines) if " on epcis_event" in line]
    assert found
    assert all("using epcis_event_pkey" in each and "(event_id = " in each for each in found)
