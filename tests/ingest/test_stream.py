"""From a device's message to a stored reading and a receipt."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2

from wayproof.devices.receipts import Receipt
from wayproof.store.pool import Conn

from fix_ingest import OBSERVED_AT, Device, IngestorProcess, eventually, reading_json

Connect = Callable[..., Device]


def readings(conn: Conn) -> list[tuple[Any, ...]]:
    """Device, boot, seq and clock flags of all that is stored."""
    return conn.execute(
        "select d.name, r.boot, r.seq, r.clock_flags from reading r join device d using (device_id) order by 1, 2, 3"
    ).fetchall()


def test_reading_is_stored_and_receipted(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """A published reading is in the database, whole, by the time that the device gets its receipt."""
    truck = connect_device("truck-1")
    truck.send_reading(1, latitude_deg=53.4, longitude_deg=-2.9, door_open=True, extra={"axle": 2})
    assert truck.wait_until_safe(1) == Receipt(boot=1, through=1)
    row = superuser.execute(
        "select observed_at, latitude_deg, longitude_deg, altitude_m, temperature_c, door_open, extra,"
        " now() - received_at < interval '1 minute' from reading"
    ).fetchall()
    observed_at = datetime.fromisoformat(OBSERVED_AT)
    assert row == [(observed_at, 53.4, -2.9, None, 1.0, True, {"axle": 2}, True)]
    assert superuser.execute("select latitude_deg, temperature_c from device_state").fetchall() == [(53.4, 1.0)]


def test_batches_and_formats(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """JSON and CBOR, one reading or many, all end as readings."""
    truck = connect_device("truck-1")
    many = [json.loads(reading_json(seq)) for seq in range(1, 51)]
    truck.send(json.dumps(many[:20]).encode())
    truck.send(cbor2.dumps(many[20:49]))
    truck.send(cbor2.dumps(many[49]))
    truck.wait_until_safe(50)
    assert readings(superuser) == [("truck-1", 1, seq, 0) for seq in range(1, 51)]


def test_device_that_counts_nothing(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """A reading without a number is stored once however often it comes, a different one beside it; no receipts."""
    truck = connect_device("truck-1")
    for temperature in (4, 4, 5):
        truck.send(json.dumps({"observed_at": OBSERVED_AT, "temperature_c": temperature}).encode())
    truck.send_reading(1)
    truck.wait_until_safe(1)
    assert sorted(superuser.execute("select boot, temperature_c from reading").fetchall()) == [(0, 4), (0, 5), (1, 1)]
    assert superuser.execute("select boot from device_sequence").fetchall() == [(1,)]
    assert truck.receipts.empty()


def test_resent_reading_gets_a_receipt_again(
    ingestor: IngestorProcess, superuser: Conn, connect_device: Connect
) -> None:
    """A device that missed its receipt sends again and gets another; nothing is doubled."""
    truck = connect_device("truck-1")
    for _ in range(3):
        truck.send_reading(1)
        truck.wait_until_safe(1)
    assert readings(superuser) == [("truck-1", 1, 1, 0)]
    assert ingestor.metric("wayproof_ingest_readings_duplicate_total") == 2


def test_gaps_are_told_exactly(ingestor: IngestorProcess, connect_device: Connect) -> None:
    """What lies beyond a gap is named by ranges, as many receipts as it takes, and through grows when it closes."""
    truck = connect_device("truck-1")
    truck.send(b"[" + b",".join(reading_json(seq) for seq in range(2, 102, 2)) + b"]")
    told = [truck.receipts.get(timeout=60), truck.receipts.get(timeout=60)]
    assert [receipt.through for receipt in told] == [0, 0]
    assert [low for receipt in told for low, _ in receipt.beyond] == list(range(2, 102, 2))
    truck.send_reading(1)
    assert truck.wait_until_safe(2).beyond[0] == (4, 4)


def test_receipts_go_to_their_own_device(ingestor: IngestorProcess, connect_device: Connect) -> None:
    """Each device is told of its own readings and nobody else's."""
    one, two = connect_device("truck-1"), connect_device("truck-2")
    one.send_reading(1, boot=7)
    two.send_reading(1, boot=8)
    assert one.wait_until_safe(1, boot=7).boot == 7
    assert two.wait_until_safe(1, boot=8).boot == 8
    assert one.receipts.empty()
    assert two.receipts.empty()


def test_wrong_clock_is_kept_and_flagged(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """Readings from tomorrow, from 1970 and from 1024 weeks ago are stored with a flag and are not the latest."""
    truck = connect_device("truck-1")
    now = datetime.now(UTC)
    times = [now, now + timedelta(days=1), datetime(1970, 1, 1, tzinfo=UTC), now - timedelta(weeks=1024)]
    for seq, at in enumerate(times, 1):
        truck.send_reading(seq, observed_at=at.isoformat())
    truck.wait_until_safe(4)
    assert [(seq, bool(flags)) for _, _, seq, flags in readings(superuser)] == [
        (1, False),
        (2, True),
        (3, True),
        (4, True),
    ]
    assert superuser.execute("select seq, temperature_c from device_state").fetchall() == [(1, 1.0)]


def test_new_device_is_known_at_once(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """A device that was unknown a moment ago is known with its first message after registration."""
    truck = connect_device("truck-1", registered=False)
    truck.send_reading(1)
    eventually(lambda: superuser.execute("select reason from quarantine").fetchall() == [("unknown_device",)])
    superuser.execute("insert into device (tenant_id, name, kind) select tenant_id, 'truck-1', 'truck' from tenant")
    truck.send_reading(1)
    truck.wait_until_safe(1)
    assert readings(superuser) == [("truck-1", 1, 1, 0)]


def test_retired_device_is_unknown(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """A retired device is not heard any more, a second after its retirement at the latest."""
    truck = connect_device("truck-1")
    truck.send_reading(1)
    truck.wait_until_safe(1)
    superuser.execute("update device set retired_at = now()")
    time.sleep(1.1)
    truck.send_reading(2)
    row = eventually(lambda: superuser.execute("select reason, device from quarantine").fetchone())
    assert row == ("unknown_device", "truck-1")
    assert len(readings(superuser)) == 1


def test_metrics_and_health(ingestor: IngestorProcess, connect_device: Connect) -> None:
    """Health tells what is there, and metrics count what was done."""
    truck = connect_device("truck-1")
    for seq in (1, 2, 2):
        truck.send_reading(seq)
    truck.send(b"nonsense")
    truck.wait_until_safe(2)
    eventually(lambda: ingestor.metric("wayproof_ingest_messages_total") == 4)
    assert ingestor.metric("wayproof_ingest_readings_stored_total") == 2
    assert ingestor.metric("wayproof_ingest_readings_duplicate_total") == 1
    assert ingestor.metric('wayproof_ingest_quarantined_total{reason="unknown_format"}') == 1
    assert ingestor.metric("wayproof_ingest_queue_messages") == 0
    assert ingestor.get("/livez") == (200, "{}")
    assert ingestor.get("/readyz") == (200, '{"broker":true,"database":true}')
    assert ingestor.get("/nothing")[0] == 404
