"""The secrets under which `wayproof replay` speaks for devices, and devices that it registers itself."""

import json
from collections.abc import Iterable
from pathlib import Path

from wayproof.cli.access import tenant_access
from wayproof.devices.credentials import hash_secret, new_secret
from wayproof.model.device import DeviceKind
from wayproof.model.errors import Conflict, InvalidInput, NotFound
from wayproof.store.devices import create_device, get_device
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

Secrets = dict[str, str]
"""By device."""


def read_secrets(path: Path) -> Secrets:
    """The secrets in a file: a JSON object of texts by device."""
    try:
        secrets = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"credentials {path}: {error.strerror}") from error
    except ValueError as error:
        raise InvalidInput(f"credentials {path}: no JSON: {error}") from error
    if not isinstance(secrets, dict) or not all(isinstance(secret, str) for secret in secrets.values()):
        raise InvalidInput(f"credentials {path}: expected an object of texts by device")
    return secrets


def register_missing(
    settings: DatabaseSettings, tenant: str, devices: Iterable[str], *, kind: DeviceKind, path: Path
) -> Secrets:
    """Registers those of `devices` that the tenant does not have, and keeps their new secrets in `path`.

    Conflict for a device that is registered and whose secret the file does not hold.
    """
    secrets = read_secrets(path) if path.exists() else {}
    with tenant_access(settings, tenant) as (conn, owner):
        missing = [name for name in devices if not _is_registered(conn, name, secrets, path)]
        secrets |= {name: new_secret() for name in missing if name not in secrets}
        # Before the commit: a registered device whose secret nobody knows could not be used again.
        _write_private(path, json.dumps(secrets, indent=2, sort_keys=True) + "\n")
        for name in missing:
            credential = hash_secret(secrets[name])
            create_device(conn, tenant_id=owner.tenant_id, name=name, kind=kind, label="", credential=credential)
    return secrets


def _is_registered(conn: Conn, name: str, secrets: Secrets, path: Path) -> bool:
    try:
        get_device(conn, name)
    except NotFound:
        return False
    if name not in secrets:
        raise Conflict(
            f"device {name} is registered, and {path} holds no secret of it: add the secret there, or replace it by "
            f"`wayproof device rotate {name}`"
        )
    return True


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
