"""How every benchmark reports: a table for people, and one line of JSON at the end for everything else."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Result:
    """One measured figure, and what was wanted of it."""

    measure: str
    value: float
    unit: str
    #: The bar, as text ("<= 50"); empty where there is none.
    target: str = ""
    ok: bool = True


def at_most(measure: str, value: float, unit: str, bar: float) -> Result:
    """A figure that must not exceed `bar`."""
    return Result(measure=measure, value=round(value, 4), unit=unit, target=f"<= {bar:g}", ok=value <= bar)


def at_least(measure: str, value: float, unit: str, bar: float) -> Result:
    """A figure that must reach `bar`."""
    return Result(measure=measure, value=round(value, 4), unit=unit, target=f">= {bar:g}", ok=value >= bar)


def figure(measure: str, value: float, unit: str) -> Result:
    """A figure without a bar."""
    return Result(measure=measure, value=round(value, 4), unit=unit)


def skipped(measure: str, reason: str) -> Result:
    """What could not be measured here, and why."""
    return Result(measure=f"{measure}: skipped, {reason}", value=0, unit="")


def report(bench: str, results: Sequence[Result]) -> int:
    """Prints the table and the JSON line; the exit status is 0 when every bar was reached."""
    width = max(len(result.measure) for result in results)
    print(f"\n{bench}")
    for r in results:
        mark = "" if not r.target else ("ok" if r.ok else "MISSED")
        print(f"  {r.measure:<{width}}  {r.value:>12,.3f} {r.unit:<12} {r.target:<10} {mark}")
    print(json.dumps({"bench": bench, "results": [asdict(result) for result in results]}))
    return 0 if all(result.ok for result in results) else 1


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = math.ceil(len(ordered) * percent / 100)
    return ordered[max(0, rank - 1)]
