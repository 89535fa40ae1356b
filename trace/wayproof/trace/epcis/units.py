"""Units of measure by their UN/ECE Recommendation 20 codes: to SI and back, exactly.

Factors are those of Recommendation 20, annexes I and II, given there as decimals, and of NIST SP 811 appendix B. A
value in SI is `factor * value + offset`; only temperatures have an offset. Values are exact, Fractions come out, so
8 °C and 281.15 K are equal and no comparison depends on rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Final, TypeAlias

from wayproof.model.errors import InvalidInput

Number: TypeAlias = int | Decimal | Fraction


class Dimension(StrEnum):
    """What a unit measures, named by its SI unit; values of one dimension can be compared.

    Torque and energy share their SI base units and are kept apart all the same, as are frequency and radioactivity.
    """

    LENGTH = "m"
    AREA = "m2"
    VOLUME = "m3"
    MASS = "kg"
    TIME = "s"
    TEMPERATURE = "K"
    AMOUNT = "mol"
    ANGLE = "rad"
    SOLID_ANGLE = "sr"
    SPEED = "m/s"
    ACCELERATION = "m/s2"
    ANGULAR_VELOCITY = "rad/s"
    ANGULAR_ACCELERATION = "rad/s2"
    FREQUENCY = "Hz"
    WAVENUMBER = "1/m"
    FORCE = "N"
    TORQUE = "N m"
    MOMENTUM = "kg m/s"
    ANGULAR_MOMENTUM = "kg m2/s"
    PRESSURE = "Pa"
    ENERGY = "J"
    POWER = "W"
    IRRADIANCE = "W/m2"
    RADIANT_INTENSITY = "W/sr"
    DENSITY = "kg/m3"
    SURFACE_DENSITY = "kg/m2"
    SPECIFIC_VOLUME = "m3/kg"
    SURFACE_TENSION = "N/m"
    DYNAMIC_VISCOSITY = "Pa s"
    KINEMATIC_VISCOSITY = "m2/s"
    MASS_FLOW = "kg/s"
    VOLUME_FLOW = "m3/s"
    MOLAR_CONCENTRATION = "mol/m3"
    MOLALITY = "mol/kg"
    MOLAR_MASS = "kg/mol"
    MOLAR_VOLUME = "m3/mol"
    MOLAR_ENERGY = "J/mol"
    CURRENT = "A"
    CHARGE = "C"
    VOLTAGE = "V"
    RESISTANCE = "Ohm"
    CONDUCTANCE = "S"
    RESISTIVITY = "Ohm m"
    CONDUCTIVITY = "S/m"
    CAPACITANCE = "F"
    INDUCTANCE = "H"
    FIELD_STRENGTH = "V/m"
    MAGNETIC_FLUX = "Wb"
    MAGNETIC_FLUX_DENSITY = "T"
    LUMINOUS_INTENSITY = "cd"
    LUMINOUS_FLUX = "lm"
    LUMINANCE = "cd/m2"
    ILLUMINANCE = "lx"
    RADIOACTIVITY = "Bq"
    ABSORBED_DOSE = "Gy"
    ABSORBED_DOSE_RATE = "Gy/s"
    DOSE_EQUIVALENT = "Sv"
    DOSE_EQUIVALENT_RATE = "Sv/s"
    EXPOSURE = "C/kg"
    DATA = "bit"
    RATIO = "1"
    COUNT = "pieces"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One code of Recommendation 20."""

    code: str
    dimension: Dimension
    #: SI units in one unit.
    factor: Fraction
    #: SI value of the unit's zero.
    offset: Fraction = Fraction(0)


# Code and factor, by dimension. A factor is a decimal, or a quotient of two where no decimal is exact.
_FACTORS: Final[Mapping[Dimension, str]] = {
    Dimension.LENGTH: (
        "MTR 1, KMT 1e3, DMT 0.1, CMT 0.01, MMT 1e-3, 4H 1e-6, C45 1e-9, INH 0.0254, FOT 0.3048, YRD 0.9144, "
        "SMI 1609.344, NMI 1852"
    ),
    Dimension.AREA: "MTK 1, CMK 1e-4, MMK 1e-6, KMK 1e6, HAR 1e4, FTK 0.09290304, INK 0.00064516, ACR 4046.873",
    Dimension.VOLUME: (
        "MTQ 1, LTR 1e-3, DLT 1e-4, CLT 1e-5, MLT 1e-6, 4G 1e-9, HLT 0.1, DMQ 1e-3, CMQ 1e-6, MMQ 1e-9, "
        "FTQ 0.028316846592, INQ 0.000016387064, GLL 0.003785411784, GLI 0.00454609, BLL 0.158987294928"
    ),
    Dimension.MASS: (
        "KGM 1, GRM 1e-3, MGM 1e-6, MC 1e-9, TNE 1e3, DTN 100, HGM 0.1, LBR 0.45359237, ONZ 0.028349523125, "
        "STN 907.18474, LTN 1016.0469088"
    ),
    Dimension.TIME: "SEC 1, C26 1e-3, B98 1e-6, C47 1e-9, MIN 60, HUR 3600, DAY 86400, WEE 604800, ANN 31557600",
    Dimension.AMOUNT: "C34 1, B45 1e3, C18 1e-3, FH 1e-6",
    Dimension.ANGLE: "C81 1, C25 1e-3, DD 3.14159265358979323846/180, D61 3.14159265358979323846/10800",
    Dimension.SOLID_ANGLE: "D27 1",
    Dimension.SPEED: "MTS 1, KMH 1/3.6, C16 1e-3, 2M 0.01, HM 0.44704, KNT 1852/3600, FS 0.3048",
    Dimension.ACCELERATION: "MSK 1, C11 1e-5, A76 0.01, K40 9.80665",
    Dimension.ANGULAR_VELOCITY: "2A 1, E96 3.14159265358979323846/180, RPM 3.14159265358979323846/30",
    Dimension.ANGULAR_ACCELERATION: "2B 1",
    Dimension.FREQUENCY: "HTZ 1, KHZ 1e3, MHZ 1e6, A86 1e9",
    Dimension.WAVENUMBER: "C92 1, E90 100",
    Dimension.FORCE: "NEW 1, B47 1e3, C20 1e-3, C78 4.4482216152605, B37 9.80665",
    Dimension.TORQUE: "NU 1, B48 1e3, D83 1e-3",
    Dimension.MOMENTUM: "B31 1",
    Dimension.ANGULAR_MOMENTUM: "B33 1",
    Dimension.PRESSURE: (
        "PAL 1, KPA 1e3, MPA 1e6, A97 100, 74 1e-3, BAR 1e5, MBR 100, ATM 101325, PS 6894.757293168, "
        "HN 133.322, UA 101325/760"
    ),
    Dimension.ENERGY: (
        "JOU 1, KJO 1e3, 3B 1e6, GV 1e9, WHR 3600, KWH 3.6e6, MWH 3.6e9, D70 4.1868, E14 4186.8, BTU 1055.05585262"
    ),
    Dimension.POWER: "WTT 1, KWT 1e3, MAW 1e6, C31 1e-3, D80 1e-6, BHP 745.69987158227022",
    Dimension.IRRADIANCE: "D54 1, C32 1e-3",
    Dimension.RADIANT_INTENSITY: "D57 1",
    Dimension.DENSITY: "KMQ 1, 23 1e3, D41 1e3, GJ 1e3, A93 1e-3, GL 1, M1 1e-3, B35 1e3, GP 1e-6, GQ 1e-9",
    Dimension.SURFACE_DENSITY: "28 1, GM 1e-3, 25 10",
    Dimension.SPECIFIC_VOLUME: "A39 1, 22 0.1, H83 1e-3",
    Dimension.SURFACE_TENSION: "4P 1, C22 1e-3",
    Dimension.DYNAMIC_VISCOSITY: "C65 1, C24 1e-3, C7 1e-3, 89 0.1",
    Dimension.KINEMATIC_VISCOSITY: "S4 1, C17 1e-6, 4C 1e-6, 91 1e-4",
    Dimension.MASS_FLOW: "KGS 1, F31 1/60, E93 1/3600",
    Dimension.VOLUME_FLOW: "MQS 1, MQH 1/3600, G51 1e-3, L2 1e-3/60, E32 1e-3/3600",
    Dimension.MOLAR_CONCENTRATION: "C36 1, C35 1e3, C38 1e3, M33 1",
    Dimension.MOLALITY: "C19 1",
    Dimension.MOLAR_MASS: "D74 1, A94 1e-3",
    Dimension.MOLAR_VOLUME: "A40 1, A37 1e-3",
    Dimension.MOLAR_ENERGY: "B15 1, B44 1e3",
    Dimension.CURRENT: "AMP 1, B22 1e3, 4K 1e-3, B84 1e-6",
    Dimension.CHARGE: "COU 1, B26 1e3, AMH 3600",
    Dimension.VOLTAGE: "VLT 1, KVT 1e3, 2Z 1e-3, D82 1e-6",
    Dimension.RESISTANCE: "OHM 1, B49 1e3, B75 1e6",
    Dimension.CONDUCTANCE: "SIE 1, C27 1e-3, B99 1e-6",
    Dimension.RESISTIVITY: "C61 1",
    Dimension.CONDUCTIVITY: "D10 1, H61 0.1, H43 100, G42 1e-4",
    Dimension.CAPACITANCE: "FAR 1, 4O 1e-6, C41 1e-9, 4T 1e-12",
    Dimension.INDUCTANCE: "81 1, C14 1e-3, B90 1e-6",
    Dimension.FIELD_STRENGTH: "D50 1, B55 1e3, C30 1e-3",
    Dimension.MAGNETIC_FLUX: "WEB 1, C33 1e-3",
    Dimension.MAGNETIC_FLUX_DENSITY: "D33 1, C29 1e-3, D81 1e-6, C48 1e-9",
    Dimension.LUMINOUS_INTENSITY: "CDL 1",
    Dimension.LUMINOUS_FLUX: "LUM 1",
    Dimension.LUMINANCE: "A24 1",
    Dimension.ILLUMINANCE: "LUX 1, KLX 1e3",
    Dimension.RADIOACTIVITY: "BQL 1, 2Q 1e3, 4N 1e6, CUR 3.7e10",
    Dimension.ABSORBED_DOSE: "A95 1, C13 1e-3",
    Dimension.ABSORBED_DOSE_RATE: "A96 1, P54 1e-3",
    Dimension.DOSE_EQUIVALENT: "D13 1, C28 1e-3",
    Dimension.DOSE_EQUIVALENT_RATE: "P65 1, P70 1/3600, P71 1e-3/3600, P72 1e-6/3600",
    Dimension.EXPOSURE: "CKG 1",
    Dimension.DATA: "A99 1, AD 8, 2P 8e3, 4L 8e6, E34 8e9",
    Dimension.RATIO: "C62 1, P1 0.01, 59 1e-6, 61 1e-9, NX 1e-3",
    Dimension.COUNT: "EA 1, H87 1, DZN 12",
}
_TEMPERATURES: Final = (
    Unit(code="KEL", dimension=Dimension.TEMPERATURE, factor=Fraction(1)),
    Unit(code="CEL", dimension=Dimension.TEMPERATURE, factor=Fraction(1), offset=Fraction("273.15")),
    Unit(code="FAH", dimension=Dimension.TEMPERATURE, factor=Fraction(5, 9), offset=Fraction("459.67") * 5 / 9),
    Unit(code="A48", dimension=Dimension.TEMPERATURE, factor=Fraction(5, 9)),
)


def _fraction(text: str) -> Fraction:
    above, _, below = text.partition("/")
    return Fraction(above) / Fraction(below or 1)


def _units() -> dict[str, Unit]:
    units = {unit.code: unit for unit in _TEMPERATURES}
    for dimension, text in _FACTORS.items():
        for code, factor in (entry.split() for entry in text.split(", ")):
            units[code] = Unit(code=code, dimension=dimension, factor=_fraction(factor))
    return units


UNITS: Final[Mapping[str, Unit]] = MappingProxyType(_units())
"""Every unit known here, by its code."""


def unit_of(code: str) -> Unit | None:
    """The unit, or None for a code that is not known here: such values are equal or not, and have no other order."""
    return UNITS.get(code)


def to_si(value: Number, uom: str) -> Fraction:
    """The value in the SI unit of its dimension, exactly.

    Raises:
        InvalidInput: a unit that is not known here.
    """
    unit = _known(uom)
    return unit.factor * Fraction(value) + unit.offset


def from_si(value: Number, uom: str) -> Fraction:
    """The SI value in the unit `uom`, exactly; the inverse of `to_si`."""
    unit = _known(uom)
    return (Fraction(value) - unit.offset) / unit.factor


def convert(value: Number, uom: str, wanted: str) -> Fraction:
    """The value in another unit of its dimension.

    Raises:
        InvalidInput: an unknown unit, or one of another dimension.
    """
    given, asked = _known(uom), _known(wanted)
    if given.dimension is not asked.dimension:
        raise InvalidInput(f"unit: expected one of {given.dimension} as {uom} is, got {wanted} of {asked.dimension}")
    return from_si(to_si(value, uom), wanted)


def _known(code: str) -> Unit:
    unit = UNITS.get(code)
    if unit is None:
        raise InvalidInput(f"unit: expected a code of UN/ECE Recommendation 20 that is known here, got {code!r}")
    return unit
