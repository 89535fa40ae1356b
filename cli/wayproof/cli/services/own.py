"""Our own processes as services of the supervisor."""

import os
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.probes import http_answers
from wayproof.cli.services.spec import Service
from wayproof.model.errors import InvalidInput, Unavailable

_PORTS_BY_SCHEME = {"mqtt": 1883, "mqtts": 8883}
_EXPECTED = "expected a broker's address like mqtt://user:password@host:1883"
#: Where distributions keep them; a Python that was built elsewhere looks in another place.
_CERTIFICATE_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_TRACE_API_URL = "WAYPROOF_TRACE_API_URL"
_MAINTENANCE_INTERVAL = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class BrokerLink:
    """How our ingestor reaches the broker."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> "BrokerLink":
        """From `mqtt://user:password@host:port`, or `mqtts://` for TLS."""
        parts, port = _split(url)
        if parts.scheme not in _PORTS_BY_SCHEME or not parts.hostname:
            raise InvalidInput(f"{_EXPECTED}, got {mask(url)!r}")
        return cls(
            host=parts.hostname,
            port=_PORTS_BY_SCHEME[parts.scheme] if port is None else port,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=parts.scheme == "mqtts",
        )

    def environment(self) -> dict[str, str]:
        """The ingestor's settings; Unavailable where TLS is wanted and there is nothing to check the broker against."""
        settings = {
            "BROKER_HOST": self.host,
            "BROKER_PORT": str(self.port),
            "USER": self.user,
            "PASSWORD": self.password,
            "BROKER_TLS_CA": trusted_certificates() if self.tls else None,
        }
        return {f"WAYPROOF_INGEST_{name}": value for name, value in settings.items() if value is not None}


def migrate_service(data: DataDir, env: Mapping[str, str], depends_on: tuple[str, ...]) -> Service:
    """Brings the database to the newest schema before anybody uses it."""
    argv = _wayproof("migrate", "--data", str(data.root))
    timeout = timedelta(hours=1)  # a migration may have to rewrite a large table
    return Service(
        name="migrate",
        argv=argv,
        log=data.log("migrate"),
        where="the schema",
        env=env,
        depends_on=depends_on,
        one_shot=True,
        start_timeout=timeout,
    )


def maintenance_service(data: DataDir, env: Mapping[str, str], depends_on: tuple[str, ...]) -> Service:
    """Opens the days of readings to come."""
    every = str(round(_MAINTENANCE_INTERVAL.total_seconds()))
    argv = _wayproof("maintain", "--every", every, "--data", str(data.root))
    return Service(
        name="maintenance",
        argv=argv,
        log=data.log("maintenance"),
        where="days of readings, hourly",
        env=env,
        depends_on=depends_on,
    )


def broker_sync_service(data: DataDir, env: Mapping[str, str], depends_on: tuple[str, ...]) -> Service:
    """Tells the embedded broker of changes in the registry."""
    argv = _wayproof(
        "broker", "sync", str(data.broker), "--pid-file", str(data.pid_file("broker")), "--data", str(data.root)
    )
    return Service(
        name="broker-sync",
        argv=argv,
        log=data.log("broker-sync"),
        where="devices that may connect",
        env=env,
        depends_on=depends_on,
    )


def ingest_service(data: DataDir, env: Mapping[str, str], health_port: int, depends_on: tuple[str, ...]) -> Service:
    """Takes readings off the broker and stores them; SIGTERM drains it."""
    return Service(
        name="ingest",
        argv=(sys.executable, "-m", "wayproof.ingest"),
        log=data.log("ingest"),
        where=f"http://127.0.0.1:{health_port}/metrics",
        env={**env, "WAYPROOF_INGEST_HEALTH_PORT": str(health_port)},
        depends_on=depends_on,
        ready=lambda: http_answers(health_port, "/readyz"),
        port=health_port,
    )


def api_service(data: DataDir, env: Mapping[str, str], port: int, depends_on: tuple[str, ...]) -> Service:
    """Serves the API and its pages."""
    return Service(
        name="api",
        argv=(sys.executable, "-m", "wayproof.api"),
        log=data.log("api"),
        where=f"http://127.0.0.1:{port}",
        env={**env, "WAYPROOF_API_HOST": "127.0.0.1", "WAYPROOF_API_PORT": str(port)},
        depends_on=depends_on,
        ready=lambda: http_answers(port, "/readyz"),
        port=port,
    )


def trace_service(data: DataDir, env: Mapping[str, str], api_port: int, depends_on: tuple[str, ...]) -> Service:
    """Captures EPCIS documents, and records what happened as events; SIGTERM lets it finish what is under way."""
    return Service(
        name="trace",
        argv=(sys.executable, "-m", "wayproof.trace"),
        log=data.log("trace"),
        where="EPCIS documents",
        # The one that the user gave counts: it stands in events for ever.
        env={**env, _TRACE_API_URL: os.environ.get(_TRACE_API_URL, f"http://127.0.0.1:{api_port}")},
        depends_on=depends_on,
        stop_timeout=timedelta(seconds=30),  # longer than it gives its own processes
    )


def ledger_environment(data: DataDir, rpc_url: str) -> dict[str, str]:
    """The anchorer's settings for a chain that was given; keys come out of our own environment."""
    return {
        "WAYPROOF_LEDGER_RPC_URLS": rpc_url,
        "WAYPROOF_LEDGER_LOG_KEY_FILE": os.environ.get("WAYPROOF_LEDGER_LOG_KEY_FILE") or str(data.log_key),
    }


def has_anchoring_key() -> bool:
    """Whether our environment names a key that can pay for anchors."""
    return any(os.environ.get(f"WAYPROOF_LEDGER_ANCHORER_{kind}") for kind in ("KEY", "KEYSTORE"))


def ledger_init_service(data: DataDir, env: Mapping[str, str], depends_on: tuple[str, ...]) -> Service:
    """Founds the log before anybody anchors it: deploys the contract, makes the log's key."""
    return Service(
        name="ledger-init",
        argv=_wayproof("ledger", "init", "--data", str(data.root)),
        log=data.log("ledger-init"),
        where="the log's contract and key",
        env=env,
        depends_on=depends_on,
        one_shot=True,
        start_timeout=timedelta(minutes=10),  # a busy chain may take that long to mine the contract
    )


def ledger_service(data: DataDir, env: Mapping[str, str], health_port: int, depends_on: tuple[str, ...]) -> Service:
    """Signs checkpoints and anchors them."""
    return Service(
        name="ledger",
        argv=(sys.executable, "-m", "wayproof.ledger"),
        log=data.log("ledger"),
        where=f"http://127.0.0.1:{health_port}/metrics",
        env={**env, "WAYPROOF_LEDGER_HEALTH_PORT": str(health_port)},
        depends_on=depends_on,
        ready=lambda: http_answers(health_port, "/readyz"),
        port=health_port,
    )


def fleet_service(
    data: DataDir, env: Mapping[str, str], depends_on: tuple[str, ...], *, tenant: str, trucks: int, broker: BrokerLink
) -> Service:
    """The simulated fleet, whose outboxes survive a restart."""
    options = {
        "--trucks": str(trucks),
        "--tenant": tenant,
        "--broker": f"{broker.host}:{broker.port}",
        "--state": str(data.demo),
    }
    return Service(
        name="fleet",
        argv=_wayproof("simulate", *(part for option in options.items() for part in option)),
        log=data.log("fleet"),
        where=f"{trucks} simulated trucks",
        env=env,
        depends_on=depends_on,
    )


def trusted_certificates() -> str:
    """The file of certificates that this machine trusts. Without one the ingestor would go without TLS."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return paths.cafile
    named = os.environ.get(paths.openssl_cafile_env)
    # Who names a file trusts that one and no other, so nothing takes its place.
    found = None if named else next((path for path in _CERTIFICATE_FILES if Path(path).is_file()), None)
    if found is None:
        raise Unavailable(
            "mqtts:// needs a file of trusted certificates (PEM) to check the broker's against, and there is none at"
            f" {named or paths.openssl_cafile}: install `ca-certificates`, or name one by {paths.openssl_cafile_env}"
        )
    return found


def _split(url: str) -> tuple[SplitResult, int | None]:
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.port != 0:
            return parts, parts.port
    # Not shown: a password with a bare `/` is what ends here as well, and cannot be told from the rest to mask it.
    raise InvalidInput(
        f"{_EXPECTED}, got one whose host or port cannot be read: a port is a number from 1 to 65535, and of a"
        " password everything but letters and digits is percent-encoded"
    )


def mask(url: str) -> str:
    """The URL without its password, for showing."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}").geturl()


def _wayproof(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "wayproof.cli.main", *arguments)
