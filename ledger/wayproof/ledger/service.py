"""The anchorer as a process: keeps a connection and the lock, works until it is told to stop."""

import math
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Final

import structlog

from wayproof.ledger.anchorer import GWEI, Anchorer
from wayproof.ledger.chain import Chain
from wayproof.ledger.custodians import Custodians
from wayproof.ledger.endpoint import Depths, Endpoint, Place
from wayproof.ledger.found import Founding, put_back
from wayproof.ledger.health import serve_health
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.keys import admin_key, anchoring_key
from wayproof.ledger.log_key import load_log_key
from wayproof.ledger.settings import LedgerSettings
from wayproof.ledger.signatures import Signer
from wayproof.model.errors import Conflict, InvalidInput, Unavailable
from wayproof.model.handoff import SigningDomain
from wayproof.model.log import LogIdentity
from wayproof.store import anchors, log
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

_log = structlog.get_logger(__name__)

_TICK: Final = timedelta(seconds=1)
"""No checkpoint is signed sooner after the one before."""
_REST_S: Final = 1.0
"""Before the database is tried again."""


class Service:
    """One anchorer in this process. `run` keeps the main thread."""

    def __init__(self, settings: LedgerSettings, database: DatabaseSettings) -> None:
        self._settings = settings
        self._database = database
        self._signer = anchoring_key(settings)
        self._admin = admin_key(settings)
        if self._admin is not None and self._admin.address == self._signer.address:
            # Each counts its nonces by itself: their transactions would take one another's place.
            raise InvalidInput("expected another key for the contract's admin than for the anchorer, got one for both")
        self._stop = Event()
        self._has_lock = False
        self._has_chain = False

    def run(self) -> None:
        """Works until SIGTERM or SIGINT. What is under way then is stored, and the next start goes on from there."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        if self._settings.health_port:
            checks = {"database": lambda: self._has_lock, "chain": lambda: self._has_chain}
            serve_health(self._settings.health_host, self._settings.health_port, checks)
        while not self._stop.is_set():
            try:
                self._work()
            except Unavailable as error:
                _log.warning("database does not serve", error=str(error))
            self._has_lock = self._has_chain = False
            self._stop.wait(_REST_S)
        _log.info("stopped")

    def _work(self) -> None:
        with connect(self._database, role="wayproof_ledger", autocommit=True) as conn:
            if not anchors.lock(conn):
                _log.warning("another anchorer runs")
                return
            self._has_lock = True
            anchorer = self._anchorer(conn, log.identity(conn))
            asked_s = -math.inf
            while not self._stop.is_set():
                if time.monotonic() - asked_s >= self._interval(anchorer).total_seconds():
                    self._has_chain = anchorer.follow()
                    asked_s = time.monotonic()
                anchorer.checkpoint()
                self._stop.wait(min(_TICK, self._settings.poll_interval).total_seconds())

    def _interval(self, anchorer: Anchorer) -> timedelta:
        return self._settings.poll_interval if anchorer.has_work() else self._settings.idle_interval

    def _anchorer(self, conn: Conn, identity: LogIdentity) -> Anchorer:
        domain = SigningDomain(chain_id=identity.chain_id, contract=identity.contract)
        chain = open_chain(self._settings, domain, self._signer.address)
        _log.info(
            "working", origin=identity.origin, chain_id=identity.chain_id, account=to_address(self._signer.address)
        )
        checkpoint_signer = load_log_key(self._settings.log_key_file, origin=identity.origin)
        if checkpoint_signer.key.public_key != identity.public_key:
            raise Conflict(f"{self._settings.log_key_file} holds another key than the log was founded with: restore it")
        return Anchorer(
            conn,
            chain,
            domain=domain,
            checkpoint_signer=checkpoint_signer,
            signer=self._signer,
            settings=self._settings,
            custodians=open_custodians(conn, chain, domain, self._settings, self._admin),
            restore=self._restore(chain, identity),
        )

    def _restore(self, chain: Chain, identity: LogIdentity) -> Callable[[], None] | None:
        if self._admin is None or not chain.endpoints:
            return None
        founding = Founding(
            origin=identity.origin,
            public_key=identity.public_key,
            anchorer=self._signer.address,
            admin=self._admin,
        )
        return partial(put_back, chain.endpoints[0], identity, founding)


def open_custodians(
    conn: Conn, chain: Chain, domain: SigningDomain, settings: LedgerSettings, admin: Signer | None
) -> Custodians:
    """The parties' keys in the contract of the log behind `conn`."""
    cap_wei = settings.max_fee_gwei * GWEI
    return Custodians(conn, chain, domain=domain, admin=admin, cap_wei=cap_wei, patience=settings.bump_after)


def open_chain(settings: LedgerSettings, domain: SigningDomain, anchorer: bytes) -> Chain:
    """The endpoints of the settings; none is asked yet."""
    place = Place(chain_id=domain.chain_id, contract=domain.contract, anchorer=anchorer)
    depths = Depths(safe=settings.safe_depth, final=settings.final_depth)
    timeout_s = settings.rpc_timeout.total_seconds()
    return Chain([Endpoint(url.get_secret_value(), place, depths, timeout_s=timeout_s) for url in settings.rpc_urls])
