"""What the air around the goods does: drawn to a set-point, disturbed by doors, defrosts and failures."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wayproof.devices.simulator.chance import Chance
from wayproof.devices.simulator.response import Pull, Response, Span, cut, respond, within

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class Cargo:
    """A kind of goods: how its air is kept, and the band that is promised."""

    name: str
    setpoint_c: float
    humidity_pct: float
    #: What a defrost draws the air to; None where nothing freezes up.
    defrost_c: float | None
    temperature_min_c: float | None
    temperature_max_c: float


CHILLED: Final = Cargo(
    name="chilled", setpoint_c=5, humidity_pct=84, defrost_c=8, temperature_min_c=2, temperature_max_c=8
)
FROZEN: Final = Cargo(
    name="frozen", setpoint_c=-21, humidity_pct=68, defrost_c=-16, temperature_min_c=None, temperature_max_c=-18
)
AMBIENT: Final = Cargo(
    name="ambient", setpoint_c=20, humidity_pct=48, defrost_c=None, temperature_min_c=15, temperature_max_c=25
)
CARGOES: Final = (CHILLED, AMBIENT, FROZEN)


class Mode(StrEnum):
    """What the refrigeration is doing."""

    COOLING = "cooling"
    DEFROST = "defrost"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Air:
    """The air in a cargo space over a stretch of time."""

    openings: tuple[Span, ...]
    defrosts: tuple[Span, ...]
    failures: tuple[Span, ...]
    temperature: Response
    humidity: Response

    def mode_at(self, instant_s: float) -> Mode:
        """What the refrigeration is doing at an instant."""
        return _mode(instant_s, self.defrosts, self.failures)

    def is_open_at(self, instant_s: float) -> bool:
        """Whether the doors stand open."""
        return within(self.openings, instant_s)


def air_during(
    span: Span,
    *,
    cargo: Cargo,
    openings: tuple[Span, ...],
    defrosts: tuple[Span, ...],
    failures: tuple[Span, ...],
    outside_c: float,
    before: Air | None,
) -> Air:
    """The air over `span`, going on from `before`; at the set-point where there is none."""

    def temperature_pull(instant_s: float) -> Pull:
        mode = _mode(instant_s, defrosts, failures)
        return _temperature_pull(cargo, mode, outside_c=outside_c, is_open=within(openings, instant_s))

    def humidity_pull(instant_s: float) -> Pull:
        if within(openings, instant_s):
            return Pull(62.0, 12 * _MINUTE_S)
        drier_pct = 9 if within(defrosts, instant_s) else 0
        return Pull(cargo.humidity_pct - drier_pct, 15 * _MINUTE_S)

    cuts_s = cut(span, openings, defrosts, failures)
    temperature_c = before.temperature.at(span[0]) if before else cargo.setpoint_c
    humidity_pct = before.humidity.at(span[0]) if before else cargo.humidity_pct
    return Air(
        openings=openings,
        defrosts=defrosts,
        failures=failures,
        temperature=respond(temperature_c, cuts_s, temperature_pull),
        humidity=respond(humidity_pct, cuts_s, humidity_pull),
    )


def defrosts_during(span: Span, *, cargo: Cargo, chance: Chance) -> tuple[Span, ...]:
    """Every six to eight hours, for twenty to thirty minutes; the same whichever span is asked for."""
    if cargo.defrost_c is None:
        return ()
    every_s = chance.uniform("defrost, every", 6 * _HOUR_S, 8 * _HOUR_S)
    first = math.floor((span[0] - _HOUR_S) / every_s)
    starts_s = (number * every_s for number in range(first, math.ceil(span[1] / every_s) + 1))
    lasts_s = chance.uniform("defrost, lasts", 20 * _MINUTE_S, 30 * _MINUTE_S)
    return tuple((start_s, start_s + lasts_s) for start_s in starts_s)


def outside_c(latitude_deg: float, instant_s: float) -> float:
    """Air temperature outdoors: colder to the north and in January, coldest before sunrise; °C."""
    day, year = instant_s / _DAY_S % 1, instant_s / (365.2425 * _DAY_S) % 1
    season = -8 * math.cos(2 * math.pi * (year - 0.05))
    return 14 - 0.5 * (latitude_deg - 46) + season - 5 * math.cos(2 * math.pi * (day - 0.15))


def daylight(instant_s: float) -> float:
    """From 0 at night to 1 at noon (UTC, near enough for Europe)."""
    return max(0.0, -math.cos(2 * math.pi * (instant_s / _DAY_S % 1)) + 0.2) / 1.2


def _mode(instant_s: float, defrosts: tuple[Span, ...], failures: tuple[Span, ...]) -> Mode:
    if within(failures, instant_s):
        return Mode.FAILED
    return Mode.DEFROST if within(defrosts, instant_s) else Mode.COOLING


def _temperature_pull(cargo: Cargo, mode: Mode, *, outside_c: float, is_open: bool) -> Pull:
    if is_open or mode is Mode.FAILED:
        # A metal box in the sun, or beside other warm lorries at a dock: warmer than the air outdoors.
        return Pull(max(outside_c, 12.0) + 8, 4 * _HOUR_S)
    if mode is Mode.DEFROST and cargo.defrost_c is not None:
        return Pull(cargo.defrost_c, 30 * _MINUTE_S)
    return Pull(cargo.setpoint_c, 18 * _MINUTE_S)
