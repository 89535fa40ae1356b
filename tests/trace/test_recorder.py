"""What happened is recorded by itself, and what cannot be told keeps nothing else waiting."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from wayproof.store.events import get_events
from wayproof.store.pool import Conn, tenant_transaction
from wayproof.store.settings import DatabaseSettings
from wayproof.trace.recorder import Recording, record_due
from wayproof.trace.settings import TraceSettings

from fix_custody import Organisation
from fix_registry import MONDAY, Registry

AT_ONCE = Recording(api_url="https://track.example", every=timedelta(seconds=1), settled=timedelta(0))


def departures(registry: Registry, *shipment_ids: UUID) -> list[bool]:
    """Of which shipments an event tells that they left."""
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        return [bool(get_events(conn, f"urn:wayproof:event:departure:{each}")) for each in shipment_ids]


def untold(superuser: Conn) -> list[Any]:
    """What waits to be told."""
    sql = "select subject_id, tries, failure, due_at > now() from untold order by noted_at"
    return superuser.execute(sql).fetchall()


def left(registry: Registry, at: datetime = MONDAY) -> UUID:
    """A shipment that has left."""
    return registry.change(registry.shipment(), picked_up_at=at).shipment_id


def test_all_tenants_are_recorded(registry_factory: Callable[[str], Registry], superuser: Conn) -> None:
    """Whatever happened, to whichever tenant, is recorded in its own journal, and does not wait any more."""
    places = [(registry, left(registry)) for registry in map(registry_factory, ("one", "two"))]
    assert record_due(places[0][0].pool, AT_ONCE) == 2
    assert all(departures(*place) == [True] for place in places)
    assert departures(places[0][0], places[1][1]) == [False]
    assert untold(superuser) == []


def test_what_cannot_be_told_waits_alone(registry: Registry, superuser: Conn) -> None:
    """A shipment that left in an impossible year is noted with the reason and tried again later; others are told."""
    wrong, good = left(registry, datetime(1960, 1, 1, tzinfo=UTC)), left(registry)
    assert record_due(registry.pool, AT_ONCE) == 1
    assert departures(registry, wrong, good) == [False, True]
    [(subject_id, tries, failure, is_later)] = untold(superuser)
    assert (subject_id, tries, is_later) == (wrong, 1, True)
    assert "1970 to 2100" in failure
    assert record_due(registry.pool, AT_ONCE) == 0


def test_what_was_mended_is_told_at_once(registry: Registry, superuser: Conn) -> None:
    """Who corrects what could not be told has it told without waiting."""
    shipment = registry.change(registry.shipment(), picked_up_at=datetime(1960, 1, 1, tzinfo=UTC))
    record_due(registry.pool, AT_ONCE)
    registry.change(shipment, picked_up_at=MONDAY)
    assert record_due(registry.pool, AT_ONCE) == 1
    assert untold(superuser) == []


def test_readings_under_way_are_waited_for(registry: Registry) -> None:
    """Nothing is recorded before the time that readings are given to arrive."""
    shipment_id = left(registry)
    later = Recording(api_url=AT_ONCE.api_url, every=AT_ONCE.every, settled=timedelta(hours=1))
    assert record_due(registry.pool, later) == 0
    assert departures(registry, shipment_id) == [False]


def test_what_only_changes_otherwise_is_not_noted(registry: Registry, superuser: Conn) -> None:
    """A shipment that is planned, or whose plan changes, is nothing to tell."""
    shipment = registry.shipment()
    registry.change(shipment, cancelled_at=MONDAY)
    assert untold(superuser) == []


def test_both_parties_of_a_handoff(shipper: Organisation, carrier: Organisation) -> None:
    """An accepted handoff is recorded in the journals of both parties, whoever accepted it."""
    handoff = shipper.hand_over(carrier)
    assert record_due(shipper.registry.pool, AT_ONCE) == 2
    for registry in (shipper.registry, carrier.registry):
        with tenant_transaction(registry.pool, registry.tenant_id) as conn:
            assert len(get_events(conn, f"urn:wayproof:event:handoff:{handoff.handoff_id}")) == 1


def test_the_service_records_by_itself(registry: Registry, database: DatabaseSettings, tmp_path: Path) -> None:
    """`python -m wayproof.trace` records what happens while it runs, without anybody asking."""
    environment = {
        **os.environ,
        "WAYPROOF_DATABASE_URL": database.url.get_secret_value(),
        "WAYPROOF_TRACE_CAPTURE_PROCESSES": "1",
        "WAYPROOF_TRACE_RECORD_EVERY": "PT0.2S",
        "WAYPROOF_TRACE_RECORD_AFTER": "PT0S",
    }
    with (tmp_path / "log").open("wb") as log:
        argv = [sys.executable, "-m", "wayproof.trace"]
        process = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
    try:
        shipment_id = left(registry)
        deadline = time.monotonic() + 90
        while departures(registry, shipment_id) == [False]:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
    finally:
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize("url", ["track.example", "ftp://track.example", "https://track.example/?x", ""])
def test_addresses_are_checked(url: str) -> None:
    """The address of the API must be one that events can name."""
    with pytest.raises(ValidationError):
        TraceSettings(api_url=url)


def test_a_slash_at_the_end_is_not_doubled() -> None:
    """An address with or without a slash at its end means the same."""
    assert TraceSettings(api_url="https://track.example/").recording().api_url == "https://track.example"
