"""Nothing bad vanishes: it is kept byte for byte, once, and counted."""

from datetime import timedelta

from wayproof.model.errors import QuarantineReason
from wayproof.store.pool import Conn
from wayproof.store.quarantine import Message, Rejection, digest, put_aside
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
