"""Whatever goes wrong, and whenever: nothing is lost, nothing doubled, a receipt means stored, and all adds up."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from faults.run import Runner

_NAMED: Final = os.environ.get("WAYPROOF_FAULT_SEED", "")
SEEDS: Final = [int(_NAMED)] if _NAMED else [416, 723, 886]
"""Together these bring nearly every fault; `make soak` tries new ones."""


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_faults(run_with_faults: Runner, subtests: pytest.Subtests) -> None:
    """What was receipted is stored at any time; what was sent is stored once the faults end; what is derived fits."""
    with ThreadPoolExecutor(len(SEEDS)) as pool:  # each waits for its faults to pass more than it computes
        runs = [(seed, pool.submit(run_with_faults, seed)) for seed in SEEDS]
    for seed, run in runs:
        with subtests.test(seed=seed):
            result = run.result()
            assert result.recoveries
            assert result.readings > 500
