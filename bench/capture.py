"""Capture through the API: documents of the network posted to /epcis/capture until the last job has succeeded.

python -m bench.capture [--documents 1000] [--events 1000]

The same rows by one COPY into a twin of the journal, indexes included, are the baseline of the same run.
"""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from bench.network import documents
from bench.report import Result, at_least, at_most, figure, report
from bench.services import in_database, running, running_api, running_database, wait_until
from wayproof.model.access import Scope
from wayproof.store.keys import create_key
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings
from wayproof.store.tenants import create_tenant

_SENDERS: Final = 2
_AT_REST_S: Final = 0.15
"""CPU of all in a second in which nothing is to be done."""


def main() -> int:
    """Measures both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=1_000, help="in each document")
    options = parser.parse_args()
    made = list(documents(options.documents * options.events, a_document=options.events))
    with TemporaryDirectory(prefix="wayproof-bench-") as folder, running_database(Path(folder)) as settings:
        results = _measured(settings, Path(folder), made, options.documents * options.events)
    return report("capture", results)


def _measured(settings: DatabaseSettings, folder: Path, made: Sequence[bytes], events: int) -> list[Result]:
    with connect(settings, autocommit=True) as conn:
        tenant = create_tenant(conn, "bench")
        _, token = create_key(conn, tenant_id=tenant.tenant_id, label="bench", scopes=[Scope.EVENTS_WRITE])
        with running_api(settings, folder) as port, _running_trace(settings, folder):
            wait_until(_is_at_rest, "the processes to have started", timeout_s=120)
            before = _cpu_s()
            elapsed_s = _captured_in(conn, port, token, made)
            cpu_s = {name: used - before.get(name, 0) for name, used in _cpu_s().items()}
        assert conn.execute("select count(*) from epcis_event").fetchone() == (events,)
        last_s = _last_tenth_s(conn)
        copied_s = _copied_in(conn, folder)
    return [
        figure("events", events, "events"),
        figure("bytes a document", sum(map(len, made)) / len(made), "bytes"),
        at_least("captured through the API", events / elapsed_s, "events/s", 5_000),
        figure("the last tenth of them", events / 10 / last_s, "events/s"),
        # Five thousand times this is two cores' second: the one bar that busy neighbours do not move.
        at_most("CPU of all together an event", sum(cpu_s.values()) / events * 1e6, "µs", 400),
        *(figure(f"CPU of {name} an event", used / events * 1e6, "µs") for name, used in sorted(cpu_s.items())),
        figure("the same rows by COPY", events / copied_s, "events/s"),
        figure("share of COPY", copied_s / elapsed_s, "ratio"),
    ]


def _captured_in(conn: Conn, port: int, token: str, made: Sequence[bytes]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(_SENDERS) as senders:
        list(senders.map(partial(_send, port, token), [made[i::_SENDERS] for i in range(_SENDERS)]))
    wait_until(lambda: _unfinished(conn) == 0, "the jobs", timeout_s=1_800)
    elapsed_s = time.perf_counter() - started
    assert conn.execute("select count(*) from epcis_capture where not is_success").fetchone() == (0,)
    return elapsed_s


def _last_tenth_s(conn: Conn) -> float:
    """Seconds that the last tenth of the documents took, when indexes had grown."""
    rows = conn.execute("select finished_at from epcis_capture order by finished_at").fetchall()
    ended = [at for (at,) in rows]
    return float((ended[-1] - ended[-1 - len(ended) // 10]).total_seconds())


def _send(port: int, token: str, made: Sequence[bytes]) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for document in made:
        connection.request("POST", "/epcis/capture", document, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202


def _unfinished(conn: Conn) -> int:
    time.sleep(0.2)  # asking costs the database something, too
    (count,) = conn.execute("select count(*) from epcis_capture where finished_at is null").fetchone() or (0,)
    return int(count)


def _copied_in(conn: Conn, folder: Path) -> float:
    file = folder / "events.copy"
    conn.execute("set statement_timeout = 0")
    conn.execute("create table twin (like epcis_event including all)")
    with conn.cursor() as cursor, file.open("wb") as out, cursor.copy("copy epcis_event to stdout") as copy:
        for piece in copy:
            out.write(piece)
    conn.execute("checkpoint")
    started = time.perf_counter()
    with conn.cursor() as cursor, file.open("rb") as rows, cursor.copy("copy twin from stdin") as copy:
        while piece := rows.read(1 << 16):
            copy.write(piece)
    return time.perf_counter() - started


@contextmanager
def _running_trace(settings: DatabaseSettings, folder: Path) -> Iterator[None]:
    log = folder / "trace.log"
    with running([sys.executable, "-m", "wayproof.trace"], log, signal.SIGTERM, in_database(settings)):
        wait_until(lambda: b"working" in log.read_bytes(), "the workers")
        yield


def _is_at_rest() -> bool:
    """Whether nobody loads modules any more."""
    before = sum(_cpu_s().values())
    time.sleep(1)
    return sum(_cpu_s().values()) - before < _AT_REST_S


def _cpu_s() -> dict[str, float]:
    """Seconds of CPU of our children so far, and of this process, which sends."""
    used = {"sender": sum(psutil.Process().cpu_times()[:2])}
    for child in psutil.Process().children(recursive=True):
        command = " ".join(child.cmdline())
        kind = "API" if "wayproof.api" in command else "PostgreSQL" if child.name() == "postgres" else "trace"
        used[kind] = used.get(kind, 0.0) + sum(child.cpu_times()[:2])
    return used


if __name__ == "__main__":
    sys.exit(main())
