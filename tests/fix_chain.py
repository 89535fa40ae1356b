"""A real EVM: anvil, one a session and put back after each test; and a handle on a deployed ledger contract."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.exceptions import ContractCustomError
from web3.types import TxReceipt

from wayproof.cli.services.anvil import Anvil, find_anvil
from wayproof.ledger.contract import ZERO_ADDRESS, load_contract

from ports import free_port, wait_for_listener

ORIGIN_HASH: Final = bytes(range(32))
GAS_LIMIT: Final = 10_000_000


@dataclass(kw_only=True)
class Chain:
    """A chain that a test may stop, kill, start and put back. Its ten accounts are rich and unlocked."""

    service: Anvil
    port: int
    web3: Web3
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its RPC answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it on its port, with the state of its last orderly stop."""
        self.service.prepare()
        with (self.service.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.service.argv(self.port), stdout=log, stderr=log)
        wait_for_listener(self.process, self.port)

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by a signal and waits."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(20)

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of one JSON-RPC call, such as anvil's own."""
        answer = self.web3.provider.make_request(method, params)  # type: ignore[arg-type]  # anvil's names are not web3's
        assert "error" not in answer, answer
        return answer["result"]

    def set_next_time(self, seconds: int) -> None:
        """Gives the next block this time, in seconds since 1970."""
        self.rpc("evm_setNextBlockTimestamp", hex(seconds))


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """A deployed ledger contract, and the accounts that hold its roles."""

    contract: Contract
    receipt: TxReceipt
    admin: ChecksumAddress
    guardian: ChecksumAddress
    anchorer: ChecksumAddress

    @property
    def address(self) -> ChecksumAddress:
        """Where it stands."""
        return self.contract.address

    def send(self, name: str, *args: Any, by: ChecksumAddress) -> TxReceipt:
        """The receipt of a transaction that succeeded; its gas limit is fixed, so nothing is estimated."""
        sent = self.contract.functions[name](*args).transact({"from": by, "gas": GAS_LIMIT})
        receipt = self.contract.w3.eth.get_transaction_receipt(sent)
        assert receipt["status"] == 1, f"{name}{args} by {by}: reverted"
        return receipt

    def call(self, name: str, *args: Any, by: str = ZERO_ADDRESS, state: dict[bytes, bytes] | None = None) -> Any:
        """What a call would answer on the latest state, or on one where storage slots hold other words."""
        words = {"0x" + slot.hex(): "0x" + word.hex() for slot, word in (state or {}).items()}
        override: Any = {self.address: {"stateDiff": words}} if state else None
        return self.contract.functions[name](*args).call({"from": by, "gas": GAS_LIMIT}, state_override=override)

    def refusal(self, name: str, *args: Any, by: str, state: dict[bytes, bytes] | None = None) -> str | None:
        """The custom error that a call would revert with, as `Name(arguments)`; None where it would succeed."""
        try:
            self.call(name, *args, by=by, state=state)
        except ContractCustomError as error:
            return error_text(self.contract, HexBytes(str(error.data)))
        return None

    def events(self, receipt: TxReceipt) -> list[tuple[str, dict[str, Any]]]:
        """Names and arguments of a transaction's events, in order."""
        decoders = [self.contract.events[abi["name"]]() for abi in self.contract.abi if abi["type"] == "event"]
        by_topic = {HexBytes(decoder.topic): decoder for decoder in decoders}
        logs = [by_topic[log["topics"][0]].process_log(log) for log in receipt["logs"]]
        return [(log["event"], dict(log["args"])) for log in logs]


def error_text(contract: Contract, data: bytes) -> str:
    """A custom error as `Name(arguments)`, decoded with the contract's ABI."""
    for abi in contract.abi:
        if abi["type"] == "error":
            types = [argument["type"] for argument in abi.get("inputs", [])]
            if Web3.keccak(text=f"{abi['name']}({','.join(types)})")[:4] == data[:4]:
                arguments = contract.w3.codec.decode(types, data[4:])
                return f"{abi['name']}({', '.join(map(str, arguments))})"
    raise AssertionError(f"an error that the ABI does not know: {data.hex()}")


def deploy(web3: Web3, *, origin_hash: bytes = ORIGIN_HASH, predecessor: str = ZERO_ADDRESS) -> Ledger:
    """Deploys the committed bytecode with accounts 0, 1 and 2 as admin, guardian and anchorer."""
    admin, guardian, anchorer, *_ = list(web3.eth.accounts)
    compiled = load_contract()
    factory = web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
    sent = factory.constructor(admin, guardian, anchorer, origin_hash, predecessor).transact({"from": admin})
    receipt = web3.eth.get_transaction_receipt(sent)
    return Ledger(
        contract=factory(receipt["contractAddress"]), receipt=receipt, admin=admin, guardian=guardian, anchorer=anchorer
    )


@pytest.fixture(scope="session")
def chain_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Chain]]:
    """Starts chains; kills them after the session."""
    chains: list[Chain] = []

    def make() -> Chain:
        port = free_port()
        service = Anvil(folder=tmp_path_factory.mktemp("anvil"), program=find_anvil())
        web3 = Web3(HTTPProvider(f"http://127.0.0.1:{port}"))
        chain = Chain(service=service, port=port, web3=web3)
        chain.start()
        chains.append(chain)
        return chain

    yield make
    for chain in chains:
        chain.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def session_chain(chain_factory: Callable[[], Chain]) -> Chain:
    """The session's chain; tests ask for `chain`, which puts it back."""
    return chain_factory()


@pytest.fixture
def chain(session_chain: Chain) -> Iterator[Chain]:
    """The session's chain as it was at its start. Never kill it: ask `chain_factory` for one of your own."""
    before = session_chain.rpc("evm_snapshot")
    yield session_chain
    assert session_chain.rpc("evm_revert", before)


@pytest.fixture
def ledger(chain: Chain) -> Ledger:
    """A fresh contract on it."""
    return deploy(chain.web3)
