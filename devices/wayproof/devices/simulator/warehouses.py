"""A warehouse: one logger on a wall, slow air, doors that open in working hours."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from wayproof.devices.simulator.chance import Chance
from wayproof.devices.simulator.climate import Air, Cargo, air_during, daylight, defrosts_during, outside_c
from wayproof.devices.simulator.places import City
from wayproof.devices.simulator.response import Span
from wayproof.model.reading import Measures

_DAY_S: Final = 86_400
_WORK_S: Final = (5 * 3600, 20 * 3600)
_SLOT_S: Final = 20 * 60
_BUSY: Final = 0.4
"""The share of slots in which a door opens."""


@dataclass(frozen=True, kw_only=True)
class WarehousePlan:
    """All that decides what a warehouse's logger will ever measure."""

    device: str
    label: str
    cargo: Cargo
    city: City
    chance: Chance

    @property
    def kind(self) -> Literal["warehouse"]:
        """The device's kind, as in table `device`."""
        return "warehouse"

    def measures_at(self, instant_s: int) -> Measures:
        """What the logger measures at a whole second."""
        air = _air_of_day(self, instant_s // _DAY_S)
        is_open = air.is_open_at(instant_s)
        light_lux = 150 + (200 * daylight(instant_s) if is_open else 0) + 5 * self.chance.noise(3, instant_s)
        return Measures(
            latitude_deg=self.city.latitude_deg,
            longitude_deg=self.city.longitude_deg,
            temperature_c=round(
                air.temperature.at(instant_s) + self._drift_c(instant_s) + 0.1 * self.chance.noise(1, instant_s), 1
            ),
            humidity_pct=round(air.humidity.at(instant_s) + 0.5 * self.chance.noise(2, instant_s), 1),
            light_lux=round(light_lux, 1),
            battery_pct=100.0,
            door_open=is_open,
        )

    def _drift_c(self, instant_s: int) -> float:
        turns = ((number, self.chance.uniform(f"drift {number}", 2 * 3600, 30 * 3600)) for number in range(3))
        return sum(0.2 * math.sin(2 * math.pi * instant_s / every_s + number) for number, every_s in turns)


@lru_cache(maxsize=512)
def _air_of_day(plan: WarehousePlan, day: int) -> Air:
    """The air of one UTC day. No door opens after 20:00, so by midnight it is back where the next day begins."""
    span = (float(day * _DAY_S), float((day + 1) * _DAY_S))
    return air_during(
        span,
        cargo=plan.cargo,
        openings=_openings(plan.chance.child("doors", day), span[0]),
        defrosts=defrosts_during((span[0], span[0] + _WORK_S[1]), cargo=plan.cargo, chance=plan.chance),
        failures=(),
        outside_c=outside_c(plan.city.latitude_deg, span[0] + _DAY_S / 2),
        before=None,
    )


def _openings(chance: Chance, midnight_s: float) -> tuple[Span, ...]:
    slots = range(_WORK_S[0], _WORK_S[1], _SLOT_S)
    lasts_s = {
        slot_s: chance.uniform(f"open {slot_s}", 60, 400) for slot_s in slots if chance.draw(f"busy {slot_s}") < _BUSY
    }
    return tuple((midnight_s + slot_s, midnight_s + slot_s + s) for slot_s, s in lasts_s.items())
