"""Files of real devices beside the repository; tests that need them are skipped where they are absent."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"
BUSES = SHARED / "movement" / "bods_liverpool_bus_route14_2026-01-26.csv"
LONDON = SHARED / "telemetry" / "conscir_london_trh_2024_15min.csv.gz"
CAR = SHARED / "movement" / "gpxpy_around_visnjan_with_car.gpx"
NO_TIMES = SHARED / "movement" / "gpxpy_track_with_dilution_errors.gpx"

real_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data in {SHARED}")
