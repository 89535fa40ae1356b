"""A real EVM: anvil, one a session and put back after each test; and a handle on a deployed ledger contract."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from eth_abi.abi import decode
from eth_typing import ABI
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.exceptions import ContractCustomError
from web3.types import TxReceipt

from wayproof.cli.services.anvil import Anvil, find_anvil
from wayproof.ledger.contract import LATEST_SIZE_SLOT, ZERO_ADDRESS, load_contract, root_slot

from ports import free_port, wait_for_listener

ORIGIN_HASH: Final = bytes(range(32))
CHECKOUT: Final = Path(__file__).parent.parent
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

    @property
    def accounts(self) -> list[str]:
        """The ten; `deploy` gives roles to the first three."""
        return list(self.web3.eth.accounts)

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
            self.process.wait(60)

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
    admin: str
    guardian: str
    anchorer: str

    @property
    def address(self) -> str:
        """Where it stands."""
        return self.contract.address

    def send(self, name: str, *args: Any, by: str) -> TxReceipt:
        """The receipt of a transaction that succeeded."""
        sent = self.contract.functions[name](*args).transact(transaction(by))
        receipt = receipt_of(self.contract.w3, sent)
        assert receipt["status"] == 1, f"{name}{args} by {by}: reverted"
        return receipt

    def call(self, name: str, *args: Any, by: str = ZERO_ADDRESS, state: dict[bytes, bytes] | None = None) -> Any:
        """What a call would answer on the latest state, or on one where storage slots hold other words."""
        words = {"0x" + slot.hex(): "0x" + word.hex() for slot, word in (state or {}).items()}
        override: Any = {self.address: {"stateDiff": words}} if state else None
        return self.contract.functions[name](*args).call(transaction(by), state_override=override)

    def refusal(self, name: str, *args: Any, by: str, state: dict[bytes, bytes] | None = None) -> str | None:
        """The custom error that a call would revert with, as `Name(arguments)`; None where it would succeed."""
        try:
            self.call(name, *args, by=by, state=state)
        except ContractCustomError as error:
            return error_text(self.contract.abi, HexBytes(str(error.data)))
        return None

    def standing_at(self, size: int, root: bytes) -> dict[bytes, bytes]:
        """Storage words under which `size` leaves of that root are the latest anchor, for a call's `state`."""
        word = bytes(4) + bytes.fromhex(self.anchorer[2:]) + size.to_bytes(8)
        return {LATEST_SIZE_SLOT: word, root_slot(size): root}

    def events(self, receipt: TxReceipt) -> list[tuple[str, dict[str, Any]]]:
        """Names and arguments of a transaction's events, in order."""
        decoders = [self.contract.events[abi["name"]]() for abi in self.contract.abi if abi["type"] == "event"]
        by_topic = {HexBytes(decoder.topic): decoder for decoder in decoders}
        logs = [by_topic[log["topics"][0]].process_log(log) for log in receipt["logs"]]
        return [(log["event"], dict(log["args"])) for log in logs]


def error_text(contract_abi: ABI, data: bytes) -> str:
    """A custom error as `Name(arguments)`, decoded with the contract's ABI."""
    for abi in contract_abi:
        if abi["type"] == "error":
            types = [argument["type"] for argument in abi.get("inputs", [])]
            if Web3.keccak(text=f"{abi['name']}({','.join(types)})")[:4] == data[:4]:
                arguments = decode(types, data[4:])
                return f"{abi['name']}({', '.join(map(str, arguments))})"
    raise AssertionError(f"an error that the ABI does not know: {data.hex()}")


def deploy(
    web3: Web3,
    *,
    roles: Sequence[str] | None = None,
    origin_hash: bytes = ORIGIN_HASH,
    predecessor: str = ZERO_ADDRESS,
) -> Ledger:
    """Deploys the committed bytecode; `roles` are admin, guardian and anchorer, by default the first three accounts."""
    sender, *others = list(web3.eth.accounts)
    admin, guardian, anchorer = roles or [sender, *others[:2]]
    compiled = load_contract()
    factory = web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
    constructor = factory.constructor(admin, guardian, anchorer, origin_hash, predecessor)
    try:
        sent = constructor.transact({"from": sender})
    except ContractCustomError as error:
        raise AssertionError(error_text(factory.abi, HexBytes(str(error.data)))) from error
    receipt = receipt_of(web3, sent)
    contract = factory(receipt["contractAddress"])
    return Ledger(contract=contract, receipt=receipt, admin=admin, guardian=guardian, anchorer=anchorer)


def compile_contract(source: Path, output: Path) -> dict[str, Any]:
    """What the pinned compiler makes of a source, under the settings of our own."""
    node = shutil.which("node")
    assert node is not None, "no node on PATH; `make test` sets it up"
    subprocess.run([node, CHECKOUT / "ledger/contract/build.mjs", source, output], check=True, cwd=CHECKOUT)
    found: dict[str, Any] = json.loads(output.read_bytes())
    return found


def receipt_of(web3: Web3, transaction_hash: bytes) -> TxReceipt:
    """The receipt, once the transaction is mined: anvil may answer its hash a moment before."""
    return web3.eth.wait_for_transaction_receipt(HexBytes(transaction_hash), timeout=20, poll_latency=0.002)


def transaction(by: str) -> Any:
    """What a transaction says besides the call; its gas limit is fixed, so that nothing is estimated."""
    return {"from": by, "gas": GAS_LIMIT}


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
