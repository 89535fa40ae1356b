"""Processes that outlive the service which started them, below a process that adopts them."""

import subprocess
import sys
import time

import psutil

ADOPTING = """
import subprocess, time, psutil
from wayproof.cli.services.orphans import adopt_orphans, end_orphans, reap_orphan
adopt_orphans()
def orphan(script):
    return int(subprocess.run(["sh", "-c", script + " & echo $!"], stdout=subprocess.PIPE, check=True).stdout)
"""
SLEEPS = "sleep {} >/dev/null"


def run(script: str) -> list[int]:
    """The process ids that a script prints, which begins by adopting orphans."""
    done = subprocess.run([sys.executable, "-c", ADOPTING + script], stdout=subprocess.PIPE, check=True, timeout=60)
    return [int(line) for line in done.stdout.split()]


def test_ending_waits_for_orphans() -> None:
    """Whoever ends its orphans returns when the last has ended, whoever had started it, and leaves no zombie."""
    began = time.monotonic()
    pids = run(f'print(orphan("{SLEEPS.format(0.5)}"), orphan("{SLEEPS.format(1)}")); end_orphans(30)')
    assert 1 < time.monotonic() - began < 30
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_ending_kills_what_stays() -> None:
    """An orphan that still runs when the time is up is killed."""
    pids = run(f'print(orphan("{SLEEPS.format(600)}")); end_orphans(0.1)')
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_ended_orphans_are_let_go() -> None:
    """An orphan that has ended is reaped, and a child that somebody else waits for is left to them."""
    run(
        f"""
other, pid = subprocess.Popen(["sh", "-c", "exit 7"]), orphan("{SLEEPS.format(0)}")
while psutil.Process(other.pid).status() != "zombie":
    time.sleep(0.01)
reap_orphan({{other.pid}})
assert other.wait() == 7
while psutil.pid_exists(pid):
    reap_orphan(())
"""
    )
