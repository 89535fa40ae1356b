"""Loopback ports: which are free, and who listens on one."""

import errno
import socket
from collections.abc import Mapping

import psutil


def is_free(port: int) -> bool:
    """Whether a server of ours could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: without it a port that was used a minute ago counts as taken (TIME_WAIT).
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def choose_ports(wanted: Mapping[str, int]) -> dict[str, int]:
    """For each name its wanted port where that is free, else a free one; all of them different."""
    chosen: dict[str, int] = {}
    for name, port in wanted.items():
        chosen[name] = port if port not in chosen.values() and is_free(port) else _any_free(set(chosen.values()))
    return chosen


def listens(pid: int, port: int) -> bool:
    """Whether the process `pid`, or a descendant of it, listens on `port`."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return any(_listens_itself(member, port) for member in family)
    except psutil.Error:  # it has just ended
        return False


def owner_of(port: int) -> str:
    """Who listens on `port`, for a message: `nginx (pid 12)`, or `another program` where we may not know."""
    for process in psutil.process_iter(["name"]):
        try:
            if _listens_itself(process, port):
                return f"{process.info['name']} (pid {process.pid})"
        except psutil.Error:
            continue
    return "another program"


def _listens_itself(process: psutil.Process, port: int) -> bool:
    return any(conn.status == psutil.CONN_LISTEN and conn.laddr.port == port for conn in process.net_connections("tcp"))


def _any_free(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
