"""What mosquitto must know: who may connect, and who may publish and read where."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from wayproof.devices.topics import PREFIX, READINGS_FILTER, SERVICE_PREFIX, SHARED_READINGS_FILTER

# `pattern` lines hold for every user, our services included; %u is the name that the password proved.
_ACL: Final = f"""\
pattern write {PREFIX}/%u/readings
pattern read {PREFIX}/%u/receipts
"""
_SERVICE_ACL: Final = f"""
user {{name}}
topic read {READINGS_FILTER}
topic read {SHARED_READINGS_FILTER}
topic write {PREFIX}/+/receipts
"""


def password_file(credentials: Iterable[tuple[str, str]]) -> str:
    """Mosquitto's `password_file` for `(user name, hash)` pairs."""
    return "".join(f"{name}:{hashed}\n" for name, hashed in sorted(credentials))


def acl_file(names: Iterable[str]) -> str:
    """Mosquitto's `acl_file`: a device writes and reads only below its own name, services over all."""
    services = sorted(name for name in names if name.startswith(SERVICE_PREFIX))
    return _ACL + "".join(_SERVICE_ACL.format(name=name) for name in services)


def write_broker_files(folder: Path, credentials: Iterable[tuple[str, str]]) -> bool:
    """Writes `passwords` and `acl` into `folder`, each at once and readable by us alone. True if one changed."""
    known = list(credentials)
    changed = [
        _replace(folder / "passwords", password_file(known)),
        _replace(folder / "acl", acl_file(name for name, _ in known)),
    ]
    return any(changed)


def _replace(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)  # noqa: PTH105 - atomic on POSIX, and says so by name
    return True
