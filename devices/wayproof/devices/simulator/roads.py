"""A road between two cities: the great circle, bent sideways so that it is longer, as roads are.

A sphere of the mean Earth radius is enough: nobody surveys with a simulator.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from wayproof.devices.simulator.chance import Chance
from wayproof.devices.simulator.places import City

EARTH_RADIUS_M: Final = 6_371_008.8
_POINT_EVERY_M: Final = 1_000.0
# Half waves along the road, and the largest sideways swing as a share of its length: about a tenth longer in all.
_BENDS: Final = ((2, 0.03), (3, 0.04), (7, 0.02), (11, 0.012), (23, 0.005))


class Place(NamedTuple):
    """A point on a road and the way the road goes there."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    heading_deg: float


class Point(NamedTuple):
    """WGS 84 degrees."""

    latitude_deg: float
    longitude_deg: float


@dataclass(frozen=True, kw_only=True)
class Road:
    """A chain of points about a kilometre apart, with the way from the start to each in metres."""

    points: tuple[Point, ...]
    altitudes_m: tuple[float, ...]
    ways_m: tuple[float, ...]

    @property
    def length_m(self) -> float:
        """The whole way."""
        return self.ways_m[-1]

    def at(self, way_m: float) -> Place:
        """The place `way_m` down the road; its ends where that is beyond them."""
        index = min(max(bisect_right(self.ways_m, way_m), 1), len(self.ways_m) - 1)
        start, end = self.ways_m[index - 1], self.ways_m[index]
        share = min(max((way_m - start) / (end - start), 0.0), 1.0)
        here, there = self.points[index - 1], self.points[index]
        return Place(
            here.latitude_deg + share * (there.latitude_deg - here.latitude_deg),
            here.longitude_deg + share * (there.longitude_deg - here.longitude_deg),
            self.altitudes_m[index - 1] + share * (self.altitudes_m[index] - self.altitudes_m[index - 1]),
            bearing_deg(here, there),
        )


@lru_cache(maxsize=256)
def road_between(origin: City, destination: City) -> Road:
    """The road; the way back is the same road the other way round."""
    if origin.name > destination.name:
        points, altitudes_m = _chain(destination, origin)
        points, altitudes_m = points[::-1], altitudes_m[::-1]
    else:
        points, altitudes_m = _chain(origin, destination)
    ways_m = tuple(accumulate((distance_m(a, b) for a, b in pairwise(points)), initial=0.0))
    return Road(points=points, altitudes_m=altitudes_m, ways_m=ways_m)


def distance_m(a: Point, b: Point) -> float:
    """Great-circle distance (haversine)."""
    latitude_a, latitude_b = math.radians(a.latitude_deg), math.radians(b.latitude_deg)
    half_latitude = (latitude_b - latitude_a) / 2
    half_longitude = math.radians(b.longitude_deg - a.longitude_deg) / 2
    h = math.sin(half_latitude) ** 2 + math.cos(latitude_a) * math.cos(latitude_b) * math.sin(half_longitude) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(h))


def bearing_deg(a: Point, b: Point) -> float:
    """Initial course from `a` to `b`, clockwise from north, in [0, 360)."""
    latitude_a, latitude_b = math.radians(a.latitude_deg), math.radians(b.latitude_deg)
    turn = math.radians(b.longitude_deg - a.longitude_deg)
    east = math.sin(turn) * math.cos(latitude_b)
    north = math.cos(latitude_a) * math.sin(latitude_b) - math.sin(latitude_a) * math.cos(latitude_b) * math.cos(turn)
    return math.degrees(math.atan2(east, north)) % 360


def moved(start: Point, *, bearing: float, by_m: float) -> Point:
    """The point `by_m` metres from `start` on the course `bearing` (degrees)."""
    angle, course = by_m / EARTH_RADIUS_M, math.radians(bearing)
    latitude = math.radians(start.latitude_deg)
    sine = math.sin(latitude) * math.cos(angle) + math.cos(latitude) * math.sin(angle) * math.cos(course)
    east = math.sin(course) * math.sin(angle) * math.cos(latitude)
    longitude = math.radians(start.longitude_deg) + math.atan2(east, math.cos(angle) - math.sin(latitude) * sine)
    return Point(math.degrees(math.asin(sine)), (math.degrees(longitude) + 540) % 360 - 180)


def _chain(origin: City, destination: City) -> tuple[tuple[Point, ...], tuple[float, ...]]:
    start = Point(origin.latitude_deg, origin.longitude_deg)
    end = Point(destination.latitude_deg, destination.longitude_deg)
    direct_m = distance_m(start, end)
    count = max(2, round(direct_m / _POINT_EVERY_M))
    chance = Chance.of("road", origin.name, destination.name)
    between = [_bent(start, end, share=i / count, direct_m=direct_m, chance=chance) for i in range(1, count)]
    climb_m = destination.altitude_m - origin.altitude_m
    altitudes_m = (
        origin.altitude_m + climb_m * i / count + _hills_m(i / count, direct_m, chance) for i in range(count + 1)
    )
    return (start, *between, end), tuple(altitudes_m)


def _bent(start: Point, end: Point, *, share: float, direct_m: float, chance: Chance) -> Point:
    on_line = moved(start, bearing=bearing_deg(start, end), by_m=share * direct_m)
    # Sines of whole half waves are 0 at both ends, so the road still begins and ends in its cities.
    swing = sum(
        chance.pick(f"side {waves}", (-1, 1))
        * chance.uniform(f"bend {waves}", largest / 2, largest)
        * math.sin(math.pi * waves * share)
        for waves, largest in _BENDS
    )
    return moved(on_line, bearing=bearing_deg(on_line, end) + 90, by_m=swing * direct_m)


def _hills_m(share: float, direct_m: float, chance: Chance) -> float:
    height_m = chance.uniform("hills", 0, direct_m / 2_000)
    return height_m * math.sin(math.pi * share) * (1 + 0.3 * math.sin(math.pi * 9 * share))
