"""The graph of things is read by its indexes, although row-level security stands before it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
import pytest

from wayproof.store.arrays import TimestamptzArray, UuidArray
from wayproof.store.pool import Pool, tenant_transaction
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
