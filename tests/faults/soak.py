"""Runs with faults under ever new seeds, until one fails or the time is over: `make soak SECONDS=1800`."""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _run(seed: int) -> int:
    sys.stdout.write(f"soak: WAYPROOF_FAULT_SEED={seed}\n")
    sys.stdout.flush()
    argv = [sys.executable, "-m", "pytest", "--quiet", "tests/faults/test_seeds.py"]
    return subprocess.run(argv, cwd=ROOT, env=os.environ | {"WAYPROOF_FAULT_SEED": str(seed)}, check=False).returncode


def main(seconds: str) -> int:
    """0 once the time is over, else what pytest said of the seed that failed."""
    end_s, runs = time.monotonic() + float(seconds), 0
    while time.monotonic() < end_s:
        seed = 1000 + secrets.randbelow(1_000_000)
        if code := _run(seed):
            sys.stdout.write(f"soak: failed; again: WAYPROOF_FAULT_SEED={seed} make test ARGS=tests/faults\n")
            return code
        runs += 1
    sys.stdout.write(f"soak: {runs} seeds, none failed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
