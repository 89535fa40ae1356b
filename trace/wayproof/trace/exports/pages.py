"""Documents for people, as single HTML files: no scripts, nothing loaded from anywhere."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader

from wayproof.trace.exports.gdp import TemperatureStatement

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


def temperature_page(statement: TemperatureStatement) -> str:
    """The temperature statement."""
    return _TEMPLATES.get_template("temperature.html").render(statement=statement)


def dossier_page(values: Mapping[str, Any]) -> str:
    """The report of a dossier; `values` are those of its template."""
    return _TEMPLATES.get_template("dossier.html").render(values)


def _utc(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "still going on"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004


def _celsius(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} °C".replace("-", "\N{MINUS SIGN}")


_TEMPLATES.filters |= {"utc": _utc, "duration": _duration, "celsius": _celsius}
