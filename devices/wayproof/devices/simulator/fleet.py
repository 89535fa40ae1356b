"""A fleet by seed: which lorries and warehouses there are, and what each is doing at the epoch."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from wayproof.devices.simulator.chance import Chance
from wayproof.devices.simulator.climate import AMBIENT, CARGOES, CHILLED, FROZEN
from wayproof.devices.simulator.legs import Leg, legs
from wayproof.devices.simulator.places import CARRIERS, CITIES, City
from wayproof.devices.simulator.response import Span
from wayproof.devices.simulator.trucks import TruckPlan
from wayproof.devices.simulator.warehouses import WarehousePlan

LONGEST_PAST: Final = timedelta(days=7)
"""How long before its epoch every lorry is already on the road."""

_CARGO_BY_TURN: Final = (CHILLED, AMBIENT, CHILLED, FROZEN)
_FAILING: Final = 2
"""The place in the fleet of the reefer that has an excursion at the epoch."""

_ARRIVING_IN_S: Final = {1: 4 * 60, 4: 11 * 60, 7: 18 * 60, 10: 25 * 60}
"""How long after the epoch a lorry reaches its destination, by its place in the fleet."""

DevicePlan = TruckPlan | WarehousePlan


@dataclass(frozen=True, kw_only=True)
class FleetPlan:
    """A whole fleet. Two with the same seed, epoch, sizes and prefix measure the same for ever."""

    seed: int
    epoch: datetime
    trucks: tuple[TruckPlan, ...]
    warehouses: tuple[WarehousePlan, ...]

    @property
    def devices(self) -> tuple[DevicePlan, ...]:
        """All of them."""
        return (*self.trucks, *self.warehouses)

    @property
    def tag(self) -> str:
        """Four letters that tell the shipments of one fleet from those of another."""
        chance = Chance.of(self.seed, self.epoch.isoformat())
        return "".join(chance.pick(f"letter {place}", "ABCDEFGHJKLMNPQRSTUVWXYZ") for place in range(4))


def fleet_plan(*, seed: int, trucks: int, warehouses: int, epoch: datetime, prefix: str = "") -> FleetPlan:
    """The fleet as it is at `epoch` (aware, cut to the minute): all lorries on the road, one in four soon there.

    Device names are `<prefix>truck-01` and so on; the prefix changes nothing but the names.
    """
    start = epoch.astimezone(UTC).replace(second=0, microsecond=0)
    epoch_s = int(start.timestamp())
    return FleetPlan(
        seed=seed,
        epoch=start,
        trucks=tuple(_truck(seed, place, epoch_s, prefix) for place in range(trucks)),
        warehouses=tuple(_warehouse(seed, place, prefix) for place in range(warehouses)),
    )


def _truck(seed: int, place: int, epoch_s: int, prefix: str) -> TruckPlan:
    name = f"truck-{place + 1:02}"
    chance = Chance.of(seed, name)
    home = chance.pick("home", tuple(CITIES.values()))
    cargo = _CARGO_BY_TURN[place % len(_CARGO_BY_TURN)]
    return TruckPlan(
        device=prefix + name,
        label=f"{'Lorry' if cargo is AMBIENT else 'Reefer'} {place + 1}, {cargo.name}",
        carrier=chance.pick("carrier", CARRIERS),
        cargo=cargo,
        home=home,
        begins_s=epoch_s - _age_at_epoch_s(place, chance, home),
        failures=_failures(place, epoch_s),
        chance=chance,
    )


def _warehouse(seed: int, place: int, prefix: str) -> WarehousePlan:
    name = f"warehouse-{place + 1:02}"
    cities = _shuffled(Chance.of(seed, "warehouses"), CITIES.values())
    city, cargo = cities[place % len(cities)], CARGOES[place % len(CARGOES)]
    return WarehousePlan(
        device=prefix + name,
        label=f"{city.company}, {cargo.name} hall",
        cargo=cargo,
        city=city,
        chance=Chance.of(seed, name),
    )


def _age_at_epoch_s(place: int, chance: Chance, home: City) -> int:
    """Seconds from the lorry's beginning to the epoch, so chosen that it then is where a demonstration wants it."""
    for leg in legs(chance, home, 0):
        if leg.departs_s >= LONGEST_PAST.total_seconds() and leg.drive.duration_s >= _least_drive_s(place):
            return leg.departs_s + _moving(leg, _elapsed_s(place, chance, leg))
    raise AssertionError("a lorry has legs for ever")


def _least_drive_s(place: int) -> int:
    return 4 * 3600 if place in {0, _FAILING} else 90 * 60


def _elapsed_s(place: int, chance: Chance, leg: Leg) -> int:
    """How long the lorry has been driving at the epoch."""
    if place in _ARRIVING_IN_S:
        return leg.drive.duration_s - _ARRIVING_IN_S[place]
    share = {0: 0.3, _FAILING: 0.6}.get(place) or chance.uniform("share of the leg", 0.15, 0.8)
    return int(share * leg.drive.duration_s)


def _moving(leg: Leg, elapsed_s: int) -> int:
    return next(later_s for later_s in count(elapsed_s, 60) if leg.drive.at(later_s).speed_mps > 0)


def _failures(place: int, epoch_s: int) -> tuple[Span, ...]:
    return ((epoch_s - 75 * 60.0, epoch_s + 45 * 60.0),) if place == _FAILING else ()


def _shuffled(chance: Chance, cities: Iterable[City]) -> list[City]:
    return sorted(cities, key=lambda city: chance.draw(city.name))
