"""Runs with faults, and the table of how soon the stack came back."""

import os
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import pytest

from faults.run import Recovery, Result, Runner, run

SECONDS: Final = float(os.environ.get("WAYPROOF_FAULT_SECONDS", "25"))
"""How long faults come in one run."""
_PROPERTY: Final = "faults"
_results = pytest.StashKey["_Results"]()


@pytest.fixture
def run_with_faults(tmp_path: Path, record_property: Callable[[str, object], None]) -> Runner:
    """Runs a seed and keeps what it has shown for the summary."""

    def make(seed: int) -> Result:
        result, folder = Result(seed=seed), tmp_path / str(seed)
        folder.mkdir()
        try:
            run(seed, SECONDS, folder, result)
        except BaseException:
            sys.stdout.write("\n".join([f"WAYPROOF_FAULT_SEED={seed}", *result.diary, f"logs in {folder}", ""]))
            raise
        finally:
            record_property(_PROPERTY, msgspec.json.encode(result).decode())
        return result

    return make


class _Results:
    """Gathers what runs have shown out of their reports, which come from another process where tests run in several."""

    def __init__(self) -> None:
        self.shown: dict[int, Result] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Each test has several reports; what it has shown is in all after the run itself."""
        shown = [str(value) for name, value in report.user_properties if name == _PROPERTY]
        results = [msgspec.json.decode(each, type=Result) for each in shown]
        self.shown |= {result.seed: result for result in results}


def pytest_configure(config: pytest.Config) -> None:
    """Begins to gather."""
    config.stash[_results] = _Results()
    config.pluginmanager.register(config.stash[_results])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table of faults, if there were any."""
    results = list(config.stash[_results].shown.values())
    if not results:
        return
    terminalreporter.section("faults: seconds from healing to the first new row")
    for line in _table([recovery for result in results for recovery in result.recoveries]):
        terminalreporter.write_line(line)
    for reason in {result.no_disk for result in results if result.no_disk}:
        terminalreporter.write_line(f"not tried: disk full ({reason})")
    for result in results:
        terminalreporter.write_line(
            f"WAYPROOF_FAULT_SEED={result.seed}: {result.readings} readings under {len(result.recoveries)} faults,"
            f" all safe {result.drained_s:.1f} s after the last"
        )


def _table(recoveries: list[Recovery]) -> list[str]:
    """One line a fault: seconds from healing to the first new row, to one of each device, and to the first read."""
    by_name: dict[str, list[Recovery]] = defaultdict(list)
    for recovery in recoveries:
        by_name[recovery.fault].append(recovery)
    head = f"{'fault':<30} {'times':>5} {'lasted':>7} {'median':>7} {'worst':>7} {'pass':>5} {'all':>7} {'reads':>7}"
    return [head, *(_line(name, all_of_it) for name, all_of_it in sorted(by_name.items()))]


def _line(name: str, all_of_it: list[Recovery]) -> str:
    """Where it was seen only together with another fault, figures stand in brackets and are not judged."""
    alone = [recovery for recovery in all_of_it if not recovery.is_overlapped]
    shown, first_of_it = alone or all_of_it, all_of_it[0]
    rows_s = [recovery.first_row_s for recovery in shown]
    first = [f"{figure:.2f}" if alone else f"({figure:.2f})" for figure in (median(rows_s), max(rows_s))]
    every = f"{max(recovery.all_rows_s for recovery in shown):.2f}"
    reads = "stay" if first_of_it.leaves_reads else f"{max(recovery.first_read_s for recovery in shown):.2f}"
    lasted = f"{median(recovery.lasted_s for recovery in shown):.1f}"
    verdict = "  slower" if alone and max(rows_s) > first_of_it.pass_s else ""
    figures = f"{lasted:>7} {first[0]:>7} {first[1]:>7} {first_of_it.pass_s:>5.0f} {every:>7} {reads:>7}"
    return f"{name:<30} {len(all_of_it):>5} {figures}{verdict}"
