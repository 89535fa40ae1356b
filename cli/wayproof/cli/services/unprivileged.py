"""Programs that refuse to run as root, started by root all the same."""

import os

_NOBODY = ("unshare", "--user", "--map-user=nobody", "--map-group=nogroup")


def unprivileged(*argv: str) -> list[str]:
    """The command line under which `argv` sees itself as `nobody` where we are root, else `argv` as it is.

    A user namespace only renames us: files stay ours, so nothing has to be chowned and no folder above the
    data has to be opened to others. `unshare` replaces itself by the program, so the pid is the program's own.
    """
    return [*_NOBODY, *argv] if os.geteuid() == 0 else list(argv)
