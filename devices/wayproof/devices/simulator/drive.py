"""How a lorry gets over a road: speeds by section, and the break that Regulation (EC) 561/2006 article 7 asks for."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from wayproof.devices.simulator.chance import Chance

_ACCELERATION_MPS2: Final = 0.5
_LONGEST_STINT_S: Final = 4.5 * 3600
_TOWN_MPS: Final = (11.0, 14.0)
_MOTORWAY_MPS: Final = (21.0, 24.7)  # the limiter of Directive 92/6/EEC: 90 km/h
_JAM_MPS: Final = (4.0, 12.0)
_JAMS: Final = 0.1
_SHORTEST_M: Final = 5_000.0
"""A shorter section could end before the lorry has braked to its speed."""


class Section(NamedTuple):
    """A stretch of road at one speed."""

    length_m: float
    speed_mps: float


class Phase(NamedTuple):
    """From `start_s` after departure on, constant acceleration from a place and a speed."""

    start_s: float
    way_m: float
    speed_mps: float
    acceleration_mps2: float


class Motion(NamedTuple):
    """How far down the road, and how fast."""

    way_m: float
    speed_mps: float


@dataclass(frozen=True, kw_only=True)
class Drive:
    """A drive from standstill to standstill, seconds counted from departure."""

    phases: tuple[Phase, ...]
    starts_s: tuple[float, ...]
    duration_s: int
    #: From when to when the lorry stands for the driver's break; empty on a short drive.
    break_s: tuple[float, float] | None

    def at(self, elapsed_s: float) -> Motion:
        """Where the lorry is; standing at an end before departure and after arrival."""
        if elapsed_s <= 0:
            return Motion(0.0, 0.0)
        phase = self.phases[bisect_right(self.starts_s, elapsed_s) - 1]
        passed_s = elapsed_s - phase.start_s
        way_m = phase.way_m + (phase.speed_mps + phase.acceleration_mps2 * passed_s / 2) * passed_s
        return Motion(way_m, max(0.0, phase.speed_mps + phase.acceleration_mps2 * passed_s))


def plan_drive(length_m: float, chance: Chance) -> Drive:
    """A drive over `length_m` of road."""
    course = _Course()
    sections = list(_sections(length_m, chance))
    rested_s = 0.0
    break_s: tuple[float, float] | None = None
    for section, following in zip(sections, [*sections[1:], None], strict=True):
        due = following is not None and _ends_stint(course.elapsed_s - rested_s, section, following)
        course.drive(section, then_stop=due or following is None)
        if due:
            begins_s = course.elapsed_s
            course.stand(chance.uniform("break", 45 * 60, 55 * 60))
            break_s, rested_s = (begins_s, course.elapsed_s), course.elapsed_s
    return course.finish(break_s)


def _ends_stint(driven_s: float, section: Section, following: Section) -> bool:
    ahead_s = section.length_m / section.speed_mps + following.length_m / following.speed_mps
    return driven_s + ahead_s + 5 * 60 > _LONGEST_STINT_S


def _sections(length_m: float, chance: Chance) -> Iterator[Section]:
    """Town, motorway with a jam now and then, town; their lengths add up to `length_m`."""
    out_m, in_m = chance.uniform("out of town", 3e3, 6e3), chance.uniform("into town", 3e3, 5e3)
    yield Section(out_m, chance.uniform("out of town, speed", *_TOWN_MPS))
    left_m, number = length_m - out_m - in_m, 0
    while left_m > 0:
        part = chance.child("section", number)
        section = _stretch(part)
        if left_m - section.length_m < _SHORTEST_M:
            section = Section(left_m, section.speed_mps)
        yield section
        left_m, number = left_m - section.length_m, number + 1
    yield Section(in_m, chance.uniform("into town, speed", *_TOWN_MPS))


def _stretch(part: Chance) -> Section:
    if part.draw("jam") < _JAMS:
        return Section(part.uniform("length", 2e3, 6e3), part.uniform("speed", *_JAM_MPS))
    return Section(part.uniform("length", 8e3, 30e3), part.uniform("speed", *_MOTORWAY_MPS))


class _Course:
    """Phases in the making."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self._way_m = 0.0
        self._speed_mps = 0.0
        self._phases: list[Phase] = []

    def drive(self, section: Section, *, then_stop: bool) -> None:
        """Over one section: speed up or slow down to its speed, keep it, and perhaps stop where it ends."""
        end_m = self._way_m + section.length_m
        self._change_speed(section.speed_mps)
        brake_m = section.speed_mps**2 / (2 * _ACCELERATION_MPS2) if then_stop else 0.0
        self._for((end_m - brake_m - self._way_m) / section.speed_mps, 0.0)
        if then_stop:
            self._change_speed(0.0)

    def stand(self, duration_s: float) -> None:
        """Stays where it is."""
        self._for(duration_s, 0.0)

    def finish(self, break_s: tuple[float, float] | None) -> Drive:
        """The drive so far, ending in standstill on a whole second."""
        self._phases.append(Phase(self.elapsed_s, self._way_m, 0.0, 0.0))
        return Drive(
            phases=tuple(self._phases),
            starts_s=tuple(phase.start_s for phase in self._phases),
            duration_s=int(self.elapsed_s) + 1,
            break_s=break_s,
        )

    def _change_speed(self, to_mps: float) -> None:
        change_mps = to_mps - self._speed_mps
        acceleration = _ACCELERATION_MPS2 if change_mps > 0 else -_ACCELERATION_MPS2
        self._for(abs(change_mps) / _ACCELERATION_MPS2, acceleration)
        self._speed_mps = to_mps  # exactly, or rounding adds up

    def _for(self, duration_s: float, acceleration_mps2: float) -> None:
        self._phases.append(Phase(self.elapsed_s, self._way_m, self._speed_mps, acceleration_mps2))
        self._way_m += (self._speed_mps + acceleration_mps2 * duration_s / 2) * duration_s
        self._speed_mps += acceleration_mps2 * duration_s
        self.elapsed_s += duration_s
