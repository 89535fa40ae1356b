"""When devices told a temperature beyond a limit, and what rode with them then."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from wayproof.model.clock import LATEST
from wayproof.model.custody import shipment_item
from wayproof.store import exposures, graph
from wayproof.store.exposures import Span
from wayproof.store.pool import Conn
from wayproof.trace.exports.temperature import MAX_GAP, Band, Run, runs
from wayproof.trace.graph.build import key_of
from wayproof.trace.recall.criteria import Exposure
from wayproof.trace.recall.presence import PLACE, present
from wayproof.trace.recall.stays import Stay, carriers, opened

Interval = tuple[datetime, datetime]
LOGISTIC_UNIT: Final = "https://id.gs1.org/00/"
_DEVICE: Final = "urn:wayproof:device:"
_TOUCH: Final = timedelta(microseconds=1)
"""Stays end with their last microsecond."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heat:
    """One unbroken time beyond the limit, as one device saw it."""

    device_id: int
    device: str
    begins_at: datetime
    ends_at: datetime
    #: -1 below the limit, 1 above.
    side: int
    #: The most extreme temperature.
    peak_c: float
    #: In which of it readings held: half-open, in order, none touching another.
    known: tuple[Interval, ...]

    @property
    def known_s(self) -> float:
        """How much of it is known."""
        return sum(seconds(*each) for each in self.known)

    @property
    def unknown_s(self) -> float:
        """How much of it nobody saw."""
        return seconds(self.begins_at, self.ends_at) - self.known_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposed:
    """How long a thing itself stood beyond the limit, without a break."""

    node: UUID
    begins_at: datetime
    ends_at: datetime
    known_s: float
    #: Of the time in between.
    unknown_s: float
    peak_c: float
    devices: tuple[str, ...]
    #: How much of a lot stood there at most; None: nobody told.
    quantity: float | None
    unit: str | None


def find_heat(conn: Conn, exposure: Exposure, *, as_of: datetime, is_plain: bool = False) -> list[Heat]:
    """Every time beyond the limit that readings received by `as_of` tell, by device and time."""
    names = exposures.list_devices(conn, exposure.device)
    until = min(exposure.until, as_of)
    spans = exposures.hot_spans(
        conn,
        names,
        above=exposure.above_c,
        below=exposure.below_c,
        since=exposure.since - MAX_GAP,
        until=until,
        as_of=as_of,
        is_plain=is_plain,
    )
    # What comes after the last one tells how long it held.
    read = [span._replace(until=span.until + MAX_GAP) for span in spans]
    band = Band(min_c=exposure.below_c, max_c=exposure.above_c)
    found = zip(read, exposures.list_temperatures(conn, read, as_of=as_of), strict=True)
    heat = (
        _heat(span.device_id, names[span.device_id], run, exposure.since, until)
        for span, samples in found
        for run in runs(samples, band, LATEST)
    )
    return [each for each in heat if each.begins_at < each.ends_at]


def find_exposed(
    conn: Conn, tenant_id: UUID, heat: Sequence[Heat], *, as_of: datetime | None, journal_as_of: datetime
) -> tuple[list[Exposed], Mapping[int, list[str]]]:
    """How long which things stood in the heat, and which shipments rode with each of its devices, by number of heat."""
    spans = [Span(each.device_id, each.begins_at, each.ends_at) for each in heat]
    rides = exposures.list_rides(conn, spans)
    sensors = [
        Stay(place, key_of(tenant_id, _DEVICE + each.device), each.begins_at, each.ends_at)
        for place, each in enumerate(heat)
    ]
    borne, equipment = carriers(conn, sensors, as_of)
    borne += [
        Stay(ride.place, key_of(tenant_id, shipment_item(ride.shipment_id)), ride.low, ride.high - _TOUCH)
        for ride in rides
    ]
    borne = _with_places_filled(conn, borne, as_of, journal_as_of)
    stood: defaultdict[UUID, list[Stay]] = defaultdict(list)
    for stay in opened(conn, borne, as_of, with_attached=True):
        stood[stay.node].append(stay)
    for node in _no_goods(conn, sensors, equipment):
        stood.pop(node, None)
    shipments: defaultdict[int, list[str]] = defaultdict(list)
    for ride in rides:
        shipments[ride.place].append(ride.reference)
    return [each for node, stays in stood.items() for each in _exposed(node, stays, heat)], shipments


def _no_goods(conn: Conn, sensors: Sequence[Stay], equipment: set[UUID]) -> set[UUID]:
    """Sensors and what they belong to, such as trucks. A pallet to which a tracker is tied is goods nevertheless."""
    uris = graph.uris(conn, equipment)
    pallets = {node for node, uri in uris.items() if uri.startswith(LOGISTIC_UNIT)}
    return {sensor.node for sensor in sensors} | (equipment - pallets)


def _with_places_filled(
    conn: Conn, borne: Sequence[Stay], as_of: datetime | None, journal_as_of: datetime
) -> list[Stay]:
    """What was at places to which sensors belong, instead of the places: these are no goods."""
    uris = graph.uris(conn, {stay.node for stay in borne})
    places = {stay: uri for stay in borne if (uri := uris.get(stay.node, "")).startswith(PLACE)}
    return [stay for stay in borne if stay not in places] + [
        Stay(stay.origin, node, low, high)
        for stay, uri in places.items()
        for node, low, high in present(
            conn, uri, since=stay.low, until=stay.high, as_of=as_of, journal_as_of=journal_as_of
        )
    ]


def _heat(device_id: int, device: str, run: Run, since: datetime, until: datetime) -> Heat:
    known = _joined(clipped((at, at + holds), since, until) for at, _, holds in run.held)
    return Heat(
        device_id=device_id,
        device=device,
        begins_at=max(run.begins_at, since),
        ends_at=min(run.ends_at, until),
        side=run.side,
        peak_c=run.peak_c,
        known=known,
    )


def _exposed(node: UUID, stays: Sequence[Stay], heat: Sequence[Heat]) -> list[Exposed]:
    """One for each unbroken time; a thing that goes from one hot truck to another, or is packed anew, stands on."""
    pieces = sorted(
        (
            (max(stay.low, heat[stay.origin].begins_at), min(stay.high, heat[stay.origin].ends_at), stay)
            for stay in stays
        ),
        key=lambda piece: piece[:2],
    )
    groups: list[list[tuple[datetime, datetime, Stay]]] = []
    end = datetime.min.replace(tzinfo=UTC)
    for low, high, stay in pieces:
        if low > end + _TOUCH:
            groups.append([])
        groups[-1].append((low, high, stay))
        end = max(end, high) if len(groups[-1]) > 1 else high
    return [_of_pieces(node, group, heat) for group in groups]


def _of_pieces(node: UUID, pieces: Sequence[tuple[datetime, datetime, Stay]], heat: Sequence[Heat]) -> Exposed:
    known = _joined(clipped(each, low, high + _TOUCH) for low, high, stay in pieces for each in heat[stay.origin].known)
    begins_at, ends_at = pieces[0][0], max(high for _, high, _ in pieces)
    known_s = sum(seconds(*each) for each in known)
    seen = [heat[stay.origin] for _, _, stay in pieces]
    much = [stay for _, _, stay in pieces if stay.quantity is not None]
    most = max(much, key=lambda stay: stay.quantity or 0.0, default=None)
    return Exposed(
        node=node,
        begins_at=begins_at,
        ends_at=ends_at,
        known_s=known_s,
        unknown_s=max(seconds(begins_at, ends_at) - known_s, 0.0),
        peak_c=max(seen, key=lambda each: each.side * each.peak_c).peak_c,
        devices=tuple(sorted({each.device for each in seen})),
        quantity=most.quantity if most else None,
        unit=most.unit if most else None,
    )


def clipped(interval: Interval, low: datetime, high: datetime) -> Interval:
    """What of an interval lies within another; its end may come before its beginning where nothing does."""
    return max(interval[0], low), min(interval[1], high)


def _joined(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Half-open intervals that meet nowhere, covering the same time."""
    joined: list[Interval] = []
    for low, high in sorted(intervals):
        if low >= high:
            continue
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return tuple(joined)


def seconds(low: datetime, high: datetime) -> float:
    """From one time to another."""
    return (high - low).total_seconds()
