"""`device_sequence`: which `(boot, seq)` of a device are safe. Exact sets, whoever commits first."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from msgspec import Struct

from wayproof.model.reading import UNCOUNTED_BOOT
from wayproof.store.pool import Conn
from wayproof.store.quarantine import Rejection
from wayproof.store.queries import load
from wayproof.store.readings import Arrival

_SQL: Final = load("sequences")


class Progress(Struct, frozen=True, kw_only=True):
    """What is safe of one boot of a device."""

    device_id: int
    boot: int
    #: Every seq from 1 up to this one is safe; 0 while 1 is missing.
    through: int
    #: Inclusive ranges above `through`, ascending: the lowest, and all that hold something of what was added just now.
    beyond: tuple[tuple[int, int], ...]


def add_sequences(conn: Conn, arrivals: Iterable[Arrival], rejections: Iterable[Rejection]) -> list[Progress]:
    """Counts what was received as safe, in the caller's transaction: stored now or before, or set aside.

    A rejection counts where its number could be read, or it would block the device's outbox for ever. Devices that
    count nothing are left out.
    """
    seqs = _group(chain(_of_arrivals(arrivals), _of_rejections(rejections)))
    if not seqs:
        return []
    params = {
        "device_id": [device_id for device_id, _ in seqs],
        "boot": [boot for _, boot in seqs],
        "seqs": [_multirange(numbers) for numbers in seqs.values()],
    }
    rows = conn.execute(_SQL["add_sequences"], params, prepare=True)
    return [
        Progress(device_id=device_id, boot=boot, through=through, beyond=tuple((low, high) for low, high in beyond))
        for device_id, boot, through, beyond in rows
    ]


def _of_arrivals(arrivals: Iterable[Arrival]) -> Iterator[tuple[int, int, int]]:
    return ((a.device_id, a.reading.boot, a.reading.seq) for a in arrivals if a.reading.boot != UNCOUNTED_BOOT)


def _of_rejections(rejections: Iterable[Rejection]) -> Iterator[tuple[int, int, int]]:
    for rejection in rejections:
        if rejection.message.device and rejection.boot and rejection.seq:
            yield rejection.message.device.device_id, rejection.boot, rejection.seq


def _group(numbered: Iterable[tuple[int, int, int]]) -> dict[tuple[int, int], set[int]]:
    groups: dict[tuple[int, int], set[int]] = {}
    for device_id, boot, seq in numbered:
        groups.setdefault((device_id, boot), set()).add(seq)
    return groups


def _multirange(numbers: set[int]) -> str:
    """The numbers as int8multirange; PostgreSQL joins neighbours by itself."""
    return "{" + ",".join(f"[{number},{number}]" for number in sorted(numbers)) + "}"
