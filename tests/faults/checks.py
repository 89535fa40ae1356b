"""What must hold, recomputed from raw readings by other means than those that keep it."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from wayproof.devices.publisher import Observation
from wayproof.model.clock import judge_clock
from wayproof.model.reading import MEASURES
from wayproof.store.pool import Conn
from wayproof.store.queries import load

from faults.fleet import SKEWS
from faults.stack import Stack
from faults.story import BOOT, FLEET, Identity, RawMessage, observation, skewed

_SQL: Final = load("checks", "faults")
_SHOWN: Final = 5


@dataclass(frozen=True, kw_only=True)
class Outboxes:
    """What the devices' files say once nobody holds them."""

    recorded: dict[Identity, Observation]
    pending: set[Identity]


def read_outboxes(stack: Stack) -> Outboxes:
    """What was recorded, and what of it waits."""
    recorded: dict[Identity, Observation] = {}
    pending: set[Identity] = set()
    for device in FLEET:
        connection = sqlite3.connect(stack.fleet.folder / f"{device}.db")
        try:
            ((end,),) = connection.execute("select next_seq from outbox").fetchall()
            pending |= {(device, BOOT, seq) for (seq,) in connection.execute("select seq from pending")}
        finally:
            connection.close()
        recorded |= {(device, BOOT, seq): observed for seq, observed in _told(stack, device, end)}
    return Outboxes(recorded=recorded, pending=pending)


def _told(stack: Stack, device: str, end: int) -> Iterator[tuple[int, Observation]]:
    """What the device observed as its numbers before `end`, by its own clock."""
    lines = map(json.loads, (stack.fleet.folder / SKEWS).read_text().splitlines())
    offsets_s = {first: offset_s for name, first, offset_s in lines if name == device}
    offset_s = 0.0
    for seq in range(1, end):
        offset_s = offsets_s.get(seq, offset_s)
        yield seq, skewed(observation(stack.story, device, seq), offset_s)


def check_receipted(conn: Conn, receipted: set[Identity]) -> None:
    """A receipt means stored. What is `receipted` must have been read before."""
    conn.execute(_SQL["define_every_reading"])
    lost = receipted - set(conn.execute(_SQL["numbers"]).fetchall())
    assert not lost, f"receipted and not stored: {_some(lost)}"


def check_everything(conn: Conn, outboxes: Outboxes, raw: list[RawMessage]) -> int:
    """All that was sent is stored, once and as it was; the rest is set aside; what is derived fits. How many."""
    conn.execute(_SQL["define_every_reading"])
    assert outboxes.pending == set()
    expected = outboxes.recorded | dict(reading for message in raw for reading in message.readings)
    _check_readings(conn, expected)
    _check_quarantine(conn, raw)
    excused = [identity for message in raw for identity in message.excused]
    numbers = dict(zip(("names", "boots", "seqs"), map(list, zip(*excused, strict=True)), strict=True))
    for name in ("wrong_states", "wrong_rollups", "wrong_sequences"):
        wrong = conn.execute(_SQL[name], numbers or {"names": [], "boots": [], "seqs": []}).fetchall()
        assert not wrong, f"{name}: {_some(wrong)}"
    return len(expected)


def _check_readings(conn: Conn, expected: dict[Identity, Observation]) -> None:
    rows = conn.execute(_SQL["stored"]).fetchall()
    stored = {row[:3]: row[3:] for row in rows}
    doubled = [identity for identity, count in Counter(row[:3] for row in rows).items() if count > 1]
    assert not doubled, f"stored twice: {_some(doubled)}"
    assert not (lost := expected.keys() - stored.keys()), f"lost: {_some(lost)}"
    assert not (odd := stored.keys() - expected.keys()), f"stored and never sent: {_some(odd)}"
    wrong = [(key, stored[key], value) for key, value in expected.items() if not _is_same(stored[key], value)]
    assert not wrong, f"not as they were sent: {_some(wrong)}"


def _is_same(row: tuple[Any, ...], sent: Observation) -> bool:
    stored_at, received_at, flags, *values = row
    observed_at, measures = sent
    same_values = values == [getattr(measures, name) for name in MEASURES]
    return same_values and stored_at == observed_at and flags == judge_clock(observed_at, received_at)


def _check_quarantine(conn: Conn, raw: list[RawMessage]) -> None:
    expected = {(message.device, item) for message in raw for item in message.set_aside}
    rows = conn.execute(_SQL["quarantined"]).fetchall()
    found = {(device, bytes(payload)) for device, payload, _ in rows}
    assert len(found) == len(rows), "the same bytes are set aside twice"
    assert not (lost := expected - found), f"poison that is nowhere: {_some(lost)}"
    assert not (odd := [row for row in rows if (row[0], bytes(row[1])) not in expected]), f"set aside: {_some(odd)}"


def missing(conn: Conn, raw: list[RawMessage]) -> bool:
    """Whether something of the bare clients has not come by now."""
    conn.execute(_SQL["define_every_reading"])
    stored = set(conn.execute(_SQL["numbers"]).fetchall())
    rows = conn.execute(_SQL["quarantined"]).fetchall()
    found = {(device, bytes(payload)) for device, payload, _ in rows}
    return any(
        not {identity for identity, _ in message.readings} <= stored
        or not {(message.device, item) for item in message.set_aside} <= found
        for message in raw
    )


def _some(items: Iterable[Any]) -> str:
    listed = sorted(items, key=repr)
    return f"{len(listed)}, such as {listed[:_SHOWN]}"
