"""Programs that refuse to run as root, started by root all the same."""

import os
import subprocess
from enum import Enum, auto
from functools import cache
from pathlib import Path
from stat import S_IXOTH
from typing import Final

from wayproof.model.errors import Unavailable

_NAMESPACE: Final = ("unshare", "--user", "--map-user=nobody", "--map-group=nogroup")
_NOBODY: Final = 65534
# A change of user makes the kernel forget the signal for our death (prctl(2)), so it is set here again.
_AS_NOBODY: Final = ("setpriv", "--clear-groups", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--pdeathsig=INT", "--")


class Disguise(Enum):
    """How a program is kept from seeing that we are root."""

    NONE = auto()
    """We are not root."""
    NAMESPACE = auto()
    """In a user namespace, which only renames us: files stay ours, no folder is opened to others."""
    NOBODY = auto()
    """As the user `nobody`, where user namespaces are forbidden: its folders must be given to that user."""


@cache
def disguise() -> Disguise:
    """What works here."""
    if os.geteuid() != 0:
        return Disguise.NONE
    tried = subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False)
    return Disguise.NAMESPACE if tried.returncode == 0 else Disguise.NOBODY


def unprivileged(*argv: str) -> list[str]:
    """The command line under which `argv` does not see root. Each wrapper replaces itself: the pid stays."""
    return [*(_AS_NOBODY if disguise() == Disguise.NOBODY else ()), *renamed(*argv)]


def renamed(*argv: str) -> list[str]:
    """The same for a program that can do as root, and so stays root where user namespaces are forbidden."""
    return [*(_NAMESPACE if disguise() == Disguise.NAMESPACE else ()), *argv]


def hand_over(folder: Path, *programs: Path) -> None:
    """Makes `folder` usable by what `unprivileged` starts, whoever it was given to before.

    Unavailable where a folder further up keeps `nobody` out.
    """
    owner = _NOBODY if disguise() == Disguise.NOBODY else os.geteuid()
    if os.geteuid() == 0 and folder.stat().st_uid != owner:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, owner)
    if disguise() == Disguise.NOBODY:
        folder.parent.chmod(folder.parent.stat().st_mode | S_IXOTH)
        for path in (folder, *programs):
            _check_reach(path)


def _check_reach(path: Path) -> None:
    tried = subprocess.run([*_AS_NOBODY, "test", "-x", str(path)], check=False)
    if tried.returncode != 0:
        raise Unavailable(
            f"user `nobody` may not enter {path}, and this machine forbids root user namespaces: start Wayproof "
            "as another user, or keep it and WAYPROOF_DATA below folders that everybody may enter"
        )
