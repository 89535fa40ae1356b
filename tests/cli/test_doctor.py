"""The doctor names what is missing and what mends it."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from wayproof.cli.main import app
from wayproof.store.packing import is_hypertable
from wayproof.store.pool import Conn
from wayproof.store.revisions import newest_revision
from wayproof.store.settings import DatabaseSettings

from fix_mqtt import Broker, make_certificate
from ports import free_port


class Doctor:
    """Runs `wayproof doctor --json` under an environment of its own."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def __call__(self, **env: str) -> tuple[int, Any]:
        """Exit status and report."""
        result = CliRunner().invoke(app, ["doctor", "--json", "--data", str(self._data)], env=env)
        return result.exit_code, json.loads(result.stdout)

    def check(self, name: str, **env: str) -> tuple[int, dict[str, str]]:
        """Exit status, and the first check of that name."""
        code, report = self(**env)
        return code, next(check for check in report["checks"] if check["name"] == name)


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """A doctor for an empty data folder."""
    for name in ("WAYPROOF_DATABASE_URL", "WAYPROOF_BROKER_URL", "WAYPROOF_RPC_URL"):
        monkeypatch.delenv(name, raising=False)
    return Doctor(tmp_path / "data")


def test_machine_that_runs_tests_is_well(doctor: Doctor) -> None:
    """Where the tests run, nothing is missing, and each check says what it found."""
    code, report = doctor()
    assert (code, report["works"]) == (0, True)
    assert all(check["found"] for check in report["checks"])
    assert all(check["mend"] for check in report["checks"] if check["status"] != "ok")


def test_people_read_it_too(doctor: Doctor, tmp_path: Path) -> None:
    """Without --json it is a line a check, and the settings."""
    told = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path)]).stdout.splitlines()
    assert any(line.startswith("ok      python    3.") for line in told)
    assert "settings" in told


def test_missing_broker_names_the_mend(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any broker the doctor fails and says how to get one."""
    monkeypatch.setattr("wayproof.cli.services.checks.has_iotcore", lambda: False)
    code, check = doctor.check("broker", WAYPROOF_MOSQUITTO="/nowhere/mosquitto")
    assert (code, check["status"], check["mend"]) == (1, "missing", "wayproof broker install")


def test_fallback_broker_is_weak(doctor: Doctor) -> None:
    """With nothing but iotcore all works, and the doctor says what is weaker."""
    code, check = doctor.check("broker", WAYPROOF_MOSQUITTO="/nowhere/mosquitto")
    assert (code, check["status"]) == (0, "warning")
    assert "no per-device ACL" in check["found"]


def test_database_is_described(doctor: Doctor, database: DatabaseSettings, superuser: Conn) -> None:
    """A database is told with version, schema and where readings are; one never migrated lacks `wayproof migrate`."""
    url = database.url.get_secret_value()
    code, check = doctor.check("postgres", WAYPROOF_DATABASE_URL=url)
    assert (code, check["status"]) == (0, "ok")
    kept = "TimescaleDB 2." if is_hypertable(superuser) else "plain PostgreSQL, 0 days packed"
    assert f"; schema: {newest_revision()}; readings in {kept}" in check["found"]
    superuser.execute("drop table alembic_version")
    code, check = doctor.check("postgres", WAYPROOF_DATABASE_URL=url)
    assert (code, check["mend"]) == (1, "wayproof migrate")


@pytest.mark.parametrize(
    ("name", "variable", "url"),
    [
        ("postgres", "WAYPROOF_DATABASE_URL", "postgresql://me:hidden@127.0.0.1:{port}/x"),
        ("broker", "WAYPROOF_BROKER_URL", "mqtt://me:hidden@127.0.0.1:{port}"),
        ("chain", "WAYPROOF_RPC_URL", "http://me:hidden@127.0.0.1:{port}"),
    ],
)
def test_silent_service_is_missing_and_no_secret_shown(doctor: Doctor, name: str, variable: str, url: str) -> None:
    """A given service that does not answer is a fault with a mend, and its password is shown nowhere."""
    code, report = doctor(**{variable: url.format(port=free_port())})
    (check,) = (check for check in report["checks"] if check["name"] == name)
    assert (code, check["status"]) == (1, "missing")
    assert variable in check["mend"]
    assert "hidden" not in json.dumps(report)


def test_brokers_certificate_is_looked_at(doctor: Doctor, broker: Broker, tls_ca: Path, tmp_path: Path) -> None:
    """A certificate that ends soon is weak; one that is not trusted, or bears another name, is a fault."""
    trusting = {"SSL_CERT_FILE": str(tls_ca), "WAYPROOF_BROKER_URL": f"mqtts://localhost:{broker.port}"}
    code, check = doctor.check("broker", **trusting)
    assert (code, check["status"], check["mend"]) == (0, "warning", "renew the broker's certificate")

    others = {**trusting, "SSL_CERT_FILE": str(make_certificate(tmp_path))}
    code, check = doctor.check("broker", **others)
    assert (code, check["status"]) == (1, "missing")
    assert "cannot be trusted: self-signed certificate" in check["found"]

    code, check = doctor.check("broker", **{**trusting, "WAYPROOF_BROKER_URL": f"mqtts://127.1:{broker.port}"})
    assert (code, check["status"]) == (1, "missing")
    assert "mismatch" in check["found"]

    broker.stop()
    make_certificate(tls_ca.parent, days=60)
    broker.start()
    code, check = doctor.check("broker", **trusting)
    assert (code, check["status"]) == (0, "ok")
    assert "certificate until 20" in check["found"]


def test_broker_without_tls_is_no_mqtts(doctor: Doctor, broker: Broker, tmp_path: Path) -> None:
    """A broker that answers, and does not speak TLS where it should, is a fault."""
    certificate = str(make_certificate(tmp_path))
    url = f"mqtts://localhost:{broker.port}"
    code, check = doctor.check("broker", SSL_CERT_FILE=certificate, WAYPROOF_BROKER_URL=url)
    assert (code, check["status"]) == (1, "missing")
    assert "no TLS" in check["found"]


def test_read_only_data_folder_is_not_given_away(tmp_path: Path) -> None:
    """On a read-only mount the mend is another folder or mount: a new owner could not write there either."""
    mount = f'mount -t tmpfs -o ro none "{tmp_path}" && exec "$@"'
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", sys.executable]
    argv += ["-m", "wayproof.cli.main", "doctor", "--json", "--data", str(tmp_path / "data")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if done.stderr.startswith("unshare:"):
        pytest.skip(f"no mounts of our own here: {done.stderr.strip()}")
    (check,) = (check for check in json.loads(done.stdout)["checks"] if check["name"] == "data")
    assert (done.returncode, check["status"]) == (1, "missing")
    assert check["found"] == f"{tmp_path} is on a read-only file system"
    assert check["mend"] == "choose a folder of yours with --data, or mount it for writing"


def test_file_is_no_data_folder(doctor: Doctor, tmp_path: Path) -> None:
    """A file where the data folder should be is told as such, even where the user may write and run it."""
    (tmp_path / "data").touch(mode=0o700)
    code, check = doctor.check("data")
    assert (code, check["found"]) == (1, f"{tmp_path / 'data'} is not a folder")
    assert "chown" not in check["mend"]


def test_taken_port_names_its_owner(doctor: Doctor, tmp_path: Path) -> None:
    """A port of the last start that somebody has taken is a warning that names who."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "ports.json").write_text(json.dumps({"api": port}), encoding="utf-8")
        code, check = doctor.check("ports")
    assert (code, check["status"]) == (0, "warning")
    assert check["found"].startswith(f"{port} (api) is taken by ")
