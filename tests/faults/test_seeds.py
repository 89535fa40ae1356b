"""Whatever goes wrong, and whenever: nothing is lost, nothing doubled, a receipt means stored, and all adds up."""

import os
from typing import Final

import pytest

from faults.run import Runner

_NAMED: Final = os.environ.get("WAYPROOF_FAULT_SEED", "")
SEEDS: Final = [int(_NAMED)] if _NAMED else [416, 723, 886]
"""Together these bring nearly every fault; `make soak` tries new ones."""


@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_faults(run_with_faults: Runner, seed: int) -> None:
    """What was receipted is stored at any time; what was sent is stored once the faults end; what is derived fits."""
    result = run_with_faults(seed)
    assert result.recoveries
    assert result.readings > 500
