"""`device_sequence`: which `(boot, seq)` of a device are safe. Exact sets, whoever commits first."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from wayproof.store.arrays import Int4Array, Int8Array
from wayproof.store.columns import Columns
from wayproof.store.pool import Conn
from wayproof.store.quarantine import Rejection
from wayproof.store.queries import load
from wayproof.store.reduce import runs

_SQL: Final = load("sequences")


class Progress(Struct, frozen=True, kw_only=True):
    """What is safe of one boot of a device."""

    device_id: int
    boot: int
    #: Every seq from 1 up to this one is safe; 0 while 1 is missing.
    through: int
    #: Inclusive ranges above `through`, ascending: the lowest, and all that hold something of what was added just now.
    beyond: tuple[tuple[int, int], ...]


def add_sequences(conn: Conn, arrivals: Columns, rejections: Sequence[Rejection]) -> list[Progress]:
    """Counts what was received as safe, in the caller's transaction: stored now or before, or set aside.

    A rejection counts where its number could be read, or it would block the device's outbox for ever. Devices that
    count nothing are left out.
    """
    numbered = [
        (r.message.device.device_id, r.boot, r.seq) for r in rejections if r.message.device and r.boot and r.seq
    ]
    set_aside = np.array(numbered, np.int64).reshape(-1, 3).T
    received = np.stack([arrivals.device_id, arrivals.boot, arrivals.seq])
    added = runs(*np.concatenate([received, set_aside], axis=1))
    if not len(added.low):
        return []
    params = {
        "device_id": Int4Array(added.device_id),
        "boot": Int4Array(added.boot),
        "low": Int8Array(added.low),
        "high": Int8Array(added.high),
    }
    rows = conn.execute(_SQL["add_sequences"], params, prepare=True)
    return [
        Progress(device_id=device_id, boot=boot, through=through, beyond=tuple((low, high) for low, high in beyond))
        for device_id, boot, through, beyond in rows
    ]
