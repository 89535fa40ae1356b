"""What a sender may record: exactly what a decoder takes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from reading_strategies import measures

from wayproof.devices.codecs.wire import check_measures
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import Measures

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(measures())
def test_what_may_be_recorded_may_be_sent(values: Measures) -> None:
    """Measures that the decoder takes pass the sender's check."""
    check_measures(NOON, values)


@pytest.mark.parametrize(
    ("observed_at", "values"),
    [
        (NOON, Measures(temperature_c=float("nan"))),
        (NOON, Measures(speed_mps=float("inf"))),
        (NOON, Measures(latitude_deg=91.0, longitude_deg=0.0)),
        (NOON, Measures(latitude_deg=1.0)),
        (NOON, Measures(extra={"a": float("nan")})),
        (NOON, Measures(extra={"a": NOON})),
        (NOON.replace(tzinfo=None), Measures()),
        (NOON.replace(year=2100), Measures()),
        (NOON.replace(year=9999, tzinfo=timezone(timedelta(hours=-12))), Measures()),
    ],
)
def test_senders_are_told_at_once(observed_at: datetime, values: Measures) -> None:
    """What every ingestor would set aside is refused where it is recorded."""
    with pytest.raises(InvalidInput):
        check_measures(observed_at, values)
