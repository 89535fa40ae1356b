"""What `wayproof doctor` looks at of the log of custody and its chain."""

from hashlib import sha256
from typing import Final

from wayproof.cli.services.probes import ask_chain, chain_id
from wayproof.ledger.contract import LATEST_SIZE_SLOT, load_contract
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.status import LedgerStatus, status
from wayproof.model.errors import NotFound
from wayproof.store.pool import Conn

_LEAST_WEI: Final = 10**16
"""Some hundred anchors at 1 gwei."""


def examine_ledger(conn: Conn, rpc_url: str) -> tuple[str, str]:
    """What there is of the log, and what mends what is wrong; empty where nothing is."""
    try:
        found = status(conn)
    except NotFound:
        return "no log is founded", "wayproof ledger init"
    told = f"{found.origin}: {found.leaves} leaves, {found.checkpoint} signed, {found.final} final"
    if found.alarms:
        return f"{told}; alarms: {', '.join(found.alarms)}", "wayproof ledger status (docs/operations.md, Alarms)"
    return _examine_chain(found, told, rpc_url)


def _examine_chain(found: LedgerStatus, told: str, rpc_url: str) -> tuple[str, str]:
    number = chain_id(rpc_url)
    if number != found.chain_id:
        return f"{told}; the RPC URL speaks for chain {number}, expected {found.chain_id}", "correct WAYPROOF_RPC_URL"
    code = load_contract().runtime_code(origin_hash=sha256(found.origin.encode()).digest())
    if ask_chain(rpc_url, "eth_getCode", found.contract, "latest") != f"0x{code.hex()}":
        return f"{told}; no contract of this log at {found.contract}", "correct WAYPROOF_RPC_URL"
    return _examine_account(found, told, rpc_url)


def _examine_account(found: LedgerStatus, told: str, rpc_url: str) -> tuple[str, str]:
    slot = ask_chain(rpc_url, "eth_getStorageAt", found.contract, f"0x{LATEST_SIZE_SLOT.hex()}", "latest")
    account = to_address(bytes.fromhex((slot or "0x").removeprefix("0x").zfill(64))[4:24])
    balance_wei = int(ask_chain(rpc_url, "eth_getBalance", account, "latest") or "0x0", 16)
    if balance_wei < _LEAST_WEI:
        return f"{told}; {account}, which anchors, holds {balance_wei} wei", "send it some of the chain's coin"
    return f"{told}; {account} anchors and holds {balance_wei / 10**18:.2f} coins", ""
