"""What goes wrong between a device and us: lost connections, readings recorded late, clocks that are wrong.

A layer over `readings`: it changes when a reading is recorded and what time it bears, never what was measured
(but for a clock that waits for its first fix: without a fix there is no position either).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import cycle
from typing import Final, NamedTuple

import msgspec

from wayproof.devices.simulator.chance import Chance
from wayproof.devices.simulator.fleet import DevicePlan, FleetPlan
from wayproof.devices.simulator.readings import instants_between
from wayproof.devices.simulator.trucks import TruckPlan
from wayproof.model.clock import GPS_WEEK_ROLLOVER
from wayproof.model.reading import Measures

_SPARED: Final = 3
_LOST_EVERY_S: Final = 12 * 60
_LOST_FOR_S: Final = (60.0, 240.0)
_HOLD_EVERY_S: Final = 3 * 60
_HOLD_FOR_S: Final = 45
_HOLD_UNTIL_S: Final = 150
_WRONG_EVERY_S: Final = 6 * 3600
_WRONG_FOR_S: Final = 3600
_FIRST_FIX_S: Final = (60.0, 180.0)


class Fault(StrEnum):
    """The one thing that is wrong with a device."""

    LOST_CONNECTION = "lost_connection"
    """No network for one to four minutes in every twelve."""
    HELD_BACK = "held_back"
    """Of every three minutes, the first 45 seconds are recorded up to two and a half minutes late."""
    CLOCK_UNSET = "clock_unset"
    """Off at the dock; at departure the clock starts at 1970 and runs so until the first GPS fix."""
    WEEK_ROLLOVER = "week_rollover"
    """One hour in six, GPS time is 1024 weeks early."""
    DAY_AHEAD = "day_ahead"
    """One hour in six, somebody has set the clock to tomorrow."""


class Recorded(NamedTuple):
    """A reading as the device writes it to its outbox."""

    #: When it writes it, by a true clock.
    recorded_at: datetime
    #: The time it gives it.
    observed_at: datetime
    measures: Measures


@dataclass(frozen=True, kw_only=True)
class DisorderlyDevice:
    """A device with its fault, or with none."""

    plan: DevicePlan
    fault: Fault | None
    chance: Chance

    def is_connected(self, at: datetime) -> bool:
        """Whether the device has a network at a true time."""
        if self.fault is not Fault.LOST_CONNECTION:
            return True
        number, passed_s = divmod(int(at.timestamp()), _LOST_EVERY_S)
        begins_s = self.chance.uniform(f"lost from {number}", 0, _LOST_EVERY_S - _LOST_FOR_S[1])
        return not begins_s <= passed_s < begins_s + self.chance.uniform(f"lost for {number}", *_LOST_FOR_S)

    def recorded_between(self, since: datetime, until: datetime, *, interval: timedelta) -> list[Recorded]:
        """What the device writes to its outbox in [since, until), in the order written.

        Readings are those of `readings_between`; like there, windows that meet leave out and repeat nothing.
        """
        first = since - timedelta(seconds=_HOLD_UNTIL_S) if self.fault is Fault.HELD_BACK else since
        recorded = (self._recorded(instant_s) for instant_s in instants_between(first, until, interval=interval))
        return sorted((each for each in recorded if since <= each.recorded_at < until), key=lambda each: each[:2])

    def _recorded(self, instant_s: int) -> Recorded:
        measures = self.plan.measures_at(instant_s)
        true_at = datetime.fromtimestamp(instant_s, UTC)
        held = timedelta(seconds=self._held_s(instant_s))
        uptime_s = self._without_fix_s(instant_s)
        if uptime_s is not None:
            return Recorded(true_at, datetime.fromtimestamp(uptime_s, UTC), _without_position(measures))
        return Recorded(true_at + held, true_at + self._clock_error(instant_s), measures)

    def _held_s(self, instant_s: int) -> int:
        passed_s = instant_s % _HOLD_EVERY_S
        return _HOLD_UNTIL_S - passed_s if self.fault is Fault.HELD_BACK and passed_s < _HOLD_FOR_S else 0

    def _without_fix_s(self, instant_s: int) -> int | None:
        """Seconds since the device was switched on, while it waits for its first fix."""
        if self.fault is not Fault.CLOCK_UNSET or not isinstance(self.plan, TruckPlan):
            return None
        leg = self.plan.itinerary.stage_at(instant_s).leg
        uptime_s = instant_s - leg.departs_s
        return uptime_s if 0 <= uptime_s < self.chance.uniform(f"fix {leg.number}", *_FIRST_FIX_S) else None

    def _clock_error(self, instant_s: int) -> timedelta:
        errors = {Fault.WEEK_ROLLOVER: -GPS_WEEK_ROLLOVER, Fault.DAY_AHEAD: timedelta(days=1)}
        begins_s = self.chance.uniform("wrong from", 0, _WRONG_EVERY_S)
        is_wrong = (instant_s - begins_s) % _WRONG_EVERY_S < _WRONG_FOR_S
        return errors.get(self.fault, timedelta()) if is_wrong and self.fault else timedelta()


def disorderly(fleet: FleetPlan) -> tuple[DisorderlyDevice, ...]:
    """The fleet's devices, five lorries in twelve with a fault each, whatever the size of the fleet.

    None of the first three: a delivery and an excursion can be followed there with nothing else in the way.
    """
    chance = Chance.of(fleet.seed, "disorder")
    turns = cycle((*sorted(Fault, key=chance.draw), *[None] * 7))
    faults = {truck.device: fault for truck, fault in zip(fleet.trucks[_SPARED:], turns, strict=False)}
    return tuple(
        DisorderlyDevice(plan=plan, fault=faults.get(plan.device), chance=chance.child(plan.label))
        for plan in fleet.devices
    )


def _without_position(measures: Measures) -> Measures:
    nowhere = {"latitude_deg": None, "longitude_deg": None, "altitude_m": None, "accuracy_m": None}
    return msgspec.structs.replace(measures, **nowhere, speed_mps=None, heading_deg=None)
