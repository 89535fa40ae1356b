"""Nothing bad vanishes: it is kept byte for byte, once, and counted."""

from datetime import datetime, timedelta

import pytest

from wayproof.model.errors import QuarantineReason
from wayproof.store import quarantine
from wayproof.store.pool import Conn
from wayproof.store.quarantine import Dropped, Message, Rejection, digest, drop_old, drop_surplus, put_aside
from wayproof.store.registry import KnownDevice

from fix_intake import NOON, rejection


def later(device: KnownDevice | None, raw: bytes, reason: QuarantineReason) -> Rejection:
    """The same bytes an hour later, with another verdict."""
    first = rejection(device, raw)
    message = Message(
        topic=first.message.topic,
        payload=raw,
        received_at=NOON + timedelta(hours=1),
        device_name="truck-1",
        device=device,
    )
    return Rejection(message=message, raw=raw, reason=reason, detail="later")


def test_bytes_are_kept_with_topic_time_and_reason(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """A rejection keeps the raw bytes, NULs included, and says where, when, whose and why."""
    raw = bytes(range(256))
    put_aside(ingest_conn, [rejection(truck, raw)])
    row = superuser.execute(
        "select digest, tenant_id, device, topic, payload, reason, detail, times_received, first_received_at,"
        " last_received_at from quarantine"
    ).fetchone()
    topic = "wp/v1/truck-1/readings"
    kept = (digest(topic, raw), truck.tenant_id, "truck-1", topic, raw, "unknown_format", "not a reading")
    assert row == (*kept, 1, NOON, NOON)


def test_same_bytes_are_one_row(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """The same bytes on the same topic are counted, in one batch and over batches; the last verdict stands."""
    put_aside(ingest_conn, [rejection(None, b"a"), rejection(None, b"a"), rejection(None, b"b")])
    put_aside(ingest_conn, [later(truck, b"a", QuarantineReason.INVALID_READING)])
    put_aside(ingest_conn, [rejection(None, b"a")])
    rows = superuser.execute(
        "select payload, times_received, reason, tenant_id, first_received_at, last_received_at"
        " from quarantine order by payload"
    ).fetchall()
    assert rows == [
        (b"a", 4, "invalid_reading", truck.tenant_id, NOON, NOON + timedelta(hours=1)),
        (b"b", 1, "unknown_format", None, NOON, NOON),
    ]


def test_topic_is_part_of_the_identity() -> None:
    """The same bytes on another topic are another row, wherever the topic ends."""
    assert len({digest("a", b"bc"), digest("ab", b"c"), digest("abc", b"")}) == 3


def test_any_detail_can_be_kept(ingest_conn: Conn, superuser: Conn) -> None:
    """NULs, lone surrogates and endless texts in a detail do not keep the bytes from being kept."""
    put_aside(ingest_conn, [rejection(None, detail="a\0b\ud800" + "c" * 5000)])
    (detail,) = superuser.execute("select detail from quarantine").fetchone() or ("",)
    assert detail.startswith("a\\x00b\\ud800c")
    assert len(detail) == 1000


def received(device: str, raw: bytes, received_at: datetime) -> Rejection:
    """Bytes that came under a device's name at that time."""
    message = Message(
        topic=f"wp/v1/{device}/readings", payload=raw, received_at=received_at, device_name=device, device=None
    )
    return Rejection(message=message, raw=raw, reason=QuarantineReason.UNKNOWN_FORMAT, detail="odd")


def waiting(conn: Conn) -> list[bytes]:
    """The bytes that wait, in order."""
    return [payload for (payload,) in conn.execute("select payload from quarantine order by payload").fetchall()]


@pytest.fixture(params=[1, 1000])
def part(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drops in one part or in many."""
    monkeypatch.setattr(quarantine, "_MOST_DROPPED", request.param)


@pytest.mark.usefixtures("part")
def test_old_is_dropped_by_its_last_arrival(ingest_conn: Conn, superuser: Conn) -> None:
    """What has not come for long goes, and is told of; what came again lately stays."""
    hours = [NOON + timedelta(hours=n) for n in range(4)]
    put_aside(ingest_conn, [received("a", b"old", hours[0]), received("a", b"again", hours[0])])
    put_aside(ingest_conn, [received("a", b"older", hours[1]), received("a", b"again", hours[3])])
    dropped = list(drop_old(ingest_conn, before=hours[2]))
    assert waiting(superuser) == [b"again"]
    assert sum(gone.messages for gone in dropped) == 2
    assert sum(gone.payload_bytes for gone in dropped) == len(b"old" + b"older")
    assert {(gone.device, gone.reason) for gone in dropped} == {("a", QuarantineReason.UNKNOWN_FORMAT)}
    assert min(gone.first_received_at for gone in dropped) == hours[0]
    assert max(gone.last_received_at for gone in dropped) == hours[1]


@pytest.mark.usefixtures("part")
def test_who_floods_loses_its_own_oldest(ingest_conn: Conn, superuser: Conn) -> None:
    """Beyond its share a device's oldest go, however small they are; another device's stay, however old."""
    flood = [received("a", b"a%d" % n, NOON + timedelta(seconds=n)) for n in range(8)]
    put_aside(ingest_conn, [received("b", b"b", NOON - timedelta(days=80)), *flood])
    dropped: list[Dropped] = list(drop_surplus(ingest_conn, most_bytes=3 * 600))
    assert waiting(superuser) == [b"a5", b"a6", b"a7", b"b"]
    assert {gone.device for gone in dropped} == {"a"}
    assert sum(gone.messages for gone in dropped) == 5
    assert list(drop_surplus(ingest_conn, most_bytes=3 * 600)) == []
