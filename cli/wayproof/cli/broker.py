"""`wayproof broker`: what the MQTT broker must know of the registry, and the broker's program itself."""

import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from signal import SIGHUP
from typing import Annotated, Final

import psutil
import typer
from pydantic import SecretStr

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, Data, DatabaseUrl
from wayproof.cli.groups import commands
from wayproof.cli.services import debian
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.mosquitto import find_mosquitto
from wayproof.cli.simulate import broker_address
from wayproof.devices.broker_files import write_broker_files
from wayproof.devices.credentials import hash_secret, new_secret, secret_matches
from wayproof.devices.topics import SERVICE_PREFIX
from wayproof.ingest.logs import configure_logs
from wayproof.ingest.service import Ingestor
from wayproof.ingest.settings import IngestSettings
from wayproof.model.errors import Conflict, InvalidInput, Unavailable
from wayproof.store.broker import broker_credentials, listen_for_changes, put_service, wait_for_change
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

broker = commands("broker", "The MQTT broker: program and users.")

ServiceName = Annotated[
    str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and hyphens; `svc@` is put before it.")
]
_PATIENCE: Final = timedelta(seconds=5)
_SETTLE_S: Final = 0.2
"""Changes come in bursts (a fleet being registered); the broker reads its files once for each pause."""


@broker.command("install", epilog="Example: wayproof broker install")
def install(*, data: Data = DATA_DEFAULT) -> None:
    """Get mosquitto where the machine has none: by apt as root, else unpacked below the data folder."""
    programs = DataDir.at(data).programs
    try:
        typer.echo(f"found {find_mosquitto(programs)}")
    except Unavailable:
        typer.echo(f"installed {_install(programs)}")


@broker.command("add-service", epilog="Example: wayproof broker add-service ingest-2")
def add_service(
    name: ServiceName,
    *,
    secret: Annotated[
        str | None, typer.Option(envvar="WAYPROOF_SERVICE_SECRET", help="Its password; default: a new one, printed.")
    ] = None,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
) -> None:
    """Let a process of ours connect to the broker: it may take every device's readings and send receipts."""
    password = secret or new_secret()
    ensure_service(database_settings(DataDir.at(data), database_url), f"{SERVICE_PREFIX}{name}", password)
    if secret is None:
        typer.echo(f"user:     {SERVICE_PREFIX}{name}\npassword: {password}")


@broker.command("drain", epilog="Example: wayproof broker drain ingest-2 --secret s --broker 10.0.0.5:1883")
def drain(
    name: ServiceName,
    *,
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="WAYPROOF_SERVICE_SECRET",
            help="Its password. Where nobody knows it, `wayproof broker add-service NAME` gives it another.",
        ),
    ] = None,
    address: Annotated[str | None, typer.Option("--broker", help="HOST:PORT; default: the embedded one.")] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Use TLS, with these certificates to prove the broker.")] = None,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
) -> None:
    """Store what the broker keeps for an ingestor that went away for good.

    Connects under its name, takes and stores what is there, and ends its session: from then on the broker shares
    nothing out to it. Not for one that is still running.
    """
    place, user = DataDir.at(data), f"{SERVICE_PREFIX}{name}"
    if secret is None and not place.has_secret(user):
        raise InvalidInput(
            f"give the password of {user} by --secret; `wayproof broker add-service {name}` makes another"
        )
    found = broker_address(address, place, tls_ca)
    settings = IngestSettings(
        broker_host=found.host,
        broker_port=found.port,
        broker_tls_ca=found.tls_ca,
        user=user,
        password=SecretStr(secret or place.secret(user)),
    )
    configure_logs()
    if not Ingestor(settings, database_settings(place, database_url)).run(leave=True):
        raise Conflict(f"{user} was not drained: it is running elsewhere, or we were told to stop")
    typer.echo(f"{user}: everything that the broker kept is stored, and its session has ended")


@broker.command("sync", epilog="Example: wayproof broker sync /etc/mosquitto/wayproof --pid-file /run/mosquitto.pid")
def sync(
    folder: Annotated[Path, typer.Argument(help="Where the files `passwords` and `acl` stand.")],
    *,
    pid_file: Annotated[
        Path | None, typer.Option(help="Holds the broker's process id; it is sent SIGHUP after a change.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Write the files and end.")] = False,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
) -> None:
    """Write mosquitto's passwords and ACL, and again whenever a device or service changes."""
    settings = database_settings(DataDir.at(data), database_url)
    if not folder.is_dir():
        raise InvalidInput(f"expected a folder for the broker's files, got {folder}")
    if once:
        write_files(settings, folder)
        return
    while True:
        try:
            _follow(settings, folder, pid_file)
        except Unavailable as error:
            typer.echo(f"wayproof: {error}; trying again", err=True)
            time.sleep(1)


def ensure_service(settings: DatabaseSettings, name: str, secret: str) -> None:
    """Lets the process `name` connect with `secret`. Writes nothing, and wakes nobody, where that is so already."""
    with connect(settings) as conn:
        hashed = dict(broker_credentials(conn)).get(name)
        if hashed is None or not secret_matches(secret, hashed):
            put_service(conn, name, hash_secret(secret))


def write_files(settings: DatabaseSettings, folder: Path) -> bool:
    """Writes the broker's files from the registry as it is now. True if one changed."""
    with connect(settings, role="wayproof_broker") as conn:
        return write_broker_files(folder, broker_credentials(conn))


def _follow(settings: DatabaseSettings, folder: Path, pid_file: Path | None) -> None:
    told: int | None = None
    with connect(settings, role="wayproof_broker", autocommit=True) as conn:
        listen_for_changes(conn)
        while True:
            told = _sync_once(conn, folder, pid_file, told)
            if wait_for_change(conn, _PATIENCE):
                time.sleep(_SETTLE_S)


def _sync_once(conn: Conn, folder: Path, pid_file: Path | None, told: int | None) -> int | None:
    """Writes the files and tells the broker, also one that has started since; returns the broker's pid."""
    changed = write_broker_files(folder, broker_credentials(conn))
    pid = _broker_pid(pid_file)
    if pid is not None and (changed or pid != told):
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, SIGHUP)
    if changed:
        typer.echo("the broker's files have changed")
    return pid


def _broker_pid(pid_file: Path | None) -> int | None:
    """The broker's pid; None where it does not run now: it reads the files when it starts."""
    if pid_file is None:
        return None
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        # To any other program a hang-up is deadly.
        return pid if psutil.Process(pid).name() == "mosquitto" else None
    except (FileNotFoundError, ValueError, psutil.Error):
        return None


def _install(programs: Path) -> Path:
    if os.geteuid() == 0:
        try:
            debian.install_as_root()
            return find_mosquitto(programs)
        except Unavailable as error:
            typer.echo(f"wayproof: {error}; unpacking it instead", err=True)
    return debian.unpack(programs / "mosquitto")
