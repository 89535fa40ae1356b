"""What waits in quarantine, decoded again by today's codec and registry, on the way that everything takes."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from wayproof.ingest.batcher import Chunk
from wayproof.ingest.decoding import decode_all
from wayproof.ingest.devices import named_device
from wayproof.model.errors import QuarantineReason
from wayproof.store.intake import Batch, write_batch
from wayproof.store.pool import Conn
from wayproof.store.quarantine import KeptMessage, Message, digest, read_kept, release
from wayproof.store.registry import find_devices

AT_ONCE: Final = 500
"""Messages in a transaction: 32 MiB at most, as long as brokers keep to the size that we tell them."""


class Replayed(Struct, frozen=True, kw_only=True):
    """What became of kept messages."""

    #: Messages that are readings now, and wait no more.
    released: int
    #: Readings that are new.
    stored: int
    #: Readings that were stored before.
    duplicates: int
    #: Messages that wait on, by today's reason.
    still_kept: Counter[QuarantineReason]


def replay(conn: Conn, ids: Sequence[int]) -> Replayed:
    """Stores what can be understood now; the rest stays, with today's reason. At most AT_ONCE ids.

    `conn` stands outside any transaction, under the ingestors' role. Clocks are judged as of the first arrival.
    Readings are committed before their message is released: who dies in between leaves duplicates for the next replay,
    and they are known as such. Unavailable where the database does not serve.
    """
    kept = read_kept(conn, ids)
    # What no device could have sent today either is left as it is.
    sent = [message for message in kept if named_device(message.topic.encode())]
    written = write_batch(conn, _decode(conn, sent))
    failed = {digest(r.message.topic, r.raw): r.reason for r in written.rejections}
    reasons = {m.quarantine_id: failed.get(digest(m.topic, m.payload)) for m in sent}
    done = [quarantine_id for quarantine_id, reason in reasons.items() if reason is None]
    release(conn, done)
    return Replayed(
        released=len(done),
        stored=written.stored,
        duplicates=written.duplicates,
        still_kept=Counter(r for m in kept if (r := reasons.get(m.quarantine_id, m.reason))),
    )


def _decode(conn: Conn, kept: Sequence[KeptMessage]) -> Batch:
    devices = find_devices(conn, {message.device for message in kept if message.device})
    topics = {m.topic.encode(): devices[m.device] for m in kept if m.device in devices}
    chunks = [
        Chunk(messages=[(m.topic.encode(), m.payload, 0)], received_at=m.first_received_at, epoch=0) for m in kept
    ]
    batch = decode_all(chunks, topics)
    return Batch(
        arrivals=batch.arrivals,
        message=lambda number: _known(batch.message(number)),
        rejections=[replace(r, message=_known(r.message)) for r in batch.rejections],
    )


def _known(message: Message) -> Message:
    return replace(message, is_new=False)
