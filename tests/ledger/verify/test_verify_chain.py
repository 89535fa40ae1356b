"""What nodes of the chain add to a bundle: root, event, block, finality, keys, and a state that none can forge."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from wayproof.ledger.checkpoints import make_checkpoint
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.verify import Report, Status, Trusted, Verdict, verify

from fix_custody import LOG_SIGNER
from fix_verify import STRANGER, TRUSTED, Anchored, Proven
from ports import free_port

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def failed(report: Report) -> set[str]:
    """Names of the checks that failed."""
    return {check.name for check in report.checks if check.status is Status.FAILED}


def unchecked(report: Report) -> set[str]:
    """Names of the checks that could not be made."""
    return {check.name for check in report.checks if check.status is Status.UNCHECKED}


def test_everything_holds(proven: Proven) -> None:
    """A true bundle with pinned key, contract and chain passes every check against two nodes."""
    report = proven.world.verify(proven.with_reading(), nodes=2)
    assert [(check.name, check.detail) for check in report.checks if check.status is not Status.PASSED] == []
    assert report.verdict is Verdict.PASSED
    assert len(report.checks) == 21


def test_offline_says_what_it_cannot_tell(proven: Proven) -> None:
    """Alone with the file nothing fails; what rests on the bundle's word is unchecked and says what would check it."""
    report = verify(proven.data)
    assert report.verdict is Verdict.PASSED
    assert unchecked(report) == {"domain", "log key", "chain"}
    for name, mend in (("domain", "--contract and --chain-id"), ("log key", "--log-key"), ("chain", "--rpc URL")):
        assert mend in report.check(name).detail


def test_one_node_is_believed_and_named(proven: Proven) -> None:
    """With one node everything but the state proof is checked, and the report says whose word that is."""
    report = proven.world.verify(proven.data)
    assert unchecked(report) == {"state proof"}
    assert "give a second --rpc" in report.check("state proof").detail
    assert proven.world.verify(proven.data, trusted=Trusted()).verdict is Verdict.PASSED


def test_same_node_twice_is_one_node(proven: Proven) -> None:
    """A URL that is given twice does not make two nodes that agree."""
    url = proven.world.chain.url
    assert unchecked(verify(proven.data, rpcs=[url, url], trusted=TRUSTED)) == {"state proof"}


@pytest.mark.parametrize(
    ("mined", "word"), [(0, "neither safe nor final"), (1, "neither"), (2, "safe, not final"), (3, "safe")]
)
def test_not_final_is_incomplete(world: Anchored, mined: int, word: str) -> None:
    """An anchor that is mined or safe fails nothing and proves nothing final: the verdict is incomplete."""
    handoff = world.hand_over()
    world.anchor(mined=mined)
    report = world.verify(world.bundle(handoff), nodes=2)
    assert word in report.check("finality").detail
    assert report.check("state proof").status is Status.PASSED
    assert report.verdict is Verdict.INCOMPLETE


def test_without_anchor(world: Anchored) -> None:
    """A bundle from before its anchor proves what is signed and logged; asked for the chain, it is incomplete."""
    handoff = world.hand_over()
    world.anchor()
    later = world.hand_over(item="urn:example:later")
    assert world.verify(world.bundle(handoff)).verdict is Verdict.PASSED

    make_checkpoint(world.conn, LOG_SIGNER)
    data = world.bundle(later)
    assert verify(data).verdict is Verdict.PASSED
    report = world.verify(data)
    assert report.verdict is Verdict.INCOMPLETE
    assert "not anchored yet" in report.check("anchor").detail


def test_reorganised_away(world: Anchored) -> None:
    """An anchor that a reorganisation took back fails: the chain holds neither root nor event nor block."""
    handoff = world.hand_over()
    world.anchor(mined=1)
    data = world.bundle(handoff)
    world.chain.rpc("anvil_reorg", 2, [])
    world.mine(4)
    assert {"anchored root", "anchor block", "state proof"} <= failed(world.verify(data, nodes=2))


@pytest.mark.parametrize("whose", ["releaser", "receiver"])
def test_unregistered_key(world: Anchored, whose: str) -> None:
    """A key that the contract's registry does not know, or learnt only after the anchor, counts for nothing."""
    data = world.log_record(world.hand_over(), **{whose: STRANGER.address})
    report = world.verify(data)
    assert failed(report) == {f"{whose} key"}
    assert "does not know it" in report.check(f"{whose} key").detail
    world.chain.set_next_time(round((world.now() + HOUR).timestamp()))
    world.add_key(STRANGER)
    assert "after the anchor" in world.verify(data).check(f"{whose} key").detail


def test_late_key_counts_below_a_later_anchor(world: Anchored) -> None:
    """A key that came to the contract after the first anchor above a handoff counts in a bundle under the newest."""
    late = KeySigner(b"\x4d" * 32)
    carrier = world.parties["carrier"]
    carrier.register(late)
    carrier.key = late
    handoff = world.hand_over()
    world.anchor()
    world.chain.set_next_time(round((world.now() + HOUR).timestamp()))
    world.add_key(late)
    world.hand_over(item="urn:example:1")
    world.anchor()
    told = world.verify(world.bundle(handoff))
    assert failed(told) == {"receiver key"}
    assert "--newest-anchor" in told.check("receiver key").detail
    assert failed(world.verify(world.bundle(handoff, is_newest=True))) == set()


def test_key_revoked_before_the_handoff(world: Anchored) -> None:
    """What occurred from the second of a key's revocation on is not the custodian's; what occurred before still is."""
    like = world.hand_over()
    world.revoke_key(world.parties["carrier"].key)
    revoked_at = world.now()
    report = world.verify(world.log_record(like, occurred_at=revoked_at))
    assert failed(report) == {"receiver key"}
    assert "before the handoff" in report.check("receiver key").detail
    assert failed(world.verify(world.log_record(like, occurred_at=revoked_at - SECOND))) == set()


@pytest.mark.parametrize(("hours", "fails"), [(23, set()), (25, {"releaser key"})])
def test_key_revoked_before_the_anchor(world: Anchored, hours: int, fails: set[str]) -> None:
    """What was signed before a revocation counts if it is anchored within 24 hours, and else must be signed anew."""
    like = world.hand_over()
    world.revoke_key(world.parties["shipper"].key)
    revoked_at = world.now()
    world.chain.set_next_time(round((revoked_at + hours * HOUR).timestamp()))
    report = world.verify(world.log_record(like, occurred_at=revoked_at - HOUR))
    assert failed(report) == fails
    assert not fails or "sign it anew" in report.check("releaser key").detail


def test_key_revoked_after_the_anchor(proven: Proven) -> None:
    """A revocation takes nothing from what was anchored before."""
    for party in proven.world.parties.values():
        proven.world.revoke_key(party.key)
    assert failed(proven.world.verify(proven.data)) == set()


def test_another_chain(proven: Proven) -> None:
    """A node of another chain, or a contract that is not this log's, is found."""
    wire = proven.world.wire()
    wire.answer = lambda call: {"result": "0x1"} if call["method"] == "eth_chainId" else None
    assert failed(verify(proven.data, rpcs=[wire.url], trusted=TRUSTED)) == {"chain id"}
    elsewhere = Trusted(log_key=TRUSTED.log_key, chain_id=1, contract=TRUSTED.contract)
    assert failed(verify(proven.data, trusted=elsewhere)) == {"domain"}


def test_another_contract(world: Anchored) -> None:
    """At the contract's address only the known code counts, made for this log."""
    handoff = world.hand_over()
    world.anchor()
    data, address = world.bundle(handoff), world.ledger.address
    code = world.chain.rpc("eth_getCode", address, "latest")
    for wrong in ("0x", code[:-2] + ("00" if code[-2:] != "00" else "01"), code.replace("00", "01", 1), "0x60"):
        world.chain.rpc("anvil_setCode", address, wrong)
        assert "contract code" in failed(world.verify(data))
    world.chain.rpc("anvil_setCode", address, code)
    other = world.verify(data, trusted=Trusted(code_hash=bytes(32)))
    assert failed(other) == {"contract code"}


def test_contract_of_another_log(world: Anchored) -> None:
    """The right code, but made for a log of another name, is not this log's witness."""
    handoff = world.hand_over()
    world.anchor()
    address, code = world.ledger.address, world.chain.rpc("eth_getCode", world.ledger.address, "latest")
    ours = sha256(b"log.example/test").hexdigest()
    assert ours in code
    world.chain.rpc("anvil_setCode", address, code.replace(ours, "11" * 32))
    assert "another origin" in world.verify(world.bundle(handoff)).check("contract code").detail


def test_node_that_does_not_answer(proven: Proven) -> None:
    """A node that is away makes checks unchecked and the verdict incomplete, never passed and never failed."""
    report = verify(proven.data, rpcs=[f"http://127.0.0.1:{free_port()}"], trusted=TRUSTED)
    assert report.verdict is Verdict.INCOMPLETE
    assert {"chain id", "anchored root", "releaser key"} <= unchecked(report)
    both = verify(proven.data, rpcs=[proven.world.chain.url, f"http://127.0.0.1:{free_port()}"], trusted=TRUSTED)
    assert both.verdict is Verdict.INCOMPLETE


def test_pruned_receipt(proven: Proven) -> None:
    """A node without the receipt says nothing against an anchor whose block lists the transaction."""
    wire = proven.world.wire()
    wire.answer = lambda call: {"result": None} if call["method"] == "eth_getTransactionReceipt" else None
    report = verify(proven.data, rpcs=[wire.url], trusted=TRUSTED)
    assert failed(report) == set()
    assert "no receipt" in report.check("anchor transaction").detail
    forged = proven.changed(lambda document: document["anchor"].update(txHash="0x" + "11" * 32))
    assert failed(verify(forged, rpcs=[wire.url], trusted=TRUSTED)) == {"anchor transaction"}


Answer = Callable[[Any], Any]
LIES: dict[str, tuple[str, Answer]] = {
    "state root": ("eth_getBlockByNumber", lambda block: {**block, "stateRoot": "0x" + "11" * 32}),
    "time": ("eth_getBlockByNumber", lambda block: {**block, "timestamp": "0x1"}),
    "block hash": ("eth_getBlockByNumber", lambda block: {**block, "hash": "0x" + "22" * 32}),
    "no such block": ("eth_getBlockByNumber", lambda _block: None),
    "code": ("eth_getCode", lambda code: code + "00"),
    "root": ("eth_call", lambda words: "0x" + "33" * ((len(words) - 2) // 2)),
    "garbage": ("eth_call", lambda _words: {"not": "hex"}),
    "account": ("eth_getProof", lambda proof: {**proof, "accountProof": proof["accountProof"][:-1]}),
    "storage": ("eth_getProof", lambda proof: {**proof, "storageProof": []}),
    "nodes": ("eth_getProof", lambda proof: {**proof, "accountProof": ["0x" + "c0" * 40]}),
    "too much": ("eth_getProof", lambda proof: {**proof, "accountProof": [*proof["accountProof"], "0x80"]}),
}


@pytest.mark.parametrize("lie", LIES)
def test_lying_node_is_found(proven: Proven, lie: str) -> None:
    """Of two nodes one that lies about anything never leads to a verdict of passed."""
    method, change = LIES[lie]
    wire = proven.world.wire()

    def answer(call: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if call["method"] != method:
            return None
        return {"result": change(proven.world.chain.rpc(method, *call["params"]))}

    wire.answer = answer
    urls = [wire.url, proven.world.chain.url]
    assert verify(proven.data, rpcs=urls, trusted=TRUSTED).verdict is not Verdict.PASSED
    if not lie.startswith(
        ("account", "storage", "nodes", "too")
    ):  # the first node that gives a proof is as good as any
        assert verify(proven.data, rpcs=urls[::-1], trusted=TRUSTED).verdict is not Verdict.PASSED


def test_forged_root_cannot_be_proven(proven: Proven) -> None:
    """Two nodes in league that tell of a forged root fail at the state proof as long as the block's hash is true."""
    forged = "0x" + "44" * 32
    wires = [proven.world.wire(), proven.world.wire()]
    for wire in wires:
        wire.answer = lambda call: {"result": forged} if call["method"] == "eth_call" else None
    data = proven.changed(lambda document: document["anchor"].update(root=forged))
    assert "state proof" in failed(verify(data, rpcs=[wire.url for wire in wires], trusted=TRUSTED))
