"""Log files of services: rotated when `wayproof up` starts, and bounded while it runs."""

import os
import shutil
from pathlib import Path
from typing import Final

KEPT: Final = 3
"""Older files kept beside each log, `.1` the newest."""

LIMIT_BYTES: Final = 20_000_000


def rotate(log: Path) -> None:
    """Moves `log` to `log.1`, what was there to `log.2`, and so on; the oldest goes."""
    names = [log, *(log.with_name(f"{log.name}.{number}") for number in range(1, KEPT + 1))]
    for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
        if newer.exists():
            newer.replace(older)


def bound(log: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """Copies a log that has outgrown its limit to `log.1` and empties it.

    The program holds the file open, so it cannot be renamed away; what it writes between the copy and the
    emptying is lost.
    """
    if log.exists() and log.stat().st_size > limit_bytes:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def last_line(log: Path, window_bytes: int = 4000) -> str:
    """The last line that says something, for showing why a service ended; empty where there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - window_bytes))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
