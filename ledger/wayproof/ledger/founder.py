"""What an operator does to a log by settings: founding it, and bringing keys to its contract."""

import secrets
import time
from pathlib import Path

from wayproof.ledger.custodians import Custodians
from wayproof.ledger.endpoint import Depths, Endpoint, Place
from wayproof.ledger.found import Founding, found
from wayproof.ledger.hexadecimal import from_address
from wayproof.ledger.keys import admin_key, anchoring_key
from wayproof.ledger.log_key import create_log_key, load_log_key
from wayproof.ledger.notes import NoteSigner, parse_skey
from wayproof.ledger.service import open_chain, open_custodians
from wayproof.ledger.settings import LedgerSettings
from wayproof.model.errors import Conflict, InvalidInput, NotFound
from wayproof.model.handoff import SigningDomain
from wayproof.model.log import LogIdentity
from wayproof.store import log
from wayproof.store.pool import Conn


def found_by_settings(
    conn: Conn, settings: LedgerSettings, *, origin: str | None, contract: str | None, guardian: str | None
) -> LogIdentity:
    """See `found.found`. Where there is no log yet its key is made, and its origin made up unless one is given."""
    if not settings.rpc_urls:
        raise InvalidInput("expected the RPC URL of a chain in WAYPROOF_LEDGER_RPC_URLS, got none")
    anchorer = anchoring_key(settings)
    signer = _log_signer(conn, settings.log_key_file, origin)
    founding = Founding(
        origin=signer.name,
        public_key=signer.key.public_key,
        anchorer=anchorer.address,
        admin=admin_key(settings),
        guardian=from_address(guardian, pointer="guardian") if guardian else None,
        contract=from_address(contract, pointer="contract") if contract else None,
    )
    place = Place(chain_id=0, contract=bytes(20), anchorer=anchorer.address)  # neither is known yet
    depths = Depths(safe=settings.safe_depth, final=settings.final_depth)
    url, timeout_s = settings.rpc_urls[0].get_secret_value(), settings.rpc_timeout.total_seconds()
    return found(conn, Endpoint(url, place, depths, timeout_s=timeout_s), founding)


def bring_keys(conn: Conn, settings: LedgerSettings, *, timeout_s: float) -> Custodians:
    """Brings parties' keys to the contract of the log behind `conn` until none is missing there, or the time is over.

    Without the admin's key it looks once. Unavailable where the chain does not answer.
    """
    identity, admin = log.identity(conn), admin_key(settings)
    domain = SigningDomain(chain_id=identity.chain_id, contract=identity.contract)
    chain = open_chain(settings, domain, admin.address if admin else bytes(20))
    custodians = open_custodians(conn, chain, domain, settings, admin)
    deadline_s = time.monotonic() + timeout_s
    while True:
        custodians.follow(chain.heads())
        if not custodians.has_work or (custodians.missing and admin is None) or time.monotonic() > deadline_s:
            return custodians
        time.sleep(min(settings.poll_interval.total_seconds(), 1))


def _log_signer(conn: Conn, path: Path, origin: str | None) -> NoteSigner:
    present = _identity(conn)
    name = origin or (present.origin if present else None)
    if path.exists():
        return load_log_key(path, origin=name or parse_skey(path.read_text(encoding="utf-8").strip()).name)
    if present is not None:
        raise Conflict(f"the log was founded with a key that is not at {path}: put the file back")
    return create_log_key(path, origin=name or f"wayproof.local/{secrets.token_hex(6)}")


def _identity(conn: Conn) -> LogIdentity | None:
    try:
        return log.identity(conn)
    except NotFound:
        return None
