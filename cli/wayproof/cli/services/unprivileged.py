"""Programs that refuse to run as root, started by root all the same."""

import os
import shutil
import subprocess
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Final

from wayproof.model.errors import Unavailable

_NAMESPACE: Final = ("unshare", "--user", "--map-user=nobody", "--map-group=nogroup")
_NOBODY: Final = 65534
_AS_NOBODY: Final = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--")


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
    wrapper = {Disguise.NONE: (), Disguise.NAMESPACE: _NAMESPACE, Disguise.NOBODY: _AS_NOBODY}[disguise()]
    return [*wrapper, *argv]


def hand_over(folder: Path, *programs: Path) -> None:
    """Makes `folder` usable by what `unprivileged` starts. Unavailable where a folder above keeps `nobody` out."""
    if disguise() != Disguise.NOBODY:
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, _NOBODY, _NOBODY)
    for path in (folder, *programs):
        tried = subprocess.run([*_AS_NOBODY, "test", "-x", str(path)], check=False)
        if tried.returncode != 0:
            raise Unavailable(
                f"user `nobody` may not enter {path}, and this machine forbids root user namespaces: start Wayproof "
                "as another user, or keep it and WAYPROOF_DATA below folders that everybody may enter"
            )
