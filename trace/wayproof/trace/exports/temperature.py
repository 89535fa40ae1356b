"""How warm it was: mean, mean kinetic temperature, excursions, and how long nobody knows.

Mean kinetic temperature: USP <1079.2>, with the activation energy of 83.144 kJ/mol and the gas constant R = 8.3144626
J/(mol K) that are told with each result. It is a line of evidence: it releases nothing, and hides no excursion.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

ACTIVATION_ENERGY_J_MOL: Final = 83_144.0
GAS_CONSTANT_J_MOL_K: Final = 8.3144626
MAX_GAP: Final = timedelta(minutes=30)
"""A reading holds until the next one; where that comes later than this, it holds for half as long."""

_ZERO_C_K: Final = 273.15
_CENTI: Final = 100

Sample = tuple[datetime, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """What was promised, both limits included; None: no such limit."""

    min_c: float | None
    max_c: float | None

    def side(self, temperature_c: float) -> int:
        """-1 below, 0 within, 1 above; by hundredths of a degree, so that 8.000000001 is 8."""
        value = round(temperature_c * _CENTI)
        if self.max_c is not None and value > round(self.max_c * _CENTI):
            return 1
        return -1 if self.min_c is not None and value < round(self.min_c * _CENTI) else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Excursion:
    """One unbroken time outside of the band. A gap does not end it: it is told how much of it nobody saw."""

    begins_at: datetime
    ends_at: datetime
    is_above: bool
    #: The most extreme temperature.
    peak_c: float
    known_s: float
    unknown_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """The readings of one unbroken time outside of the band, and for how long each of them held."""

    #: -1 below, 1 above.
    side: int
    held: tuple[tuple[datetime, float, timedelta], ...]

    @property
    def begins_at(self) -> datetime:
        """When its first reading was taken."""
        return self.held[0][0]

    @property
    def ends_at(self) -> datetime:
        """Until when its last reading held: before a gap nobody knows more."""
        at, _, holds = self.held[-1]
        return at + holds

    @property
    def peak_c(self) -> float:
        """The most extreme temperature."""
        return max((value for _, value, _ in self.held), key=lambda value: self.side * value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Climate:
    """What one sensor saw over a span."""

    readings: int
    first_at: datetime
    last_at: datetime
    min_c: float
    min_at: datetime
    max_c: float
    max_at: datetime
    #: Over time, straight lines between readings, gaps left out.
    mean_c: float
    mean_kinetic_c: float
    covered_s: float
    unknown_s: float
    excursions: tuple[Excursion, ...]


def climate(
    samples: Sequence[Sample], band: Band, *, since: datetime, until: datetime, max_gap: timedelta = MAX_GAP
) -> Climate | None:
    """What samples, in order of time and of distinct times, tell of [since, until); None without any."""
    if not samples:
        return None
    coldest, warmest = min(samples, key=lambda each: each[1]), max(samples, key=lambda each: each[1])
    values, weights = _weighted(samples, max_gap)
    covered_s = sum(held.total_seconds() for held in _holds(samples, until, max_gap))
    return Climate(
        readings=len(samples),
        first_at=samples[0][0],
        last_at=samples[-1][0],
        min_c=coldest[1],
        min_at=coldest[0],
        max_c=warmest[1],
        max_at=warmest[0],
        mean_c=float(np.average(values, weights=weights)),
        mean_kinetic_c=mean_kinetic_c(values, weights),
        covered_s=covered_s,
        unknown_s=max((until - since).total_seconds() - covered_s, 0.0),
        excursions=tuple(_excursions(samples, band, until, max_gap)),
    )


def mean_kinetic_c(values_c: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Mean kinetic temperature in degrees Celsius, of temperatures that each held for a weight of time."""
    energy_k = ACTIVATION_ENERGY_J_MOL / GAS_CONSTANT_J_MOL_K
    exponents = -energy_k / (values_c + _ZERO_C_K)
    highest = exponents.max()  # or the powers underflow
    rate = highest + np.log(np.average(np.exp(exponents - highest), weights=weights))
    return float(-energy_k / rate - _ZERO_C_K)


def _weighted(samples: Sequence[Sample], max_gap: timedelta) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each value with half of the time to either neighbour; alike where no two are near enough to one another."""
    values = np.array([value for _, value in samples])
    times = np.array([at.timestamp() for at, _ in samples])
    gaps = np.diff(times)
    gaps = np.where(gaps <= max_gap.total_seconds(), gaps, 0.0)
    weights = (np.append(gaps, 0.0) + np.insert(gaps, 0, 0.0)) / 2
    return values, weights if weights.sum() > 0 else np.ones(len(values))


def _holds(samples: Sequence[Sample], until: datetime, max_gap: timedelta) -> Iterator[timedelta]:
    for (at, _), (following, _) in pairwise([*samples, (until, 0.0)]):
        gap = following - at
        yield gap if gap <= max_gap else max_gap / 2


def runs(samples: Sequence[Sample], band: Band, until: datetime, max_gap: timedelta = MAX_GAP) -> Iterator[Run]:
    """The unbroken times outside of a band, reading by reading, of samples in order of time and of distinct times."""
    held: list[tuple[datetime, float, timedelta]] = []
    side = 0
    for (at, value), holds in zip(samples, _holds(samples, until, max_gap), strict=True):
        here = band.side(value)
        if here != side and held:
            yield Run(side=side, held=tuple(held))
            held = []
        side = here
        if here:
            held.append((at, value, holds))
    if held:
        yield Run(side=side, held=tuple(held))


def _excursions(samples: Sequence[Sample], band: Band, until: datetime, max_gap: timedelta) -> Iterator[Excursion]:
    for run in runs(samples, band, until, max_gap):
        known = sum((holds for _, _, holds in run.held), timedelta()).total_seconds()
        yield Excursion(
            begins_at=run.begins_at,
            ends_at=run.ends_at,
            is_above=run.side > 0,
            peak_c=run.peak_c,
            known_s=known,
            unknown_s=(run.ends_at - run.begins_at).total_seconds() - known,
        )
