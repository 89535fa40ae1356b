"""What an ingestor knows of the registry."""

import time
from collections.abc import Callable

from wayproof.store.pool import Conn
from wayproof.store.registry import KnownDevice, find_devices, known_devices, listen, registry_changed


def test_devices_of_all_tenants_are_known(
    ingest_conn: Conn, device_factory: Callable[[str], KnownDevice], superuser: Conn
) -> None:
    """The ingestors' role sees every device that is not retired, by name."""
    known = {name: device_factory(name) for name in ("truck-1", "truck-2")}
    assert known_devices(ingest_conn) == known
    assert find_devices(ingest_conn, ["truck-2", "nobody"]) == {"truck-2": known["truck-2"]}
    superuser.execute("update device set retired_at = now() where name = 'truck-1'")
    assert set(known_devices(ingest_conn)) == {"truck-2"}
    assert find_devices(ingest_conn, ["truck-1"]) == {}


def test_changes_are_announced(
    ingest_conn: Conn, device_factory: Callable[[str], KnownDevice], superuser: Conn
) -> None:
    """Who listens is told once of a registration and of a retirement, whatever it did in between."""
    listen(ingest_conn)
    assert not registry_changed(ingest_conn)
    device_factory("truck-1")
    assert _is_told(ingest_conn)
    assert not registry_changed(ingest_conn)
    superuser.execute("update device set retired_at = now()")
    ingest_conn.execute("select 1")  # takes the announcement in with its own answer
    assert _is_told(ingest_conn)


def _is_told(conn: Conn) -> bool:
    """The server tells listeners after the change is committed, when it comes to it."""
    deadline = time.monotonic() + 10
    while not (told := registry_changed(conn)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return told
