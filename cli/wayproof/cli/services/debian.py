"""mosquitto from Debian's packages: installed by root, unpacked without root."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wayproof.model.errors import Unavailable

_POLICY: Final = Path("/usr/sbin/policy-rc.d")
_LAUNCHER: Final = """\
#!/bin/sh
# mosquitto with the libraries that were unpacked beside it.
here=$(dirname "$(readlink -f "$0")")/root
exec env LD_LIBRARY_PATH="$(find "$here" -name '*.so*' -printf '%h\\n' | sort -u | paste -sd:)" \\
  "$here/usr/sbin/mosquitto" "$@"
"""


def install_as_root() -> None:
    """`apt-get install mosquitto`, without starting Debian's own service. Unavailable where that fails."""
    with _services_not_started():
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "mosquitto")


def unpack(folder: Path) -> Path:
    """Unpacks mosquitto and those of its libraries that the machine lacks into `folder`; returns its launcher.

    apt gets folders of its own and so needs no rights; it takes from the machine only what is installed here.
    """
    for name in ("state/lists/partial", "cache/archives/partial", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    apt = [
        "apt-get",
        *("-o", f"Dir::State={folder}/state", "-o", f"Dir::Cache={folder}/cache"),
        *("-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "Debug::NoLocking=1"),
    ]
    _run(*apt, "update", "-qq")
    _run(*apt, "install", "-y", "-qq", "--download-only", "--no-install-recommends", "mosquitto")
    for package in sorted((folder / "cache" / "archives").glob("*.deb")):
        _run("dpkg-deb", "--extract", str(package), str(folder / "root"))
    for name in ("state", "cache"):
        shutil.rmtree(folder / name)
    return _write_launcher(folder)


def _write_launcher(folder: Path) -> Path:
    if not (folder / "root" / "usr" / "sbin" / "mosquitto").exists():
        raise Unavailable("apt-get downloaded no mosquitto: it counts as installed, and is not where Debian puts it")
    launcher = folder / "mosquitto"
    launcher.write_text(_LAUNCHER, encoding="utf-8")
    launcher.chmod(0o755)
    return launcher


@contextmanager
def _services_not_started() -> Iterator[None]:
    # Debian starts a service as soon as it is installed, unless this file says no. Ours has a port of its own.
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _run(*argv: str) -> None:
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise Unavailable(f"no {argv[0]}: this is not a Debian machine") from error
    if done.returncode != 0:
        raise Unavailable(f"`{' '.join(argv)}` failed: {done.stderr.strip()[-500:]}")
