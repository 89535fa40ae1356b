"""Founding a log: contract, key and name, once and for all."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_typing import HexStr
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from wayproof.ledger.found import deployment_data, found
from wayproof.ledger.keys import anchoring_key
from wayproof.ledger.keystore import create_keystore
from wayproof.ledger.settings import LedgerSettings
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.transactions import Call, created_address, sign_call
from wayproof.model.errors import Conflict, InvalidInput, Unavailable
from wayproof.store import log
from wayproof.store.pool import connect
from wayproof.store.settings import DatabaseSettings

from fix_anchorer import ADMIN_KEY, ANCHORER_KEY, founding, plain_endpoint
from fix_chain import Chain, Ledger
from fix_custody import QUICK
from ports import free_port

ADMIN = KeySigner(ADMIN_KEY)


def run(database: DatabaseSettings, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`wayproof ledger`, with these settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WAYPROOF_")}
    given = {f"WAYPROOF_LEDGER_{name}": value for name, value in environment.items()}
    return subprocess.run(
        [sys.executable, "-m", "wayproof.cli.main", "ledger", *words],
        env={**clean, **given, "WAYPROOF_DATABASE_URL": database.url.get_secret_value()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_from_the_terminal(database: DatabaseSettings, chain: Chain, tmp_path: Path) -> None:
    """`ledger init` founds the log and makes its key; again it changes nothing; another name is refused."""
    settings = {
        "RPC_URLS": chain.url,
        "LOG_KEY_FILE": str(tmp_path / "key"),
        "ANCHORER_KEY": ANCHORER_KEY.hex(),
        "ADMIN_KEY": ADMIN_KEY.hex(),
    }
    assert "wayproof: no log: it is not founded yet" in run(database, "status").stderr
    first = run(database, "init", "--json", **settings)
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert (told["leaves"], told["chain_id"], told["alarms"]) == (0, 31337, {})
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert json.loads(run(database, "init", "--json", **settings).stdout) == told
    assert run(database, "init", "--origin", told["origin"], **settings).returncode == 0

    other = run(database, "init", "--origin", "other.example/log", **settings)
    assert other.returncode == 1
    assert "expected a key that signs as 'other.example/log'" in other.stderr
    lost = run(database, "init", **{**settings, "LOG_KEY_FILE": str(tmp_path / "nowhere")})
    assert "put the file back" in lost.stderr
    shown = run(database, "status")
    assert shown.returncode == 0, shown.stderr
    assert told["contract"] in shown.stdout
    for output in (first, other, lost, shown):
        assert ADMIN_KEY.hex()[2:] not in output.stdout + output.stderr


def test_what_is_missing_is_named(database: DatabaseSettings, chain: Chain, tmp_path: Path) -> None:
    """Without a setting that it needs, or with one that is wrong, it says in one line which, and shows no secret."""
    whole = {"RPC_URLS": chain.url, "LOG_KEY_FILE": str(tmp_path / "key"), "ANCHORER_KEY": ANCHORER_KEY.hex()}
    for change, words in (
        ({"LOG_KEY_FILE": None}, "WAYPROOF_LEDGER_LOG_KEY_FILE: Field required"),
        ({"RPC_URLS": None}, "expected the RPC URL of a chain in WAYPROOF_LEDGER_RPC_URLS"),
        ({"ANCHORER_KEY": None}, "expected WAYPROOF_LEDGER_ANCHORER_KEYSTORE"),
        ({"ANCHORER_KEY": "abcdef"}, "WAYPROOF_LEDGER_ANCHORER_KEY: expected a private key of 32 bytes"),
        ({}, "expected WAYPROOF_LEDGER_ADMIN_KEY to deploy a contract with"),
    ):
        given = {name: value for name, value in {**whole, **change}.items() if value is not None}
        told = run(database, "init", **given)
        assert (told.returncode, len(told.stderr.splitlines())) == (1, 1), told.stderr
        assert words in told.stderr
        assert "abcdef" not in told.stderr


def test_again_after_a_crash(database: DatabaseSettings, chain: Chain, tmp_path: Path) -> None:
    """Where a try died between deploying and writing down, the next one takes the contract that was left."""
    endpoint, wanted = plain_endpoint(chain), founding(tmp_path)
    with connect(database, autocommit=True) as conn:
        conn.execute("alter table log_identity rename to log_identity_away")
        with pytest.raises(Exception, match="log_identity"):
            found(conn, endpoint, wanted)
        conn.execute("alter table log_identity_away rename to log_identity")
        identity = found(conn, endpoint, wanted)
        nonce = chain.web3.eth.get_transaction_count(chain.web3.to_checksum_address(ADMIN.address))
        assert identity.contract == created_address(ADMIN.address, nonce - 1)
        assert found(conn, endpoint, wanted) == identity == log.identity(conn)
        assert chain.web3.eth.get_transaction_count(chain.web3.to_checksum_address(ADMIN.address)) == nonce


def test_contract_that_is_there(database: DatabaseSettings, chain: Chain, ledger: Ledger, tmp_path: Path) -> None:
    """A contract that was given is taken when its code and its log's name are right, and refused otherwise."""
    endpoint, wanted = plain_endpoint(chain), founding(tmp_path, admin=None)
    with connect(database, autocommit=True) as conn:
        of_another_log, empty = Web3.to_bytes(hexstr=HexStr(ledger.address)), bytes(19) + b"\x99"
        for refused in (of_another_log, empty):
            with pytest.raises(Conflict, match="found other code or none: correct"):
                found(conn, endpoint, replace(wanted, contract=refused))
        data = deployment_data(
            admin=ADMIN.address,
            guardian=ADMIN.address,
            anchorer=wanted.anchorer,
            origin_hash=sha256(wanted.origin.encode()).digest(),
        )
        someone = Web3.to_checksum_address(chain.rpc("eth_accounts")[3])
        sent = chain.web3.eth.send_transaction({"from": someone, "data": HexBytes(data), "gas": 5_000_000})
        deployed = chain.web3.eth.get_transaction_receipt(sent)["contractAddress"]
        assert deployed is not None
        contract = Web3.to_bytes(hexstr=HexStr(deployed))
        assert found(conn, endpoint, replace(wanted, contract=contract)).contract == contract
        with pytest.raises(Conflict, match=r"this log was founded as .*another log in a new database"):
            found(conn, endpoint, replace(wanted, contract=bytes(20)))


def test_chain_is_away(database: DatabaseSettings, chain: Chain, tmp_path: Path) -> None:
    """Without its chain no log is founded, and what is said shows no part of the URL that may be a key."""
    endpoint = type(plain_endpoint(chain))(
        f"http://user:secret@127.0.0.1:{free_port()}/v3/secret",
        plain_endpoint(chain)._place,
        plain_endpoint(chain)._depths,
        timeout_s=1,
    )
    with connect(database, autocommit=True) as conn, pytest.raises(Unavailable) as told:
        found(conn, endpoint, founding(tmp_path))
    assert "secret" not in str(told.value)


def test_key_from_a_keystore(tmp_path: Path) -> None:
    """The anchorer's key comes out of a keystore file and its passphrase; neither is in a repr."""
    create_keystore(tmp_path / "store", "a long passphrase", private_key=ANCHORER_KEY, rounds=QUICK)
    values: dict[str, Any] = {
        "log_key_file": tmp_path / "key",
        "anchorer_keystore": tmp_path / "store",
        "anchorer_passphrase": "a long passphrase",
    }
    settings = LedgerSettings(**values)
    signer = anchoring_key(settings)
    assert signer.address == KeySigner(ANCHORER_KEY).address
    assert "passphrase'" not in repr(settings)
    assert "a long passphrase" not in repr(settings) + repr(signer)
    with pytest.raises(InvalidInput, match="wrong passphrase"):
        anchoring_key(LedgerSettings(**(values | {"anchorer_passphrase": "another one"})))


@given(
    nonce=st.integers(0, 2**40),
    fee=st.integers(0, 2**60),
    gas=st.integers(0, 2**40),
    data=st.binary(max_size=200),
    to=st.sampled_from([b"", b"\x01" * 20]),
)
def test_transactions_are_those_of_eth_account(*, nonce: int, fee: int, gas: int, data: bytes, to: bytes) -> None:
    """A signed transaction has the bytes and the hash that eth_account gives it."""
    call = Call(chain_id=31337, nonce=nonce, max_fee_wei=fee, priority_fee_wei=fee // 2, gas=gas, to=to, data=data)
    theirs = Account.sign_transaction(
        {
            "type": 2,
            "chainId": 31337,
            "nonce": nonce,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": fee // 2,
            "gas": gas,
            "to": to,
            "value": 0,
            "data": data,
        },
        ADMIN_KEY,
    )
    assert sign_call(call, ADMIN) == (bytes(theirs.hash), bytes(theirs.raw_transaction))
