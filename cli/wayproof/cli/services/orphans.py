"""Processes below us whose parent, a service, ended before them: given to us and not to init, so we see them end."""

import ctypes
import os
import time
from collections.abc import Container
from contextlib import suppress
from typing import Final

import psutil

_PR_SET_CHILD_SUBREAPER: Final = 36
_LOOK_S: Final = 0.1


def adopt_orphans() -> None:
    """From now on every orphan below this process becomes its child: prctl(2), PR_SET_CHILD_SUBREAPER."""
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("prctl(PR_SET_CHILD_SUBREAPER) is refused: Linux 3.4 or later is needed")


def reap_orphan(others: Container[int | None]) -> None:
    """Lets go of one orphan that has ended, if there is one; `others` are children that are waited for elsewhere."""
    with suppress(ChildProcessError):
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None and ended.si_pid not in others:
            os.waitpid(ended.si_pid, 0)


def end_orphans(patience_s: float) -> None:
    """Returns once no child is left; what runs when the time is up is killed. Only when nothing else waits for any."""
    deadline_s = time.monotonic() + patience_s
    while orphans := psutil.Process().children():
        if time.monotonic() > deadline_s:
            for orphan in orphans:
                orphan.kill()
        psutil.wait_procs(orphans, timeout=_LOOK_S)
