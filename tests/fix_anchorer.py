"""A log, an EVM of its own, an anchorer over both, and a wire between them on which calls can be held or lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from wayproof.ledger.anchorer import Anchorer
from wayproof.ledger.endpoint import Depths, Endpoint, Place
from wayproof.ledger.found import Founding, found
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.keys import admin_key
from wayproof.ledger.log_key import create_log_key, load_log_key
from wayproof.ledger.service import open_chain, open_custodians
from wayproof.ledger.settings import LedgerSettings
from wayproof.ledger.signatures import KeySigner
from wayproof.model.anchor import Alarm, Anchor
from wayproof.model.handoff import AnchorState, SigningDomain
from wayproof.model.log import LogIdentity, NewEntry
from wayproof.store import anchors, log
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

from fix_chain import Chain

ORIGIN: Final = "log.example/anchored"
ANCHORER_KEY: Final = bytes(31) + b"\x0a"
ADMIN_KEY: Final = bytes(31) + b"\x0b"


class Wire:
    """Stands between an anchorer and a node, and knows which JSON-RPC method passes."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._hold_before = ""
        self._hold_after = ""
        self._lost: frozenset[str] = frozenset()
        self.reached = threading.Event()
        self._released = threading.Event()
        #: Answers in the node's place where it returns something: result or error of JSON-RPC.
        self.answer: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] = lambda _call: None
        wire = self

        class Handler(_Handler):
            line = wire

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where an anchorer finds it."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def hold(self, *, before: str = "", after: str = "") -> None:
        """Lets a call of this method wait before the node hears of it, or its answer wait when the node has done it."""
        self.reached.clear()
        self._released.clear()
        self._hold_before, self._hold_after = before, after

    def lose(self, *methods: str) -> None:
        """Ends the connection of calls of these methods, which never reach the node; of none: all is well again."""
        self._lost = frozenset(methods)

    def release(self) -> None:
        """Lets everything pass."""
        self._hold_before = self._hold_after = ""
        self._released.set()

    def close(self) -> None:
        """Ends it."""
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def carry(self, body: bytes) -> bytes | None:
        """The node's answer; None where the call was lost."""
        call = json.loads(body)
        method = call["method"]
        if method in self._lost:
            return None
        if (instead := self.answer(call)) is not None:
            return json.dumps({"jsonrpc": "2.0", "id": call["id"], **instead}).encode()
        if method == self._hold_before:
            self._wait()
        connection = HTTPConnection("127.0.0.1", self._target_port, timeout=30)
        try:
            with closing(connection):
                connection.request("POST", "/", body, {"content-type": "application/json"})
                answer = connection.getresponse().read()
        except (OSError, HTTPException):
            return None
        if method == self._hold_after:
            self._wait()
        return answer

    def _wait(self) -> None:
        self.reached.set()
        self._released.wait(60)


@contextmanager
def dripping_node() -> Iterator[tuple[str, list[str]]]:
    """A node whose answers have no end, a byte at a time; its URL, and the paths that were asked so far."""
    asked: list[str] = []

    class Dripping(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while not is_over.wait(0.05):
                    self.wfile.write(b" ")

        def log_message(self, *_args: object) -> None:
            pass

    is_over, server = threading.Event(), ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        is_over.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    line: Wire
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        answer = self.line.carry(self.rfile.read(int(self.headers["content-length"])))
        if answer is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:  # who asked was killed
            self.close_connection = True

    def log_message(self, *_args: object) -> None:
        pass


@dataclass(kw_only=True)
class Anchoring:
    """A founded log with its chain, and whoever anchors it."""

    database: DatabaseSettings
    conn: Conn
    chain: Chain
    identity: LogIdentity
    founding: Founding
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    connections: list[Conn] = field(default_factory=list)

    def settings(self, *urls: str, **changes: Any) -> LedgerSettings:
        """An anchorer's settings: every leaf is anchored at once."""
        values: dict[str, Any] = {
            "rpc_urls": tuple(SecretStr(url) for url in urls or (self.chain.url,)),
            "rpc_timeout": timedelta(seconds=2),
            "log_key_file": self.folder / "log-key",
            "anchorer_key": SecretStr(ANCHORER_KEY.hex()),
            "anchor_leaves": 1,
            "poll_interval": timedelta(seconds=0.1),
        }
        return LedgerSettings(**(values | changes))

    def anchorer(self, *urls: str, **changes: Any) -> Anchorer:
        """One in this process, for a test that takes its steps one by one."""
        settings = self.settings(*urls, **changes)
        self.connections.append(connect(self.database, role="wayproof_ledger", autocommit=True))
        domain = SigningDomain(chain_id=self.identity.chain_id, contract=self.identity.contract)
        signer = KeySigner(ANCHORER_KEY)
        conn, chain = self.connections[-1], open_chain(settings, domain, signer.address)
        return Anchorer(
            conn,
            chain,
            domain=domain,
            checkpoint_signer=load_log_key(settings.log_key_file, origin=ORIGIN),
            signer=signer,
            settings=settings,
            custodians=open_custodians(conn, chain, domain, settings, admin_key(settings)),
        )

    def start(self, *urls: str, **changes: Any) -> subprocess.Popen[bytes]:
        """One as a process."""
        environment = {**os.environ, **self.environment(*urls, **changes)}
        with (self.folder / "ledger.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "wayproof.ledger"], env=environment, stdout=output, stderr=output
            )
        self.processes.append(process)
        return process

    def environment(self, *urls: str, **changes: str) -> Mapping[str, str]:
        """What it is set up by."""
        values = {
            "RPC_URLS": ",".join(urls or (self.chain.url,)),
            "RPC_TIMEOUT": "PT2S",
            "LOG_KEY_FILE": str(self.folder / "log-key"),
            "ANCHORER_KEY": ANCHORER_KEY.hex(),
            "ANCHOR_LEAVES": "1",
            "POLL_INTERVAL": "PT0.1S",
            **{name.upper(): value for name, value in changes.items()},
        }
        return {
            "WAYPROOF_DATABASE_URL": self.database.url.get_secret_value(),
            **{f"WAYPROOF_LEDGER_{name}": value for name, value in values.items()},
        }

    def wire(self) -> Wire:
        """A wire to the chain."""
        self.wires.append(Wire(self.chain.port))
        return self.wires[-1]

    @property
    def account(self) -> str:
        """The anchorer's."""
        return to_address(KeySigner(ANCHORER_KEY).address)

    def disconnect(self) -> None:
        """Ends every connection of this process."""
        for conn in (*self.connections, self.conn):
            conn.close()

    def connect(self, database: DatabaseSettings) -> None:
        """Goes on with this database."""
        self.disconnect()
        self.database = database
        self.conn = connect(database, autocommit=True)

    def append(self, count: int = 1, *, text: str = "leaf") -> int:
        """Appends leaves; returns the log's new size."""
        with self.conn.transaction():
            start = log.size(self.conn)
            texts = [f"{text} {start + number}" for number in range(count)]
            new = [NewEntry(kind="handoff", entry=each.encode(), salt=bytes(32), payload=b"{}") for each in texts]
            return log.append(self.conn, new).stop

    def anchor(self, size: int) -> Anchor:
        """How one stands."""
        return anchors.get(self.conn, size)

    def states(self) -> dict[int, AnchorState]:
        """How all stand."""
        return {anchor.size: anchor.state for anchor in anchors.list_anchors(self.conn, limit=100)}

    def alarms(self) -> set[Alarm]:
        """What stands."""
        return {raised.alarm for raised in anchors.alarms(self.conn)}

    def wait_for(self, what: Callable[[], Any], timeout_s: float = 90) -> None:
        """Waits until it holds; fails with all that is known otherwise."""
        deadline = time.monotonic() + timeout_s
        while not what():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.states()} {self.alarms()} {self.output()}")
            time.sleep(0.05)

    def output(self) -> str:
        """What processes wrote."""
        path = self.folder / "ledger.log"
        return path.read_text() if path.exists() else ""

    def mine(self, blocks: int = 1) -> None:
        """Makes the chain mine."""
        for _ in range(blocks):
            self.chain.rpc("evm_mine")

    def latest(self) -> tuple[int, bytes]:
        """What the contract holds."""
        endpoint = plain_endpoint(self.chain, self.identity.contract)
        head = endpoint.head()
        return head.latest_size, head.latest_root

    def events(self) -> list[int]:
        """Sizes of the checkpoints that the contract took, in order."""
        contract = plain_endpoint(self.chain, self.identity.contract).contract
        return [event["args"]["size"] for event in contract.events.Checkpoint.get_logs(from_block=0)]

    def check_all_well(self) -> None:
        """One final anchor a checkpoint, each root on the chain is the log's, and the last covers every leaf."""
        final = anchors.list_anchors(self.conn, limit=100)
        assert {anchor.state for anchor in final} == {AnchorState.FINAL}
        assert [anchor.size for anchor in reversed(final)] == self.events()
        size = log.size(self.conn)
        assert self.latest() == (size, log.root_at(self.conn, size))

    def signal_chain(self, sig: signal.Signals) -> None:
        """Freezes it or lets it go on."""
        if self.chain.process is not None and self.chain.process.poll() is None:
            self.chain.process.send_signal(sig)

    def close(self) -> None:
        """Ends everything."""
        for process in self.processes:
            process.kill()
            process.wait(60)
        for wire in self.wires:
            wire.close()
        self.disconnect()
        self.signal_chain(signal.SIGCONT)
        self.chain.stop(signal.SIGKILL)


def plain_endpoint(chain: Chain, contract: bytes = bytes(20)) -> Endpoint:
    """An endpoint on a chain, past every wire."""
    place = Place(chain_id=31337, contract=contract, anchorer=KeySigner(ANCHORER_KEY).address)
    return Endpoint(chain.url, place, Depths(safe=2, final=4), timeout_s=5)


def founding(folder: Path, **changes: Any) -> Founding:
    """With a new key for the log."""
    values: dict[str, Any] = {
        "origin": ORIGIN,
        "public_key": create_log_key(folder / "log-key", origin=ORIGIN).key.public_key,
        "anchorer": KeySigner(ANCHORER_KEY).address,
        "admin": KeySigner(ADMIN_KEY),
    }
    return Founding(**(values | changes))


@pytest.fixture
def anchoring(database: DatabaseSettings, chain_factory: Callable[[], Chain], tmp_path: Path) -> Iterator[Anchoring]:
    """A founded log on a chain of this test's own, which it may stop and kill."""
    chain = chain_factory()
    conn = connect(database, autocommit=True)
    wanted = founding(tmp_path)
    identity = found(conn, plain_endpoint(chain), wanted)
    anchoring = Anchoring(
        database=database, conn=conn, chain=chain, identity=identity, founding=wanted, folder=tmp_path
    )
    yield anchoring
    anchoring.close()
