"""Mean kinetic temperature and excursions, against values worked out elsewhere."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import LONDON, real_data

from wayproof.trace.exports.temperature import Band, Climate, Sample, climate, mean_kinetic_c

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
FRIDGE = Band(min_c=2, max_c=8)


def every(minutes: float, *values: float) -> list[Sample]:
    """Samples at even distances."""
    return [(START + timedelta(minutes=minutes * place), value) for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ([25.0] * 5, [1] * 5, 25),
        ([5, 14], [18, 6], 8.285206728),
        ([4, 35], [29, 1], 10.27696618),
        ([22, 29], [717, 3], 22.04317487),
        ([23, 40], [696, 24], 24.42198111),
        ([20, 21, 22, 23, 24, 25], [1] * 6, 22.65627459),
        ([4, 4, 4, 4, 16], [1] * 5, 8.108841541),
        ([2, 8], [1, 1], 5.536420422),
        ([15, 30], [1, 1], 25.224153),
    ],
)
def test_mean_kinetic_temperature(values: list[float], weights: list[float], expected: float) -> None:
    """It equals values worked out in 40 digits for 83.144 kJ/mol and R = 8.3144626."""
    found = mean_kinetic_c(np.array(values, float), np.array(weights, float))
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_ramp_is_integrated() -> None:
    """Between readings a straight line counts: minute samples of a ramp come to its exact integral."""
    ramp = every(1, *(5 + 20 * minute / 600 for minute in range(601)))
    found = climate(ramp, FRIDGE, since=START, until=ramp[-1][0])
    assert found is not None
    assert found.mean_kinetic_c == pytest.approx(16.7974, abs=2e-4)
    assert found.mean_c == pytest.approx(15, abs=1e-9)


_SERIES = st.lists(st.floats(-60, 60), min_size=1, max_size=60)


@given(_SERIES)
def test_means_lie_between_extremes(values: list[float]) -> None:
    """Least, mean, mean kinetic and greatest temperature stand in this order."""
    found = climate(every(10, *values), FRIDGE, since=START, until=START + timedelta(minutes=10 * len(values)))
    assert found is not None
    assert found.min_c - 1e-9 <= found.mean_c <= found.mean_kinetic_c + 1e-9 <= found.max_c + 2e-9


@given(_SERIES)
def test_time_adds_up(values: list[float]) -> None:
    """Covered and unknown time make the span; excursions follow one another and are no longer than it."""
    until = START + timedelta(minutes=10 * len(values))
    found = climate(every(10, *values), FRIDGE, since=START, until=until)
    assert found is not None
    assert found.covered_s + found.unknown_s == pytest.approx((until - START).total_seconds())
    assert all(one.ends_at <= other.begins_at for one, other in pairwise(found.excursions))
    outside = sum(FRIDGE.side(value) != 0 for value in values)
    assert sum(each.known_s for each in found.excursions) == pytest.approx(600 * outside)


def test_an_excursion() -> None:
    """It begins with the first reading outside and ends with the first one inside, and its peak is told."""
    [found] = climated(every(10, 5, 9, 11, 7, 5)).excursions
    assert (found.begins_at, found.ends_at) == (START + timedelta(minutes=10), START + timedelta(minutes=30))
    assert (found.is_above, found.peak_c, found.known_s, found.unknown_s) == (True, 11, 1200, 0)


def test_below_is_another_excursion_than_above() -> None:
    """From too warm straight to too cold are two excursions."""
    assert [each.is_above for each in climated(every(10, 9, 1)).excursions] == [True, False]


def test_a_gap_does_not_end_an_excursion() -> None:
    """With readings outside on both sides of a gap it is one excursion, and the gap is told as unknown."""
    samples = [*every(10, 9, 9), (START + timedelta(hours=3), 9.0), (START + timedelta(hours=3, minutes=10), 5.0)]
    [found] = climated(samples).excursions
    assert (found.ends_at - found.begins_at).total_seconds() == found.known_s + found.unknown_s == 3 * 3600 + 600
    assert found.known_s == 600 + 900 + 600


def test_nobody_knows_when_an_excursion_before_a_gap_ended() -> None:
    """Where the next reading inside comes after a gap, the excursion ends with what its last reading covers."""
    [found] = climated([*every(10, 5, 9), (START + timedelta(hours=3), 5.0)]).excursions
    assert (found.ends_at, found.unknown_s) == (START + timedelta(minutes=25), 0)


def test_limits_are_part_of_the_band() -> None:
    """A reading at the limit, to a hundredth of a degree, is within it."""
    assert climated(every(10, 8.000000001, 2, 8)).excursions == ()
    assert len(climated(every(10, 8.01)).excursions) == 1


def test_without_readings_nothing_is_said() -> None:
    """No reading: no climate at all, not a good one."""
    assert climate([], FRIDGE, since=START, until=START) is None


def climated(samples: list[Sample]) -> Climate:
    """What samples tell up to ten minutes after the last."""
    found = climate(samples, FRIDGE, since=START, until=samples[-1][0] + timedelta(minutes=10))
    assert found is not None
    return found


@real_data
def test_a_year_in_a_museum() -> None:
    """Minutes, episodes and the longest of them in a real year of readings are those that were worked out elsewhere."""
    with gzip.open(LONDON, "rt") as lines:
        rows = [row for row in csv.DictReader(lines) if row["Sensor"] == "Room 1" and row["Temp"] not in {"", "NA"}]
    samples = [(datetime.fromisoformat(row["Date"]).replace(tzinfo=UTC), float(row["Temp"])) for row in rows]
    until = samples[-1][0] + timedelta(minutes=15)
    found = climate(samples, Band(min_c=18, max_c=25), since=samples[0][0], until=until)
    assert found is not None
    above = [each.known_s / 60 for each in found.excursions if each.is_above]
    below = [each.known_s / 60 for each in found.excursions if not each.is_above]
    assert (sum(above), len(above), max(above)) == (4470, 4, 3915)
    assert (sum(below), len(below), max(below)) == (33345, 18, 14940)
    assert found.covered_s / 60 == 526920
