"""What stood where when: hot spans of devices, what they rode with, and things at places."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np

from wayproof.model.errors import NotFound
from wayproof.store.arrays import Int4Array, TimestamptzArray
from wayproof.store.microseconds import to_microseconds
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.reduce import ROLLED_UP
from wayproof.store.rows import fetch_tuples, one_plan

_SQL: Final = load("exposures")
_PART: Final = "/254/%"
"""A GLN's extension (GS1 General Specifications §3.7.9): a part of the place."""


class Span(NamedTuple):
    """A device's time [since, until)."""

    device_id: int
    since: datetime
    until: datetime


class Rode(NamedTuple):
    """A shipment that the device of the span at `place` (from 0) was on, within [low, high)."""

    place: int
    shipment_id: UUID
    reference: str
    low: datetime
    high: datetime


def list_devices(conn: Conn, name: str | None) -> Mapping[int, str]:
    """Names of the tenant's devices by number, or of the one of that name; NotFound where there is none such."""
    found: dict[int, str] = dict(fetch_tuples(conn, _SQL["device_ids"], {"name": name}))
    if name is not None and not found:
        raise NotFound(f"no device {name!r}")
    return found


def hot_spans(
    conn: Conn,
    device_ids: Collection[int],
    *,
    above: float | None,
    below: float | None,
    since: datetime,
    until: datetime,
    as_of: datetime,
    is_plain: bool = False,
) -> list[Span]:
    """Spans of quarters of an hour in which devices told a temperature beyond a limit.

    Quarters are one span where no reading lies between them that was received by `as_of`. The rollups tell which they
    are; `is_plain` asks every reading instead, for comparison.
    """
    params = {
        "device_ids": list(device_ids),
        "measure": ROLLED_UP["temperature_c"],
        "above": above,
        "below": below,
        "since": since,
        "until": until,
        "as_of": as_of,
    }
    with one_plan(conn):
        rows = fetch_tuples(conn, _SQL["plain_hot_spans" if is_plain else "hot_spans"], params)
    return [Span(*row) for row in rows]


def list_temperatures(conn: Conn, spans: Sequence[Span], *, as_of: datetime) -> list[list[tuple[datetime, float]]]:
    """Times and degrees Celsius of each span, of two readings of one instant the last."""
    found: list[dict[datetime, float]] = [{} for _ in spans]
    with one_plan(conn):
        for place, at, value in fetch_tuples(conn, _SQL["readings"], {**_spans(spans), "as_of": as_of}):
            found[place][at] = value
    return [list(each.items()) for each in found]


def list_rides(conn: Conn, spans: Sequence[Span]) -> list[Rode]:
    """The shipments that devices were on, within their spans."""
    return [Rode(*row) for row in fetch_tuples(conn, _SQL["rode_with"], _spans(spans))]


def list_seen_at(
    conn: Conn, place: str, *, words: Sequence[str], since: datetime, until: datetime, as_of: datetime
) -> list[UUID]:
    """Things that may have been at a place, or a part of it, within [since, until), by their own events.

    `words` are `trace.query.words` of events that name it or a part as where things were.
    """
    params = {**_place(place), "near": "|".join(words), "since": since, "until": until, "as_of": as_of}
    return [node for (node,) in fetch_tuples(conn, _SQL["seen_at"], params)]


def is_told_of(conn: Conn, words: Sequence[str], *, as_of: datetime) -> bool:
    """Whether any event has one of the `trace.query.words`."""
    [(is_told,)] = fetch_tuples(conn, _SQL["is_told_of"], {"words": "|".join(words), "as_of": as_of})
    return bool(is_told)


def list_from(
    conn: Conn,
    source: str,
    *,
    words: Sequence[str],
    near: Sequence[str],
    steps: Collection[str],
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> list[tuple[UUID, datetime]]:
    """Things that came from a party or place within [since, until), and since when.

    Args:
        conn: within a transaction of the tenant.
        source: canonical URI of the party or place.
        words: `trace.query.words` of events that name it as a source.
        near: those of events that name it or a part of it as where things were.
        steps: business steps by which something leaves the place at which they happen.
        since: of event times.
        until: of event times.
        as_of: of record times.
    """
    params = {
        **_place(source),
        "words": "|".join(words),
        "near": "|".join(near),
        "steps": list(steps),
        "since": since,
        "until": until,
        "as_of": as_of,
    }
    return [(node, at) for node, at in fetch_tuples(conn, _SQL["came_from"], params)]


def newest_record(conn: Conn) -> datetime | None:
    """Record time of the tenant's newest event that this transaction sees; None where it has none."""
    at: datetime | None = fetch_tuples(conn, _SQL["newest_record"], {})[0][0]
    return at


def _place(uri: str) -> dict[str, str]:
    escaped = uri.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {"place": uri, "below": escaped + _PART}


def _spans(spans: Sequence[Span]) -> dict[str, Any]:
    return {
        "device_ids": Int4Array(np.array([span.device_id for span in spans], int)),
        "sinces": _times([span.since for span in spans]),
        "untils": _times([span.until for span in spans]),
    }


def _times(values: Sequence[datetime]) -> TimestamptzArray:
    return TimestamptzArray(np.array([to_microseconds(value) for value in values], np.int64))
