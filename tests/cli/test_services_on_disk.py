"""What embedded services keep on disk survives being killed at any moment."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from wayproof.cli.main import app
from wayproof.cli.services.anvil import Anvil
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.logs import bound, last_line, rotate
from wayproof.cli.services.postgres import PostgresCluster, sized
from wayproof.model.errors import Conflict, InvalidInput


def test_logs_rotate(tmp_path: Path) -> None:
    """Each start begins a log, and the three before are kept."""
    log = tmp_path / "api.log"
    for start in range(6):
        rotate(log)
        log.write_text(str(start), encoding="utf-8")
    kept = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert kept == {"api.log": "5", "api.log.1": "4", "api.log.2": "3", "api.log.3": "2"}


def test_log_is_bounded_while_it_is_written(tmp_path: Path) -> None:
    """A log past its limit goes to `.1`, and the program goes on writing at the start of the same file."""
    log = tmp_path / "api.log"
    with log.open("ab", buffering=0) as program:
        program.write(b"x" * 100)
        bound(log, limit_bytes=99)
        program.write(b"on")
    assert (log.read_bytes(), (tmp_path / "api.log.1").stat().st_size) == (b"on", 100)


def test_last_line_says_why(tmp_path: Path) -> None:
    """The last line that is not empty is shown for a service that has ended."""
    log = tmp_path / "api.log"
    assert last_line(log) == ""
    log.write_bytes(b"first\nport taken\xff\n\n")
    assert last_line(log) == "port taken\ufffd"


def test_children_keep_the_folder_locked(tmp_path: Path) -> None:
    """After the supervisor is gone, the folder is free only when the last child that it left behind has ended."""
    data = DataDir.at(tmp_path)
    data.make()
    with data.lock() as descriptor:
        child = subprocess.Popen(["sleep", "60"], pass_fds=(descriptor,))
    try:
        with pytest.raises(Conflict, match="services of an earlier"), data.lock(timedelta(seconds=0.2)):
            pass
    finally:
        child.kill()
        child.wait()
    with data.lock():
        assert data.is_in_use()
    assert not data.is_in_use()


def test_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    """`wayproof up` on a file, below one, or where a lock cannot be made says what is wrong and what mends it."""
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "locked" / "supervisor.lock").mkdir(parents=True)
    for data, reason in (
        (file, "File exists"),
        (file / "below", "Not a directory"),
        (tmp_path / "locked", "Is a directory"),
    ):
        result = CliRunner().invoke(app, ["up", "--data", str(data)])
        (line,) = result.stderr.splitlines()
        assert result.exit_code == 1
        assert line.startswith(f"wayproof: cannot use {data}")
        assert line.endswith(f"{reason}; choose a folder of yours that can be written with --data")


def test_read_only_folder_is_one_line(tmp_path: Path) -> None:
    """On a read-only mount `wayproof up` ends in one line, whether or not the folder was made before."""
    made = DataDir.at(tmp_path / "made")
    made.make()
    mount = f'mount -t tmpfs none "{tmp_path}/made" && mount -o remount,ro "{tmp_path}/made" && exec "$@"'
    for data in (made.root, made.root / "new"):
        argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", sys.executable]
        argv += ["-m", "wayproof.cli.main", "up", "--data", str(data)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        (line,) = done.stderr.splitlines()
        if line.startswith("unshare:"):
            pytest.skip(f"no mounts of our own here: {line}")
        assert line.startswith(f"wayproof: cannot use {data}")
        assert "Read-only file system; choose a folder" in line


def test_errors_of_others_stay_theirs(tmp_path: Path) -> None:
    """What goes wrong while the folder is locked is not called a fault of the folder."""
    data = DataDir.at(tmp_path)
    with pytest.raises(ConnectionResetError), data.lock():
        raise ConnectionResetError


def test_damaged_ports_are_named(tmp_path: Path) -> None:
    """A ports file that is no object of numbers is refused with its path and the mend."""
    (tmp_path / "ports.json").write_text('{"api": "high"}', encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"ports\.json: expected an object of port numbers; delete the file"):
        DataDir.at(tmp_path).ports()


def test_damaged_chain_state_is_set_aside(tmp_path: Path) -> None:
    """A half-written dump is kept under another name, and the last whole one is used."""
    anvil = Anvil(folder=tmp_path, program=Path("anvil"))
    anvil.state.write_text('{"block": 1}', encoding="utf-8")
    anvil.prepare()
    anvil.state.write_text('{"block": 2, "acc', encoding="utf-8")
    anvil.prepare()
    assert json.loads(anvil.state.read_bytes()) == {"block": 1}
    (damaged,) = tmp_path.glob("state.damaged-*.json")
    assert damaged.read_text(encoding="utf-8").startswith('{"block": 2')


def test_killed_initdb_leaves_no_cluster(tmp_path: Path) -> None:
    """What an initdb left that was killed is thrown away, and the cluster is made anew."""
    half = tmp_path / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n", encoding="ascii")
    cluster = PostgresCluster(folder=tmp_path)
    cluster.prepare()
    assert (cluster.data / "global" / "pg_control").exists()
    assert not half.exists()


def test_recycled_pid_keeps_nobody_out(tmp_path: Path) -> None:
    """A dead server's pid file goes when another program has that pid by now, and stays where a server has it."""
    cluster = PostgresCluster(folder=tmp_path)
    cluster.data.mkdir()
    pid_file = cluster.data / "postmaster.pid"
    for name, stays in (("postgres", True), ("sleeper", False)):
        program = tmp_path / name
        program.symlink_to("/bin/sleep")
        process = subprocess.Popen([str(program), "60"])
        try:
            pid_file.write_text(f"{process.pid}\n{cluster.data}\n", encoding="ascii")
            cluster.prepare()
        finally:
            process.kill()
            process.wait()
        assert pid_file.exists() == stays


@pytest.mark.parametrize(
    ("limit", "expected"), [(str(2 << 30), "256MB"), (str(512 << 20), "128MB"), (str(1 << 62), None), ("max", None)]
)
def test_buffers_fit_the_container(tmp_path: Path, limit: str, expected: str | None) -> None:
    """PostgreSQL's buffers are an eighth of what a container may take; without a limit, of the machine's memory."""
    file = tmp_path / "memory.max"
    file.write_text(f"{limit}\n", encoding="ascii")
    machine = min(max(psutil.virtual_memory().total >> 23, 128), 1_024)
    assert sized(file)["shared_buffers"] == (expected or f"{machine}MB")
