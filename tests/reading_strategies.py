"""Hypothesis strategies of readings: everything that a device may rightly send."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from wayproof.model.reading import MAX_BOOT, MAX_SEQ, Measures, Reading, content_seq

BOUNDS: dict[str, tuple[float, float]] = {
    "latitude_deg": (-90, 90),
    "longitude_deg": (-180, 180),
    "altitude_m": (-12_000, 100_000),
    "accuracy_m": (0, 1_000_000),
    "speed_mps": (0, 1_000),
    "heading_deg": (0, 360),
    "temperature_c": (-273.15, 2_000),
    "humidity_pct": (0, 110),
    "pressure_hpa": (0, 20_000),
    "light_lux": (0, 1_000_000),
    "shock_g": (0, 100_000),
    "battery_pct": (0, 100),
}
"""Least and greatest value of each number, as docs/protocol.md states them."""

instants = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999_999), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone

_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text
)
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3))
extras = st.dictionaries(_text, _values, max_size=4)


@st.composite
def measures(draw: st.DrawFn) -> Measures:
    """Any subset of the measures, each anywhere within its bounds; a position is whole or absent."""
    values = {name: draw(st.none() | st.floats(*bounds)) for name, bounds in BOUNDS.items()}
    if values["latitude_deg"] is None or values["longitude_deg"] is None:
        values["latitude_deg"] = values["longitude_deg"] = None
    return Measures(**values, door_open=draw(st.none() | st.booleans()), extra=draw(st.none() | extras))


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """A counted or an uncounted reading."""
    values = draw(measures())
    observed_at = draw(instants)
    fields = {name: getattr(values, name) for name in Measures.__struct_fields__}
    if draw(st.booleans()):
        return Reading(observed_at=observed_at, boot=0, seq=content_seq(observed_at, values), **fields)
    boot, seq = draw(st.integers(1, MAX_BOOT)), draw(st.integers(1, MAX_SEQ))
    return Reading(observed_at=observed_at, boot=boot, seq=seq, **fields)
