"""Bad input ends in quarantine with its reason; its neighbours are stored, and nothing crashes."""

import json
import queue
from collections.abc import Callable
from typing import Any, Final

import cbor2
import pytest

from wayproof.model.errors import QuarantineReason
from wayproof.store.pool import Conn

from fix_ingest import OBSERVED_AT, Device, IngestorProcess, eventually, reading_json

Connect = Callable[..., Device]


def fields(**changed: Any) -> bytes:
    """A reading of boot 9 as JSON, with some fields replaced."""
    return json.dumps({"observed_at": OBSERVED_AT, "boot": 9, "seq": 1, **changed}).encode()


def raw(number: str) -> bytes:
    """A reading whose temperature is that JSON text."""
    return fields(temperature_c=0).replace(b'"temperature_c": 0', f'"temperature_c": {number}'.encode())


POISON: Final = {
    "empty": (b"", "empty_payload"),
    "empty batch": (b"[]", "empty_payload"),
    "nonsense": (b"\xff\xfe\x00", "unknown_format"),
    "cut JSON": (b'{"observed_at": "2026-', "malformed_json"),
    "deep JSON": (b"[" * 20_000, "malformed_json"),
    "text that is no UTF-8": (b'{"observed_at": "\xff"}', "malformed_json"),
    "cut CBOR": (cbor2.dumps({"observed_at": OBSERVED_AT})[:-3], "malformed_cbor"),
    "CBOR that promises 2^62 items": (b"\x9b\x3f" + b"\xff" * 7, "malformed_cbor"),
    "deep CBOR": (b"\x81" * 30_000, "malformed_cbor"),
    "CBOR that refers to itself": (bytes.fromhex("81d81c81d81d00"), "malformed_cbor"),
    "NaN": (raw("NaN"), "invalid_reading"),
    "infinity in CBOR": (
        cbor2.dumps({"observed_at": OBSERVED_AT, "boot": 9, "seq": 1, "temperature_c": float("inf")}),
        "invalid_reading",
    ),
    "1e400": (raw("1e400"), None),
    "NUL": (fields(extra={"text": "a\0b"}), "invalid_reading"),
    "latitude of 91": (fields(latitude_deg=91, longitude_deg=0), "invalid_reading"),
    "longitude of -181": (fields(latitude_deg=0, longitude_deg=-181), "invalid_reading"),
    "naive time": (fields(observed_at="2026-03-02T12:00:00"), "invalid_reading"),
    "year 9999": (fields(observed_at="9999-12-31T23:59:59-12:00"), "invalid_reading"),
    "no time": (b'{"temperature_c": 1}', "invalid_reading"),
    "unknown field": (fields(temprature_c=1), "invalid_reading"),
    "text for a number": (fields(temperature_c="5"), "invalid_reading"),
    "seq of 2^63": (fields(seq=2**63), "invalid_reading"),
    "boot of 2^31": (fields(boot=2**31), "invalid_reading"),
    "boot alone": (json.dumps({"observed_at": OBSERVED_AT, "boot": 9}).encode(), "invalid_reading"),
}


def quarantined(conn: Conn) -> list[tuple[Any, ...]]:
    """Raw bytes, reason and detail of what was set aside."""
    return conn.execute("select payload, reason, detail from quarantine").fetchall()


def test_every_poison_is_set_aside(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """Each kind of bad input is kept byte for byte with its reason; the reading sent after each one is stored."""
    truck = connect_device("truck-1")
    for seq, (payload, _) in enumerate(POISON.values(), 1):
        truck.send(payload)
        truck.send_reading(seq)
    truck.wait_until_safe(len(POISON))
    found = {payload: (reason, detail) for payload, reason, detail in quarantined(superuser)}
    reasons = {name: found[payload][0] for name, (payload, _) in POISON.items()}
    expected = {name: reason or reasons[name] for name, (_, reason) in POISON.items()}
    assert reasons == expected
    assert all(detail for _, detail in found.values())
    assert reasons["1e400"] in {"malformed_json", "invalid_reading"}
    assert superuser.execute("select count(*) from reading").fetchone() == (len(POISON),)
    assert ingestor.logged("codec failed") == []
    assert set(superuser.execute("select device, tenant_id is not null from quarantine").fetchall()) == {
        ("truck-1", True)
    }


def test_bad_item_leaves_its_neighbours(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """Of a batch with a bad item, that item alone is set aside; it counts as safe, so the outbox can go on."""
    truck = connect_device("truck-1")
    bad = reading_json(2, temperature_c=-300)
    truck.send(b"[" + b",".join([reading_json(1), bad, reading_json(3)]) + b"]")
    truck.wait_until_safe(3)
    assert superuser.execute("select seq from reading order by seq").fetchall() == [(1,), (3,)]
    ((payload, reason, _),) = quarantined(superuser)
    assert (payload, reason) == (bad, "invalid_reading")


@pytest.mark.parametrize("name", ["truck..1", "-truck", "truck 1", "tr\u00fcck", "t" * 65])
def test_bad_name_is_set_aside(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect, name: str) -> None:
    """A topic whose name can be no device's is set aside, whatever the broker lets pass."""
    connect_device(name, registered=False).send_reading(1)
    rows = eventually(lambda: superuser.execute("select topic, device, reason, tenant_id from quarantine").fetchall())
    assert rows == [(f"wp/v1/{name}/readings", None, QuarantineReason.BAD_TOPIC, None)]


def test_unknown_device_is_set_aside(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """A name that nobody registered is set aside with its bytes, and its neighbour is stored."""
    stranger, truck = connect_device("stranger", registered=False), connect_device("truck-1")
    stranger.send_reading(1)
    stranger.wait_for_broker()
    truck.send_reading(1)
    truck.wait_until_safe(1)
    ((payload, reason, _),) = eventually(lambda: quarantined(superuser))
    assert (payload, reason) == (reading_json(1), "unknown_device")
    assert stranger.receipts.empty()


def test_too_large_for_the_broker(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """The broker throws out who sends a megabyte; what is just below its limit comes through and is set aside."""
    glutton, truck = connect_device("truck-2"), connect_device("truck-1")
    thrown_out: queue.Queue[bool] = queue.Queue()
    glutton.client.on_disconnect = lambda *_: thrown_out.put(True)
    glutton.send(b"{" + b" " * 2**20)
    assert thrown_out.get(timeout=60)
    truck.send(b"{" + b" " * 60_000)
    truck.send_reading(1)
    truck.wait_until_safe(1)
    assert [len(payload) for payload, _, _ in quarantined(superuser)] == [60_001]
