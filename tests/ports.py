"""Free ports, and proof that the listener on one is the child that a test started."""

import os
import random
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

LOWEST: Final = 10_240
LOWEST_OF_CLIENTS: Final = 32_768
"""From here on the kernel takes ports for whoever connects: what is free now may be taken before a server listens."""


def free_port() -> int:
    """A loopback TCP port that nobody uses, and that no other call gets, nor any other worker of pytest-xdist."""
    for port in _candidates:
        if _can_bind(port):
            return port
    raise AssertionError("every port was given out")


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _shuffled() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    mine = range(LOWEST + worker, LOWEST_OF_CLIENTS, workers)
    # Not the shared generator: Hypothesis seeds it, and other runs of the tests go on beside this one.
    return iter(random.Random().sample(mine, len(mine)))


_candidates: Final = _shuffled()


def wait_for_listener(child: subprocess.Popen[bytes], port: int, timeout_s: float = 60) -> None:
    """Returns once `child` (or a child of it) listens on `port`; fails if it ends or another one does."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise AssertionError(f"{child.args!r} ended with {child.returncode}")
        if _is_listened_on(port) and port in listening_ports(child.pid):
            return
        time.sleep(0.02)
    raise AssertionError(f"{child.args!r} does not listen on {port} after {timeout_s} s")


def _is_listened_on(port: int) -> bool:
    """Whether anybody does; quick to ask, unlike who it is."""
    listening = re.compile(rf":{port:04X} 0+:0000 0A ")
    return any(listening.search(Path(table).read_text()) for table in ("/proc/net/tcp", "/proc/net/tcp6"))


def listening_ports(pid: int) -> set[int]:
    """Ports on which the process or a descendant of it listens."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return {port for member in family for _, port in listeners(member)}


def listeners(process: psutil.Process) -> list[tuple[str, int]]:
    """Addresses and ports on which the process itself listens; none where it has ended."""
    try:
        connections = process.net_connections("tcp")
    except psutil.NoSuchProcess:  # PostgreSQL's own children come and go
        return []
    return [(conn.laddr.ip, conn.laddr.port) for conn in connections if conn.status == psutil.CONN_LISTEN]
