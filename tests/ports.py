"""Free ports, and proof that the listener on one is the child that a test started."""

import socket
import subprocess
import time

import psutil


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_listener(child: subprocess.Popen[bytes], port: int, timeout_s: float = 20) -> None:
    """Returns once `child` (or a child of it) listens on `port`; fails if it ends or another one does."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise AssertionError(f"{child.args!r} ended with {child.returncode}")
        if port in listening_ports(child.pid):
            return
        time.sleep(0.02)
    raise AssertionError(f"{child.args!r} does not listen on {port} after {timeout_s} s")


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
