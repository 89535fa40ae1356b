"""Any sequence of calls by anybody: what must never change never does."""

from collections.abc import Iterator
from typing import Any, Final

from eth_hash.auto import keccak
from hexbytes import HexBytes
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from wayproof.ledger.contract import LATEST_SIZE_SLOT, ZERO_ADDRESS, latest_size_in, root_slot

from fix_chain import Chain, deploy, receipt_of, transaction
from merkle_trees import leaf, tree

TREE: Final = tree(40)
FARM, PORT = b"farm".ljust(32, b"\1"), b"port".ljust(32, b"\1")
people = st.integers(0, 7)
custodians = st.sampled_from([FARM, PORT])


def key_slots(account: str) -> list[bytes]:
    """Where `keyOf[account]` lies: the custodian, and the slot of both times."""
    first = int.from_bytes(keccak(bytes.fromhex(account[2:]).rjust(32, b"\0") + (6).to_bytes(32)))
    return [first.to_bytes(32), (first + 1).to_bytes(32)]


def pairs(words: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each two words."""
    return zip(words[::2], words[1::2], strict=True)


class LedgerMachine(RuleBasedStateMachine):
    """Calls the contract and reckons by the written rules what it may answer. Accounts are told apart by number."""

    chain: Chain

    @initialize()
    def deploy(self) -> None:
        """A fresh contract, with accounts 0, 1 and 2 in its roles."""
        self.accounts = self.chain.accounts[:8]
        self.ledger = deploy(self.chain.web3)
        self.roles: dict[str, int | None] = {"admin": 0, "guardian": 1, "anchorer": 2, "pendingAdmin": None}
        self.paused = False
        self.roots: dict[int, bytes] = {0: bytes(32)}
        self.controllers: dict[bytes, int] = {}
        self.keys: dict[int, list[Any]] = {}

    def attempt(self, name: str, *args: Any, by: int, allowed: bool) -> int | None:
        """Sends as an account; asserts that it is taken exactly when `allowed`; returns the block's time if so."""
        call = self.ledger.contract.functions[name](*args)
        receipt = receipt_of(self.chain.web3, call.transact(transaction(self.accounts[by])))
        assert (receipt["status"] == 1) == allowed
        return self.chain.web3.eth.get_block("latest")["timestamp"] if allowed else None

    @rule(by=people | st.just(2), size=st.integers(0, 40), fault=st.sampled_from(["", "", "", "root", "proof", "zero"]))
    def anchor(self, by: int, size: int, fault: str) -> None:
        """Taken from the anchorer alone, while not paused, for a larger tree with its true proof."""
        latest = max(self.roots)
        proof = TREE.consistency(latest, size) if 0 < latest < size else []
        wrong = {"root": leaf(999), "zero": bytes(32)}
        if not latest and fault == "root":
            fault = ""  # nothing contradicts the first root, and a false one would let no true one follow
        root = wrong.get(fault, TREE.root(size))
        if fault == "proof":
            proof = [*proof, leaf(0)]
        allowed = by == self.roles["anchorer"] and not self.paused and size > latest and not fault
        if self.attempt("anchor", size, root, proof, bytes(32), by=by, allowed=allowed) is not None:
            self.roots[size] = root

    @rule(by=people | st.just(0), custodian=custodians, controller=people)
    def register(self, by: int, custodian: bytes, controller: int) -> None:
        """The admin registers a custodian once."""
        allowed = by == self.roles["admin"] and custodian not in self.controllers
        args = (custodian, self.accounts[controller])
        if self.attempt("registerCustodian", *args, by=by, allowed=allowed) is not None:
            self.controllers[custodian] = controller

    @rule(by=people, custodian=custodians, controller=people)
    def set_controller(self, by: int, custodian: bytes, controller: int) -> None:
        """The controller or the admin names another controller."""
        allowed = self._manages(by, custodian)
        args = (custodian, self.accounts[controller])
        if self.attempt("setController", *args, by=by, allowed=allowed) is not None:
            self.controllers[custodian] = controller

    @rule(by=people | st.just(0), custodian=custodians, key=people)
    def add_key(self, by: int, custodian: bytes, key: int) -> None:
        """The controller or the admin adds a key that nobody ever held."""
        allowed = self._manages(by, custodian) and key not in self.keys
        added_at = self.attempt("addKey", custodian, self.accounts[key], by=by, allowed=allowed)
        if added_at is not None:
            self.keys[key] = [custodian, added_at, 0]

    @rule(by=people | st.just(0), key=people)
    def revoke_key(self, by: int, key: int) -> None:
        """The controller or the admin revokes a living key, also while paused."""
        entry = self.keys.get(key)
        allowed = entry is not None and not entry[2] and self._manages(by, entry[0])
        revoked_at = self.attempt("revokeKey", self.accounts[key], by=by, allowed=allowed)
        if entry is not None and revoked_at is not None:
            entry[2] = revoked_at

    @rule(by=people)
    def pause(self, by: int) -> None:
        """Guardian or admin stop what runs."""
        allowed = by in {self.roles["guardian"], self.roles["admin"]} and not self.paused
        self.paused |= self.attempt("pause", by=by, allowed=allowed) is not None

    @rule(by=people | st.just(0))
    def unpause(self, by: int) -> None:
        """The admin alone starts it again."""
        if self.attempt("unpause", by=by, allowed=by == self.roles["admin"] and self.paused) is not None:
            self.paused = False

    @rule(by=people | st.just(0), role=st.sampled_from(["anchorer", "guardian"]), to=people)
    def set_role(self, by: int, role: str, to: int) -> None:
        """The admin alone names anchorer and guardian."""
        args = (f"set{role.title()}", self.accounts[to])
        if self.attempt(*args, by=by, allowed=by == self.roles["admin"]) is not None:
            self.roles[role] = to

    @rule(by=people | st.just(0), to=people)
    def transfer_admin(self, by: int, to: int) -> None:
        """The admin alone names who may become admin."""
        allowed = by == self.roles["admin"]
        if self.attempt("transferAdmin", self.accounts[to], by=by, allowed=allowed) is not None:
            self.roles["pendingAdmin"] = to

    @rule(by=people)
    def accept_admin(self, by: int) -> None:
        """The named one alone becomes admin."""
        if self.attempt("acceptAdmin", by=by, allowed=by == self.roles["pendingAdmin"]) is not None:
            self.roles.update(admin=by, pendingAdmin=None)

    @invariant()
    def log_only_grows(self) -> None:
        """The latest size is the largest ever taken, and each root is the one taken first."""
        head, *roots = self._words(LATEST_SIZE_SLOT, *map(root_slot, self.roots))
        assert latest_size_in(head) == max(self.roots)
        assert dict(zip(self.roots, roots, strict=True)) == self.roots

    @invariant()
    def keys_live_once(self) -> None:
        """A key keeps its owner and times; once revoked, it stays so."""
        words = self._words(*[slot for key in self.keys for slot in key_slots(self.accounts[key])])
        found = [[owner, int.from_bytes(times[24:]), int.from_bytes(times[16:24])] for owner, times in pairs(words)]
        assert found == list(self.keys.values())

    @invariant()
    def roles_are_held_by_one(self) -> None:
        """Roles and the pause are as the calls that were allowed have left them."""
        head, *words = self._words(*[slot.to_bytes(32) for slot in (0, 2, 3, 4)])
        holders = [head[4:24], *[word[12:] for word in words]]
        roles = ["anchorer", "admin", "pendingAdmin", "guardian"]
        expected = [ZERO_ADDRESS if (at := self.roles[role]) is None else self.accounts[at] for role in roles]
        assert holders == [bytes.fromhex(account[2:]) for account in expected]
        assert head[3] == self.paused

    def _words(self, *slots: bytes) -> list[bytes]:
        """The contract's storage, read past its functions and in one call."""
        found = self.chain.rpc("eth_getProof", self.ledger.address, ["0x" + slot.hex() for slot in slots], "latest")
        return [HexBytes(each["value"]).rjust(32, b"\0") for each in found["storageProof"]]

    def _manages(self, by: int, custodian: bytes) -> bool:
        return custodian in self.controllers and by in {self.controllers[custodian], self.roles["admin"]}


def test_no_sequence_of_calls_breaks_the_rules(chain: Chain) -> None:
    """Whatever is called in whatever order by whomever, the log only grows, revoked is revoked, and roles hold."""

    class OnThisChain(LedgerMachine):
        """The machine with the test's chain."""

    OnThisChain.chain = chain
    calm = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        OnThisChain,
        settings=settings(max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=calm),
    )
