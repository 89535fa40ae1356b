"""A lorry: its legs, the air around its load, its battery, and what its telematics unit measures of them."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from wayproof.devices.simulator.chance import Chance
from wayproof.devices.simulator.climate import Air, Cargo, air_during, daylight, defrosts_during, outside_c
from wayproof.devices.simulator.drive import Motion
from wayproof.devices.simulator.legs import Leg, door_openings, legs
from wayproof.devices.simulator.places import City
from wayproof.devices.simulator.response import Pull, Response, Span, respond
from wayproof.model.reading import Measures

_METRES_PER_DEGREE: Final = 111_195.0
_FAILURES_ONE_IN: Final = 25


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One leg with everything that is worked out once for it."""

    leg: Leg
    air: Air
    battery: Response


@dataclass(frozen=True, kw_only=True)
class TruckPlan:
    """All that decides what a lorry will ever measure."""

    device: str
    label: str
    carrier: str
    cargo: Cargo
    home: City
    #: When the lorry comes into being, at `home`; whole seconds since 1970.
    begins_s: int
    #: When its refrigeration fails, over and above the rare failures that chance brings.
    failures: tuple[Span, ...]
    chance: Chance

    @property
    def kind(self) -> Literal["truck", "reefer"]:
        """The device's kind, as in table `device`."""
        return "truck" if self.cargo.defrost_c is None else "reefer"

    @cached_property
    def itinerary(self) -> "Itinerary":
        """The stages, worked out as far as anybody has asked. Not for several threads at once."""
        return Itinerary(self)

    def measures_at(self, instant_s: int) -> Measures:
        """What the lorry measures at a whole second; `begins_s` is the earliest."""
        stage = self.itinerary.stage_at(instant_s)
        motion = stage.leg.drive.at(instant_s - stage.leg.departs_s)
        return Measures(**_position(self, stage, motion, instant_s), **_conditions(self, stage, motion, instant_s))


class Itinerary:
    """The stages of one lorry in order; each goes on from the one before."""

    def __init__(self, plan: TruckPlan) -> None:
        self._plan = plan
        self._legs = legs(plan.chance, plan.home, plan.begins_s)
        self._stages: list[Stage] = []
        self._begins_s: list[int] = []

    def stage_at(self, instant_s: int) -> Stage:
        """The stage whose leg runs at an instant, waits included."""
        self._grow_past(instant_s)
        return self._stages[max(0, bisect_right(self._begins_s, instant_s) - 1)]

    def legs_between(self, since_s: int, until_s: int) -> Iterator[Leg]:
        """The legs that run at some instant of [since, until), in order."""
        self._grow_past(until_s)
        for stage in self._stages:
            if stage.leg.begins_s < until_s and stage.leg.arrives_s > since_s:
                yield stage.leg

    def _grow_past(self, instant_s: int) -> None:
        while not self._stages or self._stages[-1].leg.arrives_s <= instant_s:
            before = self._stages[-1] if self._stages else None
            stage = _stage(self._plan, next(self._legs), before)
            self._stages.append(stage)
            self._begins_s.append(stage.leg.begins_s)


def _stage(plan: TruckPlan, leg: Leg, before: Stage | None) -> Stage:
    span = (float(leg.begins_s), float(leg.arrives_s))
    air = air_during(
        span,
        cargo=plan.cargo,
        openings=door_openings(leg, plan.chance),
        defrosts=defrosts_during(span, cargo=plan.cargo, chance=plan.chance),
        failures=(*plan.failures, *_rare_failure(plan, leg)),
        outside_c=outside_c(leg.origin.latitude_deg, leg.departs_s),
        before=before.air if before else None,
    )
    charge_pct = before.battery.at(span[0]) if before else 90.0
    cuts_s = (leg.begins_s, leg.departs_s, leg.arrives_s)
    battery = respond(charge_pct, cuts_s, lambda at_s: _charging(is_driving=leg.departs_s <= at_s < leg.arrives_s))
    return Stage(leg=leg, air=air, battery=battery)


def _rare_failure(plan: TruckPlan, leg: Leg) -> tuple[Span, ...]:
    trip = plan.chance.child("failure", leg.number)
    if plan.cargo.defrost_c is None or not trip.rare(0, 0, one_in=_FAILURES_ONE_IN):
        return ()
    fails_s = leg.departs_s + trip.uniform("begins", 0.2, 0.6) * leg.drive.duration_s
    return ((fails_s, fails_s + trip.uniform("lasts", 40 * 60, 110 * 60)),)


def _charging(*, is_driving: bool) -> Pull:
    return Pull(100, 1.5 * 3600) if is_driving else Pull(40, 40 * 3600)


def _position(plan: TruckPlan, stage: Stage, motion: Motion, instant_s: int) -> dict[str, Any]:
    """Empty while there is no fix: two minutes of tunnel now and then."""
    chance = plan.chance
    is_moving = motion.speed_mps > 0
    if is_moving and chance.rare(0, instant_s // 120, one_in=120):
        return {}
    place = stage.leg.road.at(motion.way_m)
    east_m, north_m = 2.5 * chance.noise(1, instant_s), 2.5 * chance.noise(2, instant_s)
    east_deg = east_m / (_METRES_PER_DEGREE * math.cos(math.radians(place.latitude_deg)))
    position = {
        "latitude_deg": round(place.latitude_deg + north_m / _METRES_PER_DEGREE, 6),
        "longitude_deg": round(place.longitude_deg + east_deg, 6),
        "altitude_m": round(place.altitude_m + 4 * chance.noise(3, instant_s), 1),
        "accuracy_m": round(5.5 + abs(chance.noise(4, instant_s)), 1),
        "speed_mps": 0.0,
    }
    if is_moving:  # a receiver at a standstill knows no course
        position["speed_mps"] = round(max(0.0, motion.speed_mps + 0.1 * chance.noise(5, instant_s)), 1)
        position["heading_deg"] = round(place.heading_deg + chance.noise(6, instant_s), 1) % 360
    return position


def _conditions(plan: TruckPlan, stage: Stage, motion: Motion, instant_s: int) -> dict[str, Any]:
    chance, air = plan.chance, stage.air
    cycle_s = chance.uniform("cycle", 780, 1020)
    cycling_c = 0.35 * math.sin(2 * math.pi * instant_s / cycle_s)
    is_open = air.is_open_at(instant_s)
    conditions = {
        "temperature_c": round(air.temperature.at(instant_s) + cycling_c + 0.1 * chance.noise(7, instant_s), 1),
        "humidity_pct": round(air.humidity.at(instant_s) + 0.6 * chance.noise(8, instant_s), 1),
        "light_lux": round(120 + 700 * daylight(instant_s) + 15 * chance.noise(9, instant_s), 1) if is_open else 0.0,
        "shock_g": _shock_g(chance, motion, instant_s, is_open=is_open),
        "battery_pct": round(stage.battery.at(instant_s), 1),
        "door_open": is_open,
    }
    if plan.cargo.defrost_c is None:
        return conditions
    unit = {"setpoint_c": plan.cargo.setpoint_c, "mode": air.mode_at(instant_s).value}
    return {**conditions, "extra": unit}


def _shock_g(chance: Chance, motion: Motion, instant_s: int, *, is_open: bool) -> float:
    if chance.rare(10, instant_s, one_in=2_500) and (is_open or motion.speed_mps > 0):
        return round(2.0 + abs(chance.noise(11, instant_s)), 2)  # a pothole, or a pallet set down hard
    return round(abs(0.02 + (0.008 * motion.speed_mps + 0.1 * is_open) * chance.noise(11, instant_s)), 2)
