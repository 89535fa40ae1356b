"""Where a lorry goes, one leg after the other, for ever: it waits at a dock, drives to the next city, waits there.

A leg begins when the lorry arrives at its origin. Times are whole seconds since 1970.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from wayproof.devices.simulator.chance import Chance
from wayproof.devices.simulator.drive import Drive, plan_drive
from wayproof.devices.simulator.places import NEIGHBOURS, City
from wayproof.devices.simulator.response import Span
from wayproof.devices.simulator.roads import Road, road_between

_LONGEST_DAY_S: Final = 9 * 3600  # Regulation (EC) 561/2006 article 6
_NIGHT_S: Final = (11 * 3600, 12 * 3600)  # article 8: a regular daily rest, and a little more
_DOCK_S: Final = (75 * 60, 130 * 60)
_QUARTER_S: Final = 15 * 60


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One trip with one load, and the wait before it."""

    #: From 1, in the order driven.
    number: int
    origin: City
    destination: City
    begins_s: int
    departs_s: int
    planned_pickup_s: int
    planned_delivery_s: int
    drive: Drive

    @property
    def arrives_s(self) -> int:
        """When the lorry stands at its destination; the next leg begins."""
        return self.departs_s + self.drive.duration_s

    @property
    def road(self) -> Road:
        """The road it takes."""
        return road_between(self.origin, self.destination)


def legs(chance: Chance, home: City, begins_s: int) -> Iterator[Leg]:
    """All legs of a lorry that stands at `home` from `begins_s` on. Shifting `begins_s` shifts every leg as much."""
    origin, came_from, driven_s = home, home, 0
    for number in count(1):
        trip = chance.child("trip", number)
        options = [city for city in NEIGHBOURS[origin.name] if city != came_from] or [came_from]
        destination = trip.pick("destination", options)
        drive = plan_drive(road_between(origin, destination).length_m, trip)
        driven_s += drive.duration_s
        rests = driven_s > _LONGEST_DAY_S
        driven_s = drive.duration_s if rests else driven_s
        departs_s = begins_s + int(trip.uniform("wait", *(_NIGHT_S if rests else _DOCK_S)))
        yield Leg(
            number=number,
            origin=origin,
            destination=destination,
            begins_s=begins_s,
            departs_s=departs_s,
            planned_pickup_s=begins_s + _quarter(departs_s - begins_s - trip.uniform("late start", 0, 1200)),
            planned_delivery_s=departs_s + _quarter(drive.duration_s * trip.uniform("slack", 0.97, 1.15)),
            drive=drive,
        )
        origin, came_from, begins_s = destination, origin, departs_s + drive.duration_s


def door_openings(leg: Leg, chance: Chance) -> tuple[Span, ...]:
    """When the cargo doors stand open: unloading and loading at the dock, and a look inside during a break."""
    trip = chance.child("doors", leg.number)
    unload_s = leg.begins_s + 8 * 60.0
    unloaded_s = unload_s + trip.uniform("unload", 20 * 60, 35 * 60)
    load_s = max(unloaded_s + 5 * 60, leg.departs_s - trip.uniform("load", 30 * 60, 45 * 60))
    dock = ((unload_s, unloaded_s), (load_s, leg.departs_s - 8 * 60.0))
    if leg.drive.break_s is None or trip.pick("look inside", (False, True)):
        return dock
    look_s = leg.departs_s + leg.drive.break_s[0] + 10 * 60
    return (*dock, (look_s, look_s + trip.uniform("look", 2 * 60, 5 * 60)))


def _quarter(duration_s: float) -> int:
    return round(duration_s / _QUARTER_S) * _QUARTER_S
